//! Chooses combinations of two categories whose levels say more together than apart.
//!
//! What some trees without combinations leave over of the labels are the residuals r. Where a combination says nothing,
//! the residuals of two rows of the same two levels have nothing to do with each other; so it is worth the sum of their
//! products, over the cells c of n rows that it makes:
//!
//! ```text
//! worth = Σ_c ((Σ r)² - Σ r²) / (n + smoothing)             of chance alone 0, with the variance
//! Σ_c 2 n (n - 1) / (n + smoothing)² · σ⁴                   where σ² is the mean of r²
//! ```
//!
//! Sources: Lou et al., "Accurate Intelligible Models with Pairwise Interactions", KDD 2013 (pairs by residuals);
//! Prokhorenkova et al., "CatBoost", NeurIPS 2018, section 3 (greedy combinations of categories).

use hashbrown::HashMap;
use rayon::prelude::*;
use shared::engine::tabular::column::{Column, Level};
use shared::engine::tabular::feature::{Encoded, level_of};

/// A combination must be worth this many standard deviations more than chance.
const CHANCE: f64 = 3.0;
/// At most this many rows are looked at, the first.
const ROWS: usize = 200_000;

/// The combinations that are worth most, at most `most` of them, the best first.
///
/// * `encoded`: the columns that may be combined.
/// * `residuals`: labels less probabilities, row by row, for each output; what a combination is worth is added up.
#[must_use]
pub fn pairs(
    columns: &[Column],
    encoded: &[usize],
    residuals: &[Vec<f32>],
    smoothing: f64,
    most: usize,
) -> Vec<Encoded> {
    let all =
        encoded.iter().enumerate().flat_map(|(at, &one)| encoded[at + 1..].iter().map(move |&other| vec![one, other]));
    let all: Vec<Encoded> = all.collect();
    let of_outputs = |pair: &Encoded| {
        let of_one = |own: &Vec<f32>| worth(columns, pair, &own[..own.len().min(ROWS)], smoothing);
        residuals.iter().map(of_one).sum::<f64>()
    };
    let mut worth: Vec<(f64, Encoded)> = all.into_par_iter().map(|pair| (of_outputs(&pair), pair)).collect();
    worth.retain(|(worth, _)| *worth > 0.0);
    worth.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    worth.truncate(most);
    worth.into_iter().map(|(_, pair)| pair).collect()
}

/// What a combination is worth; 0 if that may be chance.
fn worth(columns: &[Column], pair: &[usize], residuals: &[f32], smoothing: f64) -> f64 {
    /// The rows of a cell: how many, the sum of their residuals, and of their squares.
    type Cell = [f64; 3];
    let mut cells: HashMap<Level, Cell> = HashMap::new();
    let mut all = 0.0;
    for (row, &residual) in residuals.iter().enumerate() {
        let residual = f64::from(residual);
        let cell = cells.entry(level_of(columns, pair, row)).or_default();
        *cell = [cell[0] + 1.0, cell[1] + residual, cell[2] + residual * residual];
        all += residual * residual;
    }
    // In an order of their own, so that the sum is the same every time.
    let mut cells: Vec<(Level, Cell)> = cells.into_iter().collect();
    cells.sort_unstable_by_key(|(level, _)| *level);
    let (mut worth, mut variance) = (0.0, 0.0);
    for (_, [rows, sum, squares]) in cells {
        worth += (sum * sum - squares) / (rows + smoothing);
        variance += 2.0 * rows * (rows - 1.0) / (rows + smoothing).powi(2);
    }
    let deviation = variance.sqrt() * all / residuals.len().max(1) as f64;
    tracing::debug!(?pair, worth, z = worth / deviation, "combination");
    if worth > CHANCE * deviation { worth } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exclusive_or_is_found_among_columns_of_chance() {
        let levels =
            |bit: fn(usize) -> usize| Column::Levels((0..400).map(|row| Level::of(&bit(row).to_string())).collect());
        let columns = [levels(|row| row % 2), levels(|row| row / 2 % 2), levels(|row| row / 4 % 3)];
        let residuals: Vec<f32> = (0..400).map(|row| if row % 2 == row / 2 % 2 { 0.5 } else { -0.5 }).collect();
        let residuals = [residuals];
        assert_eq!(pairs(&columns, &[0, 1, 2], &residuals, 1.0, 1), [vec![0, 1]]);
        assert_eq!(pairs(&columns, &[0, 2], &residuals, 1.0, 9), Vec::<Encoded>::new());
    }
}
