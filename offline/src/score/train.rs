//! Fits the trees of a model: features ▶ pairs ▶ members, each of an order and a seed of its own ▶ one ensemble a label.
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
use shared::engine::tabular::encoding::Sums;
use shared::engine::tabular::feature::{Encoded, Feature};
use shared::engine::tabular::schema::FieldKind;
use shared::tables::EncodingTable;

use super::columns::Columns;
use super::config::ModelConfig;
use super::features::{Labelled, Plan, Special};
use super::pairs::pairs;
use super::split::Parts;
use super::targets::Targets;
use super::weights;
use crate::trees::metrics::log_loss_of;
use crate::trees::monotone::Direction;
use crate::trees::{self, Ensemble, Rows, SeveralRows, TreesConfig};

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
    /// How many times as much as a negative a positive of each counts.
    pub times: Vec<f32>,
    totals: Vec<Sums>,
    smoothing: f64,
}

impl Fitted {
    /// The log-loss of rows, that of several labels averaged; each row counts as it does in what is learnt. Probabilities are
    /// not calibrated.
    #[must_use]
    pub fn losses(&self, columns: &[Column], rows: &Answers) -> Vec<f64> {
        let matrix = self.plan.matrix(columns, &self.encodings, &self.totals, self.smoothing);
        let (mut losses, outputs) = (vec![0.0; matrix.rows()], self.ensembles.len() as f64);
        for ((ensemble, labels), weights) in self.ensembles.iter().zip(&rows.labels).zip(&rows.weights) {
            let mean = weights.iter().map(|weight| f64::from(*weight)).sum::<f64>() / weights.len().max(1) as f64;
            let weight = |row: usize| weights.get(row).map_or(1.0, |weight| f64::from(*weight) / mean);
            let scores = trees::scores_of(ensemble, &matrix);
            for (row, (&label, score)) in labels.iter().zip(scores).enumerate() {
                losses[row] += weight(row) * log_loss_of(label, score) / outputs;
            }
        }
        losses
    }

    /// What is known of rows, as it counts for this model.
    #[must_use]
    pub fn answers(&self, targets: &Targets, rows: &[usize]) -> Answers {
        Answers::of(targets, rows, &self.times)
    }
}

/// The labels of some rows, and how much each row counts, label by label; no weights where all count alike.
pub struct Answers {
    labels: Vec<Vec<f32>>,
    weights: Vec<Vec<f32>>,
}

impl Answers {
    /// * `times`: how many times as much as a negative a positive of each label counts.
    fn of(targets: &Targets, rows: &[usize], times: &[f32]) -> Self {
        let labels: Vec<Vec<f32>> = targets.labels.iter().map(|labels| labels_of(labels, rows)).collect();
        let own = targets.weights_of(rows);
        let weights = labels.iter().zip(times).map(|(labels, times)| weights::for_label(&own, labels, *times));
        Self { weights: weights.collect(), labels }
    }

    fn of_rows<'a>(&'a self, columns: &'a [Column]) -> Labelled<'a> {
        Labelled { columns, labels: &self.labels, weights: &self.weights }
    }
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

fn columns_of(matrix: &Matrix) -> Vec<Vec<f32>> {
    (0..matrix.columns()).map(|at| matrix.column(at).to_vec()).collect()
}

/// Fits a model.
///
/// * `progress`: called with the number of trees so far, of `members` times `trees.trees`.
pub fn fit(
    columns: &Columns,
    targets: &Targets,
    parts: &Parts,
    config: &ModelConfig,
    progress: &(dyn Fn(u64) + Sync),
) -> Fitted {
    let (own, valid) = (rows_of(&columns.values, &parts.train), rows_of(&columns.values, &parts.valid));
    let times = |labels: &Vec<f32>| {
        let own = labels_of(labels, &parts.train);
        weights::of_positives(config.weights.positive, &targets.weights_of(&parts.train), &own)
    };
    let times: Vec<f32> = targets.labels.iter().map(times).collect();
    let (own_answers, stops) = (Answers::of(targets, &parts.train, &times), Answers::of(targets, &parts.valid, &times));
    let grown = AtomicU64::new(0);
    let progress = || progress(grown.fetch_add(1, Ordering::Relaxed) + 1);
    let outputs = targets.labels.len();
    let mut plan = plan(columns, config).with_outputs(outputs);
    let sides = Sides {
        rows: own_answers.of_rows(&own),
        valid: stops.of_rows(&valid),
        by_time: !parts.times.is_empty(),
        monotone: &bound(&plan, columns),
    };
    let mut encodings = plan.learn(sides.rows);
    for pair in combinations(&plan, sides, &encodings, config) {
        plan.encode(pair, outputs);
    }
    encodings = plan.learn(sides.rows);
    let ensembles = members(&plan, sides, &encodings, config, &progress);
    let (totals, smoothing) = (sides.rows.totals(), config.features.smoothing);
    let matrix = plan.matrix(&own, &encodings, &totals, smoothing);
    let covers = ensembles.iter().flat_map(|ensemble| ensemble.covers(&matrix)).collect();
    Fitted { plan, encodings, ensembles, covers, times, totals, smoothing }
}

/// The features that are columns with which the prediction goes one way.
fn bound(plan: &Plan, columns: &Columns) -> Vec<(usize, Direction)> {
    let direction = |(at, feature): (usize, &Feature)| match feature {
        Feature::Number { column } => Some((at, columns.direction(*column)?)),
        _ => None,
    };
    plan.features.iter().enumerate().filter_map(direction).collect()
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
    let bound: Vec<usize> = (0..columns.fields.len()).filter(|&at| columns.direction(at).is_some()).collect();
    let special = Special { skipped: &skipped, levels: &parts_of_times, alone: &bound };
    Plan::of(&columns.values, &columns.levels, special, &config.features)
}

/// The rows that a model is fitted on.
#[derive(Clone, Copy)]
struct Sides<'a> {
    /// Those that are trained on.
    rows: Labelled<'a>,
    /// Those that say when to stop.
    valid: Labelled<'a>,
    /// Whether the rows are in the order of time.
    by_time: bool,
    /// How predictions go with features that are bound.
    monotone: &'a [(usize, Direction)],
}

