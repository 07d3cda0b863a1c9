//! Records as the bytes of a file: fields and quotes, lines, encoding, compression.

use std::fs;
use std::io::Write;
use std::ops::Range;

use flate2::Compression;
use flate2::write::GzEncoder;
use polars_arrow::array::{PrimitiveArray, Utf8ViewArray};

use super::rows::{Content, Record};
use super::shape::{Encoding, Layout, Packed, Quoted, Shape};

/// A text, and where in it each record lies.
pub struct Text {
    pub bytes: Vec<u8>,
    pub records: Vec<Range<usize>>,
}

fn separator(shape: &Shape) -> (char, Quoted) {
    match shape.layout {
        Layout::Delimited(separator, quoted) => (separator, quoted),
        _ => (',', Quoted::Needed),
    }
}

/// A field as it stands in its line.
fn quoted(shape: &Shape, field: &str) -> String {
    let (separator, quoted) = separator(shape);
    let needed = field.contains([separator, '\n', '\r']) || field.starts_with('"');
    let needed = match quoted {
        Quoted::All => true,
        Quoted::Needed => needed || field.contains('"'),
        Quoted::Lazily => needed,
    };
    if needed { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() }
}

/// The fields of a line as they stand in it.
pub fn fields(shape: &Shape, fields: &[String]) -> Vec<String> {
    fields.iter().map(|field| quoted(shape, field)).collect()
}

/// A line of fields that are written as they stand in it.
pub fn line(shape: &Shape, fields: &[String]) -> Vec<u8> {
    fields.join(&separator(shape).0.to_string()).into_bytes()
}

/// How many fields a line has at most: quotes are not looked at.
pub fn most_fields(shape: &Shape, line: &[u8]) -> usize {
    let separator = separator(shape).0 as u8;
    line.iter().filter(|byte| **byte == separator).count() + 1
}

/// A record without its line end.
pub fn record(shape: &Shape, content: &Content) -> Vec<u8> {
    match content {
        Content::Fields(of) => line(shape, &fields(shape, of)),
        Content::Object(object) => object.to_string().into_bytes(),
        Content::Raw(bytes) => bytes.clone(),
    }
}

/// The header's line.
pub fn header(shape: &Shape, columns: &[&str]) -> Vec<u8> {
    let names: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    line(shape, &fields(shape, &names))
}

/// The whole text, in UTF-8.
pub fn text(shape: &Shape, columns: &[&str], records: &[Record]) -> Text {
    let (before, between, after) = match shape.layout {
        Layout::Delimited(..) => ([header(shape, columns), shape.line_end.into()].concat(), shape.line_end, ""),
        Layout::JsonArray => (b"[".to_vec(), ",\n", "]"),
        _ => (Vec::new(), shape.line_end, ""),
    };
    let mut text = Text { bytes: before, records: Vec::new() };
    for (at, content) in records.iter().map(|record| &record.content).enumerate() {
        if at > 0 {
            text.bytes.extend_from_slice(between.as_bytes());
        }
        let start = text.bytes.len();
        text.bytes.extend(record(shape, content));
        text.records.push(start..text.bytes.len());
    }
    text.bytes.extend_from_slice(after.as_bytes());
    if shape.ended {
        text.bytes.extend_from_slice(shape.line_end.as_bytes());
    }
    text
}

/// A text in the encoding of the shape; UTF-16 needs valid UTF-8.
pub fn encoded(shape: &Shape, text: Vec<u8>) -> Vec<u8> {
    let utf16 = |order: fn(u16) -> [u8; 2]| {
        let text = std::str::from_utf8(&text).expect("UTF-8");
        format!("\u{feff}{text}").encode_utf16().flat_map(order).collect()
    };
    match shape.encoding {
        Encoding::Utf8 => text,
        Encoding::Utf8WithMark => ["\u{feff}".as_bytes(), &text].concat(),
        Encoding::Utf16Le => utf16(u16::to_le_bytes),
        Encoding::Utf16Be => utf16(u16::to_be_bytes),
    }
}

/// The bytes of a file, packed; both kinds of packing hold a checksum.
pub fn packed(shape: &Shape, bytes: &[u8]) -> Vec<u8> {
    match shape.packed {
        Packed::No => bytes.to_vec(),
        Packed::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(bytes).expect("writes");
            encoder.finish().expect("finishes")
        }
        Packed::Zstd => {
            let mut encoder = zstd::Encoder::new(Vec::new(), 3).expect("an encoder");
            encoder.include_checksum(true).expect("a checksum");
            encoder.write_all(bytes).expect("writes");
            encoder.finish().expect("finishes")
        }
    }
}

/// Records of fields as Parquet; times are numbers where all of them are.
pub fn parquet(time: &str, columns: &[&'static str], records: &[Record]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("log.parquet");
    let value = |record: &Record, at: usize| match &record.content {
        Content::Fields(fields) => fields[at].clone(),
        _ => unreachable!("Parquet is written from fields"),
    };
    let column = |(at, name): (usize, &&'static str)| {
        let values: Vec<String> = records.iter().map(|record| value(record, at)).collect();
        let numbers: Option<Vec<i64>> = values.iter().map(|value| value.parse().ok()).collect();
        let array = match numbers.filter(|_| *name == time) {
            Some(numbers) => PrimitiveArray::from_vec(numbers).boxed(),
            None => {
                Utf8ViewArray::from_slice(values.iter().map(|value| Some(value.as_str())).collect::<Vec<_>>()).boxed()
            }
        };
        (*name, array)
    };
    offline::log::parquet::write(&path, columns.iter().enumerate().map(column).collect()).expect("writes");
    fs::read(&path).expect("reads")
}
