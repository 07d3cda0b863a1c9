//! The index of past sessions that `session_knn` searches: each item's latest sessions, and what a match counts.
//!
//! In: sessions in order. Out: sessions of at least two events, with the weight `2^(-age / half life) / length^a`;
//! postings, the latest sessions first, at most `sessions_per_item`; each item's rarity `ln(N / n)^b` and damping
//! `n^-c`, n being the sessions it occurs in, of N. Cost: O(events).
//!
//! Scored by `shared::retrieve::session_knn`, which names the sources.

use std::path::Path;

use serde::{Deserialize, Serialize};
use shared::artifact::ArtifactError;
use shared::artifact::tables::TableWriter;
use shared::id::ItemIdx;
use shared::params::SessionKnnParams;
use shared::snapshot::SESSION_KNN;

use crate::ingest::DAY_MS;
use crate::interactions::Sessions;

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

impl SessionKnnConfig {
    /// What the engine follows.
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

/// Past sessions and their inverted index.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionIndex {
    starts: Vec<u64>,
    items: Vec<ItemIdx>,
    weights: Vec<f32>,
    posting_starts: Vec<u64>,
    posting_sessions: Vec<u32>,
    posting_places: Vec<u32>,
    rarity: Vec<f32>,
    damping: Vec<f32>,
}

/// Indexes the sessions; of a longer one the last `longest_session` events count.
#[must_use]
pub fn fit(sessions: &Sessions, item_count: usize, config: &SessionKnnConfig) -> SessionIndex {
    let indptr = sessions.items.indptr();
    let (bounds, values) = (indptr.raw_storage(), sessions.items.data());
    let newest = sessions.last_ms.iter().copied().max().unwrap_or(0);
    let mut index = SessionIndex {
        starts: vec![0],
        items: Vec::new(),
        weights: Vec::new(),
        posting_starts: vec![0],
        posting_sessions: Vec::new(),
        posting_places: Vec::new(),
        rarity: Vec::new(),
        damping: Vec::new(),
    };
    let mut last_ms = Vec::new();
    for (bounds, &last) in bounds.windows(2).zip(&sessions.last_ms) {
        let (first, end) = (bounds[0] as usize, bounds[1] as usize);
        let session = &values[first.max(end.saturating_sub(config.longest_session))..end];
        if session.len() < 2 {
            continue;
        }
        let age_days = (newest - last) as f64 / DAY_MS as f64;
        let decay = if config.half_life_days > 0.0 { (-age_days / config.half_life_days).exp2() } else { 1.0 };
        // Never 0: a weight of 0 would make an old session no session.
        let weight = (decay / (session.len() as f64).powf(config.length_power)).max(1e-30);
        index.weights.push(weight as f32);
        index.items.extend(session.iter().map(|&item| ItemIdx(item)));
        index.starts.push(index.items.len() as u64);
        last_ms.push(last);
    }
    index.post(&last_ms, item_count, config);
    index
}

impl SessionIndex {
    fn session(&self, session: usize) -> &[ItemIdx] {
        &self.items[self.starts[session] as usize..self.starts[session + 1] as usize]
    }

    /// Makes the postings and the weights of the items.
    fn post(&mut self, last_ms: &[i64], item_count: usize, config: &SessionKnnConfig) {
        let mut latest_first: Vec<u32> = (0..last_ms.len() as u32).collect();
        latest_first.sort_by_key(|&session| (std::cmp::Reverse(last_ms[session as usize]), session));
        let mut occurrences: Vec<Vec<(u32, u32)>> = vec![Vec::new(); item_count];
        let mut sessions_of = vec![0u64; item_count];
        for &session in &latest_first {
            for (place, &item) in self.session(session as usize).iter().enumerate().rev() {
                let postings = &mut occurrences[item.at()];
                // From the end of the session: the first time an item is met is its last place.
                if postings.last().is_some_and(|&(last, _)| last == session) {
                    continue;
                }
                sessions_of[item.at()] += 1;
                if postings.len() < config.sessions_per_item {
                    postings.push((session, place as u32));
                }
            }
        }
        for postings in &occurrences {
            self.posting_sessions.extend(postings.iter().map(|(session, _)| session));
            self.posting_places.extend(postings.iter().map(|(_, place)| place));
            self.posting_starts.push(self.posting_sessions.len() as u64);
        }
        let all = last_ms.len().max(1) as f64;
        let at_least_one = |&count: &u64| count.max(1) as f64;
        let rarity = |count: f64| ((all + 1.0) / count).ln().powf(config.rarity_power);
        self.rarity = sessions_of.iter().map(at_least_one).map(|count| rarity(count) as f32).collect();
        self.damping = sessions_of.iter().map(at_least_one).map(|n| n.powf(-config.item_power) as f32).collect();
    }

    /// Writes the index into an artifact's folder; returns its size in bytes.
    ///
    /// # Errors
    /// [`ArtifactError`] when it can't be written.
    pub fn write(&self, folder: &Path) -> Result<usize, ArtifactError> {
        TableWriter::default()
            .column("starts", &self.starts)
            .column("items", &self.items)
            .column("weights", &self.weights)
            .column("posting.starts", &self.posting_starts)
            .column("posting.sessions", &self.posting_sessions)
            .column("posting.places", &self.posting_places)
            .column("rarity", &self.rarity)
            .column("damping", &self.damping)
            .write(folder, SESSION_KNN)?;
        let four = self.items.len() + self.weights.len() + 2 * self.posting_sessions.len() + 2 * self.rarity.len();
        Ok(4 * four + 8 * (self.starts.len() + self.posting_starts.len()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::retrieve::accumulator::Accumulator;
    use shared::retrieve::recent::Recent;
    use shared::retrieve::session_knn::{Matches, accumulate};

    use super::*;
    use crate::interactions::Csr;

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
        let last_ms = (0..rows.len() as i64).map(|session| session * DAY_MS).collect();
        Sessions { items: Csr::new((rows.len(), longest), starts, positions, values), last_ms }
    }

    /// The formulas of `shared::retrieve::session_knn`, session by session.
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
            let folder = tempfile::tempdir().expect("temporary folder");
            fit(&sessions(&rows), 8, &config).write(folder.path()).expect("writes");
            let index = shared::snapshot::SessionIndex::open(folder.path(), 8).expect("opens");
            let mut items = history;
            let mut met = [false; 8];
            items.retain(|&item| !std::mem::replace(&mut met[item as usize], true));
            let recent: Vec<Recent> = (0..)
                .zip(&items)
                .map(|(place, &item)| Recent { item: ItemIdx(item), place, factor: 1.0, session_weight: 0.0 })
                .collect();
            let (mut matches, mut sums) = (Matches::default(), Accumulator::default());
            // Twice: what the first request leaves behind must not reach the second.
            for _ in 0..2 {
                sums.reset(8);
                accumulate(&index, &config.params(), &recent, &mut matches, &mut sums);
            }
            for (item, expected) in (0..).zip(naive(&rows, &items, 8, &config)) {
                let score = f64::from(sums.cell(ItemIdx(item)).score);
                prop_assert!((score - expected).abs() < 1e-4 * (1.0 + expected), "{score} for {expected}");
            }
        }
    }
}
