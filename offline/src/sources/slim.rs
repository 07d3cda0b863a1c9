//! `slim` (sparse linear methods): predicts an item from the other items of a user's past by a sparse linear
//! regression, whatever the order.
//!
//! Every user is a row with `x_i = n_u^(-g/2)` for each of their last n_u items, and `y = x`. For each target j the
//! weights b of its features F minimise `Σ_rows (y_j - Σ_{i ∈ F} b_i·x_i)² + λ·|b|²`, that is
//! `(G_FF + λI) b = c_F` with the Gram matrix `G = XᵀX` and `c` its column j. Unlike in co-occurrence, an item that
//! always comes with a better predictor gets no weight. F are the `features` items with the largest
//! `c_i² / (G_ii + λ)`. Only weights greater than 0 are kept. Cost: O(items with events · (features³ + features · width)).
//! Memory: 8 bytes for each of `width` pairs per item with events; 8 bytes per listed item.
//!
//! Sources: Ning, Karypis, "SLIM: Sparse Linear Methods for Top-N Recommender Systems", ICDM 2011 (with selected
//! features); Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019 (EASE: all items, in closed form).

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use shared::contract::id::ItemIdx;
use shared::contract::source::Source;
use shared::engine::topk::{Scored, top_k};
use shared::tables::Neighbours;

use super::item_knn_user::{co_occurrence, user_counts, windows};
use super::{SourceStudy, SourcesConfig, Trainer};
use crate::cholesky;
use crate::config::knobs::{Range, knob};
use crate::config::ranges::{OutOfRange, range};
use crate::log::interactions::Csr;

/// How weights are fitted. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct SlimConfig {
    pub window: usize,
    pub user_power: f64,
    pub features: usize,
    pub width: usize,
    pub regularization: f64,
    pub item_power: f64,
    pub neighbours: usize,
}

/// The trainer of `slim`.
pub const TRAINER: Trainer = Trainer {
    sources: &[Source::Slim],
    fit: |inputs, tables, _| {
        let config = &inputs.settings.sources.slim;
        if let Some(table) = tables.neighbours_mut(Source::Slim) {
            let windows = windows(inputs.log, inputs.items, config.window, inputs.settings.kinds);
            *table = inputs.items.spread(fit(windows, config));
        }
    },
    steps: |_| 0,
    check,
    studies: &[SourceStudy {
        source: Source::Slim,
        share: 0.1,
        knobs: &[
            knob("slim.user_power", Range::Linear(0.0, 1.2)),
            knob("slim.regularization", Range::Log(0.1, 10_000.0)),
            knob("slim.item_power", Range::Linear(0.0, 1.2)),
        ],
    }],
};

fn check(config: &SourcesConfig) -> Result<(), OutOfRange> {
    let config = &config.slim;
    range((1..=1000).contains(&config.features), "slim.features", config.features, "1 to 1000")?;
    range(config.regularization >= 0.0, "slim.regularization", config.regularization, "at least 0")
}

/// Fits the weights of all items in user windows (users × items, see [`super::item_knn_user::windows`]).
#[must_use]
pub fn fit(mut windows: Csr<f32>, config: &SlimConfig) -> Neighbours {
    windows.map_inplace(|_| 1.0);
    let counts = user_counts(&windows);
    let best = co_occurrence(&windows, config.user_power, |_, sums| sums.take_best(config.width, |_, sum| sum));
    let gram = by_item(&best, counts.len());
    drop(best);
    drop(windows);
    let own = |item: ItemIdx| gram.of(item).find(|(other, _)| *other == item).map_or(0.0, |(_, value)| value);
    let diagonal: Vec<f64> = (0..counts.len() as u32).map(|item| f64::from(own(ItemIdx(item)))).collect();
    let solved: Vec<Vec<(ItemIdx, f32)>> = (0..counts.len() as u32)
        .into_par_iter()
        .with_min_len(16)
        .map_init(
            || vec![0u16; counts.len()],
            |slots, target| {
                let strength = |(item, value): (ItemIdx, f32)| {
                    let score = f64::from(value).powi(2) / (diagonal[item.at()] + config.regularization);
                    Scored { item, score: score as f32 }
                };
                // c is a row of G. The target itself is no feature.
                let others = gram.of(ItemIdx(target)).filter(|(item, _)| item.0 != target);
                let features: Vec<ItemIdx> =
                    top_k(config.features, others.map(strength)).into_iter().map(|scored| scored.item).collect();
                let weights = weights(&gram, ItemIdx(target), &features, config.regularization, slots);
                let scale = f64::from(counts[target as usize].max(1)).powf(-config.item_power);
                let kept = features.into_iter().zip(weights).filter(|(_, weight)| *weight > 0.0);
                kept.map(|(item, weight)| (item, (weight * scale) as f32)).collect()
            },
        )
        .collect();
    let mut targets: Vec<Vec<Scored>> = vec![Vec::new(); counts.len()];
    for (target, weights) in (0..).zip(solved) {
        for (item, score) in weights {
            targets[item.at()].push(Scored { item: ItemIdx(target), score });
        }
    }
    let lists: Vec<Vec<Scored>> = targets.into_par_iter().map(|row| top_k(config.neighbours, row)).collect();
    lists.into_iter().collect()
}

