//! `item_knn_walk`: walks of one and two steps over the co-occurrence graph of session windows, so that neighbours of
//! neighbours become neighbours.
//!
//! With s of [`super::item_knn_session::steps`], an edge is `e(i → j) = s(i → j) / (Σ_j s(i → j) + shrinkage) / n_j^b`,
//! kept for the best `fan_out` neighbours of i; the score is `w(i → j) = e(i → j) + second · Σ_k e(i → k) · e(k → j)`.
//! Cost: O(items with events · fan_out²). Memory: per item with events, 8 bytes per thread and for each neighbour, and 16
//! for each of `fan_out` edges; 8 bytes per listed item.

use serde::{Deserialize, Serialize};
use shared::contract::source::Source;
use shared::tables::Neighbours;

use super::item_knn_session;
use super::neighbours::lists;
use super::{SourceStudy, SourcesConfig, Trainer};
use crate::config::knobs::{Range, knob};
use crate::config::ranges::{OutOfRange, range};

/// How edges and walks are weighted. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct WalkConfig {
    pub fan_out: usize,
    pub shrinkage: f64,
    pub item_power: f64,
    pub second: f64,
    pub neighbours: usize,
}

/// The number of neighbours per item that the edges are chosen from.
const STEPS: usize = 200;

/// The trainer of `item_knn_walk`.
pub const TRAINER: Trainer = Trainer {
    sources: &[Source::ItemKnnWalk],
    fit: |inputs, tables, _| {
        let sources = inputs.settings.sources;
        let steps = item_knn_session::steps(inputs.sessions, inputs.items.len(), &sources.item_knn_session, STEPS);
        if let Some(table) = tables.neighbours_mut(Source::ItemKnnWalk) {
            *table = inputs.items.spread(fit(&steps, inputs.items.counts(), &sources.item_knn_walk));
        }
    },
    steps: |_| 0,
    check,
    studies: &[SourceStudy {
        source: Source::ItemKnnWalk,
        share: 0.15,
        knobs: &[
            knob("item_knn_walk.fan_out", Range::Whole(10.0, 150.0)),
            knob("item_knn_walk.shrinkage", Range::Log(0.1, 30.0)),
            knob("item_knn_walk.item_power", Range::Linear(0.0, 0.6)),
            knob("item_knn_walk.second", Range::Log(0.3, 30.0)),
        ],
    }],
};

fn check(config: &SourcesConfig) -> Result<(), OutOfRange> {
    let config = &config.item_knn_walk;
    range(config.shrinkage >= 0.0, "item_knn_walk.shrinkage", config.shrinkage, "at least 0")
}

/// Scores walks of one and two steps.
///
/// * `steps`: sums over session windows, not divided by item frequencies, best first.
/// * `counts`: how often each item occurs.
#[must_use]
pub fn fit(steps: &Neighbours, counts: &[u32], config: &WalkConfig) -> Neighbours {
    let item_count = counts.len();
    let powers: Vec<f64> = counts.iter().map(|&count| f64::from(count.max(1)).powf(-config.item_power)).collect();
    let edges: Vec<Vec<(u32, f64)>> = (0..item_count)
        .map(|item| {
            let range = steps.starts[item] as usize..steps.starts[item + 1] as usize;
            let total: f64 = steps.scores[range.clone()].iter().map(|&score| f64::from(score)).sum();
            let edge = |(neighbour, &score): (&shared::contract::id::ItemIdx, &f32)| {
                (neighbour.0, f64::from(score) / (total + config.shrinkage) * powers[neighbour.at()])
            };
            let mut edges: Vec<(u32, f64)> =
                steps.items[range.clone()].iter().zip(&steps.scores[range]).map(edge).collect();
            edges.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            edges.truncate(config.fan_out);
            edges
        })
        .collect();
    lists(item_count, |item, sums| {
        for &(first, edge) in &edges[item as usize] {
            sums.add(first, edge);
            for &(second, onwards) in &edges[first as usize] {
                sums.add(second, config.second * edge * onwards);
            }
        }
        sums.take_best(config.neighbours, |_, sum| sum)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::contract::id::ItemIdx;
    use shared::engine::topk::Scored;

    use super::*;

    #[test]
    fn two_steps_of_one_half_are_a_quarter() {
        // 0 → {1, 2} with equal weights, 1 → 3.
        let to = |item: u32| Scored { item: ItemIdx(item), score: 1.0 };
        let steps: Neighbours = [vec![to(1), to(2)], vec![to(3)], vec![], vec![]].into_iter().collect();
        let config = WalkConfig { fan_out: 5, shrinkage: 0.0, item_power: 0.0, second: 0.5, neighbours: 9 };
        let walk = fit(&steps, &[1; 4], &config);
        let of_0: Vec<(u32, f32)> = walk.of(ItemIdx(0)).map(|(item, score)| (item.0, score)).collect();
        assert_eq!(of_0, [(1, 0.5), (2, 0.5), (3, 0.25)]);
    }

    proptest! {
        #[test]
        fn walks_agree_with_a_product_of_dense_matrices(
            steps in prop::collection::vec(prop::collection::btree_map(0usize..7, 0.1f32..5.0, 0..7), 7),
            counts in prop::collection::vec(1u32..20, 7),
            (shrinkage, item_power, second) in (0f64..5.0, 0f64..1.0, 0.1f64..1.0),
        ) {
            let config = WalkConfig { fan_out: 7, shrinkage, item_power, second, neighbours: 7 };
            let scored = |(&item, &score): (&usize, &f32)| Scored { item: ItemIdx(item as u32), score };
            let table = fit(&steps.iter().map(|row| row.iter().map(scored).collect()).collect(), &counts, &config);
            let edge = |i: usize, j: usize| {
                let total: f64 = steps[i].values().map(|&score| f64::from(score)).sum();
                let score = steps[i].get(&j).map_or(0.0, |&score| f64::from(score));
                if score == 0.0 { 0.0 } else { score / (total + shrinkage) * f64::from(counts[j]).powf(-item_power) }
            };
            for i in 0..7 {
                for j in 0..7 {
                    let onwards: f64 = (0..7).map(|k| edge(i, k) * edge(k, j)).sum();
                    let expected = edge(i, j) + second * onwards;
                    let found = table.of(ItemIdx(i as u32)).find(|(item, _)| item.at() == j);
                    let score = found.map_or(0.0, |(_, score)| f64::from(score));
                    prop_assert!((score - expected).abs() < 1e-5 * (1.0 + expected), "{score} for {expected}");
                }
            }
        }
    }
}
