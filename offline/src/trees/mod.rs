//! Gradient-boosted oblivious trees: rows and labels in, an ensemble out. The module is independent of items and users.
//!
//! In each round the objective gives every row a gradient and a curvature; a tree is grown level by level, with one
//! split for all leaves of a level, the one with the largest gain; its leaves are Newton steps. The ensemble is cut
//! where the metric on the validation rows was best. Deterministic: a feature's histogram is summed by one thread in
//! the order of the rows, so that nothing depends on the number of threads.
//!
//! Sources: Friedman, "Greedy Function Approximation", 2001; Chen, Guestrin, "XGBoost", KDD 2016, eq. 6 and 7 (leaves
//! and gains); Ke et al., "LightGBM", NeurIPS 2017 (histograms, subtraction); Prokhorenkova et al., "CatBoost", NeurIPS
//! 2018 (oblivious trees).

mod bins;
pub mod encode;
mod ensemble;
mod grow;
pub mod metrics;
pub mod monotone;
mod objective;
mod several;

use std::ops::Range;

use rand::seq::SliceRandom;
use rand::seq::index::sample;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use shared::engine::rank::matrix::Matrix;

use bins::{Binned, Bins};
pub use ensemble::{Ensemble, table_of};
use grow::{Partition, Split, grow};
use monotone::{Bound, Direction};
pub use objective::Objective;
pub use several::{SeveralRows, fit_several};

/// How trees are grown. See `config.default.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct TreesConfig {
    pub objective: Objective,
    pub trees: usize,
    pub depth: usize,
    pub learning_rate: f64,
    pub l2: f64,
    pub largest_step: f64,
    pub bins: usize,
    pub row_share: f64,
    pub feature_share: f64,
    pub patience: usize,
    pub seed: u64,
}

/// Rows with their labels; the rows of a group are consecutive and are ranked within the group.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// One vector per feature; missing values are NaN.
    pub columns: Vec<Vec<f32>>,
    /// 0, or the gain of a positive.
    pub labels: Vec<f32>,
    /// Where each group begins, and the end of the last.
    pub groups: Vec<usize>,
    /// How much each row counts; empty: all alike.
    pub weights: Vec<f32>,
    /// How predictions go with features that are bound.
    pub monotone: Vec<(usize, Direction)>,
}

