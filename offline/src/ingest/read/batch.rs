//! Rows on their way from the thread that reads them to the one that uses them: columns of text, a few thousand rows.

use std::collections::BTreeSet;

use polars_arrow::array::{BinaryViewArray, MutableBinaryViewArray, Utf8ViewArray};

use super::text::{Texts, texts};
use crate::ingest::IngestError;

/// Rows of a batch, at most.
pub const ROWS: usize = 1 << 13;
/// Bytes of text that make a batch full before that.
const BYTES: usize = 1 << 22;

/// A row that can't be read.
#[derive(Debug)]
pub struct Unreadable {
    /// Its place in the batch.
    at: usize,
    /// Why it can't be read.
    pub reason: &'static str,
    /// What can be read of it.
    pub values: Vec<String>,
}

/// One row as text: a value per wanted column, or why it can't be read.
pub type Row<'a> = Result<&'a [Option<&'a str>], &'a Unreadable>;

/// What is done with each row, given its number from 1.
pub type Each<'a> = dyn FnMut(u64, Row<'_>) -> Result<(), IngestError> + 'a;

/// Rows that follow each other.
#[derive(Debug)]
pub struct Batch {
    numbers: Vec<u64>,
    columns: Vec<Option<Utf8ViewArray>>,
    unreadable: Vec<Unreadable>,
}

impl Batch {
    /// Rows by their numbers in the file; a column for each wanted one, none where the file has it not.
    ///
    /// A row with a value that is not UTF-8 is unreadable, beside those that are given.
    pub fn new(numbers: Vec<u64>, columns: Vec<Option<Texts>>, mut unreadable: Vec<Unreadable>) -> Self {
        let not_utf8: BTreeSet<usize> = columns.iter().flatten().flat_map(|column| &column.not_utf8).copied().collect();
        let columns: Vec<_> = columns.into_iter().map(|column| Some(column?.values)).collect();
        unreadable.extend(not_utf8.into_iter().map(|at| {
            let values = columns.iter().flatten().filter_map(|column| column.get(at)).map(str::to_owned).collect();
            Unreadable { at, reason: "not UTF-8", values }
        }));
        unreadable.sort_by_key(|row| row.at);
        Self { numbers, columns, unreadable }
    }

    /// Calls `each` with every row in order.
    pub fn for_each(&self, each: &mut Each<'_>) -> Result<(), IngestError> {
        let mut unreadable = self.unreadable.iter().peekable();
        let mut values = vec![None; self.columns.len()];
        for (at, &number) in self.numbers.iter().enumerate() {
            if let Some(row) = unreadable.next_if(|row| row.at == at) {
                each(number, Err(row))?;
                continue;
            }
            for (value, column) in values.iter_mut().zip(&self.columns) {
                *value = column.as_ref().and_then(|column| column.get(at));
            }
            each(number, Ok(&values))?;
        }
        Ok(())
    }
}

/// A batch that is filled row by row.
pub struct Builder {
    numbers: Vec<u64>,
    columns: Vec<MutableBinaryViewArray<[u8]>>,
    unreadable: Vec<Unreadable>,
    bytes: usize,
}

impl Builder {
    /// An empty batch of so many columns.
    pub fn new(columns: usize) -> Self {
        let columns = (0..columns).map(|_| MutableBinaryViewArray::with_capacity(ROWS)).collect();
        Self { numbers: Vec::with_capacity(ROWS), columns, unreadable: Vec::new(), bytes: 0 }
    }

    /// Adds a row of as many values as there are columns.
    pub fn push<'a>(&mut self, number: u64, values: impl Iterator<Item = Option<&'a [u8]>>) {
        self.numbers.push(number);
        for (column, value) in self.columns.iter_mut().zip(values) {
            self.bytes += value.map_or(0, <[u8]>::len);
            column.push(value);
        }
    }

    /// Adds a row that can't be read.
    pub fn push_unreadable(&mut self, number: u64, reason: &'static str, values: Vec<String>) {
        self.bytes += values.iter().map(String::len).sum::<usize>();
        self.unreadable.push(Unreadable { at: self.numbers.len(), reason, values });
        self.numbers.push(number);
        self.columns.iter_mut().for_each(MutableBinaryViewArray::push_null);
    }

    /// Whether it is time for [`Builder::take`].
    pub fn is_full(&self) -> bool {
        self.numbers.len() >= ROWS || self.bytes >= BYTES
    }

    /// The rows so far; none stay.
    pub fn take(&mut self) -> Batch {
        let full = std::mem::replace(self, Self::new(self.columns.len()));
        let columns = full.columns.into_iter().map(|column| Some(texts(&BinaryViewArray::from(column)))).collect();
        Batch::new(full.numbers, columns, full.unreadable)
    }
}
