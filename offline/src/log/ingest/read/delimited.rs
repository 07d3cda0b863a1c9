//! Delimited files: a row a line, a separator between fields, quotes around fields that hold separators or line ends.
//!
//! Rows are found line by line, so that a stray quote costs its own row. A line that ends within quotes is joined with
//! the next ones only if that makes a row: the quote is closed before a separator or a line end, and
//! none of the lines that are joined is a row by itself, with as many fields as columns. A line of as many fields is no row
//! where most rows have numbers in columns in which it has none: prose has commas, too.
//!
//! Empty fields are absent values, and so are the missing last fields of a row that is shorter than the header. Lines of
//! separators alone are no rows, and empty fields beyond the header are none where most rows have them, as spreadsheets
//! write them.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::ops::Range;

use super::batch::{Builder, NoRow, RowAt};
use super::bytes;
use super::fields::{Field, Progress, Split, Splitter, Written};
use super::form::{Delimited, Form, Names};
use super::lines::{Ending, Line, Lines};
use super::numbers::Numbers;
use super::path::place;
use super::text_batch::Span;
use super::{Batches, Wanted};
use crate::log::ingest::IngestError;

/// The maximum length of lines that are joined to a row, in bytes.
const JOINED_BYTES: usize = 1 << 20;

/// How many rows tell how many fields most rows have; of fewer, prose within quotes may be most.
const ENOUGH: usize = 10;

/// Reads a file and sends its rows in batches.
pub fn read(form: &Form, how: &Delimited, wanted: &[Wanted], batches: &Batches) -> Result<(), IngestError> {
    let failed = |error| IngestError::read(&form.path, error);
    let (mut text, mark) = bytes::text(&form.path, form.compression, form.encoding).map_err(failed)?;
    bytes::pass(&mut text, how.before).map_err(failed)?;
    let of = |Wanted { paths, .. }: &Wanted| paths.iter().filter_map(|path| place(path, &form.columns)).collect();
    let places: Vec<Vec<usize>> = wanted.iter().map(of).collect();
    let mut rows =
        Rows::new(Lines::new(text, how.line_end, mark + how.before as u64), Splitter::new(&how.separator, how.quoting));
    if how.names == Names::InFirstRow {
        rows.next(None).map_err(failed)?;
    }
    let (mut batch, mut number) = (Builder::new(wanted.len()), 0);
    while let Some(row) = rows.next(Some(form.columns.len())).map_err(failed)? {
        number += 1;
        let at = RowAt { number, element: 0, start: row.start, end: row.end };
        let (base, text) = (row.span.range().start, row.span.of(rows.lines.text.as_slice()));
        match row.reason {
            Some(reason) => batch.push_unreadable(at, text, reason),
            None => {
                let mut value = |place: &usize| {
                    let field = *rows.fields.get(*place)?;
                    let span = match field.written {
                        Written::Plain => {
                            let inner = within_formula(&text[field.start..field.end]);
                            Span::new(base + field.start + inner.start, base + field.start + inner.end)
                        }
                        Written::Escaped => {
                            let content = rows.splitter.content(text, field);
                            batch.make(content[within_formula(&content)].iter().copied())
                        }
                    };
                    (!span.is_empty()).then_some(span)
                };
                rows.values.clear();
                rows.values
                    .extend(places.iter().map(|places| places.iter().find_map(&mut value).unwrap_or(Span::ABSENT)));
                batch.push(at, row.span, rows.values.iter().copied());
            }
        }
        if batch.is_full(&rows.lines.text) && batches.send(Ok(batch.take(rows.lines.take()))).is_err() {
            // The receiver is gone: the rest is not wanted.
            return Ok(());
        }
    }
    let _ = batches.send(Ok(batch.take(rows.lines.take())));
    Ok(())
}

/// A row: its lines, and why it can't be read.
#[derive(Debug)]
pub struct RowText {
    /// Where it is in the text of the lines.
    pub span: Span,
    /// Its offset in the file.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// Why it is none.
    pub reason: Option<NoRow>,
}

