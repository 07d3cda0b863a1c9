//! What a model's probabilities depend on: how much worse it is when a field's values are shuffled over the rows, what
//! fields add to the log-odds on average, and what they add for some rows.
//!
//! A shuffled field takes all that is computed from it along: levels, combinations, derived columns. Fields that say the
//! same cover for each other, so that each alone seems to matter little; contributions share what they say among them.
//!
//! Cost: fields × repeats × rows scored; rows are fewer where there are many fields. Shuffles are seeded by the place of
//! the field, so that the figures are the same whatever the number of threads.
//!
//! Sources: that of [`crate::score::shuffle`]; Lundberg et al., 2020 (contributions, see
//! [`shared::engine::rank::contributions`]).

use rayon::prelude::*;
use serde::Serialize;
use shared::engine::tabular::column::Column;
use shared::engine::tabular::model::Model;

use crate::score::measure::loss_of;
use crate::score::shuffle::shuffled;
use crate::score::train::rows_of;
use crate::trees::metrics::auc;

/// How often each field is shuffled.
const REPEATS: usize = 3;
/// At most so many values of features are computed.
const WORK: usize = 1_000_000_000;
/// At most so many trees are explained.
const TREES: usize = 1_500_000;

/// What the model loses without a field.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Permuted {
    /// The field.
    pub field: String,
    /// How much the area under the ROC curve falls.
    pub roc_auc: f64,
    /// How much the log-loss rises.
    pub log_loss: f64,
    /// The standard deviation of that over the shuffles.
    pub deviation: f64,
}

/// What a field, or two together, add to the log-odds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Share {
    /// The field, or both.
    pub field: String,
    /// The log-odds: of one row, or the mean of absolute values.
    pub log_odds: f64,
}

/// At most how many rows are shuffled.
#[must_use]
pub fn permuted_rows(model: &Model) -> usize {
    let manifest = model.manifest();
    (WORK / (REPEATS * manifest.schema.len() * manifest.parameters.features.len()).max(1)).clamp(500, 5000)
}

/// At most how many rows are explained.
#[must_use]
pub fn explained_rows(model: &Model, output: usize) -> usize {
    (TREES / model.manifest().outputs[output].trees.max(1)).clamp(50, 500)
}

/// What the model loses without each field, the most first.
///
/// * `columns`: the values of each field of the schema.
/// * `progress`: called with the number of fields done.
#[must_use]
pub fn permuted(
    model: &Model,
    columns: &[Column],
    labels: &[f32],
    output: usize,
    progress: &(dyn Fn(u64) + Sync),
) -> Vec<Permuted> {
    let measured = |columns: &[Column]| {
        let scored = model.score(columns);
        let own: Vec<_> = scored.iter().skip(output).step_by(model.manifest().outputs.len()).collect();
        let losses = own.iter().zip(labels).map(|(own, &label)| loss_of(label, own.probability));
        let log_odds: Vec<f32> = own.iter().map(|own| own.log_odds).collect();
        [auc(labels, &log_odds), losses.sum::<f64>() / labels.len().max(1) as f64]
    };
    let [area, loss] = measured(columns);
    let done = std::sync::atomic::AtomicU64::new(0);
    let of_field = |field: usize| {
        let without = |repeat: usize| measured(&shuffled(columns, field, (field * REPEATS + repeat) as u64));
        let found: Vec<[f64; 2]> = (0..REPEATS).map(without).collect();
        let mean = |at: usize| found.iter().map(|own| own[at]).sum::<f64>() / REPEATS as f64;
        let (mean_area, mean_loss) = (mean(0), mean(1));
        let squares: f64 = found.iter().map(|own| (own[1] - mean_loss).powi(2)).sum();
        progress(done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1);
        Permuted {
            field: model.manifest().schema[field].name.clone(),
            roc_auc: area - mean_area,
            log_loss: mean_loss - loss,
            deviation: (squares / (REPEATS - 1) as f64).sqrt(),
        }
    };
    let mut fields: Vec<Permuted> = (0..columns.len()).into_par_iter().map(of_field).collect();
    fields.sort_by(|a, b| b.log_loss.total_cmp(&a.log_loss));
    fields
}

/// The mean of the absolute contributions of each field, or of two together, the most first.
#[must_use]
pub fn contributed(model: &Model, columns: &[Column], output: usize) -> Vec<Share> {
    let matrix = model.matrix(columns);
    let rows: Vec<Vec<(Vec<usize>, f64)>> =
        (0..matrix.rows()).into_par_iter().map(|row| model.contributions(&matrix, row, output).fields).collect();
    let Some(first) = rows.first() else { return Vec::new() };
    // Every row names the same fields in the same order.
    let mean = |at: usize| rows.iter().map(|fields| fields[at].1.abs()).sum::<f64>() / rows.len() as f64;
    let named = |(at, (columns, _)): (usize, &(Vec<usize>, f64))| Share {
        field: model.manifest().name_of(columns),
        log_odds: mean(at),
    };
    sorted(first.iter().enumerate().map(named).collect())
}

/// A row, and what its fields add to its log-odds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// Which row it is of those that are measured: the most probable, the middle or the least probable one.
    pub place: &'static str,
    /// Its place in the table, from 1.
    pub row: usize,
    /// Its label.
    pub label: f32,
    /// Its probability.
    pub probability: f64,
    /// The mean log-odds of the training rows.
    pub base: f64,
    /// Its log-odds before calibration: the base and all contributions.
    pub log_odds: f64,
    /// What each field has.
    pub values: Vec<(String, Option<String>)>,
    /// What each field, or two together, add, those that add most first.
    pub fields: Vec<Share>,
}

/// What the fields of some rows add.
///
/// * `rows`: how each is called, and its place among the columns.
#[must_use]
pub fn explained(model: &Model, columns: &[Column], rows: &[(&'static str, usize)], output: usize) -> Vec<Explained> {
    let places: Vec<usize> = rows.iter().map(|(_, row)| *row).collect();
    let columns = rows_of(columns, &places);
    let (matrix, outputs) = (model.matrix(&columns), model.manifest().outputs.len());
    let scored = model.score_matrix(&matrix);
    let of = |(at, (place, _)): (usize, &(&'static str, usize))| {
        let found = model.contributions(&matrix, at, output);
        let named = |(columns, log_odds): &(Vec<usize>, f64)| Share {
            field: model.manifest().name_of(columns),
            log_odds: *log_odds,
        };
        let own = scored[at * outputs + output];
        Explained {
            place,
            row: 0,
            label: 0.0,
            probability: own.probability,
            base: found.base,
            log_odds: f64::from(own.log_odds),
            values: Vec::new(),
            fields: sorted(found.fields.iter().map(named).collect()),
        }
    };
    rows.iter().enumerate().map(of).collect()
}

fn sorted(mut shares: Vec<Share>) -> Vec<Share> {
    shares.sort_by(|a, b| b.log_odds.abs().total_cmp(&a.log_odds.abs()));
    shares
}
