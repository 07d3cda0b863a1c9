//! JSON objects that are not one a line: the elements of a list, or objects one behind the other, in any layout.
//!
//! A damaged object costs itself. Where it ends is guessed: before a line that begins with `{` and is indented no deeper
//! than the object's first one and not within a list, else where as many brackets are closed as were opened.

use std::io::{self, BufRead};

use super::batch::{Builder, NoRow, RowAt};
use super::bytes;
use super::form::Form;
use super::json_values::Extractor;
use super::lines::LINE_BYTES;
use super::text_batch::Span;
use super::{Batches, Wanted};
use crate::log::ingest::IngestError;

/// The maximum length of an object, in bytes.
const OBJECT_BYTES: usize = LINE_BYTES;
/// How many bytes may be looked through in vain, for the ends of objects that have none.
const VAIN_BYTES: usize = 1 << 32;

/// Reads a file and sends its rows in batches.
pub fn read(form: &Form, wanted: &[Wanted], batches: &Batches) -> Result<(), IngestError> {
    let failed = |error| IngestError::read(&form.path, error);
    let (text, _) = bytes::text(&form.path, form.compression, form.encoding).map_err(failed)?;
    let (extractor, mut batch) = (Extractor::new(wanted), Builder::new(wanted.len()));
    let mut objects = Objects::new(text);
    let mut number = 0;
    while let Some(piece) = objects.next().map_err(failed)? {
        number += 1;
        let at = RowAt::number(number);
        let (mut span, mut reason) = match piece {
            Piece::Object(span) => (span, None),
            Piece::Damaged(span) => (span, Some(NoRow::NotJson)),
        };
        if reason.is_none() {
            reason = extractor.push(at, &objects.text, span.of(objects.text.as_slice()), &mut batch).err();
            if reason == Some(NoRow::NotJson) {
                span = objects.damaged(span);
            }
        }
        if let Some(reason) = reason {
            batch.push_unreadable(at, span.of(objects.text.as_slice()), reason);
        }
        if batch.is_full(&objects.text) && batches.send(Ok(batch.take(objects.take()))).is_err() {
            // The receiver is gone: the rest is not wanted.
            return Ok(());
        }
    }
    let _ = batches.send(Ok(batch.take(objects.take())));
    Ok(())
}

/// A part of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// What looks like an object from the outside.
    Object(Span),
    /// What is none.
    Damaged(Span),
}

/// Cuts a text into objects and what is between them.
pub struct Objects<R> {
    /// The text read since [`Objects::take`].
    pub text: Vec<u8>,
    reader: R,
    /// Where the next piece begins, or what is between it and the last one.
    at: usize,
    /// How many bytes were looked through in vain.
    vain: usize,
}

/// What the bytes of an object are seen as.
#[derive(Default)]
struct Scan {
    depth: usize,
    /// How many lists are open.
    lists: usize,
    in_string: bool,
    escaped: bool,
    /// A line ended within a string: no string of JSON has one.
    damaged: bool,
}

impl<R: BufRead> Objects<R> {
    /// The objects of a text.
    pub fn new(reader: R) -> Self {
        Self { text: Vec::new(), reader, at: 0, vain: 0 }
    }

    /// The next piece; `None` behind the last.
    pub fn next(&mut self) -> io::Result<Option<Piece>> {
        loop {
            match self.byte(self.at)? {
                None => return Ok(None),
                Some(byte) if byte.is_ascii_whitespace() || matches!(byte, b',' | b'[' | b']') => self.at += 1,
                Some(b'{') => return self.object().map(Some),
                Some(_) => return self.between().map(Some),
            }
        }
    }

    /// Takes an object back that turned out to be none; returns what to leave out. Reading goes on behind it.
    pub fn damaged(&mut self, object: Span) -> Span {
        let object = object.range();
        let end = next_object(&self.text[object.clone()]).map_or(object.end, |length| object.start + length);
        self.at = end;
        Span::new(object.start, end)
    }

    /// Takes the text of the pieces out.
    pub fn take(&mut self) -> Vec<u8> {
        let rest = self.text.split_off(self.at);
        self.at = 0;
        std::mem::replace(&mut self.text, rest)
    }

