//! Trees for several labels at once: every tree splits rows one way for all labels, and has leaves for each.
//!
//! A split is sought by a few random mixtures of the labels' gradients, drawn anew for each tree, so that a tree costs
//! little more than one of a single label; its leaves are Newton steps of each label by itself. A label keeps the trees up to
//! where its own metric on the validation rows was best. The first tree has no split: its leaf is the log-odds of the mean
//! label, at which the others begin.
//!
//! Sources: Iosipoi, Vakhrushev, "SketchBoost: Fast Gradient Boosted Decision Tree for Multioutput Problems", NeurIPS 2022
//! (random projections); Prokhorenkova et al., "CatBoost", NeurIPS 2018 (oblivious trees).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use shared::engine::rank::trees::probability;

use super::bins::Bins;
use super::grow::{LEAST_L2, Split, grow, step, sum_of};
use super::metrics::weighted_log_loss;
use super::{Ensemble, Prepared, TreesConfig, add, sampled_blocks};

/// How many mixtures of gradients a split is sought by.
const MIXTURES: usize = 5;
/// Log-odds are at most this far from even when trees begin: of a label that no row has, too.
const FARTHEST: f32 = 12.0;

/// Rows with several labels each.
#[derive(Debug, Clone, Default)]
pub struct SeveralRows {
    /// One vector per feature; missing values are NaN.
    pub columns: Vec<Vec<f32>>,
    /// One vector per label: above 0 for a positive.
    pub labels: Vec<Vec<f32>>,
    /// How much each row counts for each label; empty: all alike.
    pub weights: Vec<Vec<f32>>,
}

impl SeveralRows {
    fn label(&self, at: usize) -> Label<'_> {
        Label { labels: &self.labels[at], weights: self.weights.get(at).map_or(&[], Vec::as_slice) }
    }
}

/// The rows of one label.
#[derive(Clone, Copy)]
struct Label<'a> {
    labels: &'a [f32],
    weights: &'a [f32],
}

impl Label<'_> {
    /// Gradient and curvature of the log-loss of a row.
    fn gradient(self, row: u32, scores: &[f32]) -> [f32; 2] {
        let row = row as usize;
        let p = probability(scores[row]);
        let weight = self.weights.get(row).copied().unwrap_or(1.0);
        [p - f32::from(u8::from(self.labels[row] > 0.0)), p * (1.0 - p)].map(|value| weight * value)
    }

    fn loss(self, scores: &[f32]) -> f64 {
        weighted_log_loss(self.labels, scores, self.weights)
    }

    /// The sums of gradients and curvatures of leaves.
    fn sums(self, leaves: &[&[u32]], scores: &[f32]) -> Vec<[f64; 2]> {
        leaves.iter().map(|rows| sum_of(rows.iter().map(|row| self.gradient(*row, scores)))).collect()
    }
}

/// What each split of a tree gains for a label by itself.
///
/// * `leaves`: the sums of gradients and curvatures of each leaf; the lowest bit of a leaf is its side of the first split.
fn gains(leaves: &[[f64; 2]], l2: f64) -> Vec<f64> {
    let worth = |sums: &[[f64; 2]]| -> f64 {
        sums.iter().map(|[gradient, curvature]| gradient * gradient / (curvature.max(0.0) + l2.max(LEAST_L2))).sum()
    };
    let (mut sums, mut gains) = (leaves.to_vec(), Vec::new());
    while sums.len() > 1 {
        let (no, yes) = sums.split_at(sums.len() / 2);
        let both: Vec<[f64; 2]> = no.iter().zip(yes).map(|(no, yes)| [no[0] + yes[0], no[1] + yes[1]]).collect();
        gains.push((worth(&sums) - worth(&both)).max(0.0));
        sums = both;
    }
    gains.reverse();
    gains
}

/// The scores of rows so far, label by label.
type Scores = Vec<Vec<f32>>;

/// Fits an ensemble for each label.
///
/// * `validation`: rows of later times, which say when to stop.
/// * `progress`: called with the number of trees so far.
#[must_use]
pub fn fit_several(
    train: &SeveralRows,
    validation: &SeveralRows,
    config: &TreesConfig,
    progress: &(dyn Fn(u64) + Sync),
) -> Vec<Ensemble> {
    let mut random = ChaCha8Rng::seed_from_u64(config.seed);
    let Prepared { bins, binned, stopping } =
        Prepared::new(&train.columns, Some(&validation.columns), config, &mut random);
    let stopping = stopping.expect("the validation rows are binned");
    let mut fitted: Vec<Ensemble> =
        train.labels.iter().map(|labels| begun(labels, train.columns.len(), &bins, config)).collect();
    let begin = |rows: &SeveralRows| -> Scores {
        let of = |(labels, own): (&Vec<f32>, &Ensemble)| vec![own.leaves[0]; labels.len()];
        rows.labels.iter().zip(&fitted).map(of).collect()
    };
    let (mut scores, mut stops) = (begin(train), begin(validation));
    let outputs = 0..train.labels.len();
    let mut best: Vec<Best> =
        outputs.map(|at| Best { loss: validation.label(at).loss(&stops[at]), trees: 1 }).collect();
    let mut together = Best { loss: best.iter().map(|best| best.loss).sum(), trees: 1 };
    for tree in 1..config.trees {
        let rows: Vec<u32> =
            (0..scores[0].len() as u32).filter(|_| random.random_bool(config.row_share.min(1.0))).collect();
        let blocks = sampled_blocks(binned.blocks.len(), config, &mut random);
        let gradients = mixed(&rows, train, &scores, &mut random);
        let (splits, partition) = grow(&binned, &bins, rows, gradients, &blocks, config);
        let leaves: Vec<&[u32]> = partition.leaves().collect();
        let each = fitted.par_iter_mut().zip(&mut scores).zip(&mut stops).enumerate();
        let losses: Vec<f64> = each
            .map(|(at, ((own, scores), stops))| {
                let sums = train.label(at).sums(&leaves, scores);
                let values: Vec<f32> = sums.iter().map(|sums| step(*sums, config)).collect();
                let own_gains = splits.iter().zip(gains(&sums, config.l2));
                let own_splits: Vec<Split> = own_gains.map(|(split, gain)| Split { gain, ..*split }).collect();
                own.push(&own_splits, &values, &bins);
                add(&binned, &splits, &values, scores);
                add(&stopping, &splits, &values, stops);
                validation.label(at).loss(stops)
            })
            .collect();
        best.iter_mut().zip(&losses).for_each(|(best, loss)| best.see(*loss, tree + 1));
        together.see(losses.iter().sum(), tree + 1);
        progress(tree as u64 + 1);
        if tree + 1 - together.trees >= config.patience {
            break;
        }
    }
    fitted.iter_mut().zip(best).for_each(|(own, best)| own.end(best.trees, -best.loss));
    fitted
}

