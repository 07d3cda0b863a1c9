//! How numeric columns go together, and with the label: Spearman's rank correlation, over rows that have both values.
//!
//! Ranks are of a sample where there are many rows, ties have the mean of theirs. Where there are many columns, those
//! that go most with the label are shown.
//!
//! Source: Spearman, "The Proof and Measurement of Association between Two Things", 1904.

use rayon::prelude::*;
use serde::Serialize;

use crate::score::split::sample;

/// At most so many columns beside the label.
const COLUMNS: usize = 20;
/// At most so many rows.
const ROWS: usize = 50_000;

/// A matrix of correlations.
#[derive(Debug, Clone, Serialize)]
pub struct Correlations {
    /// The columns; the label is the first.
    pub names: Vec<String>,
    /// The correlation of each with each, row by row; none where one does not vary.
    pub values: Vec<Vec<Option<f64>>>,
    /// How many rows were looked at.
    pub rows: usize,
    /// How many columns are not shown.
    pub left_out: usize,
}

/// The correlations of columns with each other and the label; none of fewer than two columns.
#[must_use]
pub fn correlations(columns: &[(&str, &[f64])], rows: &[usize], labels: &[f32]) -> Option<Correlations> {
    if columns.len() < 2 {
        return None;
    }
    let rows = sample(rows, ROWS);
    let label: Vec<f64> = rows.iter().map(|&row| f64::from(labels[row])).collect();
    let label = ranks(&label);
    let with_label = |(name, numbers): &(&str, &[f64])| {
        let own: Vec<f64> = rows.iter().map(|&row| numbers[row]).collect();
        let own = ranks(&own);
        (pearson(&own, &label).map_or(0.0, f64::abs), (*name).to_owned(), own)
    };
    let mut ranked: Vec<(f64, String, Vec<f64>)> = columns.par_iter().map(with_label).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranked.truncate(COLUMNS);
    let (mut names, mut all) = (vec!["label".to_owned()], vec![label]);
    for (_, name, own) in ranked {
        names.push(name);
        all.push(own);
    }
    let values = all.par_iter().map(|one| all.iter().map(|other| pearson(one, other)).collect()).collect();
    Some(Correlations { left_out: columns.len() + 1 - names.len(), names, values, rows: rows.len() })
}

/// The rank of each value, ties the mean of theirs; missing values have none.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).filter(|&row| !values[row].is_nan()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let (mut ranks, mut below) = (vec![f64::NAN; values.len()], 0);
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = below as f64 + (equal.len() - 1) as f64 / 2.0;
        equal.iter().for_each(|&row| ranks[row] = rank);
        below += equal.len();
    }
    ranks
}

/// The correlation over rows that have both values; none where one does not vary.
fn pearson(one: &[f64], other: &[f64]) -> Option<f64> {
    let both = || one.iter().zip(other).filter(|(a, b)| !a.is_nan() && !b.is_nan());
    let (mut rows, mut sums) = (0.0, [0.0; 2]);
    for (a, b) in both() {
        (rows, sums) = (rows + 1.0, [sums[0] + a, sums[1] + b]);
    }
    let means = sums.map(|sum| sum / f64::max(rows, 1.0));
    let mut products = [0.0; 3];
    for (a, b) in both() {
        let (a, b) = (a - means[0], b - means[1]);
        products = [products[0] + a * a, products[1] + b * b, products[2] + a * b];
    }
    let [one, other, together] = products;
    (one > 0.0 && other > 0.0).then(|| together / (one * other).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rises_together_in_any_way_has_a_correlation_of_one() {
        let (a, b, c) = ([1.0, 2.0, 3.0, f64::NAN], [1.0, 10.0, 1000.0, 5.0], [7.0; 4]);
        let columns: [(&str, &[f64]); 3] = [("a", &a), ("b", &b), ("c", &c)];
        let found = correlations(&columns, &[0, 1, 2, 3], &[0.0, 0.0, 1.0, 1.0]).expect("columns");
        let at = |name: &str| found.names.iter().position(|other| other == name).expect("is there");
        // Of ranks 0, 1, 2 and 0, 2, 3: a fourth row misses a, and has the rank 1 in b.
        let by_hand = 3.0 / (2.0f64 * 14.0 / 3.0).sqrt();
        assert!((found.values[at("a")][at("b")].expect("varies") - by_hand).abs() < 1e-12);
        assert_eq!(found.values[at("c")][0], None);
        assert_eq!(found.names[0], "label");
    }

    #[test]
    fn ties_have_the_mean_of_their_ranks() {
        assert_eq!(ranks(&[5.0, 1.0, 5.0]), [1.5, 0.0, 1.5]);
    }
}
