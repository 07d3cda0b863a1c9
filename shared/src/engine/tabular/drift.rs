//! Drift: how far the rows that are scored are from those that a model was trained on.
//!
//! Values fall into bins that training rows made: numbers into tenths of the training rows, levels into the most frequent
//! ones and all others, and missing ones into a bin of their own. The population stability index compares the shares of
//! the bins:
//!
//! ```text
//! PSI = Σ (q - p) · ln(q / p)        p and q: the shares of training rows and of scored rows in a bin
//! share = (n + 1/2) / (N + bins/2)   n of N rows; an empty bin counts like half a row
//! ```
//!
//! It is 0 for equal shares; above 0.1 something has moved, above 0.25 much has. From few rows it is large by chance:
//! its mean is about `(bins - 1) · (1/N + 1/M)` where nothing moves, so that there is none of fewer than [`MIN_ROWS`].
//!
//! Sources: Siddiqi, "Credit Risk Scorecards", 2006 (the index and its limits); Kullback, Leibler, "On Information and
//! Sufficiency", 1951 (the divergence that it is); Yurdakul, "Statistical Properties of Population Stability Index", 2018
//! (its mean).

use serde::{Deserialize, Serialize};

use super::column::{Column, Level, NamedLevel};

/// Of fewer scored rows there is no index.
pub const MIN_ROWS: u64 = 500;
/// How many bins the numbers of training rows are cut into, with about as many rows in each.
const BINS: usize = 10;
/// The most levels of a category with a bin of their own.
const LEVELS: usize = 20;

/// What scored rows are compared with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// Of each field of the schema, the training rows; none of times, which move by themselves.
    pub inputs: Vec<Option<Bins>>,
    /// Of each output, the probabilities of rows that were held out.
    pub scores: Vec<Bins>,
}

/// How many rows fell into each bin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bins {
    /// Which values a bin has.
    #[serde(flatten)]
    pub of: Cuts,
    /// The rows of each bin: of missing values, of each bin, and of levels at last those of all others.
    pub rows: Vec<u64>,
}

/// What values are told apart by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cuts {
    /// Numbers, by borders, ascending; one that equals a border is below it.
    Numbers(Vec<f64>),
    /// Levels, by themselves.
    Levels(Vec<NamedLevel>),
}

impl Bins {
    /// The bins of numbers: a tenth of the rows each, fewer where many have the same.
    #[must_use]
    pub fn of_numbers(numbers: &[f64]) -> Self {
        let mut present: Vec<f64> = numbers.iter().copied().filter(|number| !number.is_nan()).collect();
        present.sort_by(f64::total_cmp);
        let border = |at: usize| present.get(at * present.len() / BINS).copied();
        let mut borders: Vec<f64> = (1..BINS).filter_map(border).collect();
        borders.dedup();
        Self::counted(Cuts::Numbers(borders), &Column::Numbers(numbers.to_vec()))
    }

    /// The bins of levels.
    ///
    /// * `names`: their texts, the most frequent first.
    #[must_use]
    pub fn of_levels(levels: &[Level], names: &[String]) -> Self {
        let named = names.iter().take(LEVELS).map(|name| name.clone().into()).collect();
        Self::counted(Cuts::Levels(named), &Column::Levels(levels.to_vec()))
    }

    fn counted(of: Cuts, column: &Column) -> Self {
        let bins = match &of {
            Cuts::Numbers(borders) => borders.len() + 2,
            Cuts::Levels(levels) => levels.len() + 2,
        };
        let mut counted = Self { of, rows: Vec::new() };
        let mut rows = vec![0; bins];
        counted.count(column, &mut rows);
        counted.rows = rows;
        counted
    }

    /// Adds the rows of a column to the bins that they fall into.
    pub fn count(&self, column: &Column, rows: &mut [u64]) {
        match (&self.of, column) {
            (Cuts::Numbers(_), Column::Numbers(numbers)) => self.count_numbers(numbers.iter().copied(), rows),
            (Cuts::Levels(named), Column::Levels(levels)) => {
                for level in levels.iter().filter(|level| **level != Level::MISSING) {
                    rows[1 + named.iter().position(|named| named.level == *level).unwrap_or(named.len())] += 1;
                }
                rows[0] += levels.iter().filter(|level| **level == Level::MISSING).count() as u64;
            }
            _ => {}
        }
    }

    /// The same for numbers that are no column.
    pub fn count_numbers(&self, numbers: impl Iterator<Item = f64>, rows: &mut [u64]) {
        let Cuts::Numbers(borders) = &self.of else { return };
        for number in numbers {
            let bin = if number.is_nan() { 0 } else { 1 + borders.partition_point(|border| *border < number) };
            rows[bin] += 1;
        }
    }

    /// The population stability index of rows; `None` of fewer than [`MIN_ROWS`].
    #[must_use]
    pub fn psi(&self, rows: &[u64]) -> Option<f64> {
        (rows.iter().sum::<u64>() >= MIN_ROWS).then(|| psi(&self.rows, rows))
    }

