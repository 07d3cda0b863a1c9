//! Splits a line of a delimited file into its fields.
//!
//! A field is quoted if it begins with a quote; within any other, quotes are text. Blanks around a quoted field are none.

use std::borrow::Cow;

use memchr::memmem::Finder;
use memchr::{memchr, memchr_iter, memchr2, memchr2_iter, memchr3_iter};

use super::options::Quoting;

/// A field of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Where its content begins.
    pub start: usize,
    /// Where its content ends.
    pub end: usize,
    /// How the content is written.
    pub written: Written,
}

/// How the content of a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// As it is.
    Plain,
    /// With quotes or separators escaped.
    Escaped,
}

/// What a line turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// A row, or the end of one.
    Whole,
    /// It ends within quotes.
    Open,
    /// Something stands behind a closing quote.
    TextBehind,
}

/// How far a row is split that may go on with the next line.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    at: usize,
    /// The quoted field that is open: where its content begins, and how it is written so far.
    open: Option<(usize, Written)>,
}

/// Splits lines by a separator.
#[derive(Debug)]
pub struct Splitter {
    finder: Finder<'static>,
    quoting: Quoting,
    quote: u8,
}

impl Splitter {
    /// A splitter; the separator has at least one byte.
    pub fn new(separator: &str, quoting: Quoting) -> Self {
        let quote = if quoting == Quoting::Apostrophe { b'\'' } else { b'"' };
        Self { finder: Finder::new(separator).into_owned(), quoting, quote }
    }

    /// Splits a row, or goes on with one that was open, and adds its fields.
    ///
    /// * `text`: all lines of the row so far, without the last line end.
    pub fn split(&self, text: &[u8], progress: &mut Progress, fields: &mut Vec<Field>) -> Split {
        if progress.open.is_none() && self.split_plain(text, fields) {
            return Split::Whole;
        }
        let separator = self.finder.needle();
        loop {
            let (start, written) = match progress.open.take() {
                Some(open) => open,
                None => match self.opening(text, progress.at) {
                    Some(start) => {
                        progress.at = start;
                        (start, Written::Plain)
                    }
                    None => {
                        let (field, next) = self.unquoted(text, progress.at);
                        fields.push(field);
                        match next {
                            Some(next) => progress.at = next,
                            None => return Split::Whole,
                        }
                        continue;
                    }
                },
            };
            let (end, written) = match self.closing(text, progress.at, written) {
                Ok(closing) => closing,
                Err((at, written)) => {
                    *progress = Progress { at, open: Some((start, written)) };
                    return Split::Open;
                }
            };
            let behind = end + 1 + self.blanks(&text[end + 1..]);
            if behind < text.len() && !text[behind..].starts_with(separator) {
                return Split::TextBehind;
            }
            fields.push(Field { start, end, written });
            if behind == text.len() {
                return Split::Whole;
            }
            progress.at = behind + separator.len();
        }
    }

    /// Whether nothing but separators and white space is in a line.
    pub fn is_blank(&self, line: &[u8]) -> bool {
        let separator = self.finder.needle();
        line.iter().all(|byte| byte.is_ascii_whitespace() || separator.contains(byte))
    }

    /// Whether a line ends within quotes.
    pub fn is_open(&self, line: &[u8]) -> bool {
        self.split(line, &mut Progress::default(), &mut Vec::new()) == Split::Open
    }

    /// The fields of a line that is a row; `None` if it is not whole, or has a quote in a field that does not begin with
    /// one, as the end of a field that began on an earlier line has.
    pub fn row(&self, line: &[u8]) -> Option<Vec<Field>> {
        let mut fields = Vec::new();
        let split = self.split(line, &mut Progress::default(), &mut fields);
        let is_quoted = |field: &Field| field.start.checked_sub(1).is_some_and(|before| line[before] == self.quote);
        let has_quote = |field: &Field| memchr(self.quote, &line[field.start..field.end]).is_some();
        let is_clean = fields.iter().all(|field| is_quoted(field) || !has_quote(field));
        (split == Split::Whole && is_clean).then_some(fields)
    }

