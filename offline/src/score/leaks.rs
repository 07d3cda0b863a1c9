//! Finds columns that say the label by themselves, as what is written down only after the event does.

use serde::Serialize;
use shared::engine::rank::matrix::Matrix;
use shared::engine::tabular::manifest::Parameters;

use super::split::sample;
use crate::trees::metrics::auc;

/// At most this many validation rows are looked at.
const ROWS: usize = 100_000;
/// From which area under the ROC curve on a column is suspicious. Honest ones have less, alone: the duration of a call
/// 0.81 for its success, the months of delay 0.70 for default.
const SUSPICIOUS: f64 = 0.99;

/// A column that says the label by itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Leak {
    /// The columns, one or two.
    pub columns: Vec<usize>,
    /// The area under the ROC curve of the column alone, on validation rows.
    pub roc_auc: f64,
}

/// The columns that say one of some labels by themselves.
///
/// * `fields`: how many fields there are; derived columns stand behind them.
/// * `matrix`: the features of validation rows.
#[must_use]
pub fn leaks(parameters: &Parameters, fields: usize, matrix: &Matrix, labels: &[Vec<f32>]) -> Vec<Leak> {
    let mut found: Vec<Leak> = Vec::new();
    for leak in labels.iter().flat_map(|labels| leaks_of(parameters, fields, matrix, labels)) {
        if !found.iter().any(|known| known.columns == leak.columns) {
            found.push(leak);
        }
    }
    found
}

/// The columns that say a label by themselves.
///
/// * `fields`: how many fields there are; derived columns stand behind them.
/// * `matrix`: the features of validation rows.
fn leaks_of(parameters: &Parameters, fields: usize, matrix: &Matrix, labels: &[f32]) -> Vec<Leak> {
    let mut leaks: Vec<Leak> = Vec::new();
    let rows = sample(&(0..labels.len()).collect::<Vec<_>>(), ROWS);
    let labels: Vec<f32> = rows.iter().map(|&row| labels[row]).collect();
    for (at, feature) in parameters.features.iter().enumerate() {
        let columns = feature.columns(&parameters.encoded);
        // What was before is known before.
        let before = |column: &usize| {
            let derived = column.checked_sub(fields).and_then(|at| parameters.derived.get(at));
            derived.is_some_and(|derived| derived.by.remembered().is_some())
        };
        if columns.len() > 1 || columns.iter().any(before) {
            continue;
        }
        // A missing value stands below all others, as in the trees.
        let present = |value: f32| if value.is_nan() { f32::NEG_INFINITY } else { value };
        let values: Vec<f32> = rows.iter().map(|&row| present(matrix.column(at)[row])).collect();
        let area = auc(&labels, &values);
        let roc_auc = area.max(1.0 - area);
        if roc_auc < SUSPICIOUS {
            continue;
        }
        match leaks.iter_mut().find(|leak| leak.columns == columns) {
            Some(leak) => leak.roc_auc = leak.roc_auc.max(roc_auc),
            None => leaks.push(Leak { columns: columns.to_vec(), roc_auc }),
        }
    }
    leaks
}
