//! How much rows count in what is learnt.

use shared::engine::tabular::value::number;

use super::DataError;
use super::config::{ModelConfig, PositiveWeight};
use super::table::Table;

/// The weight of every row; empty where all count alike.
///
/// # Errors
/// [`DataError`] when the column is not there, or has others than numbers of at least 0.
pub fn of_rows(table: &Table, config: &ModelConfig) -> Result<Vec<f32>, DataError> {
    let name = &config.weights.column;
    if name.is_empty() {
        return Ok(Vec::new());
    }
    let texts = table.column(name).ok_or_else(|| DataError::no_column("weights.column", name, table))?;
    let weight = |text: &str| number(text).filter(|weight| weight.is_finite() && *weight >= 0.0);
    let distinct: Vec<Option<f64>> = texts.values.iter().map(|text| weight(text)).collect();
    let of = |row: usize| {
        let found = distinct.get(texts.rows[row] as usize).copied().flatten();
        let shown = texts.get(row).unwrap_or("nothing");
        let what = || format!("row {} has {shown:?}; a weight is a number of at least 0", row + 1);
        found.map(|weight| weight as f32).ok_or_else(|| DataError::Declared { column: name.clone(), what: what() })
    };
    (0..table.rows).map(of).collect()
}

/// The weights of rows for a label; empty where all count alike.
///
/// * `rows`: the weight of each row; empty: all alike.
#[must_use]
pub fn for_label(rows: &[f32], labels: &[f32], positive: PositiveWeight) -> Vec<f32> {
    let times = match positive {
        PositiveWeight::Times(times) => times as f32,
        PositiveWeight::By(_) => {
            let sum = |wanted: bool| -> f32 {
                let own = |row: &usize| (labels[*row] > 0.0) == wanted;
                (0..labels.len()).filter(own).map(|row| rows.get(row).copied().unwrap_or(1.0)).sum()
            };
            let (positives, negatives) = (sum(true), sum(false));
            if positives > 0.0 { negatives / positives } else { 1.0 }
        }
    };
    if rows.is_empty() && times == 1.0 {
        return Vec::new();
    }
    let own = |(row, &label): (usize, &f32)| {
        let weight = rows.get(row).copied().unwrap_or(1.0);
        if label > 0.0 { times * weight } else { weight }
    };
    labels.iter().enumerate().map(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::config::Numbers;

    #[test]
    fn all_positives_may_count_as_much_as_all_negatives() {
        let balanced = PositiveWeight::By(Numbers::Balanced);
        assert_eq!(for_label(&[], &[1.0, 0.0, 0.0, 0.0], balanced), [3.0, 1.0, 1.0, 1.0]);
        assert_eq!(for_label(&[2.0, 1.0, 0.0, 3.0], &[1.0, 0.0, 0.0, 0.0], balanced), [4.0, 1.0, 0.0, 3.0]);
        assert_eq!(for_label(&[], &[1.0, 0.0], PositiveWeight::Times(2.0)), [2.0, 1.0]);
        assert!(for_label(&[], &[1.0, 0.0], PositiveWeight::Times(1.0)).is_empty());
    }
}
