//! The engine: makes a slate from a snapshot, a user's state, a query and a time.
//!
//! ```text
//! query ─▶ question ─▶ retrieve ─▶ blend ─▶ rank the blend's best ─▶ append the rest by blend ─▶ fill
//! ```
//!
//! Pure: the same arguments give the same slate, in the service, in the evaluation and in the batch. Which candidates
//! are retrieved and ranked does not depend on `k`: the first ten items of a slate of fifty are the slate of ten.

use hashbrown::HashSet;

use crate::contract::api::Seen;
use crate::contract::id::ItemIdx;
use crate::contract::params::Weights;
use crate::contract::source::Source;
use crate::engine::dense::Marks;
use crate::engine::filter::Filter;
use crate::engine::question::Question;
use crate::engine::rank::features::{self, FeatureScratch};
pub use crate::engine::rank::features::{Ranked, Shortlist};
use crate::engine::rank::matrix::Matrix;
use crate::engine::rank::trees::probability;
use crate::engine::retrieve::{self, Candidate, Candidates, Limits, retrieve};
pub use crate::engine::slate::{Personal, Pick, Query, Slate};
use crate::engine::snapshot::Snapshot;
use crate::engine::state::UserState;
use crate::engine::topk::{Scored, top_k};
use crate::tables::{CategoryIdx, Ranker};

/// Buffers of one thread, to be reused between requests: about 130 bytes per item of the catalogue, and what the
/// largest request so far took.
#[derive(Debug, Default)]
pub struct Scratch {
    filter: Filter,
    /// The items of the history.
    own: Marks,
    retrieval: retrieve::Scratch,
    features: FeatureScratch,
    matrix: Matrix,
    scores: Vec<f32>,
}

/// Answers a query as the service does: with the snapshot's blend, and its ranker if it has one. Without history,
/// cached candidates and page the slate is what people with the profile took, or plain popularity without a profile, since
/// weights and ranker were fitted on questions with a history.
pub fn recommend(snapshot: &Snapshot, state: &UserState, query: &Query, now_ms: i64, scratch: &mut Scratch) -> Slate {
    if state.history.is_empty() && state.cached.is_empty() && query.context.is_none() {
        let by_profile = state.profile.is_some() && snapshot.params().weights.get(Source::Profile) > 0.0;
        let only = Weights::only(if by_profile { Source::Profile } else { Source::Popularity });
        return recommend_with(snapshot, &only, state, query, now_ms, scratch);
    }
    answer(snapshot, &snapshot.params().weights, snapshot.ranker(), state, query, now_ms, scratch)
}

/// Answers a query with other blend weights and without the ranker: one source alone, or weights that are being fitted.
pub fn recommend_with(
    snapshot: &Snapshot,
    weights: &Weights,
    state: &UserState,
    query: &Query,
    now_ms: i64,
    scratch: &mut Scratch,
) -> Slate {
    answer(snapshot, weights, None, state, query, now_ms, scratch)
}

fn answer(
    snapshot: &Snapshot,
    weights: &Weights,
    ranker: Option<&Ranker>,
    state: &UserState,
    query: &Query,
    now_ms: i64,
    scratch: &mut Scratch,
) -> Slate {
    let (question, candidates) = candidates(snapshot, weights, state, query, now_ms, scratch);
    let mut picks = match (ranker, &snapshot.params().ranker) {
        (Some(ranker), Some(params)) => {
            let by_blend = by_blend(&candidates, weights, params.candidates.max(query.k));
            let (best, rest) = by_blend.split_at(params.candidates.min(by_blend.len()));
            let shortlist = Shortlist { question: &question, candidates: &candidates, ranked: best };
            let mut picks = rank(&shortlist, ranker, scratch);
            append(&mut picks, &candidates, rest);
            picks
        }
        _ => {
            let by_blend = by_blend(&candidates, weights, query.k);
            by_blend.iter().map(|ranked| pick(&candidates, ranked, ranked.blended)).collect()
        }
    };
    extend(&mut picks, &question, candidates.proposed, weights, query.k, scratch);
    picks.truncate(query.k);
    scratch.filter.fill(snapshot, query.k, &mut picks);
    descend(&mut picks);
    let by_profile = candidates.proposed[Source::Profile.column()] > 0;
    let nothing_known = question.history.is_empty() && state.cached.is_empty() && !by_profile;
    let personal = if nothing_known { Personal::No } else { Personal::Yes };
    Slate { picks, candidates: candidates.proposed, history: question.history, personal }
}

