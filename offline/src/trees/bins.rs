//! Discretises feature values for histograms: the bin of a value is the number of borders below it.
//!
//! Borders lie halfway between two values and cut a feature's distinct values into bins of about equally many rows; a
//! frequent value has a bin of its own. A missing value is in bin 0, below every border.

use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::grow::Split;

/// The number of rows that quantiles are computed from. They are drawn at random: every n-th row would cover only a few
/// ranks if all groups have the same length.
const SAMPLE: usize = 200_000;

/// The number of features per block.
pub const BLOCK: usize = 8;

/// The bins of rows, in blocks of features; a block is row-major.
pub struct Binned {
    /// One vector per block.
    pub blocks: Vec<Vec<[u8; BLOCK]>>,
    /// The features in the order of the blocks.
    pub order: Vec<usize>,
    /// The position of each feature in that order.
    places: Vec<usize>,
}

impl Binned {
    /// The bins of one feature, row by row.
    pub fn column(&self, feature: usize) -> Column<'_> {
        let place = self.places[feature];
        Column { rows: &self.blocks[place / BLOCK], at: place % BLOCK }
    }
}

/// The bins of one feature.
#[derive(Clone, Copy)]
pub struct Column<'a> {
    rows: &'a [[u8; BLOCK]],
    at: usize,
}

impl Column<'_> {
    /// The bin of a row.
    pub fn bin(self, row: usize) -> u8 {
        self.rows[row][self.at]
    }
}

/// The borders of each feature, ascending.
pub struct Bins(Vec<Vec<f32>>);

impl Bins {
    /// Finds at most `bins - 1` borders for each feature; `bins` is at most 256.
    pub fn of(columns: &[Vec<f32>], bins: usize, seed: u64) -> Self {
        let rows = columns.first().map_or(0, Vec::len);
        let drawn = if rows > SAMPLE {
            sample(&mut ChaCha8Rng::seed_from_u64(seed), rows, SAMPLE).into_vec()
        } else {
            (0..rows).collect()
        };
        Self(columns.par_iter().map(|column| borders(column, &drawn, bins)).collect())
    }

    /// The bins of all values, with the features in the given order.
    pub fn bin(&self, columns: &[Vec<f32>], order: Vec<usize>) -> Binned {
        let features: Vec<(&Vec<f32>, &Vec<f32>)> =
            order.iter().map(|&feature| (&self.0[feature], &columns[feature])).collect();
        let rows = columns.first().map_or(0, Vec::len);
        let of_block = |features: &[(&Vec<f32>, &Vec<f32>)]| {
            let mut block = vec![[0; BLOCK]; rows];
            for (at, (borders, column)) in features.iter().enumerate() {
                for (row, value) in block.iter_mut().zip(*column) {
                    // NaN is not above any border.
                    row[at] = borders.partition_point(|border| value > border) as u8;
                }
            }
            block
        };
        let blocks = features.par_chunks(BLOCK).map(of_block).collect();
        let mut places = vec![0; columns.len()];
        order.iter().enumerate().for_each(|(place, &feature)| places[feature] = place);
        Binned { blocks, order, places }
    }

    /// How many bins a feature has.
    pub fn count(&self, feature: usize) -> usize {
        self.0[feature].len() + 1
    }

    /// The border of a split; infinite for a split that does not divide rows.
    pub fn border(&self, split: &Split) -> f32 {
        self.0[split.feature].get(usize::from(split.bin)).copied().unwrap_or(f32::INFINITY)
    }
}

fn borders(column: &[f32], rows: &[usize], bins: usize) -> Vec<f32> {
    let mut values: Vec<f32> = rows.iter().map(|&row| column[row]).filter(|value| !value.is_nan()).collect();
    values.sort_unstable_by(f32::total_cmp);
    let missing = values.len() < rows.len();
    let mut borders = Vec::new();
    if missing && !values.is_empty() {
        // A border below all values separates missing from present.
        borders.push(f32::MIN);
    }
    let distinct: Vec<(f32, usize)> = values.chunk_by(|a, b| a == b).map(|equal| (equal[0], equal.len())).collect();
    let last_of_bins = last_of_bins(&distinct, bins - borders.len());
    borders.extend(last_of_bins.into_iter().map(|at| {
        let (value, next) = (distinct[at].0, distinct[at + 1].0);
        value + (next - value) / 2.0
    }));
    borders
}

/// Cuts distinct values with their counts into at most `bins` bins; returns the positions of the last value of each bin
/// but the last one.
///
/// A value that would fill a bin gets one of its own, and the others share the remaining bins: if most rows are 0, the
/// values of the others are still distinguished. Source: `GreedyFindBin` of LightGBM.
fn last_of_bins(distinct: &[(f32, usize)], bins: usize) -> Vec<usize> {
    let before_last = distinct.len().saturating_sub(1);
    if distinct.len() <= bins {
        return (0..before_last).collect();
    }
    let total: usize = distinct.iter().map(|(_, count)| count).sum();
    let heavy = |count: usize| count * bins >= total;
    let (mut rest, mut rest_bins) = (total, bins);
    for &(_, count) in distinct.iter().filter(|(_, count)| heavy(*count)) {
        (rest, rest_bins) = (rest - count, rest_bins - 1);
    }
    let mut size = rest as f64 / rest_bins.max(1) as f64;
    let (mut found, mut filled) = (Vec::new(), 0);
    for (at, &(_, count)) in distinct.iter().enumerate().take(before_last) {
        if found.len() + 1 == bins {
            break;
        }
        filled += count;
        let next_heavy = heavy(distinct[at + 1].1);
        if heavy(count) || filled as f64 >= size || next_heavy && filled as f64 >= size / 2.0 {
            found.push(at);
            if !heavy(count) {
                (rest, rest_bins) = (rest.saturating_sub(filled), rest_bins.saturating_sub(1));
                size = rest as f64 / rest_bins.max(1) as f64;
            }
            filled = 0;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_get_a_border_between_each_and_missing_is_below_all() {
        let columns = vec![vec![3.0, 1.0, f32::NAN, 1.0]];
        let bins = Bins::of(&columns, 8, 1);
        assert_eq!(bins.count(0), 3);
        let binned = bins.bin(&columns, vec![0]);
        assert_eq!([0, 1, 2, 3].map(|row| binned.column(0).bin(row)), [2, 1, 0, 1]);
    }

    #[test]
    fn few_values_beside_many_equal_ones_are_told_apart() {
        let columns = vec![(0..10_000).map(|row| if row < 100 { row as f32 } else { 0.0 }).collect::<Vec<_>>()];
        let bins = Bins::of(&columns, 12, 1);
        assert_eq!(bins.count(0), 12);
        let binned = bins.bin(&columns, vec![0]);
        assert!(binned.column(0).bin(1) < binned.column(0).bin(50));
        assert!(binned.column(0).bin(50) < binned.column(0).bin(99));
    }

    #[test]
    fn every_place_of_groups_of_equal_length_has_a_border() {
        let columns = vec![(0..16 * SAMPLE).map(|row| (row % 100) as f32).collect::<Vec<_>>()];
        assert_eq!(Bins::of(&columns, 128, 1).count(0), 100);
    }

    #[test]
    fn many_values_are_cut_into_equal_parts() {
        let columns = vec![(0..1000).map(|value| value as f32).collect::<Vec<_>>()];
        let binned = Bins::of(&columns, 4, 1).bin(&columns, vec![0]);
        for bin in 0..4 {
            let count = (0..1000).filter(|&row| binned.column(0).bin(row) == bin).count();
            assert!((249..=251).contains(&count), "{count}");
        }
    }
}