    /// Whether the numbers of a manifest fit each other.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let cuts = match &self.of {
            Cuts::Numbers(borders) => borders.len(),
            Cuts::Levels(levels) => levels.len(),
        };
        self.rows.len() == cuts + 2
    }

    /// What each bin has, for people.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let missing = "missing".to_owned();
        let others: Vec<String> = match &self.of {
            Cuts::Numbers(borders) => {
                let named = |at: usize| match (at.checked_sub(1).and_then(|below| borders.get(below)), borders.get(at))
                {
                    (None, None) => "any".to_owned(),
                    (None, Some(high)) => format!("up to {high}"),
                    (Some(low), Some(high)) => format!("above {low}, up to {high}"),
                    (Some(low), None) => format!("above {low}"),
                };
                (0..=borders.len()).map(named).collect()
            }
            Cuts::Levels(levels) => {
                levels.iter().map(|level| level.name.clone()).chain(["any other".to_owned()]).collect()
            }
        };
        [vec![missing], others].concat()
    }
}

/// The population stability index of two counts of the same bins.
#[must_use]
pub fn psi(expected: &[u64], found: &[u64]) -> f64 {
    let share = |rows: &[u64], bin: usize| {
        let all = rows.iter().sum::<u64>() as f64 + 0.5 * rows.len() as f64;
        (rows[bin] as f64 + 0.5) / all
    };
    let of = |bin: usize| {
        let (p, q) = (share(expected, bin), share(found, bin));
        (q - p) * (q / p).ln()
    };
    (0..expected.len()).map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_shares_have_no_index_and_moved_ones_that_of_the_formula() {
        assert_eq!(psi(&[50, 50], &[50, 50]), 0.0);
        assert!(psi(&[700, 300], &[7000, 3000]).abs() < 1e-5, "how many rows there are hardly matters");
        // Shares of 1/2, and of 80.5 and 20.5 in 101: 0.29703 · ln 1.59406 + 0.29703 · ln 2.46341 = 0.29703 · 1.36783.
        assert!((psi(&[50, 50], &[80, 20]) - 0.406_29).abs() < 1e-5, "{}", psi(&[50, 50], &[80, 20]));
        // An empty bin counts like half a row: shares of 1/2, and of 0.5 and 100.5 in 101.
        let by_hand = 0.495_05 * (0.5f64 / 0.004_95).ln() + 0.495_05 * (0.995_05f64 / 0.5).ln();
        assert!((psi(&[50, 50], &[0, 100]) - by_hand).abs() < 1e-3);
    }

    #[test]
    fn numbers_fall_into_tenths_and_missing_ones_into_a_bin_of_their_own() {
        let mut numbers: Vec<f64> = (0..1000).map(f64::from).collect();
        numbers.push(f64::NAN);
        let bins = Bins::of_numbers(&numbers);
        assert_eq!((bins.rows.len(), bins.rows[0], bins.rows[1], bins.rows[10]), (11, 1, 101, 99));
        assert_eq!(bins.rows.iter().sum::<u64>(), 1001);
        assert_eq!((&*bins.names()[1], &*bins.names()[10]), ("up to 100", "above 900"));
        let index = |numbers: Vec<f64>| {
            let mut rows = vec![0; bins.rows.len()];
            bins.count(&Column::Numbers(numbers), &mut rows);
            bins.psi(&rows)
        };
        assert!(index((0..1000).map(f64::from).collect()).is_some_and(|psi| psi < 0.002));
        assert!(index((0..1000).map(|at| f64::from(at) + 300.0).collect()).is_some_and(|psi| psi > 0.2));
        assert_eq!(index((0..499).map(f64::from).collect()), None, "too few rows");
    }

    #[test]
    fn numbers_of_few_values_have_few_bins() {
        let flags: Vec<f64> = (0..100).map(|at| f64::from(u8::from(at % 4 == 0))).collect();
        assert_eq!(Bins::of_numbers(&flags).rows, [0, 75, 25, 0]);
        assert_eq!(Bins::of_numbers(&[f64::NAN]).rows, [1, 0]);
        assert_eq!(Bins::of_numbers(&[f64::NAN]).names(), ["missing", "any"]);
    }

    #[test]
    fn levels_without_a_bin_fall_into_one_together() {
        let names: Vec<String> = (0..30).map(|at| format!("l{at}")).collect();
        let levels: Vec<Level> = names.iter().map(|name| Level::of(name)).chain([Level::MISSING]).collect();
        let bins = Bins::of_levels(&levels, &names);
        assert_eq!((bins.rows.len(), bins.rows[0], bins.rows[1], bins.rows[21]), (22, 1, 1, 10));
        assert_eq!((&*bins.names()[0], &*bins.names()[1], &*bins.names()[21]), ("missing", "l0", "any other"));
        assert!(bins.is_whole());
        let stored = serde_json::to_string(&bins).expect("JSON");
        assert_eq!(serde_json::from_str::<Bins>(&stored).expect("reads"), bins, "{stored}");
    }
}
