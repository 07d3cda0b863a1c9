//! `session_knn`: what came near the shared items in the past sessions most like this one.
//!
//! Nearest sessions: `s(n) = r(n) · Σ_i exp(-p_i / position_decay) · rarity(i)` over the items i they share with the
//! history, p_i being how many distinct items came after i; r(n) is less for long and for old sessions. Candidates:
//! `Σ_n s(n) · exp(-d / distance_decay) · damping(j)`, d being the distance of candidate j in session n from the latest
//! shared item. No allocation after the first requests of a thread; cost: the postings of the history's items, then the
//! neighbourhoods in the nearest sessions.
//!
//! Sources: Garg et al., "Sequence and Time Aware Neighborhood for Session-based Recommendations: STAN", SIGIR 2019;
//! Kersbergen, Sprangers, Schelter, "Serenade", SIGMOD 2022 (the index of the latest sessions of an item).

use super::accumulator::Accumulator;
use super::recent::Recent;
use crate::params::SessionKnnParams;
use crate::snapshot::SessionIndex;

/// A past session that shares items with the history.
#[derive(Debug, Clone, Copy, Default)]
struct Match {
    score: f32,
    /// Where the latest shared item stands.
    place: u32,
    /// Which history item that is.
    from: u32,
}

/// The matches of one request, to be reused.
#[derive(Debug, Default)]
pub struct Matches {
    by_session: Vec<Match>,
    touched: Vec<u32>,
    nearest: Vec<(f32, u32)>,
    by_distance: Vec<f32>,
}

/// Adds what the nearest sessions propose to `sums`; `recent` is newest first. Returns the sum of their `s(n)`.
pub fn accumulate(
    index: &SessionIndex,
    params: &SessionKnnParams,
    recent: &[Recent],
    matches: &mut Matches,
    sums: &mut Accumulator,
) -> f32 {
    let Matches { by_session, touched, nearest, by_distance } = matches;
    by_session.resize(index.len(), Match::default());
    for (from, own) in (0..).zip(recent.iter().take(params.history)) {
        let weight = own.weight(params.position_decay) * index.rarity(own.item);
        for posting in index.postings(own.item) {
            let found = &mut by_session[posting.session as usize];
            if found.score == 0.0 {
                *found = Match { score: 0.0, place: posting.place, from };
                touched.push(posting.session);
            }
            found.score += weight;
        }
    }
    nearest.clear();
    nearest.extend(touched.iter().map(|&n| (by_session[n as usize].score * index.weight(n), n)));
    if nearest.len() > params.neighbours {
        nearest.select_nth_unstable_by(params.neighbours, |a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
        nearest.truncate(params.neighbours);
    }
    // Beyond six decays a candidate would add less than 1/400.
    let reach = (6.0 * params.distance_decay).ceil() as usize;
    by_distance.clear();
    by_distance.extend((0..=reach).map(|distance| (-(distance as f32) / params.distance_decay).exp()));
    by_distance[0] = params.own_weight;
    for &(score, session) in &*nearest {
        let Match { place, from, .. } = by_session[session as usize];
        let (place, items) = (place as usize, index.session(session));
        let first = place.saturating_sub(reach);
        for (at, &item) in (first..).zip(&items[first..items.len().min(place + reach + 1)]) {
            let weight = if at < place { params.before_weight } else { 1.0 } * by_distance[at.abs_diff(place)];
            let contribution = score * weight * index.damping(item);
            if contribution > 0.0 {
                sums.add(item, contribution, from);
            }
        }
    }
    for session in touched.drain(..) {
        by_session[session as usize] = Match::default();
    }
    nearest.iter().map(|(score, _)| score).sum()
}
