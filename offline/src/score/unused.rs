//! Why a column is not looked at.

use std::fmt::{self, Display, Formatter};

/// Why a column is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unused {
    /// Its values are lists.
    Lists,
    /// The config says so.
    Config,
    /// The config says so, and no row has it.
    Absent,
    /// It has times, of which nothing is derived.
    Times,
    /// It says how much rows count.
    Weights,
    /// It says how rows are split.
    Split,
    /// Every row misses it.
    Missing,
    /// Every row has the same.
    Constant,
    /// The validation rows don't need it.
    NotNeeded,
}

impl Unused {
    /// The reason in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lists => "its values are lists",
            Self::Config => "the config says so",
            Self::Absent => "the config says so; no row has it",
            Self::Times => "a time, of which nothing is derived",
            Self::Weights => "it says how much rows count",
            Self::Split => "it says how rows are split",
            Self::Missing => "every row misses it",
            Self::Constant => "every row has the same",
            Self::NotNeeded => "the validation rows don't need it",
        }
    }
}

impl Display for Unused {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // With the width that it is asked for.
        f.pad(self.as_str())
    }
}
