//! Where a page ended: behind an id, whatever comes and goes before the next one is asked for.

use std::fmt;

/// The id that a page ended with. As a text it is the hexadecimal digits of the id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String);

/// A text that is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no cursor; give the one of the page before as it stands, or none for the first page")]
pub struct BadCursor;

impl Cursor {
    /// Behind an id.
    #[must_use]
    pub fn after(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// Reads a cursor.
    ///
    /// # Errors
    /// [`BadCursor`].
    pub fn parse(text: &str) -> Result<Self, BadCursor> {
        let bytes = hex::decode(text).map_err(|_| BadCursor)?;
        String::from_utf8(bytes).ok().filter(|id| !id.is_empty()).map(Self).ok_or(BadCursor)
    }

    /// The id that the page ended with.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_another_text_is_none() {
        for id in ["i1", "ä b/c", "\u{10ffff}"] {
            assert_eq!(Cursor::parse(&Cursor::after(id).to_string()), Ok(Cursor::after(id)));
        }
        for wrong in ["", "i1", "6", "ff", "6g"] {
            assert_eq!(Cursor::parse(wrong), Err(BadCursor), "{wrong}");
        }
    }
}
