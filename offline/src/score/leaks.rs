//! Finds columns that say the label by themselves, as what is written down only after the event does.

use serde::Serialize;
use shared::engine::rank::matrix::Matrix;
use shared::engine::tabular::feature::{Encoded, Feature};

use crate::trees::metrics::auc;

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

/// The columns that say the label by themselves.
///
/// * `matrix`: the features of validation rows.
#[must_use]
pub fn leaks(features: &[Feature], encoded: &[Encoded], matrix: &Matrix, labels: &[f32]) -> Vec<Leak> {
    let mut leaks: Vec<Leak> = Vec::new();
    for (at, feature) in features.iter().enumerate() {
        // A missing value stands below all others, as in the trees.
        let values: Vec<f32> =
            matrix.column(at).iter().map(|value| if value.is_nan() { f32::NEG_INFINITY } else { *value }).collect();
        let area = auc(labels, &values);
        let (roc_auc, columns) = (area.max(1.0 - area), feature.columns(encoded));
        if roc_auc < SUSPICIOUS || columns.len() > 1 {
            continue;
        }
        match leaks.iter_mut().find(|leak| leak.columns == columns) {
            Some(leak) => leak.roc_auc = leak.roc_auc.max(roc_auc),
            None => leaks.push(Leak { columns: columns.to_vec(), roc_auc }),
        }
    }
    leaks
}
