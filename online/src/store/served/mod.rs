//! The slates that users were served lately, so far as they are to be remembered: how many, and for how long. Where the
//! store is that of one process they are [`embedded`] in it, and in a [`mod@file`] that outlives it.

pub mod embedded;
pub mod file;

/// What is kept of the slates of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// How long a slate counts, in milliseconds.
    pub ttl_ms: i64,
    /// How many of the last slates, whatever feeds they are of.
    pub max_slates: usize,
}
