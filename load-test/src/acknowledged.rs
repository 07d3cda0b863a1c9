//! The log of acknowledged events, which the service must never lose: `stream` writes it, `audit` reads it.
//!
//! The file has one JSON object per line.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use shared::contract::id::{ItemId, UserId};

use crate::json_lines::{self, LinesError};

/// Why the log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file cannot be written.
    #[error("log of acknowledged events {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file cannot be read, or a line of it is not an acknowledged event.
    #[error("{0}; give the file that `load-test stream --log` wrote")]
    Lines(#[from] LinesError),
}

/// An event that the service has acknowledged, so that it must never be lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// The user.
    pub user: UserId,
    /// The item.
    pub item: ItemId,
    /// The time of the event, milliseconds since the epoch; no two events of a user have the same.
    pub timestamp: i64,
    /// The id that the client chose.
    pub event_id: String,
    /// Whether it was acknowledged as applied (200) or as durable only (202).
    pub applied: bool,
}

/// The log as it is written.
#[derive(Debug)]
pub struct AcknowledgedLog {
    path: PathBuf,
    file: Mutex<File>,
}

impl AcknowledgedLog {
    /// Starts a new log; an old one of that name is replaced.
    ///
    /// # Errors
    /// [`LogError::File`].
    pub fn create(path: &Path) -> Result<Self, LogError> {
        let file = File::create(path).map_err(|source| LogError::File { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), file: Mutex::new(file) })
    }

    /// Writes one event, in one piece and without a buffer, so that the log of a killed client is complete.
    ///
    /// # Errors
    /// [`LogError::File`].
    pub fn add(&self, event: &Acknowledged) -> Result<(), LogError> {
        let mut line = serde_json::to_vec(event).expect("ids, numbers and texts always serialise");
        line.push(b'\n');
        let mut file = self.file.lock().expect("writing does not panic");
        file.write_all(&line).map_err(|source| LogError::File { path: self.path.clone(), source })
    }
}

/// Reads a log.
///
/// # Errors
/// [`LogError::Lines`].
pub fn read(path: &Path) -> Result<Vec<Acknowledged>, LogError> {
    json_lines::read(path)?.map(|value| Ok(value?.1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_reads_back_as_it_was_written() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let event = Acknowledged {
            user: UserId::new("u").expect("an id"),
            item: ItemId::new("i").expect("an id"),
            timestamp: 5,
            event_id: "e".to_owned(),
            applied: true,
        };
        let log = AcknowledgedLog::create(file.path()).expect("created");
        log.add(&event).expect("written");
        log.add(&event).expect("written");
        assert_eq!(read(file.path()).expect("a log"), [event.clone(), event]);
        std::fs::write(file.path(), "{}\n").expect("written");
        let text = read(file.path()).expect_err("no event").to_string();
        assert!(text.contains("line 1: missing field") && text.contains("load-test stream --log"), "{text}");
    }
}
