//! The only reader: event logs and item tables in, a time-ordered [`Log`] out.
//!
//! ```text
//! files ─▶ read (in batches, every value as text) ─▶ rows (cast, compare; bad rows counted by reason)
//!       ─▶ log (time-ordered, users and items indexed by their sorted ids)
//! ```
//!
//! Bad rows are counted by reason and written to a rejects file, never silently dropped. Memory: 32 bytes per event, 24
//! more during the reading if it has an id, and one copy of each distinct user, item and session.

mod catalogue;
mod covered;
pub mod log;
mod now;
mod read;
mod rows;
mod vectors;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use catalogue::{Catalogue, ItemColumns, read_catalogue};
pub use covered::FileRead;
pub use log::{Log, LogEvent};
pub use now::age_ms;
pub use rows::ingest;
pub use vectors::Vectors;

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// Where sessions come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionsFrom {
    /// A pause ends a session.
    Gap,
    /// A column names the session.
    Column,
}

/// The unit of integer timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimestampUnit {
    /// Milliseconds since the epoch.
    Ms,
    /// Seconds since the epoch.
    S,
}

/// How a row without a timestamp is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MissingTimestamps {
    /// A bad row.
    Reject,
    /// A row at time 0.
    Allow,
}

/// The names of the log's columns; empty for a column that the log does not have.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct LogColumns {
    pub timestamp: String,
    pub user: String,
    pub item: String,
    pub event: String,
    pub session: String,
    pub event_id: String,
    pub order: String,
    pub name: String,
}

/// A rule for rows that are no interactions; it has exactly one of the three conditions.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkipRule {
    /// The column that the condition is about.
    pub column: String,
    /// Skips values that begin with this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_with: Option<String>,
    /// Skips numbers below this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// Skips values that do not match this regular expression; an absent value counts as empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_matching: Option<String>,
    /// The reason under which the rows are counted.
    pub reason: String,
}

/// How logs are read. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct IngestConfig {
    pub preset: String,
    pub timestamp_unit: TimestampUnit,
    pub default_event: String,
    pub sessions: SessionsFrom,
    pub session_gap_minutes: i64,
    pub missing_timestamps: MissingTimestamps,
    pub drop_equal_rows: bool,
    pub max_reject_share: f64,
    pub skip: Vec<SkipRule>,
    pub columns: LogColumns,
}

/// The counts of rows read, accepted, rejected and skipped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct IngestReport {
    /// Rows read.
    pub rows: u64,
    /// Rows that became events.
    pub accepted: u64,
    /// Bad rows, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Rows that are no interactions, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// How far each file of the service's event log was read.
    #[serde(skip)]
    pub files: Vec<FileRead>,
}

impl IngestReport {
    /// How many rows were bad.
    #[must_use]
    pub fn rejected_rows(&self) -> u64 {
        self.rejected.values().sum()
    }
}

/// Why a log can't be read.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// No file is at a path.
    #[error("{path}: no such file or folder")]
    Absent {
        /// The path or pattern.
        path: PathBuf,
    },
    /// The file's ending is not known.
    #[error("{path}: unknown kind of file; expected .csv, .parquet, .jsonl or .ndjson")]
    Kind {
        /// The file.
        path: PathBuf,
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
    #[error("the log has no events: {rows} rows read, {rejected} rejected, {skipped} skipped{rejects}")]
    Empty {
        /// Rows read.
        rows: u64,
        /// Bad rows.
        rejected: u64,
        /// Rows that are no interactions.
        skipped: u64,
        /// Where the bad rows were written, in words; empty if there are none.
        rejects: String,
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
}

impl IngestError {
    fn read(path: &Path, reason: impl ToString) -> Self {
        Self::Read { path: path.to_owned(), reason: reason.to_string() }
    }
}