/// Reads rows.
pub struct Rows<R> {
    /// Where they come from.
    pub lines: Lines<R>,
    /// The fields of the last row, within its span.
    pub fields: Vec<Field>,
    /// What splits them.
    pub splitter: Splitter,
    values: Vec<Span>,
    joined: Vec<Line>,
    numbers: Numbers,
    /// How many fields most rows have.
    usual: usize,
    /// Whether most rows end with empty fields beyond the header.
    ends_empty: bool,
}

/// What of a value is the value: all of it but for a formula such as `="00123"`, by which programs keep Excel from
/// reading a number.
fn within_formula(value: &[u8]) -> Range<usize> {
    match value {
        [b'=', b'"', inner @ .., b'"'] if !inner.contains(&b'"') => 2..2 + inner.len(),
        _ => 0..value.len(),
    }
}

fn is_empty(fields: &[Field]) -> bool {
    fields.iter().all(|field| field.start == field.end)
}

impl<R: BufRead> Rows<R> {
    /// The rows of some lines.
    pub fn new(lines: Lines<R>, splitter: Splitter) -> Self {
        Self {
            lines,
            fields: Vec::new(),
            splitter,
            values: Vec::new(),
            joined: Vec::new(),
            numbers: Numbers::default(),
            usual: 0,
            ends_empty: false,
        }
    }

    /// The next row; empty lines are none, nor is the rest of a line end in a file whose lines end in another way.
    ///
    /// * `columns`: how many fields a row has, where that is known.
    pub fn next(&mut self, columns: Option<usize>) -> io::Result<Option<RowText>> {
        if let (Some(columns), 0) = (columns, self.numbers.rows) {
            self.learn(columns)?;
            self.numbers.rows = self.numbers.rows.max(1);
        }
        let mut line = loop {
            match self.lines.next()? {
                Some(line) if self.splitter.is_blank(line.span.of(self.lines.text.as_slice())) => {}
                Some(line) => break line,
                None => return Ok(None),
            }
        };
        self.fields.clear();
        let mut progress = Progress::default();
        let text = line.span.of(self.lines.text.as_slice());
        let reason = match self.splitter.split(text, &mut progress, &mut self.fields) {
            _ if line.ending == Ending::TooLong => Some(NoRow::TooLong),
            Split::TextBehind => Some(NoRow::TextBehindQuote),
            Split::Open => match self.join(line, progress, columns)? {
                Some(joined) => {
                    line = joined;
                    if let Some(columns) = columns
                        && self.has_surplus(columns)
                    {
                        self.fields.truncate(columns);
                    }
                    match self.fields.len().cmp(&columns.unwrap_or(self.fields.len())) {
                        Ordering::Less => Some(NoRow::FewerFields),
                        Ordering::Equal => None,
                        Ordering::Greater => Some(NoRow::MoreFields),
                    }
                }
                None => Some(NoRow::QuoteNotClosed),
            },
            Split::Whole => columns.and_then(|columns| match self.fields.len() {
                fields if fields > columns && !self.has_surplus(columns) => Some(NoRow::MoreFields),
                fields if fields < columns && line.ending == Ending::AtEnd => Some(NoRow::CutOff),
                _ => None,
            }),
        };
        if let (None, Some(columns)) = (&reason, columns) {
            self.fields.truncate(columns);
        }
        Ok(Some(RowText { span: line.span, start: line.start, end: line.end, reason }))
    }

    /// Whether the row has empty fields beyond the header, as most rows have.
    fn has_surplus(&self, columns: usize) -> bool {
        self.ends_empty && self.fields.len() > columns && is_empty(&self.fields[columns..])
    }