    /// The byte at a place; `None` behind the end.
    fn byte(&mut self, at: usize) -> io::Result<Option<u8>> {
        if at == self.text.len() {
            let bytes = self.reader.fill_buf()?;
            let length = bytes.len();
            self.text.extend_from_slice(bytes);
            self.reader.consume(length);
        }
        Ok(self.text.get(at).copied())
    }

    /// What is no object: to the end of the line, or to the next `{`.
    fn between(&mut self) -> io::Result<Piece> {
        let start = self.at;
        while let Some(byte) = self.byte(self.at)? {
            if matches!(byte, b'\n' | b'{') || self.at - start >= OBJECT_BYTES {
                break;
            }
            self.at += 1;
        }
        Ok(Piece::Damaged(Span::new(start, self.at)))
    }

    fn object(&mut self) -> io::Result<Piece> {
        let (start, mut scan) = (self.at, Scan::default());
        let indent = indent(&self.text[..start]);
        while let Some(byte) = self.byte(self.at)? {
            if self.at - start >= OBJECT_BYTES {
                break;
            }
            self.at += 1;
            scan.see(byte);
            if scan.depth == 0 && !scan.damaged {
                return Ok(Piece::Object(Span::new(start, self.at)));
            }
            let in_list = scan.lists > 0 && self.follows_in_list(start);
            if byte == b'\n' && !in_list && self.begins_object(indent)? {
                return Ok(Piece::Damaged(Span::new(start, self.at)));
            }
        }
        let end = next_object(&self.text[start..self.at]).map_or(self.at, |length| start + length);
        self.vain += self.at - end;
        if self.vain > VAIN_BYTES {
            let reason = "too many objects of one line that are not closed; write each in a line of its own";
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        self.at = end;
        Ok(Piece::Damaged(Span::new(start, end)))
    }

    /// Whether what comes next may be an element of a list: the object from `start` on ends with another one and a comma, or with a bracket so far.
    fn follows_in_list(&self, start: usize) -> bool {
        match self.text[start..self.at].trim_ascii_end() {
            [before @ .., b','] => before.trim_ascii_end().ends_with(b"}"),
            text => text.ends_with(b"["),
        }
    }

    /// Whether the line that begins here begins with `{`, behind at most so many blanks.
    fn begins_object(&mut self, indent: usize) -> io::Result<bool> {
        for at in self.at..=self.at + indent {
            match self.byte(at)? {
                Some(b' ' | b'\t') => {}
                Some(byte) => return Ok(byte == b'{'),
                None => return Ok(false),
            }
        }
        Ok(false)
    }
}

impl Scan {
    fn see(&mut self, byte: u8) {
        match byte {
            b'\n' if self.in_string => (self.in_string, self.escaped, self.damaged) = (false, false, true),
            _ if self.escaped => self.escaped = false,
            b'\\' if self.in_string => self.escaped = true,
            b'"' => self.in_string = !self.in_string,
            b'{' if !self.in_string => self.depth += 1,
            b'}' if !self.in_string => self.depth = self.depth.saturating_sub(1),
            b'[' if !self.in_string => self.lists += 1,
            b']' if !self.in_string => self.lists = self.lists.saturating_sub(1),
            _ => {}
        }
    }
}

/// The number of blanks before the last byte of a text, in its line; none where anything else is there.
fn indent(text: &[u8]) -> usize {
    let blanks = text.iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let begins_line = text.len() == blanks || text[text.len() - blanks - 1] == b'\n';
    if begins_line { blanks } else { 0 }
}

/// Where the first object of a text ends that is damaged, if that can be told: where as many brackets are closed as were
/// opened, strings or not, and nothing or another object follows; else before the first object that follows anything.
fn next_object(text: &[u8]) -> Option<usize> {
    let follows = |end: usize| {
        let rest = text[end..].trim_ascii_start();
        let rest = rest.strip_prefix(b",").unwrap_or(rest).trim_ascii_start();
        rest.first().copied()
    };
    let mut depth = 0i64;
    let balanced = memchr::memchr2_iter(b'{', b'}', text).find(|&at| {
        depth += if text[at] == b'{' { 1 } else { -1 };
        depth == 0 && matches!(follows(at + 1), None | Some(b'{'))
    });
    let other = || memchr::memchr_iter(b'}', text).find(|&at| follows(at + 1) == Some(b'{'));
    balanced.or_else(other).map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces of a text: objects as they are, what is damaged behind an exclamation mark.
    fn pieces(text: &str) -> Vec<String> {
        let mut objects = Objects::new(text.as_bytes());
        let mut pieces = Vec::new();
        while let Some(piece) = objects.next().expect("reads") {
            let (mark, span) = match piece {
                Piece::Damaged(span) => ("!", span),
                Piece::Object(span) => {
                    let is_json = serde_json::from_slice::<serde_json::Value>(span.of(objects.text.as_slice())).is_ok();
                    if is_json { ("", span) } else { ("!", objects.damaged(span)) }
                }
            };
            pieces.push(format!(
                "{mark}{}",
                String::from_utf8_lossy(span.of(objects.text.as_slice())).trim_end_matches([',', '\n'])
            ));
        }
        pieces
    }

    #[test]
    fn objects_are_found_in_lists_and_behind_each_other() {
        let expected = [r#"{"a":"}{\""}"#, r#"{"b":[{},{}]}"#];
        let [a, b] = expected;
        for text in [format!("[{a},{b}]"), format!("[\n  {a},\n  {b}\n]\n"), format!("{a}{b}"), format!("{a}\n\n{b}")] {
            assert_eq!(pieces(&text), expected, "{text}");
        }
        assert_eq!(pieces("{\n  \"a\": {\n    \"b\": 1\n  }\n}\n{\n}\n").len(), 2);
        assert_eq!(pieces("[]"), [""; 0]);
    }

    #[test]
    fn a_damaged_object_costs_itself() {
        // A stray quote, in a list of one line and in one of a line each.
        let (bad, good) = (r#"{"a":"x"y"}"#, r#"{"a":"z"}"#);
        for between in [",", ",\n", "\n"] {
            let text = [good, bad, good, good].join(between);
            assert_eq!(pieces(&format!("[{text}]")), [good, &format!("!{bad}"), good, good], "{between:?}");
        }
        // A bracket that is not closed.
        let open = "[\n  {\n    \"a\": {\n  },\n  {\n    \"a\": 1\n  }\n]";
        assert_eq!(pieces(open).iter().map(|piece| piece.starts_with('!')).collect::<Vec<_>>(), [true, false]);
        // What is no JSON within an object does not cut it.
        assert_eq!(pieces(r#"[{"a":[{"b":NaN},{"b":1}]},{"a":2}]"#), [r#"!{"a":[{"b":NaN},{"b":1}]}"#, r#"{"a":2}"#]);
        // The end of the file.
        assert_eq!(pieces(r#"[{"a":1},{"a":"#), [r#"{"a":1}"#, r#"!{"a":"#]);
        assert_eq!(pieces(r#"[{"a":1},garbage]"#), [r#"{"a":1}"#, "!garbage]"]);
    }

    #[test]
    fn a_large_object_is_one_and_the_ends_of_damaged_ones_are_not_looked_for_without_an_end() {
        let inner = r#"{"a":1},"#.repeat(300_000);
        let large = format!("{{\"b\":[{}]}}", inner.trim_end_matches(','));
        assert_eq!(pieces(&format!("[{large},{{}}]")).len(), 2);
        let open = format!("[{}]", "{\"a\":{\"b\":1},".repeat(1000));
        let mut objects = Objects { vain: VAIN_BYTES - (1 << 20), ..Objects::new(open.as_bytes()) };
        let end = std::iter::from_fn(|| objects.next().transpose()).find(|piece| piece.is_err());
        assert!(end.is_some_and(|end| end.expect_err("refused").to_string().contains("a line of its own")));
    }

    proptest::proptest! {
        #[test]
        fn no_byte_is_lost(text in "[\\[\\]{}\",: a\\\\\n]{0,60}") {
            let between = |text: &str| text.chars().filter(|c| !(c.is_whitespace() || ",[]".contains(*c))).count();
            let told: usize = pieces(&text).iter().map(|piece| between(piece.strip_prefix('!').unwrap_or(piece))).sum();
            proptest::prop_assert_eq!(told, between(&text));
        }
    }
}
