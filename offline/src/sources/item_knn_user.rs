//! `item_knn_user`: co-occurrence in users' pasts, `s(i, j) = n_i^-a · n_j^-b · Σ_u n_u^-g · w_ui · w_uj` over the
//! users u who had both items.
//!
//! The window of a user is their last `window` distinct items. n_i is the number of users with item i in their window,
//! n_u the number of items in the window of user u, and c_ui the summed weight of u's events with i. Special cases of
//! the general form:
//!
//! | | a | b | g | w_ui |
//! |---|---|---|---|---|
//! | cosine | 0.5 | 0.5 | 0 | 1 |
//! | RP3beta | 1 | β | 1 | 1 |
//! | TF-IDF, inner product | 0 | 0 | 0 | √c · idf_u |
//! | BM25, inner product | 0 | 0 | 0 | c·(k1 + 1) / (c + k1·(1 - l + l · L_i / mean L)) · idf_u |
//!
//! where `idf_u = ln(items with events / n_u)` gives little weight to a user who had nearly every item, `L_i = Σ_u c_ui`, mean L is
//! the mean over the items with events, and l is the length normalization, the b of BM25. Cost: O(Σ_u n_u²).
//! Memory: 16 bytes per item with events and thread, and 8 per neighbour; 8 bytes per listed item.
//!
//! Sources: Paudel et al., "Updatable, Accurate, Diverse, and Scalable Recommendations", TiiS 2017 (RP3beta);
//! Robertson, Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, with items as documents and
//! users as terms.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use shared::contract::kind::Kinds;
use shared::contract::source::Source;
use shared::engine::topk::Scored;
use shared::tables::Neighbours;

use super::neighbours::{RowSums, damped, lists};
use super::{SourceStudy, SourcesConfig, Trainer};
use crate::config::knobs::{Range, knob};
use crate::config::ranges::{OutOfRange, range};
use crate::log::ingest::Log;
use crate::log::interactions::{Csr, by_user};
use crate::log::with_events::WithEvents;

/// How pairs are counted. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ItemKnnUserConfig {
    pub window: usize,
    pub weighting: Weighting,
    pub saturation: f64,
    pub length_normalization: f64,
    pub item_power: f64,
    pub neighbour_power: f64,
    pub user_power: f64,
    pub neighbours: usize,
}

/// The trainer of `item_knn_user`.
pub const TRAINER: Trainer = Trainer {
    sources: &[Source::ItemKnnUser],
    fit: |inputs, tables, _| {
        let config = &inputs.settings.sources.item_knn_user;
        if let Some(table) = tables.neighbours_mut(Source::ItemKnnUser) {
            let windows = windows(inputs.log, inputs.items, config.window, inputs.settings.kinds);
            *table = inputs.items.spread(fit(windows, config));
        }
    },
    steps: |_| 0,
    check,
    studies: &[SourceStudy {
        source: Source::ItemKnnUser,
        share: 0.1,
        knobs: &[
            knob("item_knn_user.weighting", Range::Word(&["binary", "tf-idf", "bm25"])),
            knob("item_knn_user.saturation", Range::Log(0.1, 100.0)),
            knob("item_knn_user.length_normalization", Range::Linear(0.0, 1.0)),
            knob("item_knn_user.item_power", Range::Linear(0.0, 1.2)),
            knob("item_knn_user.neighbour_power", Range::Linear(0.0, 1.2)),
            knob("item_knn_user.user_power", Range::Linear(0.0, 1.2)),
        ],
    }],
};

fn check(config: &SourcesConfig) -> Result<(), OutOfRange> {
    let config = &config.item_knn_user;
    range(config.window > 1, "item_knn_user.window", config.window, "at least 2")?;
    range(
        (0.0..1e9).contains(&config.saturation),
        "item_knn_user.saturation",
        config.saturation,
        "at least 0 and less than 10^9",
    )?;
    range(
        (0.0..=1.0).contains(&config.length_normalization),
        "item_knn_user.length_normalization",
        config.length_normalization,
        "0 to 1",
    )
}

