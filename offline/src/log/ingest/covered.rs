//! Computes up to which byte each file of the service's event log is contained in the ingested log: what the manifest
//! records as covered.
//!
//! A file is covered up to the first line whose event is not in the log. For `--until`, what is covered before a time
//! is known only to a multiple of [`GRAIN`] bytes, at a cost of 16 bytes of memory for each.
//!
//! | line | effect on the covered part |
//! |---|---|
//! | an event, or a duplicate of an earlier line's id | goes on; a duplicate has the time of the earlier line |
//! | not JSON | goes on: the service can't read it either |
//! | a row that a skip rule removes | goes on: the shop wants it in no version |
//! | a row that is rejected for another reason | ends: another release may read it as an event |

use std::path::Path;

use shared::contract::event_log::{CoveredFile, FileId, LogFile};

use super::IngestError;
use super::read::RowAt;

/// The number of bytes of a file for which one latest time is kept.
const GRAIN: u64 = 4096;

/// How far one file of the event log was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRead {
    replica: String,
    number: u64,
    id: FileId,
    stretches: Vec<Stretch>,
    end: u64,
    state: State,
}

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    start: u64,
    latest_ms: i64,
}

/// Whether the lines that follow may be covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Ended,
}

impl FileRead {
    /// Begins to read a file; `None` if it is not a file of the service's event log, or has no line yet.
    ///
    /// # Errors
    /// [`IngestError::Read`] when its first line can't be read.
    pub fn begin(path: &Path) -> Result<Option<Self>, IngestError> {
        let Some(file) = LogFile::at(path) else { return Ok(None) };
        let id = file.id().map_err(|error| IngestError::read(path, error))?;
        let LogFile { replica, number, .. } = file;
        Ok(id.map(|id| Self { replica, number, id, stretches: Vec::new(), end: 0, state: State::Open }))
    }

    /// Notes a line whose event is in the log.
    ///
    /// * `timestamp_ms`: the time of the event; the part of the log before a later time has the event.
    pub fn note_event(&mut self, at: RowAt, timestamp_ms: i64) {
        if self.state == State::Ended {
            return;
        }
        match self.stretches.last_mut() {
            Some(stretch) if at.start < stretch.start + GRAIN => {
                stretch.latest_ms = stretch.latest_ms.max(timestamp_ms)
            }
            _ => self.stretches.push(Stretch { start: at.start, latest_ms: timestamp_ms }),
        }
        self.end = at.end;
    }

    /// Notes a line that no release reads as an event.
    pub fn note_none(&mut self, at: RowAt) {
        if self.state == State::Open {
            self.end = at.end;
        }
    }

    /// Notes a line that is not in the log, but that another release may read as an event: what follows is not covered.
    pub fn note_lacking(&mut self) {
        self.state = State::Ended;
    }

    /// How far the file is covered by the part of the log before a time: up to the first stretch with an event at that
    /// time or later.
    #[must_use]
    pub fn before(&self, time_ms: i64) -> Self {
        let mut before = self.clone();
        if let Some(at) = self.stretches.iter().position(|stretch| stretch.latest_ms >= time_ms) {
            before.end = self.stretches[at].start;
            before.stretches.truncate(at);
            before.state = State::Ended;
        }
        before
    }
}

/// The covered part of each file read, as the manifest records it: each file once, by replica and number.
#[must_use]
pub fn covered(files: &[FileRead]) -> Vec<CoveredFile> {
    let covered = |file: &FileRead| {
        let FileRead { ref replica, number, id, end, .. } = *file;
        CoveredFile { replica: replica.clone(), number, id, bytes: end }
    };
    let mut covered: Vec<CoveredFile> = files.iter().map(covered).filter(|file| file.bytes > 0).collect();
    // Of copies of a file, the one that reaches farthest.
    covered.sort_by(|a, b| (&a.replica, a.number, a.id, b.bytes).cmp(&(&b.replica, b.number, b.id, a.bytes)));
    covered.dedup_by(|later, kept| later.id == kept.id);
    covered
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of 1000 bytes.
    fn line(number: u64) -> RowAt {
        RowAt { number: number + 1, element: 0, start: 1000 * number, end: 1000 * (number + 1) }
    }

    fn read(times: impl IntoIterator<Item = i64>) -> FileRead {
        let (replica, id) = ("a".to_owned(), FileId::of("a", 1, b"first\n"));
        let mut file = FileRead { replica, number: 1, id, stretches: Vec::new(), end: 0, state: State::Open };
        (0..).zip(times).for_each(|(number, time_ms)| file.note_event(line(number), time_ms));
        file
    }

    fn bytes(file: FileRead) -> u64 {
        covered(&[file]).first().map_or(0, |file| file.bytes)
    }

    #[test]
    fn a_file_is_covered_up_to_the_first_line_that_may_be_an_event_and_is_none_here() {
        let mut file = read([1, 2, 3]);
        file.note_none(line(3));
        assert_eq!(bytes(file.clone()), 4000);
        file.note_lacking();
        file.note_event(line(5), 6);
        file.note_none(line(6));
        assert_eq!(bytes(file), 4000);
    }

    #[test]
    fn before_a_time_nothing_is_covered_from_the_stretch_that_reaches_it() {
        // A stretch begins with lines 0, 5 and 10.
        let file = read(0..12);
        assert_eq!(bytes(file.before(12)), 12_000);
        assert_eq!(bytes(file.before(11)), 10_000);
        assert_eq!(bytes(file.before(7)), 5000);
        assert_eq!(bytes(file.before(4)), 0);
        // A clock that went ahead for a moment.
        assert_eq!(bytes(read([0, 1, 2, 3, 4, 99, 6, 7]).before(50)), 5000);
    }

    #[test]
    fn of_two_copies_the_longer_one_counts() {
        let files = covered(&[read(0..3), read(0..7), read(0..5)]);
        assert_eq!(files.iter().map(|file| file.bytes).collect::<Vec<_>>(), [7000]);
    }
}