/// The weights of a target's features.
fn weights(
    gram: &Neighbours,
    target: ItemIdx,
    features: &[ItemIdx],
    regularization: f64,
    slots: &mut [u16],
) -> Vec<f64> {
    let size = features.len();
    for (slot, item) in (1..).zip(features) {
        slots[item.at()] = slot;
    }
    let mut matrix = vec![0.0; size * size];
    for (at, &item) in features.iter().enumerate() {
        for (other, value) in gram.of(item) {
            if let Some(slot) = slots[other.at()].checked_sub(1).map(usize::from) {
                // Symmetric even if only one of the two cut rows has the value.
                matrix[at * size + slot] = f64::from(value);
                matrix[slot * size + at] = f64::from(value);
            }
        }
        matrix[at * size + at] += regularization;
    }
    let mut right = vec![0.0; size];
    for (item, value) in gram.of(target) {
        if let Some(slot) = slots[item.at()].checked_sub(1) {
            right[usize::from(slot)] = f64::from(value);
        }
    }
    features.iter().for_each(|item| slots[item.at()] = 0);
    cholesky::solve(&mut matrix, &mut right, size);
    right
}

/// The lists sorted by item, so that consecutive look-ups are near each other in memory.
fn by_item(table: &Neighbours, items: usize) -> Neighbours {
    let list = |item: usize| {
        let mut list: Vec<Scored> =
            table.of(ItemIdx(item as u32)).map(|(item, score)| Scored { item, score }).collect();
        list.sort_unstable_by_key(|scored| scored.item);
        list
    };
    (0..items).map(list).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::log::interactions::ones;

    #[test]
    fn an_item_that_comes_with_a_better_predictor_gets_nothing() {
        // Every user with 0 has 1 and 2; others have 1 without 2: so 2 is predicted by 0, not by 1.
        let users =
            [&[0, 1, 2][..], &[0, 1, 2], &[0, 1, 2], &[1, 3], &[1, 3], &[1]].map(|user| user.iter().copied().collect());
        let config = SlimConfig {
            window: 9,
            user_power: 0.0,
            features: 9,
            width: 9,
            regularization: 0.1,
            item_power: 0.0,
            neighbours: 9,
        };
        let table = fit(ones(&users, 4), &config);
        let score =
            |from: u32, to: u32| table.of(ItemIdx(from)).find(|(item, _)| item.0 == to).map_or(0.0, |(_, score)| score);
        assert!(score(0, 2) > 0.8 && score(1, 2) < 0.1, "{} {}", score(0, 2), score(1, 2));
    }

    proptest! {
        #[test]
        fn weights_solve_the_normal_equations_of_the_users_rows(
            users in prop::collection::vec(prop::collection::btree_set(0u32..8, 1..7), 1..12),
            (target, user_power, regularization) in (0u32..8, 0f64..1.0, 0.2f64..5.0),
        ) {
            let windows = ones(&users, 8);
            let gram = by_item(&co_occurrence(&windows, user_power, |_, sums| sums.take_best(8, |_, sum| sum)), windows.cols());
            let features: Vec<ItemIdx> = (0..8).filter(|&item| item != target).map(ItemIdx).collect();
            let found = weights(&gram, ItemIdx(target), &features, regularization, &mut [0; 8]);
            let value = |user: &BTreeSet<u32>, item: u32| {
                if user.contains(&item) { (user.len() as f64).powf(-user_power / 2.0) } else { 0.0 }
            };
            // Where the loss is least, its gradient is 0.
            for (feature, &weight) in features.iter().zip(&found) {
                let by_user = users.iter().map(|user| {
                    let predicted: f64 = features.iter().zip(&found).map(|(item, b)| b * value(user, item.0)).sum();
                    (predicted - value(user, target)) * value(user, feature.0)
                });
                let gradient = by_user.sum::<f64>() + regularization * weight;
                prop_assert!(gradient.abs() < 1e-4, "{gradient}");
            }
        }
    }
}
