//! Slates by the batch, for e-mails and exports: what the service would answer, for all users or those of a file; and the
//! users who would like an item ([`audience`]).
//!
//! ```text
//! users ─▶ part by part: state (record + what the logs say since) ─▶ the engine ─▶ rows ─▶ parts on disk ─▶ one file
//! ```
//!
//! In: a version, the users, the query, the service's logs if its live histories count, and one time for the whole run.
//! Out: a slate a user, in the order of the users. Memory: the version, one part, and a live history for each user with an
//! event that the version does not have; nothing grows with the number of users. Cost: one slate a user. The same
//! arguments give the same bytes, whatever the number of threads and however often the run was killed and called again.

pub mod audience;
pub mod live;
pub mod members;
pub mod query;
pub mod rows;
pub mod slates;
pub mod unfinished;
pub mod users;

use std::io;
use std::path::{Path, PathBuf};

use shared::contract::artifact::advice;

use crate::log::ingest::IngestError;
use crate::log::parquet::ParquetError;

/// Why there is no file of slates.
#[derive(Debug, thiserror::Error)]
pub enum BulkError {
    /// The table of users can't be read.
    #[error(transparent)]
    Users(#[from] IngestError),
    /// No column of the table is known to hold users.
    #[error("{path}: no column tells the user; there are: {}; name it with --user-column", columns.join(", "))]
    NoUsers {
        /// The file.
        path: PathBuf,
        /// Its columns.
        columns: Vec<String>,
    },
    /// No row of the table has an id.
    #[error("{0}: no row has the id of a user")]
    Nobody(PathBuf),
    /// The version can't be asked the query.
    #[error(transparent)]
    Query(#[from] query::Unasked),
    /// A folder of the event log is not there.
    #[error("{0}: no such folder; --log takes the folders that the service writes its event log to (events.path)")]
    NoLog(PathBuf),
    /// A file of the log that the unfinished run had begun to read is gone.
    #[error("{file}: the run began with this file, which is gone; bring it back, or remove {unfinished} to begin anew")]
    LogGone {
        /// The file.
        file: String,
        /// The folder of the unfinished run.
        unfinished: PathBuf,
    },
    /// A file can't be read or written.
    #[error("{path}: {}", advice(.source))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A Parquet file can't be read or written.
    #[error("{path}: {source}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ParquetError,
    },
    /// The name of the output does not say which format.
    #[error("{0}: the name must end in .jsonl or .parquet; `-` writes JSON lines to standard output")]
    Ending(PathBuf),
    /// The folder of the output is not there.
    #[error("{0}: no such folder; make it first (mkdir -p {0})")]
    NoFolder(PathBuf),
    /// Another process writes the output.
    #[error("{0}: another process is writing it; wait for it, or write to another file")]
    Held(PathBuf),
    /// What lies unfinished is of another call.
    #[error(
        "{out}: lies unfinished since a run with other arguments: {}; call it as it was called then to go on, or remove {folder} \
         to begin anew",
        differences.join("; ")
    )]
    Other {
        /// The output.
        out: PathBuf,
        /// The folder of the unfinished run.
        folder: PathBuf,
        /// What is different, in words.
        differences: Vec<String>,
    },
    /// The notes of the unfinished run can't be read.
    #[error("{path}: can't be read ({source}); remove its folder to begin anew")]
    Notes {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

/// What the system said about a file.
fn failed(path: &Path) -> impl FnOnce(io::Error) -> BulkError {
    move |source| BulkError::Io { path: path.to_owned(), source }
}

/// What is wrong with a Parquet file.
fn parquet(path: &Path) -> impl FnOnce(ParquetError) -> BulkError {
    move |source| BulkError::Parquet { path: path.to_owned(), source }
}
