//! Fits the trees of a model: features ▶ pairs ▶ members, each of an order and a seed of its own ▶ one ensemble.
//!
//! The members' log-odds are averaged: their trees stand one behind the other, with leaves divided by their number.

use std::sync::atomic::{AtomicU64, Ordering};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use shared::engine::rank::matrix::Matrix;
use shared::engine::rank::trees::probability;
use shared::engine::tabular::column::Column;
use shared::engine::tabular::derive::{Derivation, Derived};
use shared::engine::tabular::feature::Encoded;
use shared::engine::tabular::schema::FieldKind;
use shared::tables::EncodingTable;

use super::columns::Columns;
use super::config::ModelConfig;
use super::features::{Labelled, Plan, Special, total};
use super::pairs::pairs;
use super::split::Parts;
use crate::trees::{self, Ensemble, Rows, TreesConfig};

/// What was learnt.
pub struct Fitted {
    /// The features.
    pub plan: Plan,
    /// What was learnt of the categories.
    pub encodings: EncodingTable,
    /// The trees of all members.
    pub ensemble: Ensemble,
    /// How many training rows are in each leaf.
    pub covers: Vec<f32>,
}

/// Some rows of columns.
#[must_use]
pub fn rows_of(columns: &[Column], rows: &[usize]) -> Vec<Column> {
    columns.iter().map(|column| column.rows(rows)).collect()
}

/// The labels of some rows.
#[must_use]
pub fn labels_of(labels: &[f32], rows: &[usize]) -> Vec<f32> {
    rows.iter().map(|&row| labels[row]).collect()
}

fn with_labels(matrix: &Matrix, labels: &[f32]) -> Rows {
    let columns = (0..matrix.columns()).map(|at| matrix.column(at).to_vec()).collect();
    Rows { columns, groups: (0..=labels.len()).collect(), labels: labels.to_vec() }
}

/// Fits a model.
///
/// * `progress`: called with the number of trees so far, of `members` times `trees.trees`.
pub fn fit(
    columns: &Columns,
    labels: &[f32],
    parts: &Parts,
    config: &ModelConfig,
    progress: &(dyn Fn(u64) + Sync),
) -> Fitted {
    let (own, own_labels) = (rows_of(&columns.values, &parts.train), labels_of(labels, &parts.train));
    let (valid, stops) = (rows_of(&columns.values, &parts.valid), labels_of(labels, &parts.valid));
    let rows = Labelled { columns: &own, labels: &own_labels };
    let (total, smoothing) = (total(&own_labels), config.features.smoothing);
    let times: Vec<usize> =
        (0..columns.fields.len()).filter(|&at| matches!(columns.fields[at].kind, FieldKind::Time { .. })).collect();
    let is_part = |derived: &Derived| matches!(derived.by, Derivation::Part { .. });
    let parts_of_times: Vec<usize> = (columns.fields.len()..)
        .zip(&columns.derived)
        .filter_map(|(at, derived)| is_part(derived).then_some(at))
        .collect();
    let special = Special { skipped: &times, levels: &parts_of_times };
    let mut plan = Plan::of(&columns.values, &columns.levels, special, &config.features);
    let mut encodings = plan.learn(rows);
    let stop =
        |plan: &Plan, encodings: &EncodingTable| with_labels(&plan.matrix(&valid, encodings, total, smoothing), &stops);
    for pair in combinations(&plan, rows, &stop(&plan, &encodings), &encodings, parts.by_time, config) {
        plan.encode(pair);
    }
    encodings = plan.learn(rows);
    let stop = stop(&plan, &encodings);
    // Side by side: members share no step, while those of one tree wait for each other.
    let grown = AtomicU64::new(0);
    let member = |member: usize| {
        let own = TreesConfig { seed: config.trees.seed + member as u64, ..config.trees.clone() };
        let training = training(&plan, rows, &encodings, parts.by_time, smoothing, own.seed);
        let fitted = trees::fit(&training, Some(&stop), &own, &|_| progress(grown.fetch_add(1, Ordering::Relaxed) + 1));
        let trees = fitted.leaves.len() >> fitted.depth;
        tracing::debug!(member, trees, log_loss = -fitted.metric, "member fitted");
        fitted
    };
    let members: Vec<Ensemble> = (0..config.members).into_par_iter().map(member).collect();
    let mut ensemble = Ensemble::default();
    members.into_iter().for_each(|member| ensemble.add(member, config.members));
    let covers = ensemble.covers(&plan.matrix(&own, &encodings, total, smoothing));
    Fitted { plan, encodings, ensemble, covers }
}

/// The features of training rows in an order of their own.
fn training(
    plan: &Plan,
    rows: Labelled<'_>,
    encodings: &EncodingTable,
    by_time: bool,
    smoothing: f64,
    seed: u64,
) -> Rows {
    let mut order: Vec<usize> = (0..rows.labels.len()).collect();
    if !by_time {
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    }
    with_labels(&plan.of_training(rows, &order, encodings, smoothing), rows.labels)
}

/// The combinations of columns that a few fast trees leave something of.
fn combinations(
    plan: &Plan,
    rows: Labelled<'_>,
    stop: &Rows,
    encodings: &EncodingTable,
    by_time: bool,
    config: &ModelConfig,
) -> Vec<Encoded> {
    if config.features.pairs == 0 {
        return Vec::new();
    }
    let fast = TreesConfig { learning_rate: 0.2, patience: 10, ..config.trees.clone() };
    let smoothing = config.features.smoothing;
    let training = training(plan, rows, encodings, by_time, smoothing, fast.seed);
    let scores = trees::scores(&trees::fit(&training, Some(stop), &fast, &|_| ()), &training);
    let residuals: Vec<f32> = rows.labels.iter().zip(scores).map(|(label, score)| label - probability(score)).collect();
    pairs(rows.columns, &plan.combinable, &residuals, smoothing, config.features.pairs)
}
