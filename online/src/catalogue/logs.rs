//! Reads what the logs of all replicas say of items, from where no version covers them.
//!
//! What was said is in memory, whatever store the histories are in: it is read anew at every start, and before a version
//! is served that covers less than those before. Cost: a pass over what is not in every version. Blocks.

use std::collections::BTreeSet;
use std::io::{self, BufRead};
use std::path::Path;

use shared::contract::event_log::line::Line;
use shared::contract::event_log::{self, Coverage, FileId, LogFile, Place};

use crate::store::Said;

/// What logs say.
#[derive(Debug, Default)]
pub struct Read {
    /// What was said of items.
    pub said: Vec<Said>,
    /// When the latest erasure, merge or undo was accepted, milliseconds since the epoch; the earliest of all times
    /// without any.
    pub cut_ms: i64,
}

/// Reads what not every version has.
///
/// A line that is being appended may be among it before it is acknowledged: then its client is told so, or sends it again.
///
/// # Errors
/// [`io::Error`] when a file can't be read.
pub fn read(folder: &Path, covered: &Coverage) -> io::Result<Read> {
    let mut found = Read { said: Vec::new(), cut_ms: i64::MIN };
    for log in event_log::list(folder)? {
        let Some(file) = log.id()? else { continue };
        let mut place = Place { file, end: covered.of(file) };
        let mut reader = log.open_at(place.end)?;
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            place.end += line.len() as u64;
            match Line::read(&line) {
                Line::Change(change) => found.said.extend(Said::of(change, place)),
                Line::Erasure(erasure) => found.cut_ms = found.cut_ms.max(erasure.received_ms),
                Line::Merging(merging) => found.cut_ms = found.cut_ms.max(merging.received_ms()),
                Line::User(_) | Line::Impression(_) | Line::Blank | Line::Other => {}
            }
            line.clear();
        }
    }
    Ok(found)
}

/// The files of the logs that are in the folder.
///
/// # Errors
/// [`io::Error`] when the folder or a file can't be read.
pub fn files(folder: &Path) -> io::Result<BTreeSet<FileId>> {
    let ids: Vec<Option<FileId>> = event_log::list(folder)?.iter().map(LogFile::id).collect::<io::Result<_>>()?;
    Ok(ids.into_iter().flatten().collect())
}
