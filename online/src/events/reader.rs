//! Reads a replica's log from a position on, in chunks.
//!
//! Only whole lines count. A line that is no event to this release is skipped and counted: the log is never silently
//! cut short.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use shared::event::Event;
use shared::event_log::{self, LogFile, Place};

use crate::store::{Arrival, Position};

/// An event as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// What its line says.
    pub event: Event,
    /// Where that stands.
    pub place: Place,
}

impl From<Logged> for Arrival {
    fn from(Logged { event, place }: Logged) -> Self {
        let mut arrival = Self::from(event);
        arrival.event.place = Some(place);
        arrival
    }
}

/// A stretch of the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// Its events.
    pub events: Vec<Logged>,
    /// Lines that are no events.
    pub bad_lines: u64,
    /// Where the first of those begins.
    pub first_bad: Option<Position>,
    /// Where it ends.
    pub next: Position,
}

/// Reads the events of a replica after `from`, about `max_bytes` of them.
///
/// * `until`: where the log ends; the end of its last file where absent.
/// * `oldest_ms`: files last written before this time are passed over.
///
/// Nothing is left when the chunk's `next` is `from` again. A position in a file that is gone goes on in the next one.
///
/// # Errors
/// [`io::Error`] when a file can't be read.
pub fn read(
    folder: &Path,
    replica: &str,
    from: Position,
    until: Option<Position>,
    oldest_ms: i64,
    max_bytes: u64,
) -> io::Result<Chunk> {
    let until = until.unwrap_or(Position { file: u64::MAX, offset: 0 });
    let mut chunk = Chunk { next: from, ..Chunk::default() };
    let mut bytes = 0;
    for file in event_log::of_replica(folder, replica)? {
        if file.number < from.file || file.number > until.file || bytes >= max_bytes {
            continue;
        }
        let offset = if file.number == from.file { from.offset } else { 0 };
        let end = if file.number == until.file { until.offset } else { u64::MAX };
        if is_older(&file, oldest_ms)? {
            chunk.next = Position { file: file.number, offset: file.path.metadata()?.len().min(end).max(offset) };
            continue;
        }
        chunk.next = Position { file: file.number, offset };
        let Some(id) = file.id()? else { continue };
        let mut reader = BufReader::with_capacity(1 << 16, File::open(&file.path)?);
        reader.seek(SeekFrom::Start(offset))?;
        let mut line = Vec::new();
        while bytes < max_bytes && chunk.next.offset < end {
            line.clear();
            let length = reader.read_until(b'\n', &mut line)? as u64;
            if line.last() != Some(&b'\n') {
                break;
            }
            let place = Place { file: id, end: chunk.next.offset + length };
            match serde_json::from_slice(&line) {
                Ok(event) => chunk.events.push(Logged { event, place }),
                Err(_) => {
                    chunk.bad_lines += 1;
                    chunk.first_bad.get_or_insert(chunk.next);
                }
            }
            chunk.next.offset = place.end;
            bytes += length;
        }
    }
    Ok(chunk)
}

/// Whether a file was last written before a time.
fn is_older(file: &LogFile, oldest_ms: i64) -> io::Result<bool> {
    let written = file.path.metadata()?.modified()?;
    let oldest = UNIX_EPOCH + Duration::from_millis(oldest_ms.max(0).unsigned_abs());
    Ok(written < oldest)
}

/// Whether a position may be one of this log: its file is there, and long enough.
///
/// # Errors
/// [`io::Error`] when the folder can't be read.
pub fn holds(folder: &Path, replica: &str, position: Position) -> io::Result<bool> {
    for file in event_log::of_replica(folder, replica)? {
        if file.number == position.file {
            return Ok(file.path.metadata()?.len() >= position.offset);
        }
    }
    Ok(position == Position::START)
}
