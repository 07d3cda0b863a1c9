//! Lines of a text, of which some may be given back to be read once more.

use std::collections::VecDeque;
use std::io::{self, BufRead};

use super::text_batch::Span;

/// The maximum length of a line, in bytes.
pub const LINE_BYTES: usize = 1 << 24;

/// The byte that ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnd {
    /// A line feed, with or without a carriage return before it.
    Feed,
    /// A carriage return alone, as old programs write it.
    Return,
}

/// How a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By a line end.
    Whole,
    /// By the end of the file.
    AtEnd,
    /// It is longer than [`LINE_BYTES`]; what is beyond is lost.
    TooLong,
}

/// A line.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// Where it is in [`Lines::text`], without its line end.
    pub span: Span,
    /// How it ends.
    pub ending: Ending,
    /// Its offset in the file.
    pub start: u64,
    /// Where the next one begins.
    pub end: u64,
}

/// Reads lines one behind the other into a text.
pub struct Lines<R> {
    /// The lines read since [`Lines::take`], with their line ends.
    pub text: Vec<u8>,
    reader: R,
    line_end: u8,
    offset: u64,
    /// Lines that were given back.
    ahead: VecDeque<Line>,
}

impl<R: BufRead> Lines<R> {
    /// The lines of a text.
    ///
    /// * `offset`: of its first byte in the file.
    pub fn new(reader: R, line_end: LineEnd, offset: u64) -> Self {
        let line_end = if line_end == LineEnd::Feed { b'\n' } else { b'\r' };
        Self { text: Vec::new(), reader, line_end, offset, ahead: VecDeque::new() }
    }

    /// The next line; `None` behind the last.
    pub fn next(&mut self) -> io::Result<Option<Line>> {
        match self.ahead.pop_front() {
            Some(line) => Ok(Some(line)),
            None => self.read(),
        }
    }

    /// Gives lines back, in order: they come next.
    pub fn give_back(&mut self, lines: impl DoubleEndedIterator<Item = Line>) {
        lines.rev().for_each(|line| self.ahead.push_front(line));
    }

    /// Takes the text of the lines out, but for those given back.
    pub fn take(&mut self) -> Vec<u8> {
        let room = Vec::with_capacity(self.text.len());
        let Some(first) = self.ahead.front() else { return std::mem::replace(&mut self.text, room) };
        let rest = first.span.range().start;
        let text = self.text.split_off(rest);
        self.ahead.iter_mut().for_each(|line| line.span = line.span.moved_back(rest));
        std::mem::replace(&mut self.text, text)
    }

    fn read(&mut self) -> io::Result<Option<Line>> {
        let (first, start) = (self.text.len(), self.offset);
        let mut ending = None;
        while ending.is_none() {
            let bytes = self.reader.fill_buf()?;
            if bytes.is_empty() {
                ending = Some(Ending::AtEnd);
                continue;
            }
            let length = memchr::memchr(self.line_end, bytes).map(|at| at + 1);
            let part = &bytes[..length.unwrap_or(bytes.len())];
            let room = LINE_BYTES.saturating_sub(self.text.len() - first);
            self.text.extend_from_slice(&part[..part.len().min(room)]);
            let consumed = part.len();
            self.reader.consume(consumed);
            self.offset += consumed as u64;
            ending = length.map(|_| Ending::Whole);
        }
        if self.offset == start {
            return Ok(None);
        }
        let read = &self.text[first..];
        let ending = match ending {
            _ if (read.len() as u64) < self.offset - start => Ending::TooLong,
            Some(ending) => ending,
            None => Ending::AtEnd,
        };
        let line = read.strip_suffix(&[self.line_end]).unwrap_or(read);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let span = Span::new(first, first + line.len());
        Ok(Some(Line { span, ending, start, end: self.offset }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_once_and_given_back() {
        let mut lines = Lines::new(&b"a\r\n\nbc"[..], LineEnd::Feed, 3);
        let all: Vec<Line> = std::iter::from_fn(|| lines.next().expect("reads")).collect();
        let told: Vec<_> =
            all.iter().map(|line| (&lines.text[line.span.range()], line.ending, line.start, line.end)).collect();
        assert_eq!(told, [(&b"a"[..], Ending::Whole, 3, 6), (b"", Ending::Whole, 6, 7), (b"bc", Ending::AtEnd, 7, 9)]);
        lines.give_back(all[1..].iter().copied());
        assert_eq!(lines.take(), b"a\r\n");
        let _ = lines.next();
        let last = lines.next().expect("reads").expect("a line");
        assert_eq!(&lines.text[last.span.range()], b"bc");
        assert!(lines.next().expect("reads").is_none());
    }

    #[test]
    fn carriage_returns_alone_end_lines_where_they_are_said_to() {
        let mut lines = Lines::new(&b"a\rb\r"[..], LineEnd::Return, 0);
        let first = lines.next().expect("reads").expect("a line");
        assert_eq!((&lines.text[first.span.range()], first.end), (&b"a"[..], 2));
    }
}
