//! `item_knn_session`: co-occurrence in session windows. Items that come after an item count fully, items before it
//! less.
//!
//! `s(i → j) = Σ_pairs r(session) · d^-p · (1 if j came after i, else reverse) / (n_i^a · n_j^b)` over the pairs at
//! most `window` positions apart, where d is their distance, r halves with every half-life of the session's age, and n
//! is how often an item occurs. An item that follows itself is its own neighbour.
//!
//! Cost: O(events · window). Memory: 4 bytes per event, and per item with events 8 per thread and 8 for each neighbour; 8
//! bytes per listed item.

use serde::{Deserialize, Serialize};
use shared::contract::source::Source;
use shared::tables::Neighbours;

use super::neighbours::{damped, lists};
use super::{SourceStudy, SourcesConfig, Trainer};
use crate::config::knobs::{Range, knob};
use crate::config::ranges::{OutOfRange, range};
use crate::log::ingest::DAY_MS;
use crate::log::interactions::Sessions;

/// How pairs are counted. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ItemKnnSessionConfig {
    pub window: usize,
    pub reverse: f64,
    pub distance_power: f64,
    pub half_life_days: f64,
    pub item_power: f64,
    pub neighbour_power: f64,
    pub neighbours: usize,
}

/// The trainer of `item_knn_session`.
pub const TRAINER: Trainer = Trainer {
    sources: &[Source::ItemKnnSession],
    fit: |inputs, tables, _| {
        if let Some(table) = tables.neighbours_mut(Source::ItemKnnSession) {
            let config = &inputs.settings.sources.item_knn_session;
            *table = inputs.items.spread(fit(inputs.sessions, inputs.items.len(), config));
        }
    },
    steps: |_| 0,
    check,
    studies: &[SourceStudy {
        source: Source::ItemKnnSession,
        share: 0.1,
        knobs: &[
            knob("item_knn_session.window", Range::Whole(1.0, 20.0)),
            knob("item_knn_session.reverse", Range::Linear(0.0, 1.2)),
            knob("item_knn_session.distance_power", Range::Linear(0.0, 2.0)),
            knob("item_knn_session.item_power", Range::Linear(0.0, 1.2)),
            knob("item_knn_session.neighbour_power", Range::Linear(0.0, 1.2)),
            knob("engine.position_decay", Range::Log(0.5, 20.0)),
        ],
    }],
};

fn check(config: &SourcesConfig) -> Result<(), OutOfRange> {
    let config = &config.item_knn_session;
    range(config.window > 0, "item_knn_session.window", config.window, "at least 1")?;
    range(config.neighbours > 0, "item_knn_session.neighbours", config.neighbours, "at least 1")
}

/// Finds the neighbours of all `item_count` items in session windows.
#[must_use]
pub fn fit(sessions: &Sessions, item_count: usize, config: &ItemKnnSessionConfig) -> Neighbours {
    let indptr = sessions.items.indptr();
    let weight = |age_ms: f64| match config.half_life_days {
        days if days > 0.0 => (-age_ms / (days * DAY_MS as f64)).exp2(),
        _ => 1.0,
    };
    let weights: Vec<f64> = sessions.ages_ms().map(weight).collect();
    fit_rows(indptr.raw_storage(), sessions.items.data(), &weights, item_count, config)
}

/// As [`fit`], without division by item frequencies and with `most` neighbours per item: the edges of a walk.
#[must_use]
pub fn steps(sessions: &Sessions, item_count: usize, config: &ItemKnnSessionConfig, most: usize) -> Neighbours {
    let plain = ItemKnnSessionConfig { item_power: 0.0, neighbour_power: 0.0, neighbours: most, ..config.clone() };
    fit(sessions, item_count, &plain)
}

/// As [`fit`]: session s holds `values[starts[s]..starts[s + 1]]` and has the weight `weights[s]`.
fn fit_rows(
    starts: &[u32],
    values: &[u32],
    weights: &[f64],
    item_count: usize,
    config: &ItemKnnSessionConfig,
) -> Neighbours {
    let occurrences = Occurrences::of(values, item_count);
    let count = |item: u32| f64::from(occurrences.starts[item as usize + 1] - occurrences.starts[item as usize]);
    let neighbour_powers: Vec<f64> =
        (0..item_count as u32).map(|item| count(item).powf(config.neighbour_power)).collect();
    let by_distance: Vec<f64> =
        (0..=config.window).map(|distance| (distance.max(1) as f64).powf(-config.distance_power)).collect();
    let mut session_of = vec![0u32; values.len()];
    for (session, bounds) in (0..).zip(starts.windows(2)) {
        session_of[bounds[0] as usize..bounds[1] as usize].fill(session);
    }
    lists(item_count, |item, sums| {
        let own = occurrences.places(item);
        for &place in own {
            let (place, session) = (place as usize, session_of[place as usize] as usize);
            let (first, end) = (starts[session] as usize, starts[session + 1] as usize);
            let weight = weights[session];
            for after in place + 1..end.min(place + config.window + 1) {
                sums.add(values[after], weight * by_distance[after - place]);
            }
            for before in first.max(place.saturating_sub(config.window))..place {
                sums.add(values[before], weight * config.reverse * by_distance[place - before]);
            }
        }
        let own_power = (own.len() as f64).max(1.0).powf(config.item_power);
        sums.take_best(config.neighbours, |neighbour, sum| damped(sum, own_power, neighbour_powers[neighbour as usize]))
    })
}

