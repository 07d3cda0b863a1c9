//! What a file turns out to be when it is looked at: compression, encoding, layout, columns.
//!
//! The content decides, never the ending of the name. Looking reads a megabyte at most.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use shared::contract::event::Event;
use shared::contract::event_log::LogFile;
use shared::contract::event_log::line::Line;

use super::bytes;
use super::json_objects::{Objects, Piece};
use super::json_paths::Paths;
use super::lines::LineEnd;
use super::options::{Encoding, Quoting, ReadOptions};
use super::path::{place, same_name, without_picks};
use super::quiet::guarded;
use super::{magic, parquet, sniff};
use crate::log::ingest::IngestError;

/// The maximum number of bytes that are looked at.
const HEAD_BYTES: u64 = 1 << 20;
/// The maximum number of JSON records that are looked at.
const RECORDS: usize = 200;

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// The file.
    pub path: PathBuf,
    /// How it is packed.
    pub compression: Compression,
    /// The encoding of its text.
    pub encoding: Encoding,
    /// How rows are written.
    pub layout: Layout,
    /// The names of its columns; of JSON those of the first records. Empty if there is no row to tell them.
    pub columns: Vec<String>,
    /// The paths within its columns: `properties.product_id`, `items[].item_id`.
    pub nested: Vec<String>,
}

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// By gzip.
    Gzip,
    /// By Zstandard.
    Zstd,
}

/// How rows are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// There are none.
    Empty,
    /// As Parquet.
    Parquet,
    /// As lines with separators.
    Delimited(Delimited),
    /// As a JSON object per line.
    JsonLines,
    /// As one JSON list of objects.
    JsonArray,
    /// As JSON objects one behind the other, each in as many lines as it likes.
    JsonObjects,
}

/// How lines with separators are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delimited {
    /// What stands between fields.
    pub separator: String,
    /// How quotes within quoted fields are written.
    pub quoting: Quoting,
    /// Where the columns' names are.
    pub names: Names,
    /// What ends a line.
    pub line_end: LineEnd,
    /// The bytes of its text before the first row: a line that names the separator, comments, a title.
    pub before: usize,
}

/// Where the columns' names are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// In the first row.
    InFirstRow,
    /// Nowhere: they are `1`, `2` and so on.
    Numbers,
}

impl Form {
    /// Whether the file has a column or, in its first records, a path within one.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        let named = || without_picks(path);
        place(path, &self.columns).is_some() || self.nested.iter().any(|there| same_name(there, &named()))
    }

    /// Its columns, and the paths within them.
    #[must_use]
    pub fn all_columns(&self) -> Vec<String> {
        self.columns.iter().chain(&self.nested).cloned().collect()
    }

    /// Whether its columns have names of their own.
    #[must_use]
    pub fn has_names(&self) -> bool {
        !matches!(&self.layout, Layout::Delimited(how) if how.names == Names::Numbers)
    }

    /// Whether every row has every column: not so in JSON.
    #[must_use]
    pub fn is_table(&self) -> bool {
        matches!(self.layout, Layout::Delimited(_) | Layout::Parquet)
    }

    /// What stands between its fields, if it has fields of text.
    #[must_use]
    pub fn separator(&self) -> Option<&str> {
        match &self.layout {
            Layout::Delimited(how) => Some(&how.separator),
            _ => None,
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.compression {
            Compression::None => {}
            Compression::Gzip => out.write_str("gzip, ")?,
            Compression::Zstd => out.write_str("zstd, ")?,
        }
        let layout = match &self.layout {
            Layout::Empty => return out.write_str("empty"),
            Layout::Parquet => return out.write_str("Parquet"),
            Layout::Delimited(how) => &how.to_string(),
            Layout::JsonLines => "JSON lines",
            Layout::JsonArray => "a JSON list",
            Layout::JsonObjects => "JSON objects",
        };
        write!(out, "{}, {layout}", self.encoding)
    }
}

impl fmt::Display for Delimited {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.separator.as_str() {
            "\t" => out.write_str("tabs")?,
            separator => write!(out, "CSV with `{}`", separator.escape_debug())?,
        }
        match self.quoting {
            Quoting::Backslash => out.write_str(" and \\ before quotes")?,
            Quoting::Apostrophe => out.write_str(" and ' as quotes")?,
            Quoting::Double | Quoting::None => {}
        }
        if self.names == Names::Numbers { out.write_str(", no header") } else { Ok(()) }
    }
}

/// Looks at a file.
///
/// # Errors
/// [`IngestError`] when it can't be opened, or is of a kind that can't be read.
pub fn recognise(path: &Path, options: &ReadOptions) -> Result<Form, IngestError> {
    guarded(path, || look(path, options))
}

