//! `session_knn`: builds the index of past sessions that the source searches, with each item's latest sessions and the
//! weights of a match.
//!
//! In: sessions in order. Out: sessions of at least two events, with the weight `2^(-age / half life) / length^a`;
//! postings, at most `sessions_per_item` per item, the latest sessions first; each item's rarity `ln((N + 1) / n)^b`
//! and damping `n^-c`, where n of the N sessions have the item. Cost: O(events). Memory: 16 bytes per event, 48 per item
//! with events; 16 bytes per listed item.
//!
//! `shared::engine::retrieve::session_knn` scores candidates with the index, and names the papers.

use serde::{Deserialize, Serialize};
use shared::contract::id::ItemIdx;
use shared::contract::params::SessionKnnParams;
use shared::contract::source::Source;
use shared::tables::Sessions as PastSessions;

use super::{SourceStudy, SourcesConfig, Trainer};
use crate::config::knobs::{Range, knob};
use crate::config::ranges::{OutOfRange, range};
use crate::log::ingest::DAY_MS;
use crate::log::interactions::Sessions;
use crate::log::with_events::WithEvents;

/// How sessions are indexed and matched. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct SessionKnnConfig {
    pub sessions_per_item: usize,
    pub longest_session: usize,
    pub half_life_days: f64,
    pub length_power: f64,
    pub rarity_power: f64,
    pub item_power: f64,
    pub history: usize,
    pub neighbours: usize,
    pub position_decay: f32,
    pub distance_decay: f32,
    pub before_weight: f32,
    pub own_weight: f32,
}

/// The trainer of `session_knn`.
pub const TRAINER: Trainer = Trainer {
    sources: &[Source::SessionKnn],
    fit: |inputs, tables, _| {
        let config = &inputs.settings.sources.session_knn;
        tables.sessions = spread(fit(inputs.sessions, inputs.items.len(), config), config, inputs.items);
        tracing::info!(bytes = tables.sessions.bytes(), "session index");
    },
    steps: |_| 0,
    check,
    studies: &[SourceStudy {
        source: Source::SessionKnn,
        share: 0.2,
        knobs: &[
            knob("session_knn.half_life_days", Range::Log(5.0, 1000.0)),
            knob("session_knn.length_power", Range::Linear(0.0, 1.0)),
            knob("session_knn.rarity_power", Range::Linear(0.0, 8.0)),
            knob("session_knn.item_power", Range::Linear(0.0, 0.6)),
            knob("session_knn.neighbours", Range::Whole(100.0, 3000.0)),
            knob("session_knn.position_decay", Range::Log(0.5, 20.0)),
            knob("session_knn.distance_decay", Range::Log(0.5, 20.0)),
            knob("session_knn.before_weight", Range::Linear(0.2, 1.2)),
            knob("session_knn.own_weight", Range::Linear(0.0, 2.0)),
        ],
    }],
};

fn check(config: &SourcesConfig) -> Result<(), OutOfRange> {
    let config = &config.session_knn;
    let decay = |decay: f32| decay > 0.0 && decay <= 10_000.0;
    let within = "greater than 0, at most 10000";
    range(decay(config.position_decay), "session_knn.position_decay", config.position_decay, within)?;
    range(decay(config.distance_decay), "session_knn.distance_decay", config.distance_decay, within)?;
    range(config.neighbours > 0, "session_knn.neighbours", config.neighbours, "at least 1")?;
    range(config.longest_session > 1, "session_knn.longest_session", config.longest_session, "at least 2")
}

impl SessionKnnConfig {
    /// The parameters of the engine.
    #[must_use]
    pub fn params(&self) -> SessionKnnParams {
        SessionKnnParams {
            history: self.history,
            neighbours: self.neighbours,
            position_decay: self.position_decay,
            distance_decay: self.distance_decay,
            before_weight: self.before_weight,
            own_weight: self.own_weight,
        }
    }
}

