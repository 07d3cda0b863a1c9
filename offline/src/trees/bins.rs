//! Values as the number of borders below them.
//!
//! Borders are quantiles of a feature's distinct values, each halfway between two of them. A missing value is in bin 0,
//! below every border.

use rayon::prelude::*;

use super::grow::Split;

/// Rows that quantiles are taken from, evenly spread.
const SAMPLE: usize = 200_000;

/// The borders of each feature, ascending.
pub struct Bins(Vec<Vec<f32>>);

impl Bins {
    /// Finds at most `bins - 1` borders for each feature; `bins` is at most 256.
    pub fn of(columns: &[Vec<f32>], bins: usize) -> Self {
        Self(columns.par_iter().map(|column| borders(column, bins)).collect())
    }

    /// The bins of all values.
    pub fn bin(&self, columns: &[Vec<f32>]) -> Vec<Vec<u8>> {
        let of = |(borders, column): (&Vec<f32>, &Vec<f32>)| {
            // NaN is not above any border.
            column.iter().map(|value| borders.partition_point(|border| value > border) as u8).collect()
        };
        self.0.par_iter().zip(columns).map(of).collect()
    }

    /// How many bins a feature has.
    pub fn count(&self, feature: usize) -> usize {
        self.0[feature].len() + 1
    }

    /// The border of a split; nothing is above that of one that does not split.
    pub fn border(&self, split: &Split) -> f32 {
        self.0[split.feature].get(usize::from(split.bin)).copied().unwrap_or(f32::INFINITY)
    }
}

fn borders(column: &[f32], bins: usize) -> Vec<f32> {
    let step = (column.len() / SAMPLE).max(1);
    let mut values: Vec<f32> = column.iter().copied().step_by(step).filter(|value| !value.is_nan()).collect();
    values.sort_unstable_by(f32::total_cmp);
    let missing = values.len() < column.len().div_ceil(step);
    let mut borders = Vec::new();
    if missing && !values.is_empty() {
        // Below all values: tells missing from present.
        borders.push(f32::MIN);
    }
    let wanted = bins - 1 - borders.len();
    let mut distinct = values.clone();
    distinct.dedup();
    let halfway = |a: f32, b: f32| a + (b - a) / 2.0;
    if distinct.len() <= wanted + 1 {
        borders.extend(distinct.windows(2).map(|pair| halfway(pair[0], pair[1])));
    } else {
        for quantile in 1..=wanted {
            let value = values[(quantile * values.len() / (wanted + 1)).min(values.len() - 1)];
            let next = distinct.partition_point(|other| *other <= value);
            if let Some(&after) = distinct.get(next) {
                borders.push(halfway(value, after));
            }
        }
        borders.dedup();
    }
    borders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_get_a_border_between_each_and_missing_is_below_all() {
        let columns = vec![vec![3.0, 1.0, f32::NAN, 1.0]];
        let bins = Bins::of(&columns, 8);
        assert_eq!(bins.count(0), 3);
        assert_eq!(bins.bin(&columns), [[2, 1, 0, 1]]);
    }

    #[test]
    fn many_values_are_cut_into_equal_parts() {
        let columns = vec![(0..1000).map(|value| value as f32).collect::<Vec<_>>()];
        let binned = Bins::of(&columns, 4).bin(&columns);
        for bin in 0..4 {
            let count = binned[0].iter().filter(|&&other| other == bin).count();
            assert!((249..=251).contains(&count), "{count}");
        }
    }
}