    /// The content of a field; nothing is in one that is absent.
    pub fn content<'a>(&self, text: &'a [u8], field: Field) -> Cow<'a, [u8]> {
        let content = &text[field.start..field.end];
        if field.written == Written::Plain {
            return Cow::Borrowed(content);
        }
        if content == b"\\N" {
            return Cow::Borrowed(&[]);
        }
        let mut bytes = content.iter().copied().peekable();
        let mut plain = Vec::with_capacity(content.len());
        while let Some(byte) = bytes.next() {
            let is_escape = match byte {
                _ if byte == self.quote => bytes.peek() == Some(&self.quote),
                b'\\' => self.quoting == Quoting::Backslash,
                _ => false,
            };
            let escaped = if is_escape { bytes.next() } else { None };
            plain.push(match (byte, escaped) {
                (b'\\', Some(b'n')) => b'\n',
                (b'\\', Some(b't')) => b'\t',
                (b'\\', Some(b'r')) => b'\r',
                (_, Some(escaped)) => escaped,
                (byte, None) => byte,
            });
        }
        Cow::Owned(plain)
    }

    /// Splits a line without quotes and escapes; adds nothing to `fields` if it has some.
    fn split_plain(&self, line: &[u8], fields: &mut Vec<Field>) -> bool {
        let (first, mut start) = (fields.len(), 0);
        let mut add = |end, length| {
            fields.push(Field { start, end, written: Written::Plain });
            start = end + length;
        };
        let is_plain = match (self.finder.needle(), self.quoting) {
            (&[separator], Quoting::Double | Quoting::Apostrophe) => {
                memchr2_iter(separator, self.quote, line).all(|at| {
                    add(at, 1);
                    line[at] == separator
                })
            }
            (&[separator], Quoting::Backslash) => memchr3_iter(separator, b'"', b'\\', line).all(|at| {
                add(at, 1);
                line[at] == separator
            }),
            (&[separator], Quoting::None) => {
                memchr_iter(separator, line).for_each(|at| add(at, 1));
                true
            }
            (separator, quoting) => {
                self.finder.find_iter(line).for_each(|at| add(at, separator.len()));
                match quoting {
                    Quoting::Double | Quoting::Apostrophe => memchr(self.quote, line).is_none(),
                    Quoting::Backslash => memchr2(b'"', b'\\', line).is_none(),
                    Quoting::None => true,
                }
            }
        };
        if !is_plain {
            fields.truncate(first);
            return false;
        }
        add(line.len(), 0);
        true
    }

    /// How many blanks a text begins with, unless they are separators.
    fn blanks(&self, text: &[u8]) -> usize {
        if self.finder.needle().starts_with(b" ") {
            return 0;
        }
        text.iter().take_while(|&&byte| byte == b' ').count()
    }

    /// Where the content of the field begins, if it is quoted.
    fn opening(&self, text: &[u8], at: usize) -> Option<usize> {
        let quote = at + self.blanks(&text[at..]);
        (self.quoting != Quoting::None && text.get(quote) == Some(&self.quote)).then_some(quote + 1)
    }

    /// Where the closing quote is, or where to look for it in the next line.
    fn closing(&self, text: &[u8], mut at: usize, mut written: Written) -> Result<(usize, Written), (usize, Written)> {
        loop {
            let found = match self.quoting {
                Quoting::Backslash => memchr2(b'"', b'\\', &text[at..]),
                _ => memchr(self.quote, &text[at..]),
            };
            let Some(found) = found else { return Err((text.len(), written)) };
            at += found;
            match (text[at], text.get(at + 1)) {
                // What it escapes is in the next line.
                (b'\\', None) => return Err((at, written)),
                (b'\\', Some(_)) if self.quoting == Quoting::Backslash => (at, written) = (at + 2, Written::Escaped),
                (_, Some(next)) if *next == self.quote => (at, written) = (at + 2, Written::Escaped),
                _ => return Ok((at, written)),
            }
        }
    }

    /// An unquoted field, and where the next one begins.
    fn unquoted(&self, text: &[u8], start: usize) -> (Field, Option<usize>) {
        let separator = self.finder.needle();
        let (mut at, mut written) = (start, Written::Plain);
        loop {
            let found = match self.quoting {
                Quoting::Backslash => memchr2(separator[0], b'\\', &text[at..]),
                _ => self.finder.find(&text[at..]),
            };
            let Some(found) = found else { return (Field { start, end: text.len(), written }, None) };
            at += found;
            if text[at..].starts_with(separator) {
                return (Field { start, end: at, written }, Some(at + separator.len()));
            }
            if text[at] == b'\\' {
                written = Written::Escaped;
                at += 1;
            }
            at = (at + 1).min(text.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(line: &str, separator: &str, quoting: Quoting) -> (Split, Vec<String>) {
        let (splitter, mut fields) = (Splitter::new(separator, quoting), Vec::new());
        let split = splitter.split(line.as_bytes(), &mut Progress::default(), &mut fields);
        let content = |field: &Field| String::from_utf8_lossy(&splitter.content(line.as_bytes(), *field)).into_owned();
        (split, fields.iter().map(content).collect())
    }

    fn whole<const N: usize>(fields: [&str; N]) -> (Split, Vec<String>) {
        (Split::Whole, fields.map(str::to_owned).into())
    }

    #[test]
    fn fields_are_split_at_separators_outside_quotes() {
        assert_eq!(split("a,b,,", ",", Quoting::Double), whole(["a", "b", "", ""]));
        assert_eq!(split(r#"a,"b,""c""",d"#, ",", Quoting::Double), whole(["a", "b,\"c\"", "d"]));
        assert_eq!(split(r#"a, "b" ,19" rack"#, ",", Quoting::Double), whole(["a", "b", "19\" rack"]));
        assert_eq!(split("1::2::\"3::4\"", "::", Quoting::Double), whole(["1", "2", "3::4"]));
        assert_eq!(split("a\t\"b", "\t", Quoting::None), whole(["a", "\"b"]));
        assert_eq!(split("", ",", Quoting::Double), whole([""]));
    }

    #[test]
    fn a_backslash_escapes_where_it_is_said_to() {
        assert_eq!(
            split(r#"1,"19\" rack\\",a\,b,\N"#, ",", Quoting::Backslash),
            whole(["1", "19\" rack\\", "a,b", ""])
        );
        assert_eq!(split(r#""a\tb","""#, ",", Quoting::Backslash), whole(["a\tb", ""]));
        assert_eq!(split(r#"a,"b\""#, ",", Quoting::Backslash).0, Split::Open);
        assert_eq!(split(r#"1,"19\" rack",u"#, ",", Quoting::Double).0, Split::TextBehind);
        assert_eq!(split(r#"C:\n,a"#, ",", Quoting::Double), whole(["C:\\n", "a"]));
    }

    #[test]
    fn a_row_goes_on_where_it_was_open() {
        let (splitter, mut progress, mut fields) =
            (Splitter::new(",", Quoting::Double), Progress::default(), Vec::new());
        let text = b"a,\"b\r\nc\",d";
        assert_eq!(splitter.split(&text[..4], &mut progress, &mut fields), Split::Open);
        assert_eq!(splitter.split(text, &mut progress, &mut fields), Split::Whole);
        let contents: Vec<_> = fields.iter().map(|field| splitter.content(text, *field).into_owned()).collect();
        assert_eq!(contents, [&b"a"[..], b"b\r\nc", b"d"]);
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_read_as_it_was(values in prop::collection::vec("[a\",;: \\\\]{0,6}", 1..5)) {
            for separator in [",", "::"] {
                let doubled: Vec<_> = values.iter().map(|value| format!("\"{}\"", value.replace('"', "\"\""))).collect();
                prop_assert_eq!(split(&doubled.join(separator), separator, Quoting::Double), (Split::Whole, values.clone()));
                let escape = |value: &String| format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
                let escaped: Vec<_> = values.iter().map(escape).collect();
                prop_assert_eq!(split(&escaped.join(separator), separator, Quoting::Backslash), (Split::Whole, values.clone()));
            }
        }
    }
}
