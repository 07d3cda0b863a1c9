//! Recognises how a delimited file is written from its first lines: separator, header, line ends.

use std::collections::BTreeMap;

use super::delimited::Rows;
use super::fields::Splitter;
use super::form::{Delimited, Names};
use super::lines::{LineEnd, Lines};
use super::options::{Header, Quoting, ReadOptions};

/// What may stand between fields where no setting says it; of two that split the lines alike, the first.
const SEPARATORS: [&str; 5] = [",", ";", "\t", "|", "::"];
/// The maximum number of rows that are looked at.
const ROWS: usize = 100;

/// How a text is written, and the names of its columns; the error says why that can't be.
pub fn delimited(text: &[u8], options: &ReadOptions) -> Result<(Delimited, Vec<String>), String> {
    let line_end = match (memchr::memchr(b'\n', text), memchr::memchr(b'\r', text)) {
        (None, Some(_)) => LineEnd::Return,
        _ => LineEnd::Feed,
    };
    let separator = match options.separator.as_deref() {
        Some("") => return Err("ingest.separator is empty".to_owned()),
        Some("\\t" | "tab") => "\t",
        Some(separator) => separator,
        None => separator(text, line_end, options.quoting),
    };
    let rows = rows(text, line_end, separator, options.quoting);
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
    let columns: Vec<String> = columns.unwrap_or_default();
    Ok((Delimited { separator: separator.to_owned(), quoting: options.quoting, names, line_end }, columns))
}

/// The fields of the first rows that can be read.
fn rows(text: &[u8], line_end: LineEnd, separator: &str, quoting: Quoting) -> Vec<Vec<String>> {
    let mut rows = Rows::new(Lines::new(text, line_end, 0), Splitter::new(separator, quoting));
    let mut read = Vec::new();
    while read.len() < ROWS
        && let Ok(Some(row)) = rows.next(read.first().map(Vec::len))
    {
        // Whatever the first row is, it is the header or has as many fields as columns.
        if row.reason.is_none() || read.is_empty() || row.reason == Some(super::NoRow::MoreFields) {
            let line = row.span.of(rows.lines.text.as_slice());
            let content = |field| String::from_utf8_lossy(&rows.splitter.content(line, field)).into_owned();
            read.push(rows.fields.iter().copied().map(content).collect());
        }
    }
    read
}

/// The separator that splits most rows into as many fields as the first; of several, the one with the most fields.
fn separator(text: &[u8], line_end: LineEnd, quoting: Quoting) -> &'static str {
    let mut best = ((0, 1), SEPARATORS[0]);
    for separator in SEPARATORS {
        let rows = rows(text, line_end, separator, quoting);
        let fields = rows.first().map_or(0, Vec::len);
        let alike = rows.iter().filter(|row| row.len() == fields).count();
        // In thousandths.
        let found = (alike * 1000 / rows.len().max(1), fields);
        if fields > 1 && found > best.0 {
            best = (found, separator);
        }
    }
    best.1
}

/// Whether the first row names the columns: none of its fields is a number or a date, and none is found again below.
fn is_header(rows: &[Vec<String>]) -> bool {
    let Some((first, others)) = rows.split_first() else { return true };
    // Files that were put together have the header again.
    let others: Vec<_> = others.iter().filter(|row| *row != first).collect();
    let is_again = |at: usize, field: &String| others.iter().any(|row| row.get(at) == Some(field));
    !first.iter().enumerate().any(|(at, field)| is_value(field) || (!field.is_empty() && is_again(at, field)))
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
