//! Fits a linear listwise ranker: the alternative to boosted trees for shops that want the cheapest request.
//!
//! In: rows and labels in groups. Out: for each of a few features a slope, and the constant that it adds if its value
//! is missing. The loss is the cross entropy of the softmax over a group, minimised by Adam over batches of groups;
//! features are standardised during the fit. A first fit uses all features, a second one those with the largest weights
//! in the first: a feature that is not used costs a request nothing. Deterministic: the sums of a batch are added in
//! the order of its chunks.
//!
//! Sources: Cao et al., "Learning to Rank: From Pairwise Approach to Listwise Approach", ICML 2007; Kingma, Ba, "Adam",
//! ICLR 2015.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use shared::engine::rank::linear::Linear;

use crate::trees::{Objective, Rows};

/// How a linear ranker is fitted. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct LinearConfig {
    pub features: usize,
    pub epochs: usize,
    pub learning_rate: f64,
    pub seed: u64,
}

/// The number of groups per step.
const BATCH: usize = 128;
/// The number of groups whose gradients one thread sums.
const CHUNK: usize = 16;
/// The decay rates of Adam (β₁, β₂): how much of the mean and of the mean square of gradients is kept from step to
/// step.
const KEPT: [f64; 2] = [0.9, 0.999];

/// A fitted model, see [`shared::engine::rank::linear::Linear`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LinearModel {
    /// The columns that the model uses.
    pub features: Vec<u32>,
    /// The slope of each column.
    pub slopes: Vec<f32>,
    /// What each column adds to the score if its value is missing.
    pub missing: Vec<f32>,
    /// The weight of each column: its slope per standard deviation.
    pub weights: Vec<f64>,
    /// NDCG@20 on the validation rows.
    pub metric: f64,
}

/// The standardisation of a feature.
#[derive(Debug, Clone, Copy)]
struct Feature {
    column: usize,
    mean: f64,
    /// 1 / standard deviation.
    scale: f64,
}

/// The fitted parameters, two per feature: its slope, and what it adds if its value is missing.
type Parameters = Vec<[f64; 2]>;

/// Fits a model; the epoch with the best metric on the validation rows is kept.
#[must_use]
pub fn fit(train: &Rows, validation: &Rows, config: &LinearConfig, progress: &(dyn Fn(u64) + Sync)) -> LinearModel {
    let all: Vec<Feature> =
        (0..train.columns.len()).into_par_iter().filter_map(|column| feature(&train.columns[column], column)).collect();
    let first = descend(train, validation, &all, config, &|epoch| progress(epoch));
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|&a, &b| first.weights[b].total_cmp(&first.weights[a]).then(a.cmp(&b)));
    order.truncate(config.features);
    order.sort_unstable();
    let chosen: Vec<Feature> = order.into_iter().map(|at| all[at]).collect();
    descend(train, validation, &chosen, config, &|epoch| progress(config.epochs as u64 + epoch))
}

/// The scores of rows.
#[must_use]
pub fn scores(model: &LinearModel, rows: &Rows) -> Vec<f32> {
    let LinearModel { features, slopes, missing, .. } = model;
    let mut scores = Vec::new();
    Linear { features, slopes, missing }.score_columns(rows.len(), |feature| &rows.columns[feature], &mut scores);
    scores
}

