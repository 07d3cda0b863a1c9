//! Batches of rows, which the reading thread sends to the one that uses them: columns of text, a few thousand rows
//! each.

use std::collections::BTreeSet;

use polars_arrow::array::{BinaryViewArray, MutableBinaryViewArray, Utf8ViewArray};

use super::text::{Texts, texts};
use crate::log::ingest::IngestError;

/// The maximum number of rows of a batch.
pub const ROWS: usize = 1 << 13;
/// The number of bytes of text at which a batch is full with fewer rows.
const BYTES: usize = 1 << 22;

/// The position of a row in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowAt {
    /// Its number, from 1.
    pub number: u64,
    /// The offset where its line begins, in bytes; 0 if the file is not JSON lines.
    pub start: u64,
    /// The offset where its line ends.
    pub end: u64,
}

impl RowAt {
    /// The position of a row in a file that is not read line by line.
    pub fn number(number: u64) -> Self {
        Self { number, start: 0, end: 0 }
    }
}

/// Why a row can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRow {
    /// It is not a JSON object.
    NotJson,
    /// It has more fields than the header, so that fields can't be matched to columns.
    MoreFields,
    /// A value is not UTF-8.
    NotUtf8,
    /// It is the last line of a file of the service's event log and has no line end: the service may be writing it.
    Unfinished,
}

impl NoRow {
    /// The reason in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotJson => "unreadable line",
            Self::MoreFields => "more fields than the header",
            Self::NotUtf8 => "not UTF-8",
            Self::Unfinished => "not written to its end yet",
        }
    }
}

/// A row that can't be read.
#[derive(Debug)]
pub struct Unreadable {
    /// Its position in the batch.
    at: usize,
    /// Why it can't be read.
    pub reason: NoRow,
    /// The values that can be read.
    pub values: Vec<String>,
}

/// One row as text: a value per wanted column, or why it can't be read.
pub type Row<'a> = Result<&'a [Option<&'a str>], &'a Unreadable>;

/// The function that is called with each row.
pub type Each<'a> = dyn FnMut(RowAt, Row<'_>) -> Result<(), IngestError> + 'a;

/// Consecutive rows of a file.
#[derive(Debug)]
pub struct Batch {
    rows: Vec<RowAt>,
    columns: Vec<Option<Utf8ViewArray>>,
    unreadable: Vec<Unreadable>,
}

impl Batch {
    /// Makes a batch of rows with their positions in the file, and a column for each wanted one; `None` for a column
    /// that the file does not have.
    ///
    /// A row with a value that is not UTF-8 is unreadable, in addition to those given.
    pub fn new(rows: Vec<RowAt>, columns: Vec<Option<Texts>>, mut unreadable: Vec<Unreadable>) -> Self {
        let not_utf8: BTreeSet<usize> = columns.iter().flatten().flat_map(|column| &column.not_utf8).copied().collect();
        let columns: Vec<_> = columns.into_iter().map(|column| Some(column?.values)).collect();
        unreadable.extend(not_utf8.into_iter().map(|at| {
            let values = columns.iter().flatten().filter_map(|column| column.get(at)).map(str::to_owned).collect();
            Unreadable { at, reason: NoRow::NotUtf8, values }
        }));
        unreadable.sort_by_key(|row| row.at);
        Self { rows, columns, unreadable }
    }

    /// Calls `each` with every row in order.
    pub fn for_each(&self, each: &mut Each<'_>) -> Result<(), IngestError> {
        let mut unreadable = self.unreadable.iter().peekable();
        let mut values = vec![None; self.columns.len()];
        for (at, &row_at) in self.rows.iter().enumerate() {
            if let Some(row) = unreadable.next_if(|row| row.at == at) {
                each(row_at, Err(row))?;
                continue;
            }
            for (value, column) in values.iter_mut().zip(&self.columns) {
                *value = column.as_ref().and_then(|column| column.get(at));
            }
            each(row_at, Ok(&values))?;
        }
        Ok(())
    }
}

/// A batch that is filled row by row.
pub struct Builder {
    rows: Vec<RowAt>,
    columns: Vec<MutableBinaryViewArray<[u8]>>,
    unreadable: Vec<Unreadable>,
    bytes: usize,
}

impl Builder {
    /// An empty batch with this many columns.
    pub fn new(columns: usize) -> Self {
        let columns = (0..columns).map(|_| MutableBinaryViewArray::with_capacity(ROWS)).collect();
        Self { rows: Vec::with_capacity(ROWS), columns, unreadable: Vec::new(), bytes: 0 }
    }

    /// Adds a row of as many values as there are columns.
    pub fn push<'a>(&mut self, at: RowAt, values: impl Iterator<Item = Option<&'a [u8]>>) {
        self.rows.push(at);
        for (column, value) in self.columns.iter_mut().zip(values) {
            self.bytes += value.map_or(0, <[u8]>::len);
            column.push(value);
        }
    }

    /// Adds a row that can't be read.
    pub fn push_unreadable(&mut self, at: RowAt, reason: NoRow, values: Vec<String>) {
        self.bytes += values.iter().map(String::len).sum::<usize>();
        self.unreadable.push(Unreadable { at: self.rows.len(), reason, values });
        self.rows.push(at);
        self.columns.iter_mut().for_each(MutableBinaryViewArray::push_null);
    }

    /// Whether it is time for [`Builder::take`].
    pub fn is_full(&self) -> bool {
        self.rows.len() >= ROWS || self.bytes >= BYTES
    }

    /// Takes the rows out; the builder is empty afterwards.
    pub fn take(&mut self) -> Batch {
        let full = std::mem::replace(self, Self::new(self.columns.len()));
        let columns = full.columns.into_iter().map(|column| Some(texts(&BinaryViewArray::from(column)))).collect();
        Batch::new(full.rows, columns, full.unreadable)
    }
}
