//! The packed little-endian values of a store.
//!
//! | value | bytes |
//! |---|---|
//! | live history | about 6 + 8 · log files + kinds + recent · (20 + id) + older · (13 + id) |
//! | what was said of a user, in it | about 2 + fields · (12 + name + value) |
//! | the batch's record of a user | 9 + 8 · cached + 21 · history + 4 · seen |
//! | the same, of a user who blocked items or bought by another kind than `transaction` | 5 instead of 4 · seen |
//! | a slate that was served | 26 + items · (1 + id) |
//!
//! A history with merges has about 30 bytes and an id more for each, and what it holds as a history of its own.
//!
//! Every value begins with a format byte. In a history, numbers that are mostly small are varints, times are
//! written as the difference from the time before them, and kinds as rows of a table of names; `kinds` above are the
//! lengths of these names, each with a byte.

mod bytes;
mod history;
mod merges;
mod older;
mod said;
mod served;
mod user;

pub use history::{pack_history, unpack_history};
pub use served::{pack_served, unpack_served};
pub use user::{pack_user, unpack_user};

/// Why a packed value can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PackedError {
    /// Written by another release.
    #[error("packed value has format {0}, which this build does not read")]
    Format(u8),
    /// Written by a newer release, which can read it: it must be left alone.
    #[error("packed value has format {0} of a newer release; run that release on all replicas")]
    Newer(u8),
    /// Truncated, or with impossible values.
    #[error("packed value is damaged")]
    Damaged,
}