/// The standardisation of a column; `None` if all its values are equal or missing.
fn feature(values: &[f32], column: usize) -> Option<Feature> {
    let present = || values.iter().filter(|value| value.is_finite()).map(|&value| f64::from(value));
    let count = present().count().max(1) as f64;
    let mean = present().sum::<f64>() / count;
    let deviation = (present().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
    (deviation > 1e-9 || present().count() < values.len()).then(|| Feature {
        column,
        mean,
        scale: if deviation > 1e-9 { 1.0 / deviation } else { 0.0 },
    })
}

fn descend(
    train: &Rows,
    validation: &Rows,
    features: &[Feature],
    config: &LinearConfig,
    progress: &dyn Fn(u64),
) -> LinearModel {
    let mut parameters: Parameters = vec![[0.0; 2]; features.len()];
    let mut moments = vec![[[0.0f64; 2]; 2]; features.len()];
    let mut groups: Vec<usize> = (0..train.groups.len().saturating_sub(1)).collect();
    let mut random = ChaCha8Rng::seed_from_u64(config.seed);
    let (mut best, mut step) = (LinearModel { metric: f64::NEG_INFINITY, ..LinearModel::default() }, 0);
    for epoch in 0..config.epochs {
        groups.shuffle(&mut random);
        // Steps shrink from epoch to epoch, so that the parameters converge.
        let rate = config.learning_rate / (1 + epoch) as f64;
        for batch in groups.chunks(BATCH) {
            step += 1;
            let chunks: Vec<Parameters> =
                batch.par_chunks(CHUNK).map(|groups| gradient(train, groups, features, &parameters)).collect();
            for (at, (parameter, moments)) in parameters.iter_mut().zip(&mut moments).enumerate() {
                for side in 0..2 {
                    let slope = chunks.iter().map(|chunk| chunk[at][side]).sum::<f64>() / batch.len() as f64;
                    let [mean, square] = &mut moments[side];
                    *mean = KEPT[0] * *mean + (1.0 - KEPT[0]) * slope;
                    *square = KEPT[1] * *square + (1.0 - KEPT[1]) * slope * slope;
                    let (mean, square) = (*mean / (1.0 - KEPT[0].powi(step)), *square / (1.0 - KEPT[1].powi(step)));
                    parameter[side] -= rate * mean / (square.sqrt() + 1e-8);
                }
            }
        }
        let mut model = model(features, &parameters);
        model.metric = Objective::Softmax.metric(validation, &scores(&model, validation));
        tracing::debug!(epoch, metric = model.metric, "linear ranker");
        if model.metric > best.metric {
            best = model;
        }
        progress(epoch as u64 + 1);
    }
    best
}

/// The sum of the groups' gradients.
fn gradient(rows: &Rows, groups: &[usize], features: &[Feature], parameters: &Parameters) -> Parameters {
    let mut gradient = vec![[0.0; 2]; features.len()];
    let mut errors = Vec::new();
    for &group in groups {
        let range = rows.groups[group]..rows.groups[group + 1];
        errors.clear();
        errors.resize(range.len(), 0.0f64);
        for (feature, &[slope, missing]) in features.iter().zip(parameters) {
            for (score, &value) in errors.iter_mut().zip(&rows.columns[feature.column][range.clone()]) {
                *score += if value.is_finite() { slope * feature.standardised(value) } else { missing };
            }
        }
        let largest = errors.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = errors.iter().map(|score| (score - largest).exp()).sum();
        let labels = &rows.labels[range.clone()];
        let weight: f64 = labels.iter().map(|&label| f64::from(label)).sum();
        for (error, &label) in errors.iter_mut().zip(labels) {
            *error = weight * (*error - largest).exp() / total - f64::from(label);
        }
        for (feature, sums) in features.iter().zip(&mut gradient) {
            for (&error, &value) in errors.iter().zip(&rows.columns[feature.column][range.clone()]) {
                match value.is_finite() {
                    true => sums[0] += error * feature.standardised(value),
                    false => sums[1] += error,
                }
            }
        }
    }
    gradient
}

impl Feature {
    fn standardised(&self, value: f32) -> f64 {
        (f64::from(value) - self.mean) * self.scale
    }
}

/// The model for values that are not standardised: the constant that a present value would add is subtracted from what
/// a missing one adds.
fn model(features: &[Feature], parameters: &Parameters) -> LinearModel {
    let of = |(feature, &[slope, missing]): (&Feature, &[f64; 2])| {
        let slope = slope * feature.scale;
        (feature.column as u32, slope as f32, (missing + slope * feature.mean) as f32)
    };
    let rows: Vec<(u32, f32, f32)> = features.iter().zip(parameters).map(of).collect();
    LinearModel {
        features: rows.iter().map(|row| row.0).collect(),
        slopes: rows.iter().map(|row| row.1).collect(),
        missing: rows.iter().map(|row| row.2).collect(),
        weights: parameters.iter().map(|[slope, missing]| slope.abs().max(missing.abs())).collect(),
        metric: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two rows a group: the positive has the larger first value, or, where that is missing, comes first.
    fn rows() -> Rows {
        let mut rows = Rows::new(3);
        for group in 0..400 {
            let (first, noise) = ((group % 7) as f32, (group % 5) as f32);
            let values = if group % 4 == 0 { [f32::NAN, 0.0] } else { [first + 1.0, first] };
            rows.columns[0].extend(values);
            rows.columns[1].extend([noise, 4.0 - noise]);
            rows.columns[2].extend([1.0, 1.0]);
            rows.labels.extend([1.0, 0.0]);
            rows.groups.push(rows.labels.len());
        }
        rows
    }

    #[test]
    fn what_decides_is_found_and_the_rest_is_left_out() {
        let config = LinearConfig { features: 1, epochs: 5, learning_rate: 0.1, seed: 1 };
        let model = fit(&rows(), &rows(), &config, &|_| ());
        assert_eq!(model.features, [0]);
        assert!(model.slopes[0] > 0.0 && model.missing[0] > 0.0, "{model:?}");
        assert!(model.metric > 0.99, "{model:?}");
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let rows = Rows {
            columns: vec![vec![0.5, -1.0, f32::NAN]],
            labels: vec![0.0, 1.0, 0.0],
            groups: vec![0, 3],
            ..Rows::default()
        };
        let features = [Feature { column: 0, mean: 0.0, scale: 1.0 }];
        let loss = |parameters: [f64; 2]| {
            let scores = [0.5 * parameters[0], -parameters[0], parameters[1]];
            scores.iter().map(|score| score.exp()).sum::<f64>().ln() - scores[1]
        };
        let at = [0.3, -0.2];
        let found = gradient(&rows, &[0], &features, &vec![at]);
        for side in 0..2 {
            let (mut up, mut down) = (at, at);
            up[side] += 1e-4;
            down[side] -= 1e-4;
            assert!(((loss(up) - loss(down)) / 2e-4 - found[0][side]).abs() < 1e-6);
        }
    }
}
