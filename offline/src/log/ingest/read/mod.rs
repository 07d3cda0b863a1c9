//! Reads files into rows of text: one thread reads, another uses the rows.
//!
//! ```text
//! paths ─▶ files ─▶ form (what a file is, by its content)
//!       ─▶ delimited, json_lines, json_objects, parquet ─▶ batch ─▶ each row, in order
//! ```
//!
//! Every value is text, so that a bad value can be distinguished from an absent one and written to the rejects. Every row
//! of a file is a row here, or one that can't be read for a reason; none is lost, and none is joined with another.

mod batch;
mod bytes;
mod columns;
mod delimited;
mod elements;
mod fields;
mod files;
mod form;
mod json_lines;
mod json_objects;
mod json_paths;
mod json_values;
mod lines;
mod magic;
mod numbers;
mod options;
mod parquet;
pub mod path;
mod quiet;
mod sniff;
#[cfg(test)]
mod tests;
mod text;
mod text_batch;

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::IngestError;
use batch::{Batch, Each};
pub use batch::{NoRow, RowAt, Values};
pub use files::{Found, every, files, with_packed};
pub use form::{Form, Layout, Names, recognise};
pub use options::{Encoding, Header, Quoting, ReadOptions};
use quiet::guarded;

/// The maximum number of batches that wait to be used.
const WAITING: usize = 8;

/// The channel to which the reading thread sends its batches, or the error that ends it.
type Batches = SyncSender<Result<Batch, IngestError>>;

/// A column to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Where it may be, see [`path`]: in each row the first of these counts that has a value.
    pub paths: Vec<String>,
    /// Whether the file must have one of them.
    pub needed: Needed,
    /// What becomes of objects and lists.
    pub take: Take,
}

/// What becomes of an object or a list where a column is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Take {
    /// It is not a single value: the row is unreadable.
    #[default]
    Single,
    /// As with a single value, and neither is a boolean of JSON an id.
    Id,
    /// It is given whole, as JSON; in a delimited file as it is written.
    Whole,
}

/// Whether a file must have a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    /// It must.
    Yes,
    /// It need not; all values are absent then.
    No,
}

impl Wanted {
    /// One column of ids; an empty name is none.
    pub fn ids(path: &str, needed: Needed) -> Self {
        Self { take: Take::Id, ..Self::column(path, needed) }
    }

    /// One column; an empty name is none.
    pub fn column(path: &str, needed: Needed) -> Self {
        let paths = Some(path).filter(|path| !path.is_empty()).map(str::to_owned).into_iter().collect();
        Self { paths, needed, take: Take::Single }
    }
}

/// Calls `each` with every row of a file in order, as text per wanted column.
///
/// * `section`: the section of the config that maps the columns.
///
/// # Errors
/// [`IngestError`] when a needed column is missing, the paths go through several lists, the file can't be read, or
/// `each` fails.
pub fn for_each_row(
    form: &Form,
    wanted: &[Wanted],
    section: &'static str,
    each: &mut Each<'_, IngestError>,
) -> Result<(), IngestError> {
    check(form, wanted, section)?;
    with_batches(form, wanted, |batches| batches.into_iter().try_for_each(|batch| batch?.for_each(each)))
}

/// A row that was read for somebody to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstRow {
    /// Its position.
    pub at: RowAt,
    /// A value per wanted column, or why it can't be read.
    pub values: Result<Vec<Option<String>>, NoRow>,
    /// What the file has in its place; absent in Parquet.
    pub raw: Option<String>,
}

/// The first rows of a file, at most so many. Needed columns may be missing.
///
/// # Errors
/// [`IngestError`] when the paths go through several lists, or the file can't be read.
pub fn first_rows(form: &Form, wanted: &[Wanted], rows: usize) -> Result<Vec<FirstRow>, IngestError> {
    one_list(form, wanted)?;
    let mut first = Vec::new();
    with_batches(form, wanted, |batches| {
        for batch in batches {
            let told = batch?.for_each(&mut |at, row| {
                if first.len() == rows {
                    return Err(());
                }
                first.push(match row {
                    Ok(row) => FirstRow {
                        at,
                        values: Ok(row.values.iter().map(|value| value.map(str::to_owned)).collect()),
                        raw: row.raw.map(str::to_owned),
                    },
                    Err(row) => FirstRow { at, values: Err(row.reason.clone()), raw: Some(row.raw.clone()) },
                });
                Ok(())
            });
            if told.is_err() {
                break;
            }
        }
        Ok(())
    })?;
    Ok(first)
}

/// Reads a file in a thread of its own while its batches are used.
fn with_batches(
    form: &Form,
    wanted: &[Wanted],
    using: impl FnOnce(Receiver<Result<Batch, IngestError>>) -> Result<(), IngestError>,
) -> Result<(), IngestError> {
    let (send, batches) = sync_channel(WAITING);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let read = guarded(&form.path, || match &form.layout {
                Layout::Empty => Ok(()),
                Layout::Parquet => parquet::read(form, wanted, &send),
                Layout::Delimited(how) => delimited::read(form, how, wanted, &send),
                Layout::JsonLines => json_lines::read(form, wanted, &send),
                Layout::JsonArray | Layout::JsonObjects => json_objects::read(form, wanted, &send),
            });
            if let Err(error) = read {
                // If the receiver is gone, there is no one to tell.
                let _ = send.send(Err(error));
            }
        });
        using(batches)
    })
}

fn check(form: &Form, wanted: &[Wanted], section: &'static str) -> Result<(), IngestError> {
    one_list(form, wanted)?;
    let is_lacking = |wanted: &&Wanted| wanted.needed == Needed::Yes && !wanted.paths.iter().any(|path| form.has(path));
    match wanted.iter().find(is_lacking) {
        // A file without a row says nothing about its columns.
        Some(Wanted { paths, .. }) if !form.columns.is_empty() => Err(IngestError::Column {
            path: form.path.clone(),
            column: paths.join("` or `"),
            there: form.columns.clone(),
            section,
        }),
        _ => Ok(()),
    }
}

/// All paths through the elements of a list have to go through the same one: its elements are the rows.
fn one_list(form: &Form, wanted: &[Wanted]) -> Result<(), IngestError> {
    let mut lists = wanted.iter().flat_map(|wanted| &wanted.paths).filter_map(|path| path::list(path));
    let Some(first) = lists.next() else { return Ok(()) };
    match lists.find(|list| !path::same_name(list, first)) {
        Some(other) => Err(IngestError::read(
            &form.path,
            format!(
                "columns in the elements of two lists, `{first}[]` and `{other}[]`: a row is an element of one list"
            ),
        )),
        None => Ok(()),
    }
}