/// Stage one of a query: prepares the question, and retrieves the candidates of the sources that have a weight.
pub fn candidates<'a>(
    snapshot: &'a Snapshot,
    weights: &Weights,
    state: &'a UserState,
    query: &Query,
    now_ms: i64,
    scratch: &mut Scratch,
) -> (Question<'a>, Candidates) {
    let Scratch { filter, own, retrieval, .. } = scratch;
    filter.set(snapshot, state, query, now_ms);
    let question = Question::new(snapshot, state, query, now_ms, own);
    let candidates = retrieve(&question, weights, Limits::of(snapshot.params()), filter, own, retrieval);
    (question, candidates)
}

/// Extends a slate that is shorter than `k`: retrieves again with larger and larger limits, and appends the new
/// candidates, so that the picks already there keep their positions whatever `k` is. Ends when no source has reached
/// its limit.
fn extend(
    picks: &mut Vec<Pick>,
    question: &Question<'_>,
    mut proposed: [u32; Source::COUNT],
    weights: &Weights,
    k: usize,
    scratch: &mut Scratch,
) {
    let Scratch { filter, own, retrieval, .. } = scratch;
    let mut limits = Limits::of(question.snapshot.params());
    while picks.len() < k && proposed.iter().any(|&proposed| proposed as usize >= limits.popular.max(1)) {
        limits = limits.larger();
        let more = retrieve(question, weights, limits, filter, own, retrieval);
        proposed = more.proposed;
        let taken: HashSet<ItemIdx> = picks.iter().map(|pick| pick.item).collect();
        let mut rest = by_blend(&more, weights, usize::MAX);
        rest.retain(|ranked| !taken.contains(&more.rows[ranked.row as usize].item));
        append(picks, &more, &rest);
    }
}

/// Appends candidates in the order of the blend. The ranker's scores are on another scale than the blend's, so blended
/// scores are scaled for the first appended candidate to get the score of the last pick. Where that candidate's own score
/// is not above 0 (inner products may be negative), each gets the last pick's score less what it lies below the first.
/// No score falls below 0.
fn append(picks: &mut Vec<Pick>, candidates: &Candidates, rest: &[Ranked]) {
    let Some(first) = rest.first() else { return };
    let last = picks.last().map_or(first.blended, |last| last.score);
    let score = |blended: f32| match first.blended {
        highest if highest > 0.0 => last / highest * blended,
        highest => last + (blended - highest),
    };
    picks.extend(rest.iter().map(|ranked| pick(candidates, ranked, score(ranked.blended).max(0.0))));
}

/// Lowers scores so that none is higher than the score before it.
fn descend(picks: &mut [Pick]) {
    let mut highest = f32::INFINITY;
    for pick in picks {
        highest = highest.min(pick.score);
        pick.score = highest;
    }
}

/// The weighted sum of a candidate's scores, each divided by its source's best.
#[must_use]
pub fn blended(scores: &[f32; Source::COUNT], best: &[f32; Source::COUNT], weights: &Weights) -> f32 {
    let share = |source: Source| match best[source.column()] {
        best if best > 0.0 => weights.get(source) * scores[source.column()] / best,
        _ => 0.0,
    };
    Source::ALL.into_iter().map(share).sum()
}

/// The `count` candidates with the highest blended scores, best first; ties go to the smaller item.
#[must_use]
pub fn by_blend(candidates: &Candidates, weights: &Weights, count: usize) -> Vec<Ranked> {
    let mut ranked: Vec<Ranked> = (0..)
        .zip(&candidates.rows)
        .map(|(row, candidate)| Ranked { row, blended: blended(&candidate.scores, &candidates.best, weights) })
        .collect();
    let item = |ranked: &Ranked| candidates.rows[ranked.row as usize].item;
    let order = |a: &Ranked, b: &Ranked| b.blended.total_cmp(&a.blended).then_with(|| item(a).cmp(&item(b)));
    if ranked.len() > count {
        ranked.select_nth_unstable_by(count, order);
        ranked.truncate(count);
    }
    ranked.sort_unstable_by(order);
    ranked
}

