//! Encodes categories as numbers: the frequency of a value, and the smoothed mean of the labels of its rows (target
//! encoding).
//!
//! Rows are in the order of time, and the rows of a group are simultaneous. A training row is encoded from the groups
//! before its own, so that it sees neither its own label nor a later one:
//!
//! ```text
//! count = n / N                                   n of the N rows before have the value; a share, so that it is
//!                                                 comparable between the first rows and the last
//! mean  = (s + smoothing · S / N) / (n + smoothing)         s and S: the sums of the labels of these n and N rows
//! ```
//!
//! In the first group, which has no rows before it, both are missing. Rows of later times are encoded from all training
//! rows; a value that these do not have gets the count 0 and the mean of all rows. Cost: one look-up per row and
//! column.
//!
//! Sources: Micci-Barreca, "A Preprocessing Scheme for High-Cardinality Categorical Attributes", SIGKDD Explorations
//! 2001; Prokhorenkova et al., "CatBoost", NeurIPS 2018, section 3.2 (ordered target statistics).

use std::collections::HashMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use shared::engine::tabular::encoding::Sums;

use super::Rows;

/// How categories are encoded. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct EncodeConfig {
    pub smoothing: f64,
}

/// The names of the columns that encode a category.
pub const NAMES: [&str; 2] = ["count", "mean"];

/// A column of categorical values.
#[derive(Debug, Clone, Default)]
pub struct Category {
    /// The distinct values.
    pub values: Vec<String>,
    /// The value of each row, as a position in `values`.
    pub rows: Vec<u32>,
}

impl<'a> FromIterator<&'a str> for Category {
    /// Numbers the distinct values in the order in which they appear.
    fn from_iter<I: IntoIterator<Item = &'a str>>(rows: I) -> Self {
        let mut category = Self::default();
        let mut places: HashMap<&str, u32> = HashMap::new();
        for value in rows {
            let place = *places.entry(value).or_insert_with(|| {
                category.values.push(value.to_owned());
                category.values.len() as u32 - 1
            });
            category.rows.push(place);
        }
        category
    }
}

/// The encoding of categories that was learned from training rows.
#[derive(Debug)]
pub struct Encoding {
    columns: Vec<HashMap<String, Sums>>,
    total: Sums,
    smoothing: f64,
}

/// Count and mean of a value with these sums.
fn encoded(own: Sums, total: Sums, smoothing: f64) -> [f32; 2] {
    [own.count(total), own.mean(total, smoothing)]
}

/// Appends two columns for each category to training rows, and returns the encoding for later rows.
pub fn learn(rows: &mut Rows, categories: &[Category], config: &EncodeConfig) -> Encoding {
    let learned: Vec<(Vec<Sums>, [Vec<f32>; 2])> =
        categories.par_iter().map(|category| in_order(rows, category, config.smoothing)).collect();
    let mut total = Sums::default();
    rows.labels.iter().for_each(|&label| total.add(label));
    let mut encoding = Encoding { columns: Vec::new(), total, smoothing: config.smoothing };
    for (category, (sums, columns)) in categories.iter().zip(learned) {
        encoding.columns.push(category.values.iter().cloned().zip(sums).collect());
        rows.columns.extend(columns);
    }
    encoding
}

/// The sums of each value over all rows, and the two columns, each row encoded from the groups before its own.
fn in_order(rows: &Rows, category: &Category, smoothing: f64) -> (Vec<Sums>, [Vec<f32>; 2]) {
    let mut sums = vec![Sums::default(); category.values.len()];
    let mut total = Sums::default();
    let mut columns = [Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len())];
    for group in rows.groups.windows(2).map(|bounds| bounds[0]..bounds[1]) {
        for &value in &category.rows[group.clone()] {
            push(&mut columns, encoded(sums[value as usize], total, smoothing));
        }
        for (&value, &label) in category.rows[group.clone()].iter().zip(&rows.labels[group]) {
            sums[value as usize].add(label);
            total.add(label);
        }
    }
    (sums, columns)
}

impl Encoding {
    /// Appends two columns for each category to rows of later times.
    pub fn append(&self, rows: &mut Rows, categories: &[Category]) {
        for (known, category) in self.columns.iter().zip(categories) {
            let of_value = |value| encoded(known.get(value).copied().unwrap_or_default(), self.total, self.smoothing);
            let encoded: Vec<[f32; 2]> = category.values.iter().map(of_value).collect();
            let mut columns = [Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len())];
            category.rows.iter().for_each(|&value| push(&mut columns, encoded[value as usize]));
            rows.columns.extend(columns);
        }
    }
}

fn push(columns: &mut [Vec<f32>; 2], encoded: [f32; 2]) {
    columns.iter_mut().zip(encoded).for_each(|(column, value)| column.push(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: EncodeConfig = EncodeConfig { smoothing: 1.0 };

    fn category(rows: &[&str]) -> Category {
        rows.iter().copied().collect()
    }

    fn rows(labels: &[f32], groups: &[usize]) -> Rows {
        Rows { labels: labels.to_vec(), groups: groups.to_vec(), ..Rows::default() }
    }

    #[test]
    fn a_row_is_described_by_the_rows_before_it() {
        let mut rows = rows(&[1.0, 0.0, 1.0, 0.0], &[0, 1, 2, 3, 4]);
        learn(&mut rows, &[category(&["a", "a", "b", "a"])], &CONFIG);
        let [count, mean] = &rows.columns[..] else { panic!("two columns") };
        assert!(count[0].is_nan() && mean[0].is_nan());
        assert_eq!(count[1..], [1.0, 0.0, 2.0 / 3.0]);
        // Means of all before: 1, 1/2, 2/3; (1 + 1) / (1 + 1), (0 + 1/2) / (0 + 1), (1 + 2/3) / (2 + 1).
        assert_eq!(mean[1..], [1.0, 0.5, 5.0 / 9.0]);
    }

    #[test]
    fn no_row_sees_its_own_label_or_a_later_one() {
        let (labels, groups) = ([1.0, 0.0, 0.0, 1.0, 1.0, 0.0], [0, 1, 3, 5, 6]);
        let values = category(&["a", "b", "a", "b", "b", "a"]);
        let encoded = |labels: &[f32]| {
            let mut rows = rows(labels, &groups);
            learn(&mut rows, std::slice::from_ref(&values), &CONFIG);
            rows.columns
        };
        let bits = |columns: &[Vec<f32>], end: usize| -> Vec<u32> {
            columns.iter().flat_map(|column| &column[..end]).map(|value| value.to_bits()).collect()
        };
        for row in 0..labels.len() {
            let mut changed = labels;
            changed[row] = 1.0 - changed[row];
            let end = groups.iter().copied().find(|&end| end > row).expect("a group");
            assert_eq!(bits(&encoded(&labels), end), bits(&encoded(&changed), end), "row {row}");
            let after = end < labels.len();
            assert_eq!(encoded(&labels)[1][end..] != encoded(&changed)[1][end..], after, "row {row}");
        }
    }

    #[test]
    fn later_rows_are_described_by_all_learned_rows_and_new_values_by_the_mean_of_all() {
        let mut learned = rows(&[1.0, 0.0, 1.0, 0.0], &[0, 1, 2, 3, 4]);
        let encoding = learn(&mut learned, &[category(&["a", "a", "b", "a"])], &CONFIG);
        let mut later = rows(&[0.0, 0.0], &[0, 1, 2]);
        encoding.append(&mut later, &[category(&["new", "a"])]);
        assert_eq!(later.columns, [[0.0, 0.75], [0.5, 1.5 / 4.0]]);
    }
}
