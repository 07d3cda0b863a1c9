//! Erases users from what lies on disk and in Redis: everything that Tandem wrote itself.
//!
//! ```text
//! versions (records, profiles) ─▶ slates that feeds remember ─▶ event logs, line by line ─▶ what lies beside them
//!                              ─▶ Redis ─▶ a look for what is left
//! ```
//!
//! Every step may be repeated: what was erased already is passed over, and what a crash left half done is finished. Versions
//! go first, since the line of an erasure in the log and its mark in Redis hide what they know.

pub mod lines;
pub mod redis;
pub mod rest;
pub mod served;
pub mod versions;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use shared::contract::artifact::ArtifactError;
use shared::contract::id::UserId;
use shared::contract::url::RedisUrl;

use crate::publish::PublishError;

/// The users to erase.
pub type Users = BTreeSet<UserId>;

/// Why users can't be erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// A file can't be read or written.
    #[error("{path}: {source}; nothing is lost, run the same command again when it can be written")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A version can't be rewritten.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The pointers can't be held.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// Redis can't be written.
    #[error("redis at {url}: {}; start it, and run the same command again", crate::publish::servers::reason(.source))]
    Redis {
        /// Where it is.
        url: RedisUrl,
        /// What it said.
        source: ::redis::RedisError,
    },
}

impl EraseError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}
