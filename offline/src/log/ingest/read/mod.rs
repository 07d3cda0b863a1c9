//! Reads files into rows of text: one thread reads, another uses the rows.
//!
//! ```text
//! csv, parquet, json_lines ─▶ batch (columns of text) ─▶ each row, in order
//! ```
//!
//! Every value is text, so that a bad value can be distinguished from an absent one and written to the rejects.

mod batch;
mod csv;
mod json_lines;
mod parquet;
mod text;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};

use shared::contract::event_log;

use super::IngestError;
use batch::{Batch, Each};
pub use batch::{NoRow, RowAt};

/// Bytes read from a file at a time.
const BUFFER_BYTES: usize = 1 << 20;
/// The maximum number of batches that wait to be used.
const WAITING: usize = 8;

/// The channel to which the reading thread sends its batches, or the error that ends it.
type Batches = SyncSender<Result<Batch, IngestError>>;

/// A column to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name in the file.
    pub name: String,
    /// Whether the file must have it.
    pub needed: Needed,
}

/// Whether a file must have a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    /// It must.
    Yes,
    /// It must, and may hold lists of numbers.
    YesOrLists,
    /// It need not; all values are absent then.
    No,
}

/// Finds the files of paths, folders and patterns, in the order given, those of each sorted by name. Locks and torn
/// ends beside the service's event log are skipped unless they are named themselves. A folder may have no files, such
/// as that of a service that has not recorded an event yet.
pub fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, IngestError> {
    let mut files = Vec::new();
    for path in paths {
        let absent = || IngestError::Absent { path: path.clone() };
        if path.is_file() {
            files.push(path.clone());
            continue;
        }
        let pattern = if path.is_dir() { path.join("*") } else { path.clone() };
        let matches = glob::glob(&pattern.to_string_lossy()).map_err(|_| absent())?;
        let is_log = |path: &PathBuf| path.is_file() && !event_log::is_aside(path);
        let mut found: Vec<PathBuf> = matches.flatten().filter(is_log).collect();
        if path.is_dir() {
            found.retain(|path| Kind::of(path).is_ok());
        }
        if found.is_empty() && path.is_dir() {
            tracing::warn!(folder = %path.display(), "no logs are in this folder");
        } else if found.is_empty() {
            return Err(absent());
        }
        found.sort();
        files.append(&mut found);
    }
    Ok(files)
}

enum Kind {
    Csv,
    Parquet,
    JsonLines,
}

impl Kind {
    fn of(path: &Path) -> Result<Self, IngestError> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("csv") => Ok(Self::Csv),
            Some("parquet") => Ok(Self::Parquet),
            Some("jsonl" | "ndjson") => Ok(Self::JsonLines),
            _ => Err(IngestError::Kind { path: path.to_owned() }),
        }
    }
}

/// Calls `each` with every row of a file in order.
pub fn for_each_row(
    path: &Path,
    wanted: &[Wanted],
    section: &'static str,
    each: &mut Each<'_>,
) -> Result<(), IngestError> {
    if path.metadata().map_err(|error| IngestError::read(path, error))?.len() == 0 {
        return Ok(());
    }
    let read = match Kind::of(path)? {
        Kind::Csv => csv::read,
        Kind::Parquet => parquet::read,
        Kind::JsonLines => json_lines::read,
    };
    let (send, batches) = sync_channel(WAITING);
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            if let Err(error) = read(path, wanted, section, &send) {
                // If the receiver is gone, there is no one to tell.
                let _ = send.send(Err(error));
            }
        });
        batches.into_iter().try_for_each(|batch| batch?.for_each(each))?;
        // The thread panicked, and has printed why.
        reader.join().map_err(|_| IngestError::read(path, "reading it failed; is the file damaged?"))
    })
}

/// The position of each wanted column among the columns of the file.
fn places(
    path: &Path,
    wanted: &[Wanted],
    there: &[String],
    section: &'static str,
) -> Result<Vec<Option<usize>>, IngestError> {
    let place = |Wanted { name, needed }: &Wanted| {
        // An empty setting means no column, not a column with an empty name.
        let place = there.iter().position(|there| there == name).filter(|_| !name.is_empty());
        match (place, needed) {
            (None, Needed::Yes | Needed::YesOrLists) => {
                let (path, column, there) = (path.to_owned(), name.clone(), there.to_vec());
                Err(IngestError::Column { path, column, there, section })
            }
            _ => Ok(place),
        }
    };
    wanted.iter().map(place).collect()
}
