//! Batches of rows, which the reading thread sends to the one that uses them: a few thousand rows each, every value
//! as text.

use std::fmt;
use std::sync::Arc;

use super::columns::ColumnRows;
pub use super::text_batch::Builder;
use super::text_batch::TextRows;

/// The maximum number of rows of a batch.
pub const ROWS: usize = 1 << 13;

/// The position of a row in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowAt {
    /// The number of its record, from 1.
    pub number: u64,
    /// The number of its element in the list of the record, from 0; 0 where a record is one row.
    pub element: u32,
    /// The offset where its line begins, in bytes of the text; 0 if the file is not read line by line.
    pub start: u64,
    /// The offset where its line ends.
    pub end: u64,
}

impl RowAt {
    /// The position of a row in a file that is not read line by line.
    pub fn number(number: u64) -> Self {
        Self { number, element: 0, start: 0, end: 0 }
    }
}

/// Why a row can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoRow {
    /// It is not a JSON object.
    NotJson,
    /// It has more fields than the header, so that fields can't be matched to columns.
    MoreFields,
    /// It has a field of several lines, and fewer fields than the header.
    FewerFields,
    /// A value is not in the encoding of the file.
    NotUtf8,
    /// A value of a Parquet column of text is not UTF-8.
    NotText,
    /// A quoted field has no end that makes a row.
    QuoteNotClosed,
    /// Something stands between the end of a quoted field and the next separator.
    TextBehindQuote,
    /// It is the last line, lacks its line end, and fields.
    CutOff,
    /// It is longer than any row should be.
    TooLong,
    /// This column holds an object or a list.
    NotSingle(Arc<str>),
    /// It is the last line of a file of the service's event log and has no line end: the service may be writing it.
    Unfinished,
    /// It is an erased line of such a file.
    Erased,
}

impl fmt::Display for NoRow {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::NotJson => "unreadable line",
            Self::MoreFields => "more fields than the header",
            Self::FewerFields => "fewer fields than the header, one of them of several lines",
            Self::NotUtf8 => "not UTF-8; ingest.encoding says what it is, such as \"windows-1252\"",
            Self::NotText => "not UTF-8",
            Self::QuoteNotClosed => "a quote is not closed",
            Self::TextBehindQuote => {
                "text behind a quoted field; if quotes are escaped by \\, set ingest.quoting = \"backslash\""
            }
            Self::CutOff => "cut off",
            Self::TooLong => "longer than 16 MiB",
            Self::NotSingle(column) => {
                return write!(out, "`{column}` is not a single value; a path such as `{column}.id` names one in it");
            }
            Self::Unfinished => "not written to its end yet",
            Self::Erased => "erased",
        };
        out.write_str(words)
    }
}

/// A row that can't be read.
#[derive(Debug)]
pub struct Unreadable {
    /// Its position in the batch.
    pub(super) at: usize,
    /// Why it can't be read.
    pub reason: NoRow,
    /// What the file has in its place, as far as it is text.
    pub raw: String,
}

/// The values of a row.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// A value per wanted column; none is empty.
    pub values: &'a [Option<&'a str>],
    /// What the file has in the row's place; absent in Parquet.
    pub raw: Option<&'a str>,
}

/// One row as text, or why it can't be read.
pub type Row<'a> = Result<Values<'a>, &'a Unreadable>;

/// The function that is called with each row.
pub type Each<'a, E> = dyn FnMut(RowAt, Row<'_>) -> Result<(), E> + 'a;

/// Consecutive rows of a file.
#[derive(Debug)]
pub struct Batch {
    pub(super) rows: Vec<RowAt>,
    pub(super) values: RowValues,
    /// In order.
    pub(super) unreadable: Vec<Unreadable>,
}

/// The values of a batch.
#[derive(Debug)]
pub enum RowValues {
    /// Parts of a text.
    Text(TextRows),
    /// Columns of text.
    Columns(ColumnRows),
}

impl Batch {
    /// Calls `each` with every row in order.
    pub fn for_each<E>(&self, each: &mut Each<'_, E>) -> Result<(), E> {
        let mut unreadable = self.unreadable.iter().peekable();
        let mut values = Vec::new();
        for (at, &row_at) in self.rows.iter().enumerate() {
            if let Some(row) = unreadable.next_if(|row| row.at == at) {
                each(row_at, Err(row))?;
                continue;
            }
            let raw = match &self.values {
                RowValues::Text(rows) => Some(rows.row(at, &mut values)),
                RowValues::Columns(rows) => {
                    rows.row(at, &mut values);
                    None
                }
            };
            each(row_at, Ok(Values { values: &values, raw }))?;
        }
        Ok(())
    }
}