fn pick(candidates: &Candidates, ranked: &Ranked, score: f32) -> Pick {
    let Candidate { item, sources, because, .. } = candidates.rows[ranked.row as usize];
    Pick { item, score, sources, because }
}

/// Builds the feature rows of a shortlist, with every feature.
pub fn describe<'a>(shortlist: &Shortlist<'_>, scratch: &'a mut Scratch) -> &'a Matrix {
    features::build(shortlist, None, &mut scratch.features, &mut scratch.matrix);
    &scratch.matrix
}

/// The shortlist in the order of the ranker, with scores between 0 and 1.
fn rank(shortlist: &Shortlist<'_>, ranker: &Ranker, scratch: &mut Scratch) -> Vec<Pick> {
    features::build(shortlist, Some(ranker.wanted()), &mut scratch.features, &mut scratch.matrix);
    ranker.score(&scratch.matrix, &mut scratch.scores);
    // Row numbers stand for items here, so that a tie goes to the candidate that the blend ranks first.
    let scored = (0..).zip(&scratch.scores).map(|(row, &score)| Scored { item: ItemIdx(row), score });
    let ranked = top_k(shortlist.ranked.len(), scored);
    let pick =
        |Scored { item: row, score }| pick(shortlist.candidates, &shortlist.ranked[row.at()], probability(score));
    ranked.into_iter().map(pick).collect()
}

/// The items most similar to `item`: what the blend proposes for a history of this item alone.
#[must_use]
pub fn similar(snapshot: &Snapshot, item: ItemIdx, k: usize, now_ms: i64, scratch: &mut Scratch) -> Vec<Pick> {
    let query = Query { context: Some(item), ..Query::of(k, Seen::Allow) };
    recommend_with(snapshot, &snapshot.params().weights, &UserState::default(), &query, now_ms, scratch).picks
}

/// The most popular of the items that are available at a time, overall or of a category.
#[must_use]
pub fn popular(snapshot: &Snapshot, category: Option<CategoryIdx>, k: usize, now_ms: i64) -> Vec<Pick> {
    let (popularity, availability) = (snapshot.popularity(), snapshot.items().availability());
    let available = popularity.order(category).iter().filter(|&&item| availability.at(item, now_ms));
    available.take(k).map(|&item| Pick::popular(item, popularity.score(item))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::source::SourceSet;

    /// The scores of candidates that are appended to a slate whose last score is 0.5.
    fn appended(blended: &[f32]) -> Vec<f32> {
        let candidate = |item| Candidate {
            item: ItemIdx(item),
            scores: [0.0; Source::COUNT],
            ranks: [0; Source::COUNT],
            strongest: [0.0; Source::SUMMED.len()],
            support: [0; Source::SUMMED.len()],
            sources: SourceSet::default(),
            because: None,
        };
        let rows = (0..=blended.len() as u32).map(candidate).collect();
        let candidates = Candidates { rows, ..Candidates::default() };
        let mut picks = vec![pick(&candidates, &Ranked { row: 0, blended: 0.0 }, 0.5)];
        let rest: Vec<Ranked> = (1..).zip(blended).map(|(row, &blended)| Ranked { row, blended }).collect();
        append(&mut picks, &candidates, &rest);
        picks[1..].iter().map(|pick| pick.score).collect()
    }

    #[test]
    fn appended_scores_go_on_where_the_slate_ends_also_below_zero() {
        assert_eq!(appended(&[0.2, 0.1]), [0.5, 0.25]);
        assert_eq!(appended(&[0.0, -0.25]), [0.5, 0.25]);
        assert_eq!(appended(&[-0.25, -0.5, -9.0]), [0.5, 0.25, 0.0]);
    }
}
