//! `session_knn`: proposes the items near the shared items in the past sessions that are most similar to the history.
//!
//! Nearest sessions: `s(n) = r(n) · Σ_i exp(-p_i / position_decay) · rarity(i)` over the items i they share with the
//! history, p_i being how many distinct items came after i; r(n) is less for long and for old sessions. Candidates:
//! `Σ_n s(n) · exp(-d / distance_decay) · damping(j)`, d being the distance of candidate j in session n from the latest
//! shared item. Cost: the postings of the history's items, then the neighbourhoods in the nearest sessions; no
//! allocation after the first requests of a thread. Memory: about 30 bytes for each session that shares an item with
//! the history, at most the history's items times the postings that the index keeps per item; it does not grow with the
//! log.
//!
//! Sources: Garg et al., "Sequence and Time Aware Neighborhood for Session-based Recommendations: STAN", SIGIR 2019;
//! Kersbergen, Sprangers, Schelter, "Serenade", SIGMOD 2022 (the index of the latest sessions of an item).

use hashbrown::HashMap;

use crate::contract::id::ItemIdx;
use crate::contract::params::SessionKnnParams;
use crate::engine::dense::{FETCHED, fetch};
use crate::engine::history::Recent;
use crate::engine::retrieve::candidates::{Pool, Sums};
use crate::tables::{Posting, Sessions};

/// A past session that shares items with the history.
#[derive(Debug, Clone, Copy)]
struct Match {
    session: u32,
    score: f32,
    /// The position of the latest shared item in the session.
    place: u32,
    /// The position of that item in the history.
    from: u32,
}

/// The matches of one request, to be reused.
#[derive(Debug, Default)]
pub struct Matches {
    all: Vec<Match>,
    /// Where each session's match is in `all`.
    by_session: HashMap<u32, u32>,
    nearest: Vec<(f32, u32)>,
    by_distance: Vec<f32>,
}

/// Adds what the nearest sessions propose to `sums`; `recent` is newest first. Returns the sum of their `s(n)`.
pub fn accumulate<F: Fn(ItemIdx) -> bool>(
    index: &Sessions,
    params: &SessionKnnParams,
    recent: &[Recent],
    matches: &mut Matches,
    pool: &mut Pool<'_, F>,
    sums: &mut Sums,
) -> f32 {
    let Matches { all, by_session, nearest, by_distance } = matches;
    all.clear();
    by_session.clear();
    for (from, own) in (0..).zip(recent.iter().take(params.history)) {
        let weight = own.weight(params.position_decay) * index.rarity(own.item);
        for Posting { session, place } in index.postings(own.item) {
            let at = *by_session.entry(session).or_insert_with(|| {
                all.push(Match { session, score: 0.0, place, from });
                all.len() as u32 - 1
            });
            all[at as usize].score += weight;
        }
    }
    nearest.clear();
    for found in all.chunks(FETCHED) {
        fetch(found.iter().map(|found| index.weight(found.session)));
    }
    nearest.extend((0..).zip(&*all).map(|(at, found)| (found.score * index.weight(found.session), at)));
    if nearest.len() > params.neighbours {
        let session = |at: u32| all[at as usize].session;
        let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(session(b.1).cmp(&session(a.1)));
        nearest.select_nth_unstable_by(params.neighbours, order);
        nearest.truncate(params.neighbours);
    }
    // Beyond six decays a candidate would add less than 1/400.
    let reach = (6.0 * params.distance_decay).ceil() as usize;
    by_distance.clear();
    by_distance.extend((0..=reach).map(|distance| (-(distance as f32) / params.distance_decay).exp()));
    by_distance[0] = params.own_weight;
    for nearest in nearest.chunks(FETCHED) {
        let found = || nearest.iter().map(|&(_, at)| all[at as usize]);
        // First where the sessions are, then their items.
        fetch(found().map(|found| index.session(found.session).len()));
        fetch(found().map(|found| index.session(found.session)[found.place as usize].0));
        for (&(score, _), Match { session, place, from, .. }) in nearest.iter().zip(found()) {
            let (place, items) = (place as usize, index.session(session));
            let first = place.saturating_sub(reach);
            for (at, &item) in (first..).zip(&items[first..items.len().min(place + reach + 1)]) {
                let weight = if at < place { params.before_weight } else { 1.0 } * by_distance[at.abs_diff(place)];
                let contribution = score * weight;
                if contribution > 0.0 {
                    pool.add(sums, item, contribution, from);
                }
            }
        }
    }
    // The same for all contributions to an item, so once is enough.
    sums.scale(pool.items, |item| index.damping(item));
    nearest.iter().map(|(score, _)| score).sum()
}
