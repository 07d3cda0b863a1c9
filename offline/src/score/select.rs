//! Chooses columns by validation: those leave that a model does as well without.
//!
//! A fast model is fitted, and each column of the validation rows shuffled: where that does not make their log-loss larger,
//! the column is a candidate. If a fast model without the candidates is no worse, they leave, and what is left is asked
//! again; else the half that is needed most stays. Cost: a fast fit for each question, and `columns · SHUFFLES` scorings
//! of the validation rows.
//!
//! Sources: that of [`super::shuffle`]; Guyon et al., "Gene Selection for Cancer Classification", 2002 (recursive
//! elimination).

use rayon::prelude::*;
use shared::engine::tabular::column::Column;
use shared::engine::tabular::schema::FieldKind;

use super::columns::Columns;
use super::config::{FeaturesConfig, ModelConfig};
use super::shuffle::shuffled;
use super::split::{Parts, sample};
use super::targets::Targets;
use super::train::{Fitted, fit, rows_of};
use super::unused::Unused;
use crate::trees::TreesConfig;

/// How often each column is shuffled.
const SHUFFLES: usize = 3;
/// At most this many validation rows are shuffled.
const ROWS: usize = 20_000;

/// The columns that are needed.
#[must_use]
pub fn select(mut columns: Columns, targets: &Targets, parts: &Parts, config: &ModelConfig) -> Columns {
    let fast = ModelConfig {
        members: 1,
        features: FeaturesConfig { pairs: 0, ..config.features.clone() },
        trees: TreesConfig { learning_rate: config.trees.learning_rate.max(0.1), patience: 20, ..config.trees.clone() },
        ..config.clone()
    };
    let fitted = |columns: &Columns| {
        let fitted = fit(columns, targets, parts, &fast, &|_| ());
        let loss = -fitted.ensembles.iter().map(|own| own.metric).sum::<f64>();
        (fitted, loss)
    };
    let (mut model, mut loss) = fitted(&columns);
    loop {
        let mut candidates = unneeded(&columns, &model, targets, parts);
        let without = loop {
            // One column at least is needed to learn anything.
            if candidates.is_empty() || candidates.len() == columns.values.len() {
                return columns;
            }
            let left = columns.clone().without(&candidates, Unused::NotNeeded);
            if left.values.len() == columns.values.len() {
                return columns;
            }
            let (own, own_loss) = fitted(&left);
            tracing::debug!(left = left.values.len(), loss = own_loss, before = loss, "selected");
            if own_loss <= loss {
                break (left, own, own_loss);
            }
            candidates.truncate(candidates.len() / 2);
        };
        (columns, model, loss) = without;
    }
}

/// The columns that the model does as well without when they are shuffled, the least needed first.
fn unneeded(columns: &Columns, model: &Fitted, targets: &Targets, parts: &Parts) -> Vec<usize> {
    let rows = sample(&parts.valid, ROWS);
    let values = rows_of(&columns.values, &rows);
    let answers = model.answers(targets, &rows);
    let loss = |values: &[Column]| model.losses(values, &answers).iter().sum::<f64>();
    let whole = loss(&values);
    let needed = |column: usize| {
        let more = |seed: u64| loss(&shuffled(&values, column, seed)) - whole;
        (0..SHUFFLES as u64).map(more).sum::<f64>() / SHUFFLES as f64
    };
    let looked_at = |column: &usize| {
        let kind = columns.fields.get(*column).map(|field| &field.kind);
        !matches!(kind, Some(FieldKind::Time { .. } | FieldKind::Key { .. }))
    };
    let all: Vec<usize> = (0..columns.values.len()).filter(looked_at).collect();
    let mut found: Vec<(f64, usize)> = all.into_par_iter().map(|column| (needed(column), column)).collect();
    found.retain(|(needed, _)| *needed <= 0.0);
    found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    found.into_iter().map(|(_, column)| column).collect()
}