    /// Looks at the next lines to learn where rows have numbers.
    fn learn(&mut self, columns: usize) -> io::Result<()> {
        let mut ahead = Vec::new();
        while ahead.len() < Numbers::LINES && self.lines.text.len() < Numbers::BYTES {
            match self.lines.next()? {
                Some(line) => ahead.push(line),
                None => break,
            }
        }
        let (mut rows, mut behind_open) = (Vec::new(), false);
        for line in &ahead {
            let text = line.span.of(self.lines.text.as_slice());
            // What follows an open quote may be prose.
            if !std::mem::replace(&mut behind_open, self.splitter.is_open(text)) {
                rows.extend(self.splitter.row(text).map(|fields| (text, fields)));
            }
        }
        let mut lengths: BTreeMap<usize, usize> = BTreeMap::new();
        rows.iter().for_each(|(_, fields)| *lengths.entry(fields.len()).or_default() += 1);
        let most =
            lengths.into_iter().max_by_key(|(_, rows)| *rows).filter(|(fields, rows)| *fields > 1 && *rows >= ENOUGH);
        self.usual = most.map_or(columns, |(fields, _)| fields);
        let surplus = rows.iter().filter(|(_, fields)| fields.len() > columns && is_empty(&fields[columns..])).count();
        self.ends_empty = 2 * surplus > rows.len();
        for (text, mut fields) in rows {
            if self.ends_empty && fields.len() > columns && is_empty(&fields[columns..]) {
                fields.truncate(columns);
            }
            if fields.len() == columns || fields.len() == self.usual {
                self.numbers.learn(text, &fields);
            }
        }
        self.lines.give_back(ahead.into_iter());
        Ok(())
    }

