//! Recognises how a delimited file is written from its first lines: separator, header, line ends, and what stands before
//! the header.

use std::collections::BTreeMap;

use super::delimited::Rows;
use super::fields::Splitter;
use super::form::{Delimited, Names};
use super::lines::{LineEnd, Lines};
use super::options::{Header, Quoting, ReadOptions};

/// What may stand between fields where no setting says it; of two that split the lines alike, the first.
const SEPARATORS: [&str; 6] = [",", ";", "\t", "|", "::", "\u{1}"];
/// The maximum number of rows that are looked at.
const ROWS: usize = 100;
/// The maximum number of lines before the header.
const BEFORE: usize = 20;

/// How a text is written, and the names of its columns; the error says why that can't be.
pub fn delimited(text: &[u8], options: &ReadOptions) -> Result<(Delimited, Vec<String>), String> {
    let line_end = match (memchr::memchr(b'\n', text), memchr::memchr(b'\r', text)) {
        (None, Some(_)) => LineEnd::Return,
        _ => LineEnd::Feed,
    };
    let (told, of_line) = told_separator(text, line_end);
    let text = &text[of_line..];
    let separator = match options.separator.as_deref() {
        Some("") => return Err("ingest.separator is empty".to_owned()),
        Some("\\t" | "tab") => "\t",
        Some(separator) => separator,
        None => told.unwrap_or_else(|| separator(text, line_end, options)),
    };
    let before = before_header(&rows(text, line_end, separator, options.quoting), options.header);
    let fields = |quoting| -> Vec<Vec<String>> {
        rows(&text[before..], line_end, separator, quoting).into_iter().map(|row| row.fields).collect()
    };
    let mut quoting = options.quoting;
    let mut rows = fields(quoting);
    if quoting == Quoting::Double && rows.first().is_some_and(|names| are_in_apostrophes(names)) {
        quoting = Quoting::Apostrophe;
        rows = fields(quoting);
    }
    let before = of_line + before;
    let names = match options.header {
        Header::Yes => Names::InFirstRow,
        Header::No => Names::Numbers,
        Header::Auto if is_header(&rows) => Names::InFirstRow,
        Header::Auto => Names::Numbers,
    };
    let columns = match names {
        Names::InFirstRow => rows.first().map(|names| names.iter().map(|name| name.trim().to_owned()).collect()),
        Names::Numbers => Some((1..=most_frequent(&rows)).map(|number| number.to_string()).collect()),
    };
    let mut columns: Vec<String> = columns.unwrap_or_default();
    if names == Names::InFirstRow && have_row_names(&rows) {
        columns.insert(0, String::new());
    }
    Ok((Delimited { separator: separator.to_owned(), quoting, names, line_end, before }, columns))
}

/// A row and where it begins.
struct Row {
    fields: Vec<String>,
    start: usize,
}

impl Row {
    /// The number of its fields up to the last one with a value.
    fn filled(&self) -> usize {
        self.fields.iter().rposition(|field| !field.trim().is_empty()).map_or(0, |last| last + 1)
    }
}

/// The first rows that can be read.
fn rows(text: &[u8], line_end: LineEnd, separator: &str, quoting: Quoting) -> Vec<Row> {
    let mut rows = Rows::new(Lines::new(text, line_end, 0), Splitter::new(separator, quoting));
    let mut read: Vec<Row> = Vec::new();
    while read.len() < ROWS
        && let Ok(Some(row)) = rows.next(read.first().map(|first| first.fields.len()))
    {
        // Whatever the first row is, it is the header or has as many fields as columns.
        if row.reason.is_none() || read.is_empty() || row.reason == Some(super::NoRow::MoreFields) {
            let line = row.span.of(rows.lines.text.as_slice());
            let content = |field| String::from_utf8_lossy(&rows.splitter.content(line, field)).into_owned();
            read.push(Row { fields: rows.fields.iter().copied().map(content).collect(), start: row.start as usize });
        }
    }
    read
}

/// Whether each of some names is within apostrophes; there is none in a row that can't be read.
fn are_in_apostrophes(names: &[String]) -> bool {
    let is_within = |name: &String| name.len() > 2 && name.starts_with('\'') && name.ends_with('\'');
    !names.is_empty() && names.iter().all(is_within)
}