/// The trees of each label, averaged over the members.
fn members(
    plan: &Plan,
    sides: Sides<'_>,
    encodings: &EncodingTable,
    config: &ModelConfig,
    progress: &(dyn Fn() + Sync),
) -> Vec<Ensemble> {
    let stop = stopping(plan, sides, encodings, config.features.smoothing);
    // Side by side: members share no step, while those of one tree wait for each other.
    let member = |member: usize| {
        let own = TreesConfig { seed: config.trees.seed + member as u64, ..config.trees.clone() };
        let training = training(plan, sides, encodings, config.features.smoothing, own.seed);
        grown(training, &stop, sides, &own, &|_| progress())
    };
    let members: Vec<Vec<Ensemble>> = (0..config.members).into_par_iter().map(member).collect();
    let mut ensembles = vec![Ensemble::default(); sides.rows.labels.len()];
    for fitted in members {
        ensembles.iter_mut().zip(fitted).for_each(|(all, own)| all.add(own, config.members));
    }
    ensembles
}

/// The trees of each label of one member.
fn grown(
    training: Matrix,
    stop: &Matrix,
    sides: Sides<'_>,
    config: &TreesConfig,
    progress: &(dyn Fn(u64) + Sync),
) -> Vec<Ensemble> {
    let fitted = if sides.rows.labels.len() == 1 {
        let (rows, valid) = (one(&training, sides.rows, sides.monotone), one(stop, sides.valid, &[]));
        vec![trees::fit(&rows, Some(&valid), config, progress)]
    } else {
        trees::fit_several(&several(&training, sides.rows), &several(stop, sides.valid), config, progress)
    };
    for own in &fitted {
        tracing::debug!(seed = config.seed, trees = own.leaves.len() >> own.depth, log_loss = -own.metric, "fitted");
    }
    fitted
}

/// Features with a label.
fn one(matrix: &Matrix, rows: Labelled<'_>, monotone: &[(usize, Direction)]) -> Rows {
    Rows {
        columns: columns_of(matrix),
        groups: (0..=rows.len()).collect(),
        labels: rows.labels[0].clone(),
        weights: rows.weights[0].clone(),
        monotone: monotone.to_vec(),
    }
}

/// Features with several labels.
fn several(matrix: &Matrix, rows: Labelled<'_>) -> SeveralRows {
    SeveralRows { columns: columns_of(matrix), labels: rows.labels.to_vec(), weights: rows.weights.to_vec() }
}

/// The features of the rows that say when to stop.
fn stopping(plan: &Plan, sides: Sides<'_>, encodings: &EncodingTable, smoothing: f64) -> Matrix {
    plan.matrix(sides.valid.columns, encodings, &sides.rows.totals(), smoothing)
}

/// The features of training rows in an order of their own.
fn training(plan: &Plan, sides: Sides<'_>, encodings: &EncodingTable, smoothing: f64, seed: u64) -> Matrix {
    let mut order: Vec<usize> = (0..sides.rows.len()).collect();
    if !sides.by_time {
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    }
    plan.of_training(sides.rows, &order, encodings, smoothing)
}

/// The combinations of columns that a few fast trees leave something of.
fn combinations(plan: &Plan, sides: Sides<'_>, encodings: &EncodingTable, config: &ModelConfig) -> Vec<Encoded> {
    if config.features.pairs == 0 {
        return Vec::new();
    }
    let fast = TreesConfig { learning_rate: 0.2, patience: 10, ..config.trees.clone() };
    let smoothing = config.features.smoothing;
    let training = training(plan, sides, encodings, smoothing, fast.seed);
    let stop = stopping(plan, sides, encodings, smoothing);
    let fitted = grown(training.clone(), &stop, sides, &fast, &|_| ());
    let of_label = |(at, ensemble): (usize, &Ensemble)| -> Vec<f32> {
        let (labels, weights) = (&sides.rows.labels[at], &sides.rows.weights[at]);
        let rows = labels.iter().zip(trees::scores_of(ensemble, &training)).enumerate();
        let residual = |(row, (label, score)): (usize, (&f32, f32))| {
            weights.get(row).copied().unwrap_or(1.0) * (label - probability(score))
        };
        rows.map(residual).collect()
    };
    let residuals: Vec<Vec<f32>> = fitted.iter().enumerate().map(of_label).collect();
    pairs(sides.rows.columns, &plan.combinable, &residuals, smoothing, config.features.pairs)
}
