//! Reads the changes of items in the logs of all replicas, from where no version covers them.
//!
//! The catalogue is in memory, whatever store the histories are in: it is told everything anew at every start, and when
//! a version is served that covers less than those before. Cost: a pass over what is not in every version.

use std::io::{self, BufRead};
use std::path::Path;

use shared::contract::event_log::{self, Coverage, Place};
use shared::contract::item_change::ItemChange;

use crate::store::Position;

/// The changes that not every version has, with their places.
///
/// * `replica`, `end`: a log that is being written, and where it ends.
///
/// # Errors
/// [`io::Error`] when a file can't be read.
pub fn read(folder: &Path, covered: &Coverage, replica: &str, end: Position) -> io::Result<Vec<(ItemChange, Place)>> {
    let mut changes = Vec::new();
    for log in event_log::list(folder)? {
        let Some(file) = log.id()? else { continue };
        let is_own = log.replica == replica;
        let until = match log.number.cmp(&end.file) {
            std::cmp::Ordering::Equal if is_own => end.offset,
            std::cmp::Ordering::Greater if is_own => 0,
            _ => u64::MAX,
        };
        let mut place = Place { file, end: covered.of(file) };
        let mut reader = log.open_at(place.end)?;
        let mut line = Vec::new();
        while place.end < until && reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            place.end += line.len() as u64;
            changes.extend(ItemChange::read(&line).map(|change| (change, place)));
            line.clear();
        }
    }
    Ok(changes)
}