/// The smallest loss so far, and after how many trees it was.
struct Best {
    loss: f64,
    trees: usize,
}

impl Best {
    fn see(&mut self, loss: f64, trees: usize) {
        if loss < self.loss {
            (self.loss, self.trees) = (loss, trees);
        }
    }
}

/// An ensemble of one tree without a split, whose leaf is the log-odds of the mean label.
fn begun(labels: &[f32], features: usize, bins: &Bins, config: &TreesConfig) -> Ensemble {
    let mean = labels.iter().filter(|label| **label > 0.0).count() as f32 / labels.len().max(1) as f32;
    let log_odds = (mean / (1.0 - mean)).ln().clamp(-FARTHEST, FARTHEST);
    let mut own = Ensemble::empty(config.depth, features);
    let nothing = Split { feature: 0, bin: u8::MAX, gain: 0.0 };
    own.push(&vec![nothing; config.depth], &vec![log_odds; 1 << config.depth], bins);
    own
}

/// The gradients of rows in mixtures of the labels, and behind them their mean curvature.
fn mixed(rows: &[u32], train: &SeveralRows, scores: &Scores, random: &mut ChaCha8Rng) -> Vec<[f32; MIXTURES + 1]> {
    let norm = 1.0 / (MIXTURES as f32).sqrt();
    let mut share = || -> f32 { norm * Distribution::<f32>::sample(&StandardNormal, random) };
    let shares: Vec<[f32; MIXTURES]> = scores.iter().map(|_| std::array::from_fn(|_| share())).collect();
    let of_row = |row: &u32| {
        let mut mixed = [0.0; MIXTURES + 1];
        for (at, (scores, shares)) in scores.iter().zip(&shares).enumerate() {
            let [gradient, curvature] = train.label(at).gradient(*row, scores);
            mixed.iter_mut().zip(shares).for_each(|(sum, share)| *sum += gradient * share);
            mixed[MIXTURES] += curvature;
        }
        mixed[MIXTURES] /= scores.len() as f32;
        mixed
    };
    rows.par_iter().map(of_row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trees::{Objective, scores_of};

    /// A number for each label that alone decides it, and one that decides nothing.
    fn rows(count: usize, seed: u64) -> SeveralRows {
        let mut state = seed;
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 24) as f32
        };
        let columns: Vec<Vec<f32>> = (0..3).map(|_| (0..count).map(|_| next()).collect()).collect();
        let label = |column: usize, border: f32| {
            columns[column].iter().map(|value| f32::from(u8::from(*value > border))).collect::<Vec<f32>>()
        };
        SeveralRows { labels: vec![label(0, 0.5), label(1, 0.9), vec![0.0; count]], columns, weights: Vec::new() }
    }

    fn config() -> TreesConfig {
        TreesConfig {
            objective: Objective::Binary,
            trees: 60,
            depth: 3,
            learning_rate: 0.2,
            l2: 1.0,
            largest_step: 2.0,
            bins: 32,
            row_share: 0.9,
            feature_share: 1.0,
            patience: 60,
            seed: 1,
        }
    }

    #[test]
    fn each_label_is_learnt_and_its_importance_is_its_own() {
        let (train, valid) = (rows(3000, 1), rows(1000, 2));
        let fitted = fit_several(&train, &valid, &config(), &|_| ());
        for (at, own) in fitted.iter().take(2).enumerate() {
            assert!(own.importance[at] > 0.8, "{at}: {:?}", own.importance);
            assert!(own.metric > -0.1, "{at}: {}", own.metric);
            let matrix = crate::trees::matrix(&crate::trees::Rows {
                columns: valid.columns.clone(),
                labels: valid.labels[at].clone(),
                ..Default::default()
            });
            let loss = weighted_log_loss(&valid.labels[at], &scores_of(own, &matrix), &[]);
            assert!((loss + own.metric).abs() < 1e-6, "{at}: scoring agrees with training");
        }
        // A label without a positive is far from one, whatever the row.
        assert!(fitted[2].leaves[0] < -10.0, "{}", fitted[2].leaves[0]);
    }

    #[test]
    fn the_first_split_of_a_tree_is_the_lowest_bit_of_its_leaves() {
        // Gradients of 1 and -1 on the sides of the first split; the second tells nothing.
        let leaves = [[1.0, 1.0], [-1.0, 1.0], [1.0, 1.0], [-1.0, 1.0]];
        let gains = gains(&leaves, 0.0);
        assert!((gains[0] - 4.0).abs() < 1e-6 && gains[1] == 0.0, "{gains:?}");
    }
}