impl Rows {
    /// No rows yet, with this many features.
    #[must_use]
    pub fn new(features: usize) -> Self {
        Self { columns: vec![Vec::new(); features], groups: vec![0], ..Self::default() }
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// Fits an ensemble.
///
/// * `validation`: rows of later times for early stopping; without them all trees are kept, and the metric is that of
///   the rows that they were grown on.
/// * `progress`: called with the number of trees so far.
#[must_use]
pub fn fit(train: &Rows, validation: Option<&Rows>, config: &TreesConfig, progress: &(dyn Fn(u64) + Sync)) -> Ensemble {
    let patience = validation.map_or(usize::MAX, |_| config.patience);
    let mut random = ChaCha8Rng::seed_from_u64(config.seed);
    let columns = validation.map(|rows| &rows.columns[..]);
    let Prepared { bins, binned, stopping } = Prepared::new(&train.columns, columns, config, &mut random);
    let mut stopping = validation.zip(stopping).map(|(rows, binned)| (rows, binned, vec![0.0f32; rows.len()]));
    let mut ensemble = Ensemble::empty(config.depth, train.columns.len());
    let mut scores = vec![0.0f32; train.len()];
    let (mut best, mut best_trees) = (f64::NEG_INFINITY, 0);
    for tree in 0..config.trees {
        let groups = sampled_groups(train, config, &mut random);
        let blocks = sampled_blocks(binned.blocks.len(), config, &mut random);
        let gradients = config.objective.gradients(train, &scores, &groups);
        let rows = groups.into_iter().flatten().map(|row| row as u32).collect();
        let (splits, partition) = grow(&binned, &bins, rows, gradients, &blocks, config);
        let mut leaves = partition.steps(config);
        in_order(&mut leaves, &splits, &partition, &train.monotone, &bins);
        ensemble.push(&splits, &leaves, &bins);
        add(&binned, &splits, &leaves, &mut scores);
        let metric = match &mut stopping {
            Some((rows, binned, scores)) => {
                add(binned, &splits, &leaves, scores);
                config.objective.metric(rows, scores)
            }
            None if tree + 1 == config.trees => config.objective.metric(train, &scores),
            None => f64::NEG_INFINITY,
        };
        if metric > best {
            (best, best_trees) = (metric, tree + 1);
        }
        if tree % 10 == 0 {
            tracing::debug!(tree, metric, "grown");
        }
        progress(tree as u64 + 1);
        if tree + 1 - best_trees >= patience {
            break;
        }
    }
    ensemble.end(best_trees, best);
    ensemble
}

/// Puts the leaves of a tree in the order that bound features ask for. What separates missing values from present ones
/// binds none.
fn in_order<const N: usize>(
    leaves: &mut [f32],
    splits: &[Split],
    partition: &Partition<N>,
    monotone: &[(usize, Direction)],
    bins: &Bins,
) {
    let bound = |&(feature, direction): &(usize, Direction)| {
        let of_feature = |at: &usize| splits[*at].feature == feature && bins.border(&splits[*at]) != f32::MIN;
        let mut own: Vec<usize> = (0..splits.len()).filter(of_feature).collect();
        own.sort_by_key(|&at| (splits[at].bin, at));
        (!own.is_empty()).then_some(Bound { splits: own, direction })
    };
    let bounds: Vec<Bound> = monotone.iter().filter_map(bound).collect();
    if !bounds.is_empty() {
        let rows: Vec<usize> = partition.leaves().map(<[u32]>::len).collect();
        monotone::order(leaves, &rows, &bounds);
    }
}

/// The bins of rows.
struct Prepared {
    bins: Bins,
    /// The rows that are grown on.
    binned: Binned,
    /// Those that say when to stop.
    stopping: Option<Binned>,
}

impl Prepared {
    /// Blocks are drawn as a whole, so neighbouring features, which are alike, are put into different blocks. A feature
    /// with one bin can't be split.
    fn new(train: &[Vec<f32>], validation: Option<&[Vec<f32>]>, config: &TreesConfig, random: &mut ChaCha8Rng) -> Self {
        let bins = Bins::of(train, config.bins, config.seed);
        let mut order: Vec<usize> = (0..train.len()).filter(|&feature| bins.count(feature) > 1).collect();
        if order.is_empty() {
            // All rows are equal: trees without a split.
            order.push(0);
        }
        order.shuffle(random);
        let binned = bins.bin(train, order.clone());
        let stopping = validation.map(|columns| bins.bin(columns, order));
        Self { bins, binned, stopping }
    }
}

/// The scores of rows.
#[must_use]
pub fn scores(ensemble: &Ensemble, rows: &Rows) -> Vec<f32> {
    scores_of(ensemble, &matrix(rows))
}

/// The scores of the rows of a matrix.
#[must_use]
pub fn scores_of(ensemble: &Ensemble, matrix: &Matrix) -> Vec<f32> {
    let mut scores = Vec::new();
    ensemble.trees().score(matrix, &mut scores);
    scores
}

/// The rows as a matrix to be scored.
#[must_use]
pub fn matrix(rows: &Rows) -> Matrix {
    let mut matrix = Matrix::default();
    matrix.reset(rows.len(), rows.columns.len());
    for (at, column) in rows.columns.iter().enumerate() {
        matrix.column_mut(at).copy_from_slice(column);
    }
    matrix
}

/// The rows that a tree is grown on: whole groups, drawn anew for each tree.
fn sampled_groups(train: &Rows, config: &TreesConfig, random: &mut ChaCha8Rng) -> Vec<Range<usize>> {
    let drawn = train.groups.windows(2).filter(|_| random.random_bool(config.row_share.min(1.0)));
    drawn.map(|bounds| bounds[0]..bounds[1]).collect()
}

/// The blocks of features that a tree may split on.
fn sampled_blocks(blocks: usize, config: &TreesConfig, random: &mut ChaCha8Rng) -> Vec<usize> {
    let count = (blocks as f64 * config.feature_share.min(1.0)).ceil() as usize;
    let mut drawn = sample(random, blocks, count).into_vec();
    drawn.sort_unstable();
    drawn
}

/// Adds a tree's leaves to the scores of all rows.
fn add(binned: &Binned, splits: &[Split], leaves: &[f32], scores: &mut [f32]) {
    const BLOCK: usize = 1 << 14;
    scores.par_chunks_mut(BLOCK).enumerate().for_each(|(block, scores)| {
        let first = block * BLOCK;
        let mut leaf = vec![0u16; scores.len()];
        for (level, split) in splits.iter().enumerate() {
            let column = binned.column(split.feature);
            for (row, leaf) in (first..).zip(&mut leaf) {
                *leaf |= u16::from(column.bin(row) > split.bin) << level;
            }
        }
        for (score, leaf) in scores.iter_mut().zip(leaf) {
            *score += leaves[leaf as usize];
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(objective: Objective) -> TreesConfig {
        TreesConfig {
            objective,
            trees: 40,
            depth: 3,
            learning_rate: 0.2,
            l2: 1.0,
            largest_step: 2.0,
            bins: 32,
            row_share: 1.0,
            feature_share: 1.0,
            patience: 40,
            seed: 1,
        }
    }

    /// Groups of ten rows; the positive is the row whose first and second values are both large.
    fn rows(groups: usize, seed: u64) -> Rows {
        let mut state = seed;
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 24) as f32
        };
        let mut rows = Rows::new(3);
        for _ in 0..groups {
            let values: Vec<[f32; 3]> = (0..10).map(|_| [next(), next(), next()]).collect();
            let of = |row: &[f32; 3]| row[0].min(row[1]);
            let best = values.iter().map(of).fold(0.0, f32::max);
            for row in &values {
                for (column, value) in rows.columns.iter_mut().zip(row) {
                    column.push(*value);
                }
                rows.labels.push(f32::from(u8::from(of(row) >= best)));
            }
            rows.groups.push(rows.labels.len());
        }
        rows
    }

    #[test]
    fn without_validation_rows_all_trees_are_kept() {
        let ensemble = fit(&rows(50, 1), None, &TreesConfig { patience: 1, ..config(Objective::Softmax) }, &|_| ());
        assert_eq!(ensemble.leaves.len() >> ensemble.depth, 40);
    }

    #[test]
    fn rows_that_are_all_alike_get_one_score() {
        let mut alike = rows(20, 1);
        alike.columns.iter_mut().for_each(|column| column.fill(1.0));
        let scores = scores(&fit(&alike, None, &config(Objective::Binary), &|_| ()), &alike);
        assert!(scores.iter().all(|score| *score == scores[0]));
    }

    #[test]
    fn every_objective_learns_what_decides_and_scoring_agrees_with_training() {
        let (train, validation) = (rows(400, 1), rows(100, 2));
        for objective in [Objective::Binary, Objective::Lambdarank, Objective::Softmax] {
            let ensemble = fit(&train, Some(&validation), &config(objective), &|_| ());
            assert!(ensemble.importance[2] < 0.1, "{objective:?}: {:?}", ensemble.importance);
            let scores = scores(&ensemble, &validation);
            assert!((objective.metric(&validation, &scores) - ensemble.metric).abs() < 1e-9);
            let hits = validation.groups.windows(2).filter(|bounds| {
                let range = bounds[0]..bounds[1];
                let best = range.clone().max_by(|&a, &b| scores[a].total_cmp(&scores[b])).expect("rows");
                validation.labels[best] > 0.0
            });
            assert!(hits.count() > 75, "{objective:?}");
        }
    }
}