fn look(path: &Path, options: &ReadOptions) -> Result<Form, IngestError> {
    let failed = |error| IngestError::read(path, error);
    let mut head = Vec::new();
    File::open(path).and_then(|file| file.take(magic::BYTES).read_to_end(&mut head)).map_err(failed)?;
    let kind = |kind| IngestError::Kind { path: path.to_owned(), kind };
    let compression = match magic::of(&head) {
        magic::Magic::Parquet => {
            let (columns, nested) = parquet::columns(path)?;
            let (compression, encoding) = (Compression::None, Encoding::UTF_8);
            return Ok(Form { path: path.to_owned(), compression, encoding, layout: Layout::Parquet, columns, nested });
        }
        magic::Magic::Packed(compression) => compression,
        magic::Magic::Other(other) => return Err(kind(other)),
        magic::Magic::None => Compression::None,
    };
    head.clear();
    let bytes = bytes::unpacked(path, compression).map_err(failed)?;
    bytes.take(HEAD_BYTES).read_to_end(&mut head).map_err(failed)?;
    match magic::of(&head) {
        _ if compression == Compression::None => {}
        magic::Magic::Parquet => return Err(kind("packed Parquet; unpack it")),
        magic::Magic::Packed(_) => return Err(kind("packed twice; unpack it once")),
        magic::Magic::Other(other) => return Err(kind(other)),
        magic::Magic::None => {}
    }
    let encoding = magic::mark(&head).or(options.encoding).or_else(|| magic::utf_16(&head)).unwrap_or(Encoding::UTF_8);
    let is_whole = (head.len() as u64) < HEAD_BYTES;
    if encoding != Encoding::UTF_8 {
        head = bytes::decoded(&head, encoding);
    }
    let text = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&head);
    let form = |layout, Paths { columns, nested }| Form {
        path: path.to_owned(),
        compression,
        encoding,
        layout,
        columns,
        nested: nested.into_iter().collect(),
    };
    if LogFile::at(path).is_some() {
        let paths = of_events(text);
        // A log of the service that has rows instead is a file like others.
        if !paths.columns.is_empty() || json(if is_whole { text } else { whole_lines(text) }).is_none() {
            return Ok(form(Layout::JsonLines, paths));
        }
    }
    if text.trim_ascii().is_empty() && is_whole {
        return Ok(form(Layout::Empty, Paths::default()));
    }
    if let Some(other) = magic::no_text(text) {
        return Err(kind(other));
    }
    let text = if is_whole { text } else { whole_lines(text) };
    if let Some((layout, paths)) = json(text) {
        return Ok(form(layout, paths));
    }
    let (how, columns) = sniff::delimited(text, options).map_err(|reason| IngestError::read(path, reason))?;
    Ok(form(Layout::Delimited(how), Paths { columns, ..Paths::default() }))
}

/// A text up to its last line end, if it has one.
fn whole_lines(text: &[u8]) -> &[u8] {
    memchr::memrchr2(b'\n', b'\r', text).map_or(text, |at| &text[..=at])
}

/// The fields of an event of the service, for a file that has none, but other lines of its log.
const NATIVE: &[u8] =
    br#"{"timestamp":0,"visitorid":"","event":"","itemid":"","transactionid":"","event_id":"","received":0}"#;

/// The columns of the service's own event log: those of its events. Other lines are at worst rejected, and say nothing
/// about columns.
fn of_events(text: &[u8]) -> Paths {
    let mut paths = Paths::default();
    let is_event = |line: &&[u8]| serde_json::from_slice::<Event>(line).is_ok();
    text.split(|byte| *byte == b'\n').filter(is_event).take(RECORDS).for_each(|line| {
        paths.add(line);
    });
    let is_left = |line: &[u8]| Line::read(line) != Line::Other;
    if paths.columns.is_empty() && !text.is_empty() && whole_lines(text).split(|byte| *byte == b'\n').all(is_left) {
        paths.add(NATIVE);
    }
    paths
}

/// How a text is JSON, if it is, and the paths of its first records.
fn json(text: &[u8]) -> Option<(Layout, Paths)> {
    let start = text.trim_ascii_start();
    let is_list =
        start.strip_prefix(b"[").is_some_and(|rest| matches!(rest.trim_ascii_start().first(), Some(b'{' | b']')));
    let mut paths = Paths::default();
    if is_list {
        if matches!(Objects::new(start).next(), Ok(None)) {
            return Some((Layout::Empty, paths));
        }
        add_objects(text, &mut paths);
        return Some((Layout::JsonArray, paths));
    }
    let mut lines = start.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).take(RECORDS);
    let first_is_whole = lines.next().is_some_and(|line| paths.add(line));
    let (whole, others): (Vec<_>, Vec<_>) = lines.map(|line| paths.add(line)).partition(|is_whole| *is_whole);
    let is_object = || {
        let mut objects = Objects::new(start);
        matches!(objects.next(), Ok(Some(Piece::Object(span))) if Paths::default().add(span.of(objects.text.as_slice())))
    };
    if start.starts_with(b"{") && !first_is_whole && is_object() {
        let mut paths = Paths::default();
        add_objects(text, &mut paths);
        return Some((Layout::JsonObjects, paths));
    }
    // The first line may be damaged.
    let is_lines = start.starts_with(b"{") || (!whole.is_empty() && whole.len() >= others.len());
    is_lines.then_some((Layout::JsonLines, paths))
}

