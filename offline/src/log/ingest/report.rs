//! What was read: files as they were recognised, rows by what became of them, and what looks wrong.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::covered::FileRead;
use super::items::ItemChanges;
use super::pasts::Pasts;
use super::users::SaidOfUsers;

/// The rows with one reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// How many.
    pub count: u64,
    /// One of them: its file, its row, and a value that tells why.
    pub example: String,
}

/// Rows by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Reasons(pub BTreeMap<String, Count>);

impl Reasons {
    /// Counts a row.
    ///
    /// * `example`: called for the first row with this reason.
    pub fn add(&mut self, reason: &str, example: impl FnOnce() -> String) {
        match self.0.get_mut(reason) {
            Some(known) => known.count += 1,
            None => {
                self.0.insert(reason.to_owned(), Count { count: 1, example: example() });
            }
        }
    }

    /// Counts several rows.
    pub fn add_many(&mut self, reason: &str, count: u64, example: impl FnOnce() -> String) {
        if count > 0 {
            self.add(reason, example);
            self.0.entry(reason.to_owned()).or_default().count += count - 1;
        }
    }

    /// How many rows there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().map(|reason| reason.count).sum()
    }
}

/// A file that was read.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FileReport {
    /// Its path.
    pub path: PathBuf,
    /// Its compression, encoding and layout, in words.
    pub form: String,
    /// The name of its schema.
    pub schema: String,
    /// The schema in words.
    pub title: String,
    /// How its times are written, in words.
    pub times: String,
    /// The columns that were read, by role.
    pub columns: BTreeMap<&'static str, Vec<String>>,
    /// The kind of all its rows, where no column tells it.
    pub all_rows: Option<String>,
    /// Its words for kinds of events, with their counts and what each was read as.
    pub kinds: BTreeMap<String, WordReport>,
    /// Its rows.
    pub rows: u64,
    /// The rows that became events.
    pub events: u64,
}

impl FileReport {
    /// Which column is what, in words.
    #[must_use]
    pub fn columns_in_words(&self) -> String {
        let name = |role: &'static str| match role {
            "timestamp" => "time",
            "event" => "kind",
            other => other,
        };
        // What every log needs comes first.
        const FIRST: [&str; 4] = ["user", "item", "timestamp", "event"];
        let first = FIRST.iter().filter_map(|role| self.columns.get_key_value(role));
        let others = self.columns.iter().filter(|(role, _)| !FIRST.contains(role));
        let mut told: Vec<String> =
            first.chain(others).map(|(role, columns)| format!("{} ← {}", name(role), columns.join(" or "))).collect();
        if let Some(kind) = &self.all_rows {
            told.push(format!("kind: all rows are {kind} (default_event)"));
        }
        told.join(", ")
    }
}

/// A word for a kind of events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WordReport {
    /// What it was read as: the name of a kind, `skip`, or `unknown`.
    pub kind: String,
    /// How many rows have it.
    pub rows: u64,
}

/// A file that was not read, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Its path.
    pub path: PathBuf,
    /// Why it was not read.
    pub reason: String,
}

/// What was read. Rows are events, rejected or skipped.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct IngestReport {
    /// Rows read; a row that lists several items counts once for each.
    pub rows: u64,
    /// Rows that became events.
    pub events: u64,
    /// Events that are another user's than their rows say, since pasts were merged.
    #[serde(skip_serializing_if = "is_zero")]
    pub merged: u64,
    /// Bad rows.
    pub rejected: Reasons,
    /// Rows that are no interactions, or not a second time.
    pub skipped: Reasons,
    /// Files that were read.
    pub files: Vec<FileReport>,
    /// Files that were not.
    pub left_out: Vec<LeftOut>,
    /// What looks wrong, in words.
    pub warnings: Vec<String>,
    /// How far each file of the service's event log was read.
    #[serde(skip)]
    pub service_files: Vec<FileRead>,
    /// Which users were erased, and whose pasts were merged.
    #[serde(skip)]
    pub pasts: Arc<Pasts>,
    /// What the service was told of items.
    #[serde(skip)]
    pub changes: Arc<ItemChanges>,
    /// What the service was told of users.
    #[serde(skip)]
    pub said: Arc<SaidOfUsers>,
}

impl IngestReport {
    /// The report of a part of the log: what is not about single files.
    #[must_use]
    pub fn of_part(&self) -> Self {
        Self { service_files: Vec::new(), ..self.clone() }
    }
}

/// Whether there is nothing to say.
#[allow(clippy::trivially_copy_pass_by_ref)] // As serde calls it.
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// An example of a row: its file, number and value.
#[must_use]
pub fn example(file: &Path, row: u64, value: &str) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
    let shown: String = value.chars().take(80).collect();
    if shown.is_empty() { format!("{name}, row {row}") } else { format!("{name}, row {row}: {shown}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_keep_a_count_and_the_first_example() {
        let mut reasons = Reasons::default();
        for row in 1..=3 {
            reasons.add("no user", || example(Path::new("/a/log.csv"), row, "x"));
        }
        reasons.add_many("bot", 5, String::new);
        reasons.add_many("nothing", 0, String::new);
        assert_eq!(reasons.total(), 8);
        assert_eq!(reasons.0["no user"], Count { count: 3, example: "log.csv, row 1: x".to_owned() });
        assert_eq!(reasons.0.len(), 2);
    }
}