/// Whether every row has one field more than the header, the first: its number, as R and pandas write it.
fn have_row_names(rows: &[Vec<String>]) -> bool {
    let Some((names, others)) = rows.split_first() else { return false };
    let has_row_name = |row: &Vec<String>| row.len() == names.len() + 1 && row.iter().all(|field| !field.is_empty());
    let numbers: Vec<Option<u64>> = others.iter().map(|row| row.first()?.parse().ok()).collect();
    let counts_up = numbers.windows(2).all(|pair| pair[0].is_some() && pair[1] == pair[0].map(|number| number + 1));
    let first = numbers.first().copied().flatten();
    names.len() > 1
        && others.len() > 1
        && first.is_some_and(|first| first < 2)
        && counts_up
        && others.iter().all(has_row_name)
}

/// The separator that a first line `sep=;` names, as Excel writes it, and the length of that line.
fn told_separator(text: &[u8], line_end: LineEnd) -> (Option<&'static str>, usize) {
    let end = if line_end == LineEnd::Feed { b'\n' } else { b'\r' };
    let length = memchr::memchr(end, text).map_or(text.len(), |at| at + 1);
    let line = String::from_utf8_lossy(&text[..length]).trim_matches(['\r', '\n', ' ', '"']).to_lowercase();
    let told = line.strip_prefix("sep=").and_then(|sign| SEPARATORS.into_iter().find(|known| *known == sign));
    // A tab may be trimmed by the program that wrote it.
    let told = told.or((line == "sep=").then_some("\t"));
    (told, if told.is_some() { length } else { 0 })
}

/// The length of comments and a title before the header: lines with at most half as many fields as the header, behind
/// which rows have as many fields as it.
fn before_header(rows: &[Row], header: Header) -> usize {
    if header != Header::Auto {
        return 0;
    }
    let is_before = |at: &usize| {
        let (before, behind) = rows.split_at(*at);
        let fields: Vec<Vec<String>> = behind.iter().map(|row| row.fields.clone()).collect();
        let columns = behind[0].filled();
        columns > 1
            && behind.len() > 1
            && most_frequent(&fields[1..]) == behind[0].fields.len()
            && before.iter().all(|row| 2 * row.filled() <= columns)
            && is_header(&fields)
    };
    (1..rows.len().min(BEFORE)).find(is_before).map_or(0, |at| rows[at].start)
}

/// The separator that splits most rows into as many fields as the first behind comments and a title; of several, the one
/// with the most fields.
fn separator(text: &[u8], line_end: LineEnd, options: &ReadOptions) -> &'static str {
    let mut best = ((0, 1), SEPARATORS[0]);
    for separator in SEPARATORS {
        let rows = rows(text, line_end, separator, options.quoting);
        let before = before_header(&rows, options.header);
        let behind = || rows.iter().skip_while(|row| row.start < before);
        let fields = behind().next().map_or(0, |first| first.fields.len());
        let alike = behind().filter(|row| row.fields.len() == fields).count();
        // In thousandths of all rows: what is before the header speaks against it, too.
        let found = (alike * 1000 / rows.len().max(1), fields);
        if fields > 1 && found > best.0 {
            best = (found, separator);
        }
    }
    best.1
}

/// Whether the first row names the columns: none of its fields is a number or a date, and none is found again below unless
/// it stands above numbers or dates elsewhere.
fn is_header(rows: &[Vec<String>]) -> bool {
    let Some((first, others)) = rows.split_first() else { return true };
    // Files that were put together have the header again.
    let others: Vec<_> = others.iter().filter(|row| *row != first).collect();
    let is_again = |at: usize, field: &String| others.iter().any(|row| row.get(at) == Some(field));
    let is_above_values = |at: usize| {
        let mut values = others.iter().filter_map(|row| row.get(at)).filter(|field| !field.is_empty()).peekable();
        values.peek().is_some() && values.all(|field| is_value(field))
    };
    let mut named = first.iter().enumerate().filter(|(_, field)| !field.is_empty());
    if named.clone().any(|(_, field)| is_value(field)) {
        return false;
    }
    named.clone().any(|(at, _)| is_above_values(at)) || !named.any(|(at, field)| is_again(at, field))
}

/// Whether a field is a number, a date or a time.
fn is_value(field: &str) -> bool {
    let field = field.trim();
    let begins = field.trim_start_matches(['-', '+', '.']).starts_with(|first: char| first.is_ascii_digit());
    let is_date = |field: &str| field.bytes().all(|byte| byte.is_ascii_digit() || b"-/:. TZ+UC".contains(&byte));
    begins && (field.parse::<f64>().is_ok() || is_date(field))
}

