//! The blend weights, fitted by coordinate ascent on scored questions.
//!
//! Every question's candidates are scored once; then only sums of weighted scores are compared, so that trying a
//! weight costs one pass over rows in memory. What is maximised is NDCG@20, and where a ranker follows the share of the
//! targets that it gets to see on top.

use rayon::prelude::*;
use shared::api::Seen;
use shared::params::Weights;
use shared::recommend::{Query, Scratch, blended, candidates};
use shared::retrieve::Candidate;
use shared::snapshot::Snapshot;
use shared::source::Source;
use shared::state::UserState;

use crate::evaluate::cases::Case;
use crate::evaluate::metrics::discounted_gain;

/// The cut-off of NDCG.
pub const CUT_OFF: usize = 20;
/// Fewer questions than this fit nothing.
const FEWEST_CASES: usize = 50;
/// Passes over all sources.
const ROUNDS: usize = 4;
/// What a weight is multiplied with.
const FACTORS: [f32; 8] = [0.1, 0.25, 0.5, 0.75, 1.33, 2.0, 4.0, 10.0];
/// What a weight of 0 is tried as.
const FROM_ZERO: [f32; 4] = [0.02, 0.05, 0.15, 0.5];
/// No weight falls below this share of the largest: a source that adds nothing on the window still answers where the
/// others are silent.
const LEAST_SHARE: f32 = 0.01;
/// A weight changes only for a gain above this.
const LEAST_GAIN: f64 = 1e-5;

/// A question whose candidates have been scored.
pub struct ScoredCase {
    rows: Vec<Candidate>,
    best: [f32; Source::COUNT],
    targets: Vec<usize>,
    total: usize,
}

/// Every source with weight 1.
pub fn all_sources() -> Weights {
    Source::ALL.into_iter().fold(Weights::NONE, |mut weights, source| {
        *weights.get_mut(source) = 1.0;
        weights
    })
}

/// The long-term model has no cached candidates: it makes them.
pub fn long_term_sources() -> Weights {
    all_sources().with(Source::Cached, 0.0).with(Source::Repeat, 0.0)
}

/// Scores a question's candidates once.
pub fn scored(
    snapshot: &Snapshot,
    sources: &Weights,
    state: &UserState,
    seen: Seen,
    case: &Case<'_>,
    scratch: &mut Scratch,
) -> ScoredCase {
    let query = Query::of(CUT_OFF, seen);
    let (_, found) = candidates(snapshot, sources, state, &query, case.now_ms, scratch);
    let is_target = |(at, row): (usize, &Candidate)| case.targets.contains(&row.item).then_some(at);
    let targets = found.rows.iter().enumerate().filter_map(is_target).collect();
    ScoredCase { rows: found.rows, best: found.best, targets, total: case.total() }
}

/// NDCG@20 of one question under the weights, and Recall@`ranked` on top where so many are ranked further.
fn figure(case: &ScoredCase, weights: &Weights, ranked: usize) -> f64 {
    let on = |row: &Candidate| row.sources.iter().any(|source| weights.get(source) > 0.0);
    let score = |row: &Candidate| blended(&row.scores, &case.best, weights);
    let (mut gain, mut among) = (0.0, 0);
    for &target in &case.targets {
        let target = &case.rows[target];
        if !on(target) {
            continue;
        }
        let own = score(target);
        let better = |row: &&Candidate| {
            let other = score(row);
            (other > own || other == own && row.item < target.item) && on(row)
        };
        let rank = case.rows.iter().filter(better).count();
        if rank < CUT_OFF {
            gain += discounted_gain(rank);
        }
        among += usize::from(rank < ranked);
    }
    let ideal = (0..case.total.min(CUT_OFF)).map(discounted_gain).sum::<f64>();
    gain / ideal.max(f64::MIN_POSITIVE) + among as f64 / case.total.max(1) as f64
}

/// Changes one weight at a time, but for sources that are off, as long as the mean over all questions grows.
pub fn ascend(cases: &[ScoredCase], start: Weights, off: &[Source], ranked: usize) -> Weights {
    if cases.len() < FEWEST_CASES {
        return start;
    }
    // Collected before it is summed: the order of a parallel sum would depend on the threads.
    let mean = |weights: &Weights| {
        let each: Vec<f64> = cases.par_iter().map(|case| figure(case, weights, ranked)).collect();
        each.iter().sum::<f64>() / cases.len() as f64
    };
    let (mut best, mut figure) = (start, mean(&start));
    for _ in 0..ROUNDS {
        let before = figure;
        for source in Source::ALL.into_iter().filter(|source| !off.contains(source)) {
            let current = best.get(source);
            let tries: Vec<f32> = match current {
                0.0 => FROM_ZERO.to_vec(),
                current => FACTORS.iter().map(|factor| current * factor).collect(),
            };
            for weight in tries {
                let mut tried = best;
                *tried.get_mut(source) = weight;
                let reached = mean(&tried);
                if reached > figure + LEAST_GAIN {
                    (best, figure) = (tried, reached);
                }
            }
        }
        if figure - before < LEAST_GAIN {
            break;
        }
    }
    tracing::debug!(cases = cases.len(), figure, weights = ?best, "weights fitted");
    best
}

/// Lifts every weight to the least share of the largest.
pub fn with_least_shares(weights: Weights) -> Weights {
    let largest = Source::ALL.into_iter().map(|source| weights.get(source)).fold(0.0, f32::max);
    Source::ALL.into_iter().fold(weights, |mut lifted, source| {
        *lifted.get_mut(source) = weights.get(source).max(LEAST_SHARE * largest);
        lifted
    })
}
