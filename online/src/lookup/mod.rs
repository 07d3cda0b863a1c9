//! What is known of items and users: one by one, and page by page.
//!
//! ```text
//! id                         ─▶ describe ─▶ all that is known
//! cursor, filter, words, limit ─▶ page: rows in the order of ids ─▶ describe each
//! user                       ─▶ past: what they did that stands
//! ```
//!
//! In: the served snapshot, and of users what the store has. Out: the types of [`shared::contract::known`]. Pure: whoever has a snapshot may ask, over HTTP or not.

mod cursor;
mod describe;
mod page;
mod past;
mod users;
mod words;

pub use cursor::{BadCursor, Cursor};
pub use describe::{describe, describe_one};
pub use page::{Wanted, page};
pub use past::{Did, past, taken_back_by};
pub use users::{WantedUsers, describe_user, page_of_users};
pub use words::Words;