/// The positions of each item's occurrences.
pub struct Occurrences {
    starts: Vec<u32>,
    places: Vec<u32>,
}

impl Occurrences {
    /// Collects the positions of each item in `values`.
    #[must_use]
    pub fn of(values: &[u32], item_count: usize) -> Self {
        let mut starts = vec![0u32; item_count + 1];
        for &item in values {
            starts[item as usize + 1] += 1;
        }
        for row in 1..starts.len() {
            starts[row] += starts[row - 1];
        }
        let mut next = starts.clone();
        let mut places = vec![0u32; values.len()];
        for (place, &item) in (0..).zip(values) {
            let slot = &mut next[item as usize];
            places[*slot as usize] = place;
            *slot += 1;
        }
        Self { starts, places }
    }

    /// The positions of an item.
    #[must_use]
    pub fn places(&self, item: u32) -> &[u32] {
        &self.places[self.starts[item as usize] as usize..self.starts[item as usize + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::contract::id::ItemIdx;

    use super::*;

    fn plain() -> ItemKnnSessionConfig {
        ItemKnnSessionConfig {
            window: 2,
            reverse: 0.5,
            distance_power: 1.0,
            half_life_days: 0.0,
            item_power: 0.0,
            neighbour_power: 0.0,
            neighbours: 50,
        }
    }

    #[test]
    fn a_pair_that_counts_nothing_makes_no_neighbour_and_no_neighbour_stands_twice() {
        // 1 0 1 0: only the next item counts.
        let config = ItemKnnSessionConfig { reverse: 0.0, ..plain() };
        let found = fit_rows(&[0, 5], &[2, 0, 1, 0, 1], &[1.0], 3, &config);
        let of_0: Vec<(ItemIdx, f32)> = found.of(ItemIdx(0)).collect();
        assert_eq!(of_0, [(ItemIdx(1), 2.0), (ItemIdx(0), 0.5)]);
    }

    #[test]
    fn what_comes_next_counts_more_than_what_came_before() {
        // One session 0 1 2: from 1, item 2 came next (1) and item 0 before (0.5).
        let table = fit_rows(&[0, 3], &[0, 1, 2], &[1.0], 3, &plain());
        let of_one = table.starts[1] as usize..table.starts[2] as usize;
        assert_eq!(table.items[of_one.clone()], [ItemIdx(2), ItemIdx(0)]);
        assert_eq!(table.scores[of_one], [1.0, 0.5]);
    }

    proptest! {
        #[test]
        fn rows_agree_with_a_table_of_all_pairs(lengths in prop::collection::vec(1usize..8, 1..12), seed in any::<u64>()) {
            let total: usize = lengths.iter().sum();
            let values: Vec<u32> = (0..total as u64).map(|at| (seed.rotate_left(at as u32 % 64) % 6) as u32).collect();
            let mut starts = vec![0u32];
            for length in &lengths {
                starts.push(starts[starts.len() - 1] + *length as u32);
            }
            let config = plain();
            let mut pairs = [[0.0f64; 6]; 6];
            for bounds in starts.windows(2) {
                let session = &values[bounds[0] as usize..bounds[1] as usize];
                for (a, &from) in session.iter().enumerate() {
                    for (b, &to) in session.iter().enumerate() {
                        let distance = a.abs_diff(b);
                        if (1..=config.window).contains(&distance) {
                            let direction = if b > a { 1.0 } else { config.reverse };
                            pairs[from as usize][to as usize] += direction / distance as f64;
                        }
                    }
                }
            }
            let table = fit_rows(&starts, &values, &vec![1.0; lengths.len()], 6, &config);
            for (from, expected) in pairs.iter_mut().enumerate() {
                for at in table.starts[from] as usize..table.starts[from + 1] as usize {
                    let sum = std::mem::take(&mut expected[table.items[at].at()]);
                    prop_assert!((f64::from(table.scores[at]) - sum).abs() < 1e-4);
                }
                prop_assert!(expected.iter().all(|&left| left == 0.0), "a pair is missing");
            }
        }
    }
}
