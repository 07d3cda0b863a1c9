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
    let weight = |text: &str| {
        let weight = number(text)? as f32;
        (weight.is_finite() && weight >= 0.0).then_some(weight)
    };
    let distinct: Vec<Option<f32>> = texts.values.iter().map(|text| weight(text)).collect();
    let of = |row: usize| distinct.get(texts.rows[row] as usize).copied().flatten();
    let bad = || (0..table.rows).filter(|row| of(*row).is_none());
    if let Some(row) = bad().next() {
        let shown = texts.get(row).map_or("none".to_owned(), |text| format!("{text:?}"));
        let what = format!(
            "{} of {} rows have no weight, row {} first, which has {shown}; a weight is a number of at least 0: give them \
             one (0: nothing is learnt of the row), or leave them out",
            bad().count(),
            table.rows,
            row + 1
        );
        return Err(DataError::Declared { column: name.clone(), what });
    }
    let mut weights: Vec<f32> = (0..table.rows).filter_map(of).collect();
    // Only how they compare counts.
    let mean = weights.iter().map(|weight| f64::from(*weight)).sum::<f64>() / weights.len().max(1) as f64;
    if mean == 0.0 {
        let what = "every row has a weight of 0; nothing would be learnt".to_owned();
        return Err(DataError::Declared { column: name.clone(), what });
    }
    weights.iter_mut().for_each(|weight| *weight = (f64::from(*weight) / mean) as f32);
    Ok(weights)
}

/// How many times as much as a negative a positive counts.
///
/// * `rows`: the weight of each training row; empty: all alike.
/// * `labels`: their labels.
#[must_use]
pub fn of_positives(positive: PositiveWeight, rows: &[f32], labels: &[f32]) -> f32 {
    let PositiveWeight::Times(times) = positive else {
        let mut sums = [0.0f64; 2];
        for (row, &label) in labels.iter().enumerate() {
            sums[usize::from(label > 0.0)] += f64::from(rows.get(row).copied().unwrap_or(1.0));
        }
        return if sums[1] > 0.0 { (sums[0] / sums[1]) as f32 } else { 1.0 };
    };
    times as f32
}

/// The weights of rows for a label; empty where all count alike.
///
/// * `rows`: the weight of each row; empty: all alike.
/// * `times`: how many times as much as a negative a positive counts.
#[must_use]
pub fn for_label(rows: &[f32], labels: &[f32], times: f32) -> Vec<f32> {
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
        let labels = [1.0, 0.0, 0.0, 0.0];
        assert_eq!(of_positives(balanced, &[], &labels), 3.0);
        let weights = [2.0, 1.0, 0.0, 3.0];
        assert_eq!(of_positives(balanced, &weights, &labels), 2.0);
        assert_eq!(for_label(&weights, &labels, 2.0), [4.0, 1.0, 0.0, 3.0]);
        assert_eq!(for_label(&[], &[1.0, 0.0], of_positives(PositiveWeight::Times(2.0), &[], &[])), [2.0, 1.0]);
        assert!(for_label(&[], &[1.0, 0.0], 1.0).is_empty());
    }
}
