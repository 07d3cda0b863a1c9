//! How the values of a column spread, and how the label goes with them.
//!
//! Numbers of few values have a bin each; of others there are bins of one width between the 1% and the 99% quantile, the
//! outer ones holding what is beyond them, so that one far value does not make all others one bar. Of levels the most
//! frequent are shown, and all others are one bin. Quantiles are those of a sample where there are many rows; the rows of
//! bins are always counted over all.

use hashbrown::HashMap;
use serde::Serialize;
use shared::engine::tabular::column::{Column, Level};

use crate::page::number::short;
use crate::score::split::sample;

/// Numbers of at most so many values have a bin each.
const FEW: usize = 16;
/// How many bins other numbers have.
const BINS: usize = 24;
/// How many levels are shown.
const LEVELS: usize = 12;
/// Quantiles are of at most so many rows.
const SAMPLED: usize = 200_000;

/// Some rows of a column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bin {
    /// Its values, for people.
    pub name: String,
    /// Where numbers begin and end; none of levels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounds: Option<[f64; 2]>,
    /// How many rows.
    pub rows: u64,
    /// How many of them are positives.
    pub positives: u64,
}

impl Bin {
    fn named(name: String, bounds: Option<[f64; 2]>) -> Self {
        Self { name, bounds, rows: 0, positives: 0 }
    }

    fn add(&mut self, label: f32) {
        self.rows += 1;
        self.positives += u64::from(label > 0.0);
    }

    /// The share of positives; none of no rows.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        (self.rows > 0).then(|| self.positives as f64 / self.rows as f64)
    }
}

/// The bins of a column over some rows, missing values last if there are any.
///
/// * `levels`: the names of the levels, the most frequent first.
#[must_use]
pub fn bins(column: &Column, levels: &[String], rows: &[usize], labels: &[f32]) -> Vec<Bin> {
    let mut missing = Bin::named("missing".to_owned(), None);
    let mut bins = match column {
        Column::Numbers(numbers) => of_numbers(numbers, rows, labels, &mut missing),
        Column::Levels(column) => of_levels(column, levels, rows, labels, &mut missing),
    };
    bins.extend((missing.rows > 0).then_some(missing));
    bins
}

fn of_numbers(numbers: &[f64], rows: &[usize], labels: &[f32], missing: &mut Bin) -> Vec<Bin> {
    let mut seen: Vec<f64> =
        sample(rows, SAMPLED).into_iter().map(|row| numbers[row]).filter(|number| !number.is_nan()).collect();
    seen.sort_by(f64::total_cmp);
    let quantile = |share: f64| seen.get((share * seen.len().saturating_sub(1) as f64) as usize).copied();
    let (Some(low), Some(high)) = (quantile(0.01), quantile(0.99)) else {
        rows.iter().for_each(|&row| missing.add(labels[row]));
        return Vec::new();
    };
    let mut values = seen.clone();
    values.dedup();
    let mut bins: Vec<Bin> = if values.len() <= FEW {
        values.iter().map(|value| Bin::named(short(*value), Some([*value, *value]))).collect()
    } else {
        // Bins of whole numbers begin at whole numbers.
        let whole = seen.iter().all(|number| number.fract() == 0.0);
        let (low, high) = if low < high { (low, high) } else { (seen[0], seen[seen.len() - 1]) };
        let width = (high - low) / BINS as f64;
        let width = if whole { width.ceil().max(1.0) } else { width };
        let count = (((high - low) / width).ceil() as usize).clamp(1, BINS);
        let count = if whole { ((high - low) / width).floor() as usize + 1 } else { count };
        let bound = |at: usize| low + width * at as f64;
        let named = |at: usize| {
            let [from, to] = [bound(at), bound(at + 1)];
            // The outer ones hold what is beyond them.
            let name = match at {
                0 => format!("below {}", short(to)),
                at if at + 1 == count => format!("from {}", short(from)),
                _ => format!("{} to {}", short(from), short(to)),
            };
            Bin::named(name, Some([from, to]))
        };
        (0..count).map(named).collect()
    };
    let exact = values.len() <= FEW;
    let last = bins.len() - 1;
    for &row in rows {
        let number = numbers[row];
        let bin = match &bins[0].bounds {
            _ if number.is_nan() => &mut *missing,
            // A value that only rows outside of the sample have joins its neighbour.
            _ if exact => {
                let at = values.partition_point(|value| *value < number).min(last);
                &mut bins[at]
            }
            Some([from, to]) => {
                let at = ((number - from) / (to - from)).floor().max(0.0) as usize;
                &mut bins[at.min(last)]
            }
            None => &mut *missing,
        };
        bin.add(labels[row]);
    }
    bins
}

fn of_levels(column: &[Level], levels: &[String], rows: &[usize], labels: &[f32], missing: &mut Bin) -> Vec<Bin> {
    let shown = &levels[..levels.len().min(LEVELS)];
    let mut bins: Vec<Bin> = shown.iter().map(|name| Bin::named(name.clone(), None)).collect();
    let places: HashMap<Level, usize> = shown.iter().enumerate().map(|(at, name)| (Level::of(name), at)).collect();
    let mut others = Bin::named(format!("{} others", levels.len() - shown.len()), None);
    for &row in rows {
        let bin = match places.get(&column[row]) {
            _ if column[row] == Level::MISSING => &mut *missing,
            Some(&at) => &mut bins[at],
            None => &mut others,
        };
        bin.add(labels[row]);
    }
    bins.extend((others.rows > 0).then_some(others));
    bins
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(bins: &[Bin]) -> Vec<(&str, u64, u64)> {
        bins.iter().map(|bin| (bin.name.as_str(), bin.rows, bin.positives)).collect()
    }

    #[test]
    fn numbers_of_few_values_have_a_bin_each_and_missing_ones_are_last() {
        let column = Column::Numbers(vec![1.0, 0.5, 1.0, f64::NAN]);
        let bins = bins(&column, &[], &[0, 1, 2, 3], &[1.0, 0.0, 0.0, 1.0]);
        assert_eq!(counted(&bins), [("0.5", 1, 0), ("1", 2, 1), ("missing", 1, 1)]);
    }

    #[test]
    fn one_far_value_does_not_make_all_others_one_bar() {
        let mut numbers: Vec<f64> = (0..1000).map(|at| f64::from(at) / 10.0).collect();
        numbers.push(1e9);
        let rows: Vec<usize> = (0..1001).collect();
        let found = bins(&Column::Numbers(numbers), &[], &rows, &vec![0.0; 1001]);
        assert_eq!(found.len(), BINS);
        assert!(found.iter().all(|bin| bin.rows > 30), "{found:?}");
        assert_eq!(found.iter().map(|bin| bin.rows).sum::<u64>(), 1001);
    }

    #[test]
    fn rare_levels_are_one_bin() {
        let names: Vec<String> = (0..20).map(|at| format!("l{at}")).collect();
        let column = Column::Levels(names.iter().map(|name| Level::of(name)).collect());
        let rows: Vec<usize> = (0..20).collect();
        let found = bins(&column, &names, &rows, &[1.0; 20]);
        assert_eq!(counted(&found)[11..], [("l11", 1, 1), ("8 others", 8, 8)]);
    }
}
