//! How far a replica's event log is applied, as a store notes it.

use std::fmt;

/// A place in a replica's event log: everything before it is meant.
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

    /// Reads what [`fmt::Display`] writes; nothing where it is something else.
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

/// What became of the mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It is where it was asked to be.
    Moved,
    /// It was found here instead, and left there.
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
