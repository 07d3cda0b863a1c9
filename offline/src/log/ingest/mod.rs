//! The only reader: event logs and item tables in, a time-ordered [`Log`] out.
//!
//! ```text
//! files ─▶ service_log (erasures, merges, changes of items, and up to where the service's files are read)
//!       ─▶ plan: form, schema, columns, times ─▶ read (rows of text) ─▶ rows (events, or why not)
//!       ─▶ gather (in time order, without equal rows and the surplus of bots)
//!       ─▶ log (users and items indexed by their sorted ids)
//!       ─▶ resolved (what users took back or blocked is set aside)
//! ```
//!
//! Rows are events, rejected or skipped: each by a reason that is counted. Bad rows are also written to a file. Memory: 40
//! bytes per event during the reading, 36 more if it has an id, and one copy of each distinct user, item and session.

mod bots;
mod by_values;
mod check;
mod covered;
mod equal;
pub mod erased;
mod event_column;
pub mod explain;
mod first_row;
mod gather;
pub mod items;
pub mod log;
mod needs;
mod no_event;
mod now;
mod pasts;
mod plan;
mod plans;
mod quantity;
mod raw;
pub mod read;
mod rejects;
mod report;
mod resolved;
mod rows;
pub mod schema;
mod service_log;
pub mod settings;
mod skip;
pub mod texts;
mod times;
mod unread;
mod unused;
pub mod users;
mod vectors;
mod words;

use std::path::{Path, PathBuf};

pub use check::unknown_words;
pub use covered::FileRead;
pub use erased::Erased;
pub use gather::{Reader, gather, ingest};
pub use items::{Catalogue, ItemsConfig, read_catalogue};
pub use log::{Log, LogEvent, Told};
pub use now::age_ms;
pub use pasts::Pasts;
pub use raw::{Keep, RawLog};
pub use report::{IngestReport, Reasons};
pub use resolved::{BlockedItem, Reason, TakenBack};
pub use settings::{IngestConfig, SessionsFrom};
pub use users::{Profiles, UserTable, read_users};
pub use vectors::Vectors;

/// A log as it was read, and its item table.
pub struct Read {
    /// The events.
    pub raw: RawLog,
    /// What was read.
    pub report: IngestReport,
    /// The item table.
    pub catalogue: Catalogue,
}

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// Why a log can't be read.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// No file is at a path.
    #[error("{path}: no such file or folder")]
    Absent {
        /// The path or pattern.
        path: PathBuf,
    },
    /// Packed files of the service's event log are not among those to read, and plain ones are.
    #[error(
        "{folder}: {count} packed files of the event log are not among those to read, such as {first}; name the folder, or \
         files by `*.jsonl*`; move a file elsewhere to read it alone"
    )]
    Unnamed {
        /// The folder.
        folder: PathBuf,
        /// One of the files.
        first: PathBuf,
        /// How many there are.
        count: usize,
    },
    /// The file is of a kind that can't be read.
    #[error("{path}: is {kind}; expected CSV, Parquet or JSON, as it is or packed by gzip or zstd")]
    Kind {
        /// The file.
        path: PathBuf,
        /// What it is, and what to do.
        kind: &'static str,
    },
    /// A mapped column is not in the file.
    #[error("{path}: no column `{column}`; there are: {}; map it under [{section}] in the config", there.join(", "))]
    Column {
        /// The file.
        path: PathBuf,
        /// The column that is mapped.
        column: String,
        /// The columns of the file.
        there: Vec<String>,
        /// The section of the config that maps it.
        section: &'static str,
    },
    /// No column is known to hold something that is needed.
    #[error("{path}: no column tells {what}; there are: {}; the config tells it: {remedy}", there.join(", "))]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// What is needed, in words.
        what: String,
        /// The columns of the file.
        there: Vec<String>,
        /// The line of the config that tells it.
        remedy: String,
    },
    /// It can't be told how times are written.
    #[error("{path}: column `{column}`: {undecided}")]
    Times {
        /// The file.
        path: PathBuf,
        /// The column of times.
        column: String,
        /// Why, and the line of the config that tells it.
        undecided: Box<times::Undecided>,
    },
    /// A file can't be read.
    #[error("{path}: {reason}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A setting can't be used.
    #[error("[ingest]: {0}")]
    Setting(String),
    /// No event is left.
    #[error("the log has no events: {rows} rows read, {rejected} rejected, {skipped} skipped{details}")]
    Empty {
        /// Rows read.
        rows: u64,
        /// Bad rows.
        rejected: u64,
        /// Rows that are no interactions.
        skipped: u64,
        /// Where the bad rows were written, and what was left out, in words.
        details: String,
    },
    /// Most rows have the id of an earlier event of their user.
    #[error(
        "{duplicates} of {rows} rows have the event_id of an earlier row of their user, more than \
         ingest.max_duplicate_share = {allowed} (such as {example}); if the column does not identify events, leave it out: \
         ingest.columns.event_id = \"-\""
    )]
    TooManyDuplicates {
        /// Rows with the id of an earlier one.
        duplicates: u64,
        /// Rows read.
        rows: u64,
        /// The share that is allowed.
        allowed: f64,
        /// One of them.
        example: String,
    },
    /// No file of a folder is a log.
    #[error("{path}: no file in it is a log: {reasons}")]
    NoLog {
        /// The folder.
        path: PathBuf,
        /// The files, each with the reason.
        reasons: String,
    },
    /// Too many bad rows.
    #[error(
        "{rejected} of {rows} rows rejected ({reasons}), more than ingest.max_reject_share = {allowed}; see {rejects}"
    )]
    TooManyRejects {
        /// Bad rows.
        rejected: u64,
        /// Rows read.
        rows: u64,
        /// Their reasons.
        reasons: String,
        /// The share that is allowed.
        allowed: f64,
        /// Where they were written.
        rejects: PathBuf,
    },
    /// Too many bad rows in the item table.
    #[error(
        "{path}: {rejected} of {rows} rows of the item table rejected ({reasons}), more than ingest.max_reject_share = \
        {allowed}; see {rejects}"
    )]
    ItemRejects {
        /// The item table.
        path: PathBuf,
        /// Bad rows.
        rejected: u64,
        /// Rows read.
        rows: u64,
        /// Their reasons.
        reasons: String,
        /// The share that is allowed.
        allowed: f64,
        /// Where they were written.
        rejects: PathBuf,
    },
    /// A complete item table has no item of the log.
    #[error(
        "items.complete = true, and none of the {of_log} items of the log is in the item table: nothing that was ever \
        bought could be recommended; are the ids the same? The log has `{example}`"
    )]
    AllWithdrawn {
        /// Items of the log.
        of_log: u64,
        /// One of them.
        example: String,
    },
}

impl IngestError {
    /// What is wrong, without the path of the file.
    #[must_use]
    pub fn reason(&self, path: &Path) -> String {
        let text = self.to_string();
        text.strip_prefix(&format!("{}: ", path.display())).map_or(text.clone(), str::to_owned)
    }

    /// Whether a file can't be a log at all: it is no text, no column tells the user, or it is a table of users.
    #[must_use]
    pub fn is_no_log(&self) -> bool {
        match self {
            Self::Kind { .. } => true,
            Self::NoColumn { what, .. } => what.starts_with(needs::USER) || what.contains(needs::TABLE_OF_USERS),
            _ => false,
        }
    }
}
