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
    /// The features of all labels.
    pub plan: Plan,
    /// What was learnt of the categories.
    pub encodings: EncodingTable,
    /// The trees of all members, for each label.
    pub ensembles: Vec<Ensemble>,
    /// How many training rows are in each leaf of each.
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

/// Fits a model: the trees of each label, which look at the features that any of them looks at.
///
/// * `labels`: those of all rows, label by label.
/// * `progress`: called with the number of trees so far, of `members` times `trees.trees` for each label.
pub fn fit(
    columns: &Columns,
    labels: &[Vec<f32>],
    parts: &Parts,
    config: &ModelConfig,
    progress: &(dyn Fn(u64) + Sync),
) -> Fitted {
    let (own, valid) = (rows_of(&columns.values, &parts.train), rows_of(&columns.values, &parts.valid));
    let plan = plan(columns, config);
    let grown = AtomicU64::new(0);
    let progress = || progress(grown.fetch_add(1, Ordering::Relaxed) + 1);
    let own_labels: Vec<Vec<f32>> = labels.iter().map(|labels| labels_of(labels, &parts.train)).collect();
    let fit = |(labels, own_labels): (&Vec<f32>, &Vec<f32>)| {
        let stops = labels_of(labels, &parts.valid);
        let label = Label {
            rows: Labelled { columns: &own, labels: own_labels },
            valid: Labelled { columns: &valid, labels: &stops },
            by_time: parts.by_time,
        };
        fit_label(plan.clone(), label, config, &progress)
    };
    let fitted: Vec<(Plan, Ensemble)> = labels.par_iter().zip(&own_labels).map(fit).collect();
    let (plan, ensembles) = join(fitted);
    let (smoothing, totals) =
        (config.features.smoothing, own_labels.iter().map(|labels| total(labels)).collect::<Vec<_>>());
    let rows: Vec<Labelled<'_>> = own_labels.iter().map(|labels| Labelled { columns: &own, labels }).collect();
    let encodings = plan.learn(&rows);
    let matrix = plan.matrix(&own, &encodings, &totals, smoothing);
    let covers = ensembles.iter().flat_map(|ensemble| ensemble.covers(&matrix)).collect();
    Fitted { plan, encodings, ensembles, covers }
}

/// The features of a model without combinations.
fn plan(columns: &Columns, config: &ModelConfig) -> Plan {
    let by_itself = |kind: &FieldKind| !matches!(kind, FieldKind::Time { .. } | FieldKind::Key { .. });
    let skipped: Vec<usize> = (0..columns.fields.len()).filter(|&at| !by_itself(&columns.fields[at].kind)).collect();
    let is_part = |derived: &Derived| matches!(derived.by, Derivation::Part { .. });
    let parts_of_times: Vec<usize> = (columns.fields.len()..)
        .zip(&columns.derived)
        .filter_map(|(at, derived)| is_part(derived).then_some(at))
        .collect();
    let special = Special { skipped: &skipped, levels: &parts_of_times };
    Plan::of(&columns.values, &columns.levels, special, &config.features)
}

/// Rows with one of their labels.
#[derive(Clone, Copy)]
struct Label<'a> {
    /// Those that are trained on.
    rows: Labelled<'a>,
    /// Those that say when to stop.
    valid: Labelled<'a>,
    /// Whether the rows are in the order of time.
    by_time: bool,
}

/// Fits the trees of a label.
fn fit_label(mut plan: Plan, label: Label<'_>, config: &ModelConfig, progress: &(dyn Fn() + Sync)) -> (Plan, Ensemble) {
    let (Label { rows, valid, .. }, smoothing) = (label, config.features.smoothing);
    let total = [total(rows.labels)];
    let stop = |plan: &Plan, encodings: &EncodingTable| {
        with_labels(&plan.matrix(valid.columns, encodings, &total, smoothing), valid.labels)
    };
    let mut encodings = plan.learn(&[rows]);
    for pair in combinations(&plan, label, &stop(&plan, &encodings), &encodings, config) {
        plan.encode(pair);
    }
    encodings = plan.learn(&[rows]);
    let stop = stop(&plan, &encodings);
    // Side by side: members share no step, while those of one tree wait for each other.
    let member = |member: usize| {
        let own = TreesConfig { seed: config.trees.seed + member as u64, ..config.trees.clone() };
        let training = training(&plan, label, &encodings, smoothing, own.seed);
        let fitted = trees::fit(&training, Some(&stop), &own, &|_| progress());
        let trees = fitted.leaves.len() >> fitted.depth;
        tracing::debug!(member, trees, log_loss = -fitted.metric, "member fitted");
        fitted
    };
    let members: Vec<Ensemble> = (0..config.members).into_par_iter().map(member).collect();
    let mut ensemble = Ensemble::default();
    members.into_iter().for_each(|member| ensemble.add(member, config.members));
    (plan, ensemble)
}

/// Joins the plans of labels, whose trees then look at the features of the joint one.
fn join(fitted: Vec<(Plan, Ensemble)>) -> (Plan, Vec<Ensemble>) {
    let mut joint = Plan::default();
    let ensembles = fitted.into_iter().enumerate().map(|(output, (plan, ensemble))| {
        let places = joint.join(&plan, output);
        ensemble.moved(&places)
    });
    let ensembles = ensembles.collect();
    (joint, ensembles)
}

/// The features of training rows in an order of their own.
fn training(plan: &Plan, label: Label<'_>, encodings: &EncodingTable, smoothing: f64, seed: u64) -> Rows {
    let rows = label.rows;
    let mut order: Vec<usize> = (0..rows.labels.len()).collect();
    if !label.by_time {
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    }
    with_labels(&plan.of_training(rows, &order, encodings, smoothing), rows.labels)
}

/// The combinations of columns that a few fast trees leave something of.
fn combinations(
    plan: &Plan,
    label: Label<'_>,
    stop: &Rows,
    encodings: &EncodingTable,
    config: &ModelConfig,
) -> Vec<Encoded> {
    if config.features.pairs == 0 {
        return Vec::new();
    }
    let fast = TreesConfig { learning_rate: 0.2, patience: 10, ..config.trees.clone() };
    let smoothing = config.features.smoothing;
    let training = training(plan, label, encodings, smoothing, fast.seed);
    let scores = trees::scores(&trees::fit(&training, Some(stop), &fast, &|_| ()), &training);
    let rows = label.rows;
    let residuals: Vec<f32> = rows.labels.iter().zip(scores).map(|(label, score)| label - probability(score)).collect();
    pairs(rows.columns, &plan.combinable, &residuals, smoothing, config.features.pairs)
}