/// The number of fields that most rows have; of several numbers, the largest.
fn most_frequent(rows: &[Vec<String>]) -> usize {
    let mut counts = BTreeMap::new();
    rows.iter().for_each(|row| *counts.entry(row.len()).or_insert(0) += 1);
    counts.into_iter().max_by_key(|(fields, count)| (*count, *fields)).map_or(0, |(fields, _)| fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let (how, columns) = delimited(text.as_bytes(), &ReadOptions::default()).expect("delimited");
        format!("{how}: {}", columns.join(" "))
    }

    #[test]
    fn the_separator_is_what_splits_rows_alike() {
        assert_eq!(told("a;b;c\n1,5;2;x,y\n1,7;3;z\n"), "CSV with `;`: a b c");
        assert_eq!(told("a|b\n\"x|y\"|1\n"), "CSV with `|`: a b");
        assert_eq!(told("a,b\n1|2,3\n"), "CSV with `,`: a b");
        assert_eq!(told("user\titem\nu, v\ti\nu, v, w\ti\n"), "tabs: user item");
        assert_eq!(told("item\nx\n"), "CSV with `,`: item");
        assert_eq!(told("a;b\rx;y\r"), "CSV with `;`: a b");
        assert_eq!(told("a\u{1}b\nx,1\u{1}y\n"), "CSV with `\\u{1}`: a b");
    }

    #[test]
    fn names_within_apostrophes_and_names_of_rows_are_seen() {
        assert_eq!(told("'a','b'\n'x, y','z'\n"), "CSV with `,` and ' as quotes: a b");
        assert_eq!(told("a,b\n'x','z'\n"), "CSV with `,`: a b");
        assert_eq!(told("\"108,106,5,buy,1548068562\n"), "CSV with `,`: ");
        assert_eq!(told("\"a\" \"b\"\n".replace(' ', ",").as_str()), "CSV with `,`: a b");
        assert_eq!(told("user,item\n1,u,i\n2,u,j\n"), "CSV with `,`:  user item");
        // Not the names of rows: an item with a comma in it.
        assert_eq!(told("user,item\n1,u,i\n1,u,j\n"), "CSV with `,`: user item");
        // A separator too many.
        assert_eq!(told("user,item\nu,i,\nu,j,\n"), "CSV with `,`: user item");
    }

    #[test]
    fn lines_before_the_header_are_passed_over() {
        assert_eq!(told("sep=;\r\na;b\r\n1,5;2\r\n"), "CSV with `;`: a b");
        assert_eq!(told("\"sep=|\"\na|b\n1|2\n"), "CSV with `|`: a b");
        assert_eq!(told("# by shop\n# tz=UTC\nuser,item,event\nu,i,view\nv,j,view\n"), "CSV with `,`: user item event");
        assert_eq!(told("Report 2024,,,\n,,,\nuser,item,qty,time\nu,i,1,2\n"), "CSV with `,`: user item qty time");
        let (how, _) = delimited(b"# x\na,b\n1,2\n", &ReadOptions::default()).expect("delimited");
        assert_eq!(how.before, 4);
        // A header of one column, and rows of more.
        assert_eq!(told("title\na b\nc, d\n"), "CSV with `,`: title");
    }

    #[test]
    fn a_name_that_is_a_value_too_is_one_above_numbers() {
        assert_eq!(
            told("favori,user,item\nfavori,3423,186758\nfavori,2823,186085\n"),
            "CSV with `,`: favori user item"
        );
    }

    #[test]
    fn a_first_row_of_data_is_no_header() {
        assert_eq!(told("1,2268318,pv,1511544070\n1,2333346,pv,1511561733\n"), "CSV with `,`, no header: 1 2 3 4");
        assert_eq!(told("u1,i1,view\nu2,i2,view\n"), "CSV with `,`, no header: 1 2 3");
        assert_eq!(told("2025-01-01 10:00:00 UTC,u1,i1\n"), "CSV with `,`, no header: 1 2 3");
        assert_eq!(told(",timestamp,user\n0,5,u\n"), "CSV with `,`:  timestamp user");
        assert_eq!(told("user,event\nu,view\nuser,event\nv,view\n"), "CSV with `,`: user event");
        let options = ReadOptions { header: Header::Yes, separator: Some("\\t".to_owned()), ..ReadOptions::default() };
        let (how, columns) = delimited(b"1\t2\n3\t4\n", &options).expect("delimited");
        assert_eq!((how.names, columns), (Names::InFirstRow, vec!["1".to_owned(), "2".to_owned()]));
    }
}
