//! Tabular models: rows with a label in, a model that scores rows out. Independent of items and users.
//!
//! ```text
//! files ─▶ table ─▶ columns (schema), labels ─▶ split ─┬─ train ─▶ features ─▶ pairs ─▶ members ─▶ one ensemble
//!                                                      ├─ valid ─▶ when to stop, calibration, threshold
//!                                                      └─ test  ─▶ metrics, contest with the champion ─▶ registry
//! ```

pub mod build;
pub mod calibrate;
pub mod challenge;
pub mod columns;
pub mod compare;
pub mod config;
pub mod contest;
pub mod decide;
pub mod derived;
pub mod features;
pub mod history;
pub mod input;
pub mod labels;
pub mod leaks;
pub mod measure;
pub mod pairs;
pub mod predict;
pub mod registry;
pub mod report;
pub mod select;
pub mod several;
pub mod shuffle;
pub mod split;
pub mod succession;
pub mod table;
pub mod targets;
pub mod threshold;
pub mod train;
pub mod tune;
pub mod unused;
pub mod weights;

use std::path::PathBuf;

use shared::engine::tabular::value::BadValue;

use crate::log::ingest::IngestError;
use table::Table;
use unused::Unused;

/// Why rows can't be learnt from.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file can't be read.
    #[error(transparent)]
    Read(#[from] IngestError),
    /// There are no rows.
    #[error("{}: no rows", list(.0))]
    Empty(Vec<PathBuf>),
    /// There is no such column.
    #[error("{setting}: no column `{name}`; there are: {columns}")]
    NoColumn {
        /// What names it.
        setting: &'static str,
        /// The name.
        name: String,
        /// The names that there are.
        columns: String,
    },
    /// A file lacks a column.
    #[error("{path}: no column `{name}`; there are: {columns}; rename it in the file")]
    NoColumnIn {
        /// The file.
        path: PathBuf,
        /// The column.
        name: String,
        /// The columns that it has.
        columns: String,
    },
    /// Two columns have one name.
    #[error("{path}: two columns are named `{name}`; rename one of them")]
    Twice {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// Too many rows can't be read.
    #[error(
        "{rows} of {all} rows can't be read, more than max_reject_share = {most}; the first: {first}; mend the file, or raise \
         max_reject_share"
    )]
    Unreadable {
        /// How many.
        rows: usize,
        /// Of how many.
        all: usize,
        /// The share that may be.
        most: f64,
        /// The first of them, and why.
        first: String,
    },
    /// What is declared of a column can't be.
    #[error("[columns] {column}: {what}")]
    Declared {
        /// The column.
        column: String,
        /// What is wrong.
        what: String,
    },
    /// The labels can't be learnt.
    #[error("label `{column}`: {what}")]
    Label {
        /// The column.
        column: String,
        /// What is wrong with it.
        what: String,
    },
    /// A value is not what the column is declared to be.
    #[error("column `{column}`: {bad}; correct [columns] or the rows")]
    Value {
        /// The column.
        column: String,
        /// The value.
        bad: BadValue,
    },
    /// Values are missing where none may be.
    #[error("column `{column}`: {rows} rows miss a value, though it is declared with nullable = false")]
    Missing {
        /// The column.
        column: String,
        /// How many rows.
        rows: usize,
    },
    /// No column says anything.
    #[error("no column is left to learn from: {}", ignored(.0))]
    NothingToLearnFrom(Vec<(String, Unused)>),
    /// A derived column can't be computed.
    #[error("derived `{name}`: {what}")]
    Derived {
        /// Its name.
        name: String,
        /// Why.
        what: String,
    },
    /// The rows can't be split.
    #[error("split: {0}")]
    Split(String),
}

impl DataError {
    fn no_column(setting: &'static str, name: &str, table: &Table) -> Self {
        Self::NoColumn { setting, name: name.to_owned(), columns: table.names.join(", ") }
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn ignored(columns: &[(String, Unused)]) -> String {
    columns.iter().map(|(name, reason)| format!("`{name}` ({reason})")).collect::<Vec<_>>().join(", ")
}
