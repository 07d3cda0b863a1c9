//! Encodes levels as numbers: the share of the rows that have one, and the smoothed mean of their labels.
//!
//! ```text
//! count = n / N                                   n of N training rows have the level
//! mean  = (s + smoothing · S / N) / (n + smoothing)         s and S: the sums of the labels of these n and N rows
//! ```
//!
//! A level that no training row had has the count 0 and the mean of all rows. Cost: a binary search per row.
//!
//! Source: Micci-Barreca, "A Preprocessing Scheme for High-Cardinality Categorical Attributes", SIGKDD Explorations 2001.

use serde::{Deserialize, Serialize};

use super::column::Level;

/// The number of rows and the sum of their labels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    /// How many rows.
    pub rows: f64,
    /// The sum of their labels.
    pub labels: f64,
}

impl Sums {
    /// Adds a row.
    pub fn add(&mut self, label: f32) {
        self.rows += 1.0;
        self.labels += f64::from(label);
    }

    /// The same and a row.
    #[must_use]
    pub fn with(mut self, label: f32) -> Self {
        self.add(label);
        self
    }

    /// The share of the rows.
    #[must_use]
    pub fn count(self, total: Self) -> f32 {
        (self.rows / total.rows) as f32
    }

    /// The smoothed mean of the labels; NaN where there is no row at all.
    #[must_use]
    pub fn mean(self, total: Self, smoothing: f64) -> f32 {
        ((self.labels + smoothing * total.labels / total.rows) / (self.rows + smoothing)) as f32
    }
}

/// What was learnt of the levels of a category, or of a combination of two.
#[derive(Debug, Clone, Copy)]
pub struct Encoding<'a> {
    /// The levels that training rows had, ascending.
    pub levels: &'a [Level],
    /// How many rows had each.
    pub rows: &'a [f32],
    /// The sums of the labels of these rows: of each level, one for each output.
    pub labels: &'a [f32],
    /// How many outputs there are.
    pub outputs: usize,
    /// The output that is meant.
    pub output: usize,
}

impl Encoding<'_> {
    /// The sums of a level; nothing for one that no training row had.
    #[must_use]
    pub fn of(&self, level: Level) -> Sums {
        match self.levels.binary_search(&level) {
            Ok(at) => {
                let labels = self.labels[at * self.outputs + self.output];
                Sums { rows: f64::from(self.rows[at]), labels: f64::from(labels) }
            }
            Err(_) => Sums::default(),
        }
    }

    /// Whether a training row had a level.
    #[must_use]
    pub fn knows(&self, level: Level) -> bool {
        self.levels.binary_search(&level).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_encoded_by_its_rows_and_an_unseen_one_by_all_rows() {
        let mut levels = [Level::of("a"), Level::of("b")];
        levels.sort_unstable();
        let at = usize::from(levels[0] != Level::of("a"));
        let mut labels = [0.0; 2];
        labels[at] = 2.0;
        let encoding = Encoding { levels: &levels, rows: &[3.0, 3.0], labels: &labels, outputs: 1, output: 0 };
        let total = Sums { rows: 6.0, labels: 2.0 };
        // (2 + 3 · 1/3) / (3 + 3)
        assert_eq!(encoding.of(Level::of("a")).mean(total, 3.0), 0.5);
        assert_eq!(encoding.of(Level::of("b")).mean(total, 3.0), 1.0 / 6.0);
        assert_eq!(encoding.of(Level::of("c")).mean(total, 3.0), 1.0 / 3.0);
        assert_eq!((encoding.of(Level::of("a")).count(total), encoding.of(Level::of("c")).count(total)), (0.5, 0.0));
        assert!(encoding.knows(Level::of("b")) && !encoding.knows(Level::of("c")));
    }
}