/// The weight w_ui of an item in a user's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weighting {
    /// 1, however often the user had the item.
    Binary,
    /// The square root of c_ui, times idf.
    TfIdf,
    /// c_ui with saturation, less for items with many events, times idf.
    Bm25,
}

/// Users × rows of items with events: c_ui for each of a user's last `window` distinct items.
#[must_use]
pub fn windows(log: &Log, items: &WithEvents, window: usize, kinds: &Kinds) -> Csr<f32> {
    let (starts, order) = by_user(log);
    let (mut indptr, mut indices, mut data) = (vec![0u32], Vec::new(), Vec::new());
    let mut last: HashMap<u32, f32> = HashMap::new();
    let mut row: Vec<(u32, f32)> = Vec::new();
    for bounds in starts.windows(2) {
        for &at in order[bounds[0] as usize..bounds[1] as usize].iter().rev() {
            let event = &log.events[at as usize];
            let item = items.row_of_event(event.item);
            if last.len() == window && !last.contains_key(&item) {
                break;
            }
            *last.entry(item).or_default() += kinds.weight(event.kind);
        }
        row.extend(last.drain());
        row.sort_unstable_by_key(|(item, _)| *item);
        indices.extend(row.iter().map(|(item, _)| *item));
        data.extend(row.drain(..).map(|(_, count)| count));
        indptr.push(indices.len() as u32);
    }
    Csr::new((log.users.len(), items.len()), indptr, indices, data)
}

/// Replaces c_ui by w_ui.
fn weighted(mut windows: Csr<f32>, config: &ItemKnnUserConfig) -> Csr<f32> {
    let mut sums = vec![0.0f64; windows.cols()];
    for (&item, &count) in windows.indices().iter().zip(windows.data()) {
        sums[item as usize] += f64::from(count);
    }
    let some = sums.iter().filter(|&&sum| sum > 0.0).count().max(1);
    let mean = (sums.iter().sum::<f64>() / some as f64).max(f64::MIN_POSITIVE);
    let (k1, length) = (config.saturation, config.length_normalization);
    for mut user in windows.outer_iterator_mut() {
        let idf = (sums.len() as f64 / user.nnz().max(1) as f64).ln();
        for (item, weight) in user.iter_mut() {
            let count = f64::from(*weight);
            let value = match config.weighting {
                Weighting::Binary => 1.0,
                Weighting::TfIdf => count.sqrt() * idf,
                // All events of the item are of a kind with weight 0.
                Weighting::Bm25 if count == 0.0 => 0.0,
                Weighting::Bm25 => {
                    count * (k1 + 1.0) / (count + k1 * (1.0 - length + length * sums[item] / mean)) * idf
                }
            };
            *weight = value as f32;
        }
    }
    windows
}

/// Sums `n_u^-user_power · w_ui · w_uj` over users, for each item i with every item j that shares a window with it,
/// itself included; `take` makes a row of the sums.
///
/// * `weights`: w, users × items.
pub fn co_occurrence(
    weights: &Csr<f32>,
    user_power: f64,
    take: impl Fn(u32, &mut RowSums) -> Vec<Scored> + Sync,
) -> Neighbours {
    let of_item = weights.transpose_view().to_csr();
    let user_factors: Vec<f64> =
        weights.outer_iterator().map(|user| (user.nnz().max(1) as f64).powf(-user_power)).collect();
    let (starts, items, values) = (weights.indptr(), weights.indices(), weights.data());
    let starts = starts.raw_storage();
    let (user_starts, users, own) = (of_item.indptr(), of_item.indices(), of_item.data());
    let user_starts = user_starts.raw_storage();
    lists(weights.cols(), |item, sums| {
        for at in user_starts[item as usize] as usize..user_starts[item as usize + 1] as usize {
            let user = users[at] as usize;
            let factor = user_factors[user] * f64::from(own[at]);
            let others = starts[user] as usize..starts[user + 1] as usize;
            for (&other, &value) in items[others.clone()].iter().zip(&values[others]) {
                sums.add(other, factor * f64::from(value));
            }
        }
        take(item, sums)
    })
}

