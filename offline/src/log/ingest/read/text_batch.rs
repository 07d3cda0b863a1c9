//! Rows whose values are parts of one text: the lines of the file as they are, and behind a line what its values
//! become without quotes and escapes.

use super::batch::{Batch, NoRow, ROWS, RowAt, RowValues, Unreadable};

/// The number of bytes of text at which a batch is full with fewer rows.
const BYTES: usize = 1 << 22;

/// Marks a part of [`Builder::made`].
const MADE: u32 = 1 << 31;

/// A part of the text of a batch, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// An absent value.
    pub const ABSENT: Self = Self { start: 0, end: 0 };

    /// A part of a batch's text.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// Its bytes.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Its place when bytes before it are gone.
    pub fn moved_back(self, bytes: usize) -> Self {
        Self { start: self.start - bytes as u32, end: self.end - bytes as u32 }
    }

    /// The place of a part of a text.
    pub fn within(text: &[u8], part: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        Self::new(start, start + part.len())
    }

    /// The part of a text.
    pub fn of<T: ?Sized + std::ops::Index<std::ops::Range<usize>>>(self, text: &T) -> &T::Output {
        &text[self.range()]
    }

    /// Whether nothing is in it; such a value is absent.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// The values of a batch of rows.
#[derive(Debug)]
pub struct TextRows {
    text: String,
    columns: usize,
    /// The line of each row.
    lines: Vec<Span>,
    /// The values of each row, row after row.
    values: Vec<Span>,
}

impl TextRows {
    /// Puts the values of a row into `values`; returns its line.
    pub fn row<'a>(&'a self, row: usize, values: &mut Vec<Option<&'a str>>) -> &'a str {
        let spans = &self.values[row * self.columns..(row + 1) * self.columns];
        values.clear();
        values.extend(spans.iter().map(|span| (!span.is_empty()).then(|| span.of(self.text.as_str()))));
        self.lines[row].of(self.text.as_str())
    }
}

/// A batch that is filled row by row. The reader holds the text of the lines itself, until the batch is taken.
pub struct Builder {
    /// Values that differ from what the line has.
    made: Vec<u8>,
    columns: usize,
    rows: Vec<RowAt>,
    lines: Vec<Span>,
    values: Vec<Span>,
    unreadable: Vec<Unreadable>,
}

impl Builder {
    /// An empty batch with this many columns.
    pub fn new(columns: usize) -> Self {
        let (rows, lines) = (Vec::with_capacity(ROWS), Vec::with_capacity(ROWS));
        let values = Vec::with_capacity(ROWS * columns);
        Self { made: Vec::new(), columns, rows, lines, values, unreadable: Vec::new() }
    }

    /// Adds a value that differs from what the line has.
    pub fn make(&mut self, value: impl IntoIterator<Item = u8>) -> Span {
        let start = self.made.len();
        self.made.extend(value);
        let span = Span::new(start, self.made.len());
        if span.is_empty() { Span::ABSENT } else { Span { start: span.start | MADE, end: span.end | MADE } }
    }

    /// Adds a row of as many values as there are columns.
    pub fn push(&mut self, at: RowAt, line: Span, values: impl Iterator<Item = Span>) {
        self.rows.push(at);
        self.lines.push(line);
        self.values.extend(values.take(self.columns));
        self.values.resize(self.rows.len() * self.columns, Span::ABSENT);
    }

    /// Adds a row that can't be read.
    pub fn push_unreadable(&mut self, at: RowAt, line: &[u8], reason: NoRow) {
        let raw = String::from_utf8_lossy(line).into_owned();
        self.unreadable.push(Unreadable { at: self.rows.len(), reason, raw });
        self.push(at, Span::ABSENT, std::iter::empty());
    }

    /// Whether it is time for [`Builder::take`].
    pub fn is_full(&self, text: &[u8]) -> bool {
        self.rows.len() >= ROWS || text.len() + self.made.len() >= BYTES
    }

    /// Takes the rows out; the builder is empty afterwards.
    ///
    /// * `text`: the lines of the rows.
    pub fn take(&mut self, mut text: Vec<u8>) -> Batch {
        let Self { made, columns, rows, lines, mut values, mut unreadable } =
            std::mem::replace(self, Self::new(self.columns));
        if !made.is_empty() {
            let before = text.len() as u32;
            text.extend_from_slice(&made);
            for value in values.iter_mut().filter(|value| value.start & MADE != 0) {
                *value = Span { start: (value.start & !MADE) + before, end: (value.end & !MADE) + before };
            }
        }
        let rows_of = |text, lines, values| RowValues::Text(TextRows { text, columns, lines, values });
        match String::from_utf8(text) {
            Ok(text) => Batch { rows, values: rows_of(text, lines, values), unreadable },
            Err(error) => {
                let bytes = error.as_bytes();
                let (text, lines, values, bad) = readable(bytes, columns, &lines, &values);
                unreadable.extend(bad.into_iter().map(|at| Unreadable {
                    at,
                    reason: NoRow::NotUtf8,
                    raw: lines[at].of(text.as_str()).to_owned(),
                }));
                unreadable.sort_by_key(|row| row.at);
                Batch { rows, values: rows_of(text, lines, values), unreadable }
            }
        }
    }
}

/// The text of rows of which some are not UTF-8, with lines and values moved to it, and the rows that have a value
/// that is not.
fn readable(
    bytes: &[u8],
    columns: usize,
    lines: &[Span],
    values: &[Span],
) -> (String, Vec<Span>, Vec<Span>, Vec<usize>) {
    let mut text = String::with_capacity(bytes.len());
    let mut add = |span: Span| {
        let (start, part) = (text.len(), String::from_utf8_lossy(span.of(bytes)));
        text.push_str(&part);
        Span::new(start, text.len())
    };
    let is_bad = |span: &Span| str::from_utf8(span.of(bytes)).is_err();
    let (mut new_lines, mut new_values, mut bad) = (Vec::new(), Vec::new(), Vec::new());
    for (row, line) in lines.iter().enumerate() {
        let values = &values[row * columns..(row + 1) * columns];
        if values.iter().any(is_bad) {
            bad.push(row);
        }
        new_lines.push(add(*line));
        new_values.extend(values.iter().map(|value| add(*value)));
    }
    (text, new_lines, new_values, bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_with_a_value_that_is_not_utf_8_is_unreadable_alone() {
        let (mut batch, mut text) = (Builder::new(1), Vec::new());
        for (number, line) in [(1, &b"a,b"[..]), (2, b"\xe9,b"), (3, b"c,\xe9")] {
            let start = text.len();
            text.extend(line);
            let value = Span::new(start, start + 1);
            batch.push(RowAt::number(number), Span::new(start, start + 3), [value].into_iter());
        }
        let mut seen = Vec::new();
        let told = batch.take(text).for_each::<()>(&mut |at, row| {
            seen.push(match row {
                Ok(row) => format!("{} {:?} {:?}", at.number, row.values, row.raw),
                Err(row) => format!("{} {:?} {}", at.number, row.reason, row.raw),
            });
            Ok(())
        });
        assert_eq!(told, Ok(()));
        assert_eq!(
            seen,
            [
                "1 [Some(\"a\")] Some(\"a,b\")",
                "2 NotUtf8 \u{fffd},b",
                // What nobody wants need not be UTF-8.
                "3 [Some(\"c\")] Some(\"c,\u{fffd}\")"
            ]
        );
    }
}
