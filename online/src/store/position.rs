//! Positions in a replica's event log, by which a store records how far the log is applied (the mark).

use std::fmt;

/// A position in a replica's event log; as a mark it stands for everything before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The number of the file.
    pub file: u64,
    /// Bytes from its start.
    pub offset: u64,
}

impl Position {
    /// Before the first event.
    pub const START: Self = Self { file: 0, offset: 0 };

    /// Parses the text that [`fmt::Display`] writes; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (file, offset) = text.split_once(':')?;
        Some(Self { file: file.parse().ok()?, offset: offset.parse().ok()? })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file, self.offset)
    }
}

/// The result of moving the mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The mark was moved.
    Moved,
    /// The mark was found at this position instead of the expected one, and was not moved.
    Found(Option<Position>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_back_from_its_text() {
        let position = Position { file: 3, offset: 41 };
        assert_eq!(Position::parse(&position.to_string()), Some(position));
        for other in ["", "3", "3:", "3:x", "-1:0", "99999999999999999999:0"] {
            assert_eq!(Position::parse(other), None, "{other}");
        }
    }
}