/// How many users' windows hold each item.
#[must_use]
pub fn user_counts(windows: &Csr<f32>) -> Vec<u32> {
    let mut counts = vec![0; windows.cols()];
    windows.indices().iter().for_each(|&item| counts[item as usize] += 1);
    counts
}

/// Finds the neighbours of all items in user windows (users × items, see [`windows`]).
#[must_use]
pub fn fit(windows: Csr<f32>, config: &ItemKnnUserConfig) -> Neighbours {
    let counts: Vec<f64> = user_counts(&windows).into_iter().map(|count| f64::from(count.max(1))).collect();
    let neighbour_powers: Vec<f64> = counts.iter().map(|count| count.powf(config.neighbour_power)).collect();
    co_occurrence(&weighted(windows, config), config.user_power, |item, sums| {
        sums.forget(item);
        let own_power = counts[item as usize].powf(config.item_power);
        sums.take_best(config.neighbours, |neighbour, sum| damped(sum, own_power, neighbour_powers[neighbour as usize]))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use shared::contract::id::{ItemIdx, UserIdx};
    use shared::contract::kind::KindIdx;

    use super::*;
    use crate::log::ingest::{Catalogue, LogEvent};

    const BINARY: ItemKnnUserConfig = ItemKnnUserConfig {
        window: 9,
        weighting: Weighting::Binary,
        saturation: 2.0,
        length_normalization: 0.5,
        item_power: 0.0,
        neighbour_power: 0.0,
        user_power: 0.0,
        neighbours: 9,
    };

    /// The scores of item 0 with 1 and with 2, from two users: one had 0 once and 1 four times, the other had 0, 1 and
    /// 2 once each; no user had 3.
    fn scores(config: &ItemKnnUserConfig) -> [f64; 2] {
        let windows = Csr::new((2, 4), vec![0, 2, 5], vec![0, 1, 0, 1, 2], vec![1.0, 4.0, 1.0, 1.0, 1.0]);
        let table = fit(windows, config);
        let score = |other: u32| table.of(ItemIdx(0)).find(|(item, _)| item.0 == other).map_or(0.0, |(_, score)| score);
        [1, 2].map(|other| f64::from(score(other)))
    }

    fn near(found: [f64; 2], expected: [f64; 2]) {
        let near = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6);
        assert!(near, "{found:?} for {expected:?}");
    }

    #[test]
    fn cosine_and_rp3beta_are_special_cases() {
        near(scores(&ItemKnnUserConfig { item_power: 0.5, neighbour_power: 0.5, ..BINARY }), [1.0, 1.0 / 2f64.sqrt()]);
        let rp3beta = ItemKnnUserConfig { item_power: 1.0, neighbour_power: 0.6, user_power: 1.0, ..BINARY };
        let walk = |to_user: f64| 1.0 / 2.0 * to_user;
        near(scores(&rp3beta), [walk(1.0 / 2.0 + 1.0 / 3.0) / 2f64.powf(0.6), walk(1.0 / 3.0)]);
    }

    #[test]
    fn tf_idf_is_a_special_case() {
        let idf = [(4f64 / 2.0).ln(), (4f64 / 3.0).ln()];
        let tf_idf = ItemKnnUserConfig { weighting: Weighting::TfIdf, ..BINARY };
        near(scores(&tf_idf), [2.0 * idf[0].powi(2) + idf[1].powi(2), idf[1].powi(2)]);
    }

    #[test]
    fn bm25_is_a_special_case() {
        let idf = [(4f64 / 2.0).ln(), (4f64 / 3.0).ln()];
        // Events of the items: 2, 5, 1; their mean is 8 / 3.
        let of = |count: f64, events: f64| count * 3.0 / (count + 2.0 * (0.5 + 0.5 * events * 3.0 / 8.0));
        let bm25 = ItemKnnUserConfig { weighting: Weighting::Bm25, ..BINARY };
        let with_one = of(1.0, 2.0) * (of(4.0, 5.0) * idf[0].powi(2) + of(1.0, 5.0) * idf[1].powi(2));
        near(scores(&bm25), [with_one, of(1.0, 2.0) * of(1.0, 1.0) * idf[1].powi(2)]);
    }

    #[test]
    fn a_window_ends_before_the_first_item_that_has_no_place_in_it() {
        // Oldest first; a purchase weighs 5. The window of two items holds 2 and 1, and ends at 0.
        let of =
            [(1, KindIdx::VIEW), (0, KindIdx::VIEW), (1, KindIdx::TRANSACTION), (2, KindIdx::VIEW), (1, KindIdx::VIEW)];
        let event = |(item, kind)| LogEvent {
            user: UserIdx(0),
            item: ItemIdx(item),
            kind,
            session: 0,
            order: 0,
            timestamp_ms: 0,
            event_key: 0,
        };
        let log = Log {
            users: vec!["u".into()],
            items: Catalogue::default().with_seen(["a", "b", "c"].map(Into::into).to_vec()).0,
            events: of.map(event).to_vec(),
            ..Log::of_views(&[])
        };
        let found = windows(&log, &WithEvents::of(&log), 2, &Kinds::of_weights([1.0, 3.0, 5.0]));
        assert_eq!((found.indices(), found.data()), (&[1, 2][..], &[6.0, 1.0][..]));
    }

    proptest! {
        #[test]
        fn rows_agree_with_the_formula_pair_by_pair(
            users in prop::collection::vec(prop::collection::btree_map(0u32..8, 1u8..5, 0..7), 1..10),
            (item_power, neighbour_power, user_power) in (0f64..1.0, 0f64..1.0, 0f64..1.0),
            weighting in prop::sample::select(vec![Weighting::Binary, Weighting::TfIdf, Weighting::Bm25]),
        ) {
            let config = ItemKnnUserConfig { weighting, item_power, neighbour_power, user_power, ..BINARY };
            let starts = users.iter().scan(0, |end, user| { *end += user.len() as u32; Some(*end) });
            let (indptr, indices) = ([0].into_iter().chain(starts).collect(), users.iter().flat_map(BTreeMap::keys).copied().collect());
            let counts = users.iter().flat_map(BTreeMap::values).map(|&count| f32::from(count)).collect();
            let table = fit(Csr::new((users.len(), 8), indptr, indices, counts), &config);
            let had = |item: u32| users.iter().filter(move |user| user.contains_key(&item));
            let events = |item: u32| had(item).map(|user| f64::from(user[&item])).sum::<f64>();
            let with_events = (0..8).filter(|&item| events(item) > 0.0).count().max(1) as f64;
            let mean = (0..8).map(events).sum::<f64>() / with_events;
            let weight = |user: &BTreeMap<u32, u8>, item: u32| {
                let (count, idf) = (f64::from(user[&item]), (8.0 / user.len() as f64).ln());
                match weighting {
                    Weighting::Binary => 1.0,
                    Weighting::TfIdf => count.sqrt() * idf,
                    Weighting::Bm25 => 3.0 * count / (count + 1.0 + events(item) / mean) * idf,
                }
            };
            for i in 0..8 {
                let found: BTreeMap<u32, f32> = table.of(ItemIdx(i)).map(|(item, score)| (item.0, score)).collect();
                for j in 0..8 {
                    let both = had(i).filter(|user| i != j && user.contains_key(&j));
                    let sum: f64 =
                        both.map(|user| (user.len() as f64).powf(-user_power) * weight(user, i) * weight(user, j)).sum();
                    let n = |item: u32| had(item).count().max(1) as f64;
                    let expected = sum * n(i).powf(-item_power) * n(j).powf(-neighbour_power);
                    let score = f64::from(found.get(&j).copied().unwrap_or(0.0));
                    prop_assert!((score - expected).abs() < 1e-5 * (1.0 + expected), "{score} for {expected}");
                }
            }
        }
    }
}