/// Indexes the sessions; of each, only the last `longest_session` events are kept.
#[must_use]
pub fn fit(sessions: &Sessions, item_count: usize, config: &SessionKnnConfig) -> PastSessions {
    let indptr = sessions.items.indptr();
    let (bounds, values) = (indptr.raw_storage(), sessions.items.data());
    let (mut starts, mut items, mut weights) = (vec![0], Vec::new(), Vec::new());
    let mut last_ms = Vec::new();
    for ((bounds, &last), age_ms) in bounds.windows(2).zip(&sessions.last_ms).zip(sessions.ages_ms()) {
        let (first, end) = (bounds[0] as usize, bounds[1] as usize);
        let session = &values[first.max(end.saturating_sub(config.longest_session))..end];
        if session.len() < 2 {
            continue;
        }
        let age_days = age_ms / DAY_MS as f64;
        let decay = if config.half_life_days > 0.0 { (-age_days / config.half_life_days).exp2() } else { 1.0 };
        // Never 0, which would exclude an old session altogether.
        let weight = (decay / (session.len() as f64).powf(config.length_power)).max(1e-30);
        weights.push(weight as f32);
        items.extend(session.iter().map(|&item| ItemIdx(item)));
        starts.push(items.len() as u64);
        last_ms.push(last);
    }
    let postings = Postings::of(&starts, &items, &last_ms, item_count, config);
    let all = last_ms.len().max(1) as f64;
    let at_least_one = |&count: &u64| count.max(1) as f64;
    let rarity = |count: f64| rarity(all, count, config);
    PastSessions {
        starts: starts.into(),
        items: items.into(),
        weights: weights.into(),
        posting_starts: postings.starts.into(),
        posting_sessions: postings.sessions.into(),
        posting_places: postings.places.into(),
        rarity: postings.counts.iter().map(at_least_one).map(rarity).collect(),
        damping: postings.counts.iter().map(at_least_one).map(|n| n.powf(-config.item_power) as f32).collect(),
    }
}

/// The weight of an item of `count` among `all` sessions in a match.
fn rarity(all: f64, count: f64, config: &SessionKnnConfig) -> f32 {
    ((all + 1.0) / count).ln().powf(config.rarity_power) as f32
}

/// The index over all items, given that over items with events. An item without events counts as one of one session, as
/// does an item whose sessions are all too short.
fn spread(index: PastSessions, config: &SessionKnnConfig, items: &WithEvents) -> PastSessions {
    if items.len() == items.of_all() {
        return index;
    }
    let rarest = rarity(index.len().max(1) as f64, 1.0, config);
    PastSessions {
        items: index.items.iter().map(|row| items.items()[row.at()]).collect(),
        posting_starts: items.spread_starts(&index.posting_starts).into(),
        rarity: items.spread_values(&index.rarity, rarest).into(),
        damping: items.spread_values(&index.damping, 1.0).into(),
        ..index
    }
}

/// The sessions each item occurs in, the latest first.
struct Postings {
    starts: Vec<u64>,
    sessions: Vec<u32>,
    /// The last position of the item in each of them.
    places: Vec<u32>,
    /// The number of sessions of each item, including those that are not kept.
    counts: Vec<u64>,
}