    /// Joins a line that ends within quotes with the next ones up to the one that closes the quote; `None` if none does,
    /// or one of them is a row of its own.
    fn join(&mut self, first: Line, mut progress: Progress, columns: Option<usize>) -> io::Result<Option<Line>> {
        self.joined.clear();
        let start = first.span.range().start;
        // The fields of the first line up to the one that is open.
        let mut own = Numbers::default();
        own.learn(first.span.of(self.lines.text.as_slice()), &self.fields);
        while let Some(line) = self.lines.next()? {
            self.joined.push(line);
            let end = line.span.range().end;
            let is_row = || {
                let text = line.span.of(self.lines.text.as_slice());
                let fields = self.splitter.row(text).unwrap_or_default();
                columns.is_some_and(|columns| columns > 1 && (fields.len() == columns || fields.len() == self.usual))
                    && self.numbers.fit(text, &fields)
                    && own.fit(text, &fields)
            };
            if end - start > JOINED_BYTES || line.ending == Ending::TooLong || is_row() {
                break;
            }
            let split = self.splitter.split(&self.lines.text[start..end], &mut progress, &mut self.fields);
            let too_many = columns.is_some_and(|columns| self.fields.len() > columns);
            match split {
                Split::Open if !too_many => {}
                Split::Whole => {
                    let span = Span::new(start, end);
                    return Ok(Some(Line { span, start: first.start, ..line }));
                }
                _ => break,
            }
        }
        self.lines.give_back(self.joined.drain(..));
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::lines::LineEnd;
    use super::super::options::Quoting;
    use super::*;

    /// The rows of a text: fields between bars, or the reason why there are none.
    fn rows(text: &[u8], columns: usize) -> Vec<String> {
        let lines = Lines::new(text, LineEnd::Feed, 0);
        let mut rows = Rows::new(lines, Splitter::new(",", Quoting::Double));
        let mut told = Vec::new();
        while let Some(row) = rows.next(Some(columns)).expect("reads") {
            let line = row.span.of(rows.lines.text.as_slice());
            let content = |field: &Field| String::from_utf8_lossy(&rows.splitter.content(line, *field)).into_owned();
            told.push(match row.reason {
                Some(reason) => format!("{reason:?}"),
                None => rows.fields.iter().map(content).collect::<Vec<_>>().join("|"),
            });
        }
        told
    }

    #[test]
    fn a_stray_quote_costs_its_own_row() {
        assert_eq!(rows(b"1,\"a,b\n2,c,d\n3,e,f\n", 3), ["QuoteNotClosed", "2|c|d", "3|e|f"]);
        // The quote of the third row would close that of the first.
        assert_eq!(rows(b"1,\"a,b\n2,c,d\n3,\"e,f\n", 3), ["QuoteNotClosed", "2|c|d", "QuoteNotClosed"]);
        assert_eq!(rows(b"1,\"a\n2,\"b\n", 2), ["QuoteNotClosed", "QuoteNotClosed"]);
        assert_eq!(rows(b"1,19\" rack\n2,21\" rack\n", 2), ["1|19\" rack", "2|21\" rack"]);
        assert_eq!(rows(b"1,\"19\\\" rack\"\n2,b\n", 2), ["TextBehindQuote", "2|b"]);
        // An escaped quote before the closing one: the field is open by RFC 4180.
        assert_eq!(rows(b"1,\"19\\\"\",x\n2,\"b\",x\n", 3), ["QuoteNotClosed", "2|b|x"]);
    }

    #[test]
    fn a_field_may_have_several_lines() {
        assert_eq!(rows(b"1,\"a\nb, c, d\n\ne\"\r\n2,f\n", 2), ["1|a\nb, c, d\n\ne", "2|f"]);
        assert_eq!(rows(b"\"a\nb\"\nc\n", 1), ["a\nb", "c"]);
        // Rows that lack the last field are rows, too.
        let short: String = (2..20).map(|n| format!("{n},u\n")).collect();
        assert_eq!(rows(format!("1,\"u\n{short}9,v\"\n").as_bytes(), 3)[..2], ["QuoteNotClosed", "2|u"]);
        let empty: String = (2..8).map(|n| format!("{n},u,\n")).collect();
        assert_eq!(rows(format!("1,\"a\nb\",\n{empty}").as_bytes(), 2)[..2], ["1|a\nb", "2|u"]);
        // One field too many, or too few, is one bad row, whose last line is none of its own.
        assert_eq!(rows(b"1,\"a\nb\",x,2\n3,c,d\n", 3), ["MoreFields", "3|c|d"]);
        assert_eq!(rows(b"1,\"a\nb\"\n3,c,d\n", 3), ["FewerFields", "3|c|d"]);
        // Prose with as many commas as a row has, among rows that begin with a number.
        let prose = "1,\"nice\nbut small, alas\n\"\n";
        let others: String = (2..8).map(|n| format!("{n},a\n")).collect();
        assert_eq!(rows(format!("{prose}{others}").as_bytes(), 2)[..2], ["1|nice\nbut small, alas\n", "2|a"]);
        assert_eq!(rows(prose.as_bytes(), 2), ["1|nice\nbut small, alas\n"]);
    }

    #[test]
    fn rows_have_at_most_as_many_fields_as_columns() {
        assert_eq!(rows(b"1,2,3\n1\n\n1,2\n1", 2), ["MoreFields", "1", "1|2", "CutOff"]);
        assert_eq!(rows(b"1,2", 2), ["1|2"]);
        // As spreadsheets write them.
        assert_eq!(rows(b"1,2,,\n,\n, ,\n3,4,\n5,6\n", 2), ["1|2", "3|4", "5|6"]);
        // A comma in an id, and no last value.
        assert_eq!(rows(b"1,2\na,b,\n3,4\n", 2), ["1|2", "MoreFields", "3|4"]);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_looked_for_in_a_part_of_the_file() {
        let mut text = b"1,\"a\n".to_vec();
        text.extend(b"x\n".repeat(1 << 20));
        let told = rows(&text, 2);
        assert_eq!((told.len(), told[0].as_str(), told[1].as_str()), (1 + (1 << 20), "QuoteNotClosed", "x"));
    }

    proptest! {
        #[test]
        fn every_line_is_of_one_row(text in "[a\",\n]{0,80}", columns in 1usize..4) {
            let mut rows = Rows::new(Lines::new(text.as_bytes(), LineEnd::Feed, 0), Splitter::new(",", Quoting::Double));
            let mut at = 0;
            while let Some(row) = rows.next(Some(columns)).expect("reads") {
                // Between rows are lines of separators alone.
                let between = &text[at..row.start as usize];
                prop_assert!(between.bytes().all(|byte| b"\n,".contains(&byte)), "{between:?} before {row:?}");
                let lines = text[row.start as usize..row.end as usize].trim_end_matches('\n').matches('\n').count();
                let joined = matches!(row.reason, None | Some(NoRow::MoreFields | NoRow::FewerFields));
                prop_assert!(joined || lines == 0, "{row:?} has {lines} more lines");
                prop_assert!(row.reason.is_some() || rows.fields.len() <= columns);
                at = row.end as usize;
            }
            prop_assert!(text[at..].bytes().all(|byte| b"\n,".contains(&byte)));
        }

        #[test]
        fn any_bytes_are_rows_or_rejected(bytes in prop::collection::vec(any::<u8>(), 0..200), columns in 1usize..4) {
            let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !matches!(*line, b"" | b"\r")).count();
            prop_assert!(rows(&bytes, columns).len() <= lines);
        }
    }
}
