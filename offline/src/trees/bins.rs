//! Values as the number of borders below them.
//!
//! Borders are quantiles of a feature's distinct values, each halfway between two of them. A missing value is in bin 0,
//! below every border.

use rayon::prelude::*;

use super::grow::Split;

/// Rows that quantiles are taken from, evenly spread.
const SAMPLE: usize = 200_000;

/// Features that stand beside each other.
pub const BLOCK: usize = 8;

/// The bins of rows, in blocks of features: a block's rows stand behind each other.
pub struct Binned {
    /// One vector a block.
    pub blocks: Vec<Vec<[u8; BLOCK]>>,
    /// The features in the order of the blocks.
    pub order: Vec<usize>,
    /// Where each feature stands in that order.
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
    pub fn of(columns: &[Vec<f32>], bins: usize) -> Self {
        Self(columns.par_iter().map(|column| borders(column, bins)).collect())
    }

    /// The bins of all values, features in an order of blocks.
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
        let mut places = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, &feature)| places[feature] = place);
        Binned { blocks, order, places }
    }

    /// How many bins the feature with the most has.
    pub fn most(&self) -> usize {
        self.0.iter().map(|borders| borders.len() + 1).max().unwrap_or(1)
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
        let binned = bins.bin(&columns, vec![0]);
        assert_eq!([0, 1, 2, 3].map(|row| binned.column(0).bin(row)), [2, 1, 0, 1]);
    }

    #[test]
    fn many_values_are_cut_into_equal_parts() {
        let columns = vec![(0..1000).map(|value| value as f32).collect::<Vec<_>>()];
        let binned = Bins::of(&columns, 4).bin(&columns, vec![0]);
        for bin in 0..4 {
            let count = (0..1000).filter(|&row| binned.column(0).bin(row) == bin).count();
            assert!((249..=251).contains(&count), "{count}");
        }
    }
}