impl Postings {
    fn of(starts: &[u64], items: &[ItemIdx], last_ms: &[i64], item_count: usize, config: &SessionKnnConfig) -> Self {
        let mut latest_first: Vec<u32> = (0..last_ms.len() as u32).collect();
        latest_first.sort_by_key(|&session| (std::cmp::Reverse(last_ms[session as usize]), session));
        let mut occurrences: Vec<Vec<(u32, u32)>> = vec![Vec::new(); item_count];
        let mut counts = vec![0u64; item_count];
        for &session in &latest_first {
            let bounds = &starts[session as usize..][..2];
            let session_items = &items[bounds[0] as usize..bounds[1] as usize];
            for (place, &item) in session_items.iter().enumerate().rev() {
                let postings = &mut occurrences[item.at()];
                // From the end of the session, so that the first position found for an item is its last one.
                if postings.last().is_some_and(|&(last, _)| last == session) {
                    continue;
                }
                counts[item.at()] += 1;
                if postings.len() < config.sessions_per_item {
                    postings.push((session, place as u32));
                }
            }
        }
        let mut postings = Self { starts: vec![0], sessions: Vec::new(), places: Vec::new(), counts };
        for of_item in &occurrences {
            postings.sessions.extend(of_item.iter().map(|(session, _)| session));
            postings.places.extend(of_item.iter().map(|(_, place)| place));
            postings.starts.push(postings.sessions.len() as u64);
        }
        postings
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::contract::params::Weights;
    use shared::contract::source::Source;
    use shared::engine::history::recent::Recent;
    use shared::engine::retrieve::candidates::{Candidates, Places};
    use shared::engine::retrieve::session_knn::{Matches, accumulate};

    use super::*;
    use crate::log::interactions::Csr;

    fn config() -> SessionKnnConfig {
        SessionKnnConfig {
            sessions_per_item: 100,
            longest_session: 100,
            half_life_days: 2.0,
            length_power: 0.5,
            rarity_power: 1.0,
            item_power: 0.3,
            history: 5,
            neighbours: 100,
            position_decay: 2.0,
            distance_decay: 1.5,
            before_weight: 0.5,
            own_weight: 0.4,
        }
    }

    fn sessions(rows: &[Vec<u32>]) -> Sessions {
        let (mut starts, mut values, mut positions) = (vec![0u32], Vec::new(), Vec::new());
        for row in rows {
            values.extend(row);
            positions.extend(0..row.len() as u32);
            starts.push(values.len() as u32);
        }
        let longest = rows.iter().map(Vec::len).max().unwrap_or(0);
        let last_ms: Vec<i64> = (0..rows.len() as i64).map(|session| session * DAY_MS).collect();
        let now_ms = last_ms.last().copied().unwrap_or(0);
        Sessions { items: Csr::new((rows.len(), longest), starts, positions, values), last_ms, now_ms }
    }

    /// The formulas of `shared::engine::retrieve::session_knn`, session by session.
    fn naive(rows: &[Vec<u32>], recent: &[u32], item_count: usize, config: &SessionKnnConfig) -> Vec<f64> {
        let newest = rows.len() as f64 - 1.0;
        let known: Vec<(f64, &Vec<u32>)> = rows
            .iter()
            .enumerate()
            .filter(|(_, row)| row.len() > 1)
            .map(|(at, row)| (newest - at as f64, row))
            .collect();
        let occurs = |item: u32| known.iter().filter(|(_, row)| row.contains(&item)).count().max(1) as f64;
        let mut scores = vec![0.0; item_count];
        for (age, row) in &known {
            let shared: Vec<(usize, u32)> =
                (0..).zip(recent.iter().copied()).filter(|(_, item)| row.contains(item)).collect();
            let Some(&(_, latest)) = shared.first() else { continue };
            let place = row.iter().rposition(|&item| item == latest).expect("shared");
            let rarity = |item| ((known.len() as f64 + 1.0) / occurs(item)).ln().powf(config.rarity_power);
            let matched: f64 = shared
                .iter()
                .map(|&(after, item)| (-(after as f64) / f64::from(config.position_decay)).exp() * rarity(item))
                .sum();
            let session =
                matched * (-age / config.half_life_days).exp2() / (row.len() as f64).powf(config.length_power);
            for (at, &item) in row.iter().enumerate() {
                let distance = at.abs_diff(place) as f64;
                let near = match distance {
                    0.0 => f64::from(config.own_weight),
                    _ => (-distance / f64::from(config.distance_decay)).exp(),
                };
                let side = if at < place { f64::from(config.before_weight) } else { 1.0 };
                scores[item as usize] += session * near * side * occurs(item).powf(-config.item_power);
            }
        }
        scores
    }

    proptest! {
        #[test]
        fn the_index_agrees_with_a_walk_through_all_sessions(
            rows in prop::collection::vec(prop::collection::vec(0u32..8, 1..7), 1..12),
            history in prop::collection::vec(0u32..8, 1..5),
        ) {
            let config = config();
            let index = fit(&sessions(&rows), 8, &config);
            let mut items = history;
            let mut met = [false; 8];
            items.retain(|&item| !std::mem::replace(&mut met[item as usize], true));
            let recent: Vec<Recent> = (0..)
                .zip(&items)
                .map(|(place, &item)| Recent { item: ItemIdx(item), place, factor: 1.0, session_weight: 0.0 })
                .collect();
            let (mut matches, mut places, mut found) = (Matches::default(), Places::default(), Candidates::default());
            // Twice, since the first request must leave nothing in the buffers that affects the second.
            for _ in 0..2 {
                places.reset(8, &[]);
                found.clear();
                let (mut pool, sums) = found.pool(Source::SessionKnn, &mut places, |_| true);
                accumulate(&index, &config.params(), &recent, &mut matches, &mut pool, sums);
                found.close(&Weights::only(Source::SessionKnn));
            }
            for (item, expected) in (0..).zip(naive(&rows, &items, 8, &config)) {
                let row = found.items.iter().position(|&found| found == ItemIdx(item));
                let score = row.map_or(0.0, |row| f64::from(found.scores(Source::SessionKnn)[row]));
                prop_assert!((score - expected).abs() < 1e-4 * (1.0 + expected), "{score} for {expected}");
            }
        }
    }
}