fn add_objects(text: &[u8], paths: &mut Paths) {
    let mut objects = Objects::new(text);
    let mut pieces = 0;
    while pieces < RECORDS
        && let Ok(Some(piece)) = objects.next()
    {
        pieces += 1;
        if let Piece::Object(span) = piece
            && !paths.add(span.of(objects.text.as_slice()))
        {
            objects.damaged(span);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// What a file of these bytes is taken for, and its columns.
    fn look(bytes: &[u8]) -> (String, Vec<String>) {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("log.any");
        std::fs::write(&path, bytes).expect("writes");
        let form = recognise(&path, &ReadOptions::default()).expect("a form");
        (form.to_string(), form.columns)
    }

    fn same(bytes: &[u8], form: &str, columns: &[&str]) {
        assert_eq!(look(bytes), (form.to_owned(), columns.iter().map(|name| (*name).to_owned()).collect()));
    }

    #[test]
    fn the_content_says_what_a_file_is() {
        same(b"a,b\n1,2\n", "UTF-8, CSV with `,`", &["a", "b"]);
        same(b"\xef\xbb\xbfa;b\n1,5;2\n", "UTF-8, CSV with `;`", &["a", "b"]);
        same(
            b"1::1193::5::978300760\n1::661::3::978302109\n",
            "UTF-8, CSV with `::`, no header",
            &["1", "2", "3", "4"],
        );
        same(b"user_id:token\titem_id:token\n1\t2\n", "UTF-8, tabs", &["user_id:token", "item_id:token"]);
        same(b"{\"a\":1}\n{\"b\":2}\n", "UTF-8, JSON lines", &["a", "b"]);
        same(b"[{\"a\":1},\n{\"b\":2}]", "UTF-8, a JSON list", &["a", "b"]);
        same(b"{\n  \"a\": 1\n}\n{\n  \"b\": 2\n}\n", "UTF-8, JSON objects", &["a", "b"]);
        same(b"{\"a\":1}{\"b\":2}", "UTF-8, JSON objects", &["a", "b"]);
        same(b"{\"a\":1,\"b\n{\"a\":2}\n", "UTF-8, JSON lines", &["a"]);
        same(b"\n \n", "empty", &[]);
        same(b"", "empty", &[]);
        same(b"[]", "empty", &[]);
        same(b"{\"a\":[{\"b\":1},\n{\"b\":2}]}", "UTF-8, JSON objects", &["a"]);
        let wide: Vec<u8> = "a,b\n1,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        same(&wide, "UTF-16LE, CSV with `,`", &["a", "b"]);
        same(&[&b"\xff\xfe"[..], &wide].concat(), "UTF-16LE, CSV with `,`", &["a", "b"]);
    }

    #[test]
    fn packed_files_are_looked_into() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"a|b\nx|y\n").expect("packs");
        same(&gzip.finish().expect("packs"), "gzip, UTF-8, CSV with `|`", &["a", "b"]);
        same(&zstd::encode_all(&b"{\"a\":1}"[..], 1).expect("packs"), "zstd, UTF-8, JSON lines", &["a"]);
    }

    #[test]
    fn other_kinds_are_named_with_what_to_do() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("log.csv");
        for (bytes, told) in [
            (&b"PK\x03\x04..."[..], "zip"),
            (b"%PDF-1.4", "PDF"),
            (b"<html><body>", "HTML or XML"),
            (b"a\x01\x02\x03\x04\x05\x00\x01", "no text"),
        ] {
            std::fs::write(&path, bytes).expect("writes");
            let error = recognise(&path, &ReadOptions::default()).expect_err("no log").to_string();
            assert!(error.contains(told) && error.contains("log.csv"), "{error}");
        }
    }

    #[test]
    fn a_form_knows_paths_within_records() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("ga.jsonl");
        std::fs::write(&path, r#"{"p":[{"key":"s","value":{"int":1}}],"items":[{"id":1}],"a.b":2}"#).expect("writes");
        let form = recognise(&path, &ReadOptions::default()).expect("a form");
        for path in ["p", "P[key=s].value.int", "items[].id", "a.b"] {
            assert!(form.has(path), "{path}");
        }
        assert!(!form.has("items[].name") && !form.has("a"));
        assert_eq!(form.columns, ["p", "items", "a.b"]);
    }
}
