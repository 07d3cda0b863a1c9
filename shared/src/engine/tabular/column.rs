//! The columns of rows to score: numbers, or levels of a category.

use bytemuck::{Pod, Zeroable};
use safetensors::tensor::Dtype;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::contract::artifact::columns::Element;

/// A level of a category, as a hash of its text that is the same on every machine; a missing value is a level of its own.
///
/// Two texts of a million have the same one with a probability of 3 in 10⁸.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct Level(pub u64);

impl Level {
    /// The level of a missing value.
    pub const MISSING: Self = Self(0);

    /// The level of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(xxh3_64(text.as_bytes()).max(1))
    }

    /// The level of a number; of NaN that of a missing value.
    #[must_use]
    pub fn of_number(number: f64) -> Self {
        // Adding 0 makes -0 and 0 one.
        if number.is_nan() { Self::MISSING } else { Self(xxh3_64(&(number + 0.0).to_le_bytes()).max(1)) }
    }

    /// The level of two at once, of a combination of two categories.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.0.to_le_bytes());
        bytes[8..].copy_from_slice(&other.0.to_le_bytes());
        Self(xxh3_64(&bytes).max(1))
    }
}

impl Element for Level {
    const DTYPE: Dtype = Dtype::U64;
}

/// A level with its text, by which it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct NamedLevel {
    /// The text.
    pub name: String,
    /// The level.
    pub level: Level,
}

impl From<String> for NamedLevel {
    fn from(name: String) -> Self {
        Self { level: Level::of(&name), name }
    }
}

impl From<NamedLevel> for String {
    fn from(named: NamedLevel) -> Self {
        named.name
    }
}

/// The values of a column, row by row.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Numbers; a missing value is NaN.
    Numbers(Vec<f64>),
    /// Levels of a category.
    Levels(Vec<Level>),
}

impl Column {
    /// How many rows it has.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Levels(values) => values.len(),
        }
    }

    /// Some of its rows, in the order that is given.
    #[must_use]
    pub fn rows(&self, rows: &[usize]) -> Self {
        match self {
            Self::Numbers(values) => Self::Numbers(rows.iter().map(|&row| values[row]).collect()),
            Self::Levels(values) => Self::Levels(rows.iter().map(|&row| values[row]).collect()),
        }
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_the_same_on_every_machine_and_a_pair_has_an_order() {
        // XXH3 of nothing, by the reference implementation.
        assert_eq!(Level::of(""), Level(0x2d06_8005_38d3_94c2));
        let (a, b) = (Level::of("a"), Level::of("b"));
        assert!(a.and(b) != b.and(a) && a.and(Level::MISSING) != Level::MISSING);
    }
}
