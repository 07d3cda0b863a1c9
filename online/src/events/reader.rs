//! Reads a replica's log from a position on, in chunks.
//!
//! Only whole lines are read. A line that this release does not read as an event is skipped and counted, so that the
//! rest of the log is never lost silently. Impressions and erased lines are passed over without a word.

use std::io;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use shared::contract::erasure::Erasure;
use shared::contract::event::Event;
use shared::contract::event_log::line::Line;
use shared::contract::event_log::{self, LogFile, Place};
use shared::contract::item_change::ItemChange;
use shared::contract::merge::Merging;
use shared::engine::state::LiveErasure;

use crate::store::{Arrival, Departure, Moved, Position, Told};

/// An event, or what else a line is, as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged<T> {
    /// The event of the line.
    pub event: T,
    /// The position of the line.
    pub place: Place,
}

impl From<Logged<Event>> for Arrival {
    fn from(Logged { event, place }: Logged<Event>) -> Self {
        let mut arrival = Self::from(event);
        arrival.event.place = Some(place);
        arrival
    }
}

impl From<Logged<Erasure>> for Departure {
    fn from(Logged { event: Erasure { user, received_ms }, place }: Logged<Erasure>) -> Self {
        Self { user, erasure: LiveErasure { received_ms, place: Some(place) } }
    }
}

impl From<Logged<Merging>> for Moved {
    fn from(Logged { event, place }: Logged<Merging>) -> Self {
        Self::new(&event, place)
    }
}

/// A chunk of the log.
#[derive(Debug, PartialEq)]
pub struct Chunk<T> {
    /// Its events.
    pub events: Vec<Logged<T>>,
    /// Its erasures.
    pub erasures: Vec<Logged<Erasure>>,
    /// Its merges and undos.
    pub mergings: Vec<Logged<Merging>>,
    /// Its changes of items.
    pub changes: Vec<Logged<ItemChange>>,
    /// What it says of users.
    pub told: Vec<Told>,
    /// Lines that are no events; erased ones are not counted.
    pub bad_lines: u64,
    /// The position where the first of these begins.
    pub first_bad: Option<Position>,
    /// The position where the chunk ends.
    pub next: Position,
}

/// Reads the events of a replica after `from`, about `max_bytes` of them.
///
/// * `until`: the position where the log ends; if absent, the end of its last file.
/// * `oldest_ms`: of files that were last written before this time only erasures and what was said of items and users are
///   read, since a version may know the user, and lack what was said, however long ago that was.
///
/// Nothing is left if the chunk's `next` is `from` again. If the file of a position is gone, reading continues in the
/// next file.
///
/// # Errors
/// [`io::Error`] when a file can't be read.
pub fn read<T: DeserializeOwned>(
    folder: &Path,
    replica: &str,
    from: Position,
    until: Option<Position>,
    oldest_ms: i64,
    max_bytes: u64,
) -> io::Result<Chunk<T>> {
    let until = until.unwrap_or(Position { file: u64::MAX, offset: 0 });
    let (events, erasures, mergings) = (Vec::new(), Vec::new(), Vec::new());
    let (changes, told) = (Vec::new(), Vec::new());
    let mut chunk = Chunk { events, erasures, mergings, changes, told, bad_lines: 0, first_bad: None, next: from };
    let mut bytes = 0;
    for file in event_log::of_replica(folder, replica)? {
        if file.number < from.file || file.number > until.file || bytes >= max_bytes {
            continue;
        }
        let offset = if file.number == from.file { from.offset } else { 0 };
        let end = if file.number == until.file { until.offset } else { u64::MAX };
        let is_older = is_older(&file, oldest_ms)?;
        chunk.next = Position { file: file.number, offset };
        let Some(id) = file.id()? else { continue };
        let mut reader = file.open_at(offset)?;
        let mut line = Vec::new();
        while bytes < max_bytes && chunk.next.offset < end {
            line.clear();
            let length = reader.read_until(b'\n', &mut line)? as u64;
            if line.last() != Some(&b'\n') {
                break;
            }
            let place = Place { file: id, end: chunk.next.offset + length };
            match Line::read(&line) {
                Line::Erasure(event) => chunk.erasures.push(Logged { event, place }),
                Line::Merging(_) if is_older => {}
                Line::Merging(event) => chunk.mergings.push(Logged { event, place }),
                Line::Change(event) => chunk.changes.push(Logged { event, place }),
                Line::User(change) => chunk.told.push(Told::of(change, place)),
                Line::Impression(_) | Line::Blank => {}
                Line::Other if is_older => {}
                Line::Other => match serde_json::from_slice(&line) {
                    Ok(event) => chunk.events.push(Logged { event, place }),
                    Err(_) => {
                        chunk.bad_lines += 1;
                        chunk.first_bad.get_or_insert(chunk.next);
                    }
                },
            }
            chunk.next.offset = place.end;
            bytes += length;
        }
    }
    Ok(chunk)
}

/// Whether a file was last written before a time.
fn is_older(file: &LogFile, oldest_ms: i64) -> io::Result<bool> {
    let oldest = UNIX_EPOCH + Duration::from_millis(oldest_ms.max(0).unsigned_abs());
    Ok(file.modified()? < oldest)
}

/// Whether a position exists in this log: its file exists and is long enough.
///
/// # Errors
/// [`io::Error`] when the folder can't be read.
pub fn holds(folder: &Path, replica: &str, position: Position) -> io::Result<bool> {
    for file in event_log::of_replica(folder, replica)? {
        if file.number == position.file {
            return Ok(file.length()? >= position.offset);
        }
    }
    Ok(position == Position::START)
}
