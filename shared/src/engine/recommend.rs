//! The engine: makes a slate from a snapshot, a user's state, a query and a time.
//!
//! ```text
//! query ─▶ question ─▶ retrieve ─▶ blend ─▶ rank the blend's best ─▶ append the rest by blend ─▶ rules ─▶ fill
//! ```
//!
//! Pure: the same arguments give the same slate, in the service, in the evaluation and in the batch. Which candidates
//! are retrieved and ranked does not depend on `k`: the first ten items of a slate of fifty are the slate of ten.

mod list;
mod moment;
mod together;

use std::sync::Arc;

use hashbrown::HashSet;

use crate::contract::api::{MAX_K, Seen};
use crate::contract::id::ItemIdx;
use crate::contract::params::Weights;
use crate::contract::source::Source;
use crate::engine::dense::Marks;
use crate::engine::filter::Filter;
use crate::engine::item_set::ItemSet;
use crate::engine::question::Question;
use crate::engine::rank::cascade::Buffers;
use crate::engine::rank::features::{self, FeatureScratch};
pub use crate::engine::rank::features::{Ranked, Shortlist};
use crate::engine::rank::matrix::Matrix;
use crate::engine::rank::trees::probability;
use crate::engine::rerank::{self, Wanted};
use crate::engine::retrieve::{self, Candidates, Limits, retrieve};
use crate::engine::rules::Rules;
pub use list::{rank, rank_with};
pub use moment::Moment;
use moment::unseen;

pub use crate::engine::slate::{Decay, Personal, Pick, Placed, Query, Slate};
use crate::engine::snapshot::Snapshot;
use crate::engine::stages::{Stage, Stopwatch};
use crate::engine::state::UserState;
use crate::engine::topk::{Scored, top_k};
use crate::tables::{CategoryIdx, Ranker};

/// Buffers of one thread, to be reused between requests: about 20 bytes per item of the catalogue, and what the
/// largest request so far took.
#[derive(Debug, Default)]
pub struct Scratch {
    filter: Filter,
    /// The items of the history.
    own: Marks,
    retrieval: retrieve::Scratch,
    candidates: Candidates,
    features: FeatureScratch,
    matrix: Matrix,
    ranking: Buffers,
    /// Times the stages of a request while it runs.
    pub stopwatch: Stopwatch,
}

impl Scratch {
    /// The single items that a query refuses for a user: what it excludes, and what the seen policy keeps out of the past.
    pub fn refused(&mut self, snapshot: &Snapshot, state: &UserState, query: &Query, now_ms: i64) -> Vec<ItemIdx> {
        self.filter.set(snapshot, state, query, now_ms);
        self.filter.refused_items().to_vec()
    }

    /// Times the sources while it runs, by their columns.
    pub fn sources(&mut self) -> &mut Stopwatch<{ Source::COUNT }> {
        &mut self.retrieval.stopwatch
    }

    /// What a query refuses and admits.
    pub fn filter(&mut self, snapshot: &Snapshot, state: &UserState, query: &Query, now_ms: i64) -> &Filter {
        self.filter.set(snapshot, state, query, now_ms);
        &self.filter
    }
}

/// Answers a query as the service does: with the snapshot's blend, and its ranker if it has one. Without history,
/// cached candidates and page the slate is what people with the profile took, or plain popularity without a profile, since
/// weights and ranker were fitted on questions with a history.
pub fn recommend(snapshot: &Snapshot, state: &UserState, query: &Query, now_ms: i64, scratch: &mut Scratch) -> Slate {
    recommend_watched(snapshot, state, query, now_ms, scratch, &mut unseen)
}

/// As [`recommend`], and tells `watch` what happens on the way.
pub fn recommend_watched(
    snapshot: &Snapshot,
    state: &UserState,
    query: &Query,
    now_ms: i64,
    scratch: &mut Scratch,
    watch: &mut impl FnMut(Moment<'_>),
) -> Slate {
    let (weights, ranker) = models(snapshot, state, query);
    answer(snapshot, (&weights, ranker), state, query, now_ms, scratch, watch)
}

/// The blend weights and the ranker that a query is answered with.
#[must_use]
pub fn models<'a>(snapshot: &'a Snapshot, state: &UserState, query: &Query) -> (Weights, Option<&'a Ranker>) {
    if state.history.is_empty() && state.cached.is_empty() && query.extends().next().is_none() {
        let by_profile = state.profile.is_some() && snapshot.params().weights.get(Source::Profile) > 0.0;
        return (Weights::only(if by_profile { Source::Profile } else { Source::Popularity }), None);
    }
    let params = snapshot.params();
    (params.weights, snapshot.ranker().filter(|_| params.ranker.is_some()))
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
    answer(snapshot, (weights, None), state, query, now_ms, scratch, &mut unseen)
}

fn answer(
    snapshot: &Snapshot,
    (weights, ranker): (&Weights, Option<&Ranker>),
    state: &UserState,
    query: &Query,
    now_ms: i64,
    scratch: &mut Scratch,
    watch: &mut impl FnMut(Moment<'_>),
) -> Slate {
    let (question, candidates) = candidates(snapshot, weights, state, query, now_ms, scratch);
    watch(Moment::Retrieved(&question, &candidates, &scratch.filter));
    let found = Found { question: &question, candidates: &candidates, weights };
    let rules = query.rules.as_deref();
    // Rules order the same items whatever `k` is, and may lift what is far down.
    let reorder = rules.is_some_and(Rules::reorder) || !query.decays.is_empty();
    let depth = if reorder { query.k.max(MAX_K) } else { query.k };
    let mut picks = match (ranker, &snapshot.params().ranker) {
        (Some(ranker), Some(params)) => {
            let by_blend = by_blend(&candidates, weights, params.candidates.max(depth));
            scratch.stopwatch.lap(Stage::Blend);
            let (best, rest) = by_blend.split_at(params.candidates.min(by_blend.len()));
            let shortlist = Shortlist { question: &question, candidates: &candidates, ranked: best };
            let mut picks = rank_shortlist(&shortlist, weights, ranker, depth, scratch);
            watch(Moment::Ranked(&shortlist, &scratch.matrix, &picks));
            append(&mut picks, found, &scratch.own, rest);
            picks
        }
        _ => {
            let by_blend = by_blend(&candidates, weights, depth);
            scratch.stopwatch.lap(Stage::Blend);
            by_blend.iter().map(|ranked| found.pick(ranked, ranked.blended, &scratch.own)).collect()
        }
    };
    watch(Moment::Ordered(&picks));
    together::put_first(snapshot, query, &scratch.filter, depth, &mut picks);
    watch(Moment::Together(&picks));
    let proposed = candidates.proposed;
    let candidates = extend(&mut picks, &question, candidates, weights, depth, scratch);
    watch(Moment::Extended(&candidates, &picks));
    picks.truncate(depth);
    match rules {
        None if query.decays.is_empty() => scratch.filter.fill(snapshot, query.k, &mut picks),
        rules => {
            let none = Rules::default();
            let wanted = Wanted { snapshot, k: query.k, decays: &query.decays, seed: query.seed, now_ms };
            picks = rerank::apply(rules.unwrap_or(&none), wanted, picks, &mut scratch.filter, &mut |item, caps| {
                watch(Moment::HeldBack(item, caps));
            });
        }
    }
    descend(&mut picks);
    scratch.stopwatch.lap(Stage::Slate);
    let personal = question.personal(proposed[Source::Profile.column()] > 0);
    scratch.candidates = candidates;
    Slate { picks, candidates: proposed, history: question.history, personal }
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
    let mut candidates = std::mem::take(&mut scratch.candidates);
    let Scratch { filter, own, retrieval, stopwatch, .. } = scratch;
    filter.set(snapshot, state, query, now_ms);
    let question = Question::new(snapshot, state, query, now_ms, own);
    stopwatch.lap(Stage::Question);
    retrieve(&question, weights, Limits::of(snapshot.params()), filter, retrieval, &mut candidates);
    stopwatch.lap(Stage::Retrieve);
    (question, candidates)
}

/// Extends a slate that is shorter than `k`: retrieves again with larger and larger limits, and appends the new
/// candidates, so that the picks already there keep their positions whatever `k` is. Ends when no source has reached
/// its limit.
fn extend(
    picks: &mut Vec<Pick>,
    question: &Question<'_>,
    mut candidates: Candidates,
    weights: &Weights,
    k: usize,
    scratch: &mut Scratch,
) -> Candidates {
    let Scratch { filter, own, retrieval, .. } = scratch;
    let mut limits = Limits::of(question.snapshot.params());
    while picks.len() < k && candidates.reach(limits.popular.max(1)) {
        limits = limits.larger();
        retrieve(question, weights, limits, filter, retrieval, &mut candidates);
        let taken: HashSet<ItemIdx> = picks.iter().map(|pick| pick.item).collect();
        let mut rest = by_blend(&candidates, weights, usize::MAX);
        rest.retain(|ranked| !taken.contains(&ranked.item));
        append(picks, Found { question, candidates: &candidates, weights }, own, &rest);
    }
    candidates
}

/// The candidates of a question, and the weights that blend them.
#[derive(Clone, Copy)]
struct Found<'a> {
    question: &'a Question<'a>,
    candidates: &'a Candidates,
    weights: &'a Weights,
}

impl Found<'_> {
    /// * `own`: the items of the history.
    fn pick(&self, ranked: &Ranked, score: f32, own: &Marks) -> Pick {
        let (row, item) = (ranked.row as usize, ranked.item);
        let because = match self.candidates.because(row, self.weights) {
            Some(from) => Some(self.question.recent[from as usize].item),
            None => own.contains(item).then_some(item),
        };
        Pick { sources: self.candidates.proposed_by()[row], because, ..Pick::unexplained(item, score) }
    }
}

/// Appends candidates in the order of the blend. The ranker's scores are on another scale than the blend's, so blended
/// scores are scaled for the first appended candidate to get the score of the last pick. Where that candidate's own score
/// is not above 0 (inner products may be negative), each gets the last pick's score less what it lies below the first.
/// No score falls below 0.
fn append(picks: &mut Vec<Pick>, found: Found<'_>, own: &Marks, rest: &[Ranked]) {
    let Some(first) = rest.first() else { return };
    let last = picks.last().map_or(first.blended, |last| last.score);
    let scores = appended(last, rest);
    picks.extend(rest.iter().zip(scores).map(|(ranked, score)| found.pick(ranked, score, own)));
}

/// The scores of what is appended after a pick with the score `last`.
fn appended(last: f32, rest: &[Ranked]) -> impl Iterator<Item = f32> {
    let highest = rest.first().map_or(0.0, |first| first.blended);
    let score = move |blended: f32| if highest > 0.0 { last / highest * blended } else { last + (blended - highest) };
    rest.iter().map(move |ranked| score(ranked.blended).max(0.0))
}

/// Lowers scores so that none is higher than the score before it.
fn descend(picks: &mut [Pick]) {
    let mut highest = f32::INFINITY;
    for pick in picks {
        highest = highest.min(pick.score);
        pick.score = highest;
    }
}

/// The `count` candidates with the highest blended scores, best first; ties go to the smaller item.
#[must_use]
pub fn by_blend(candidates: &Candidates, weights: &Weights, count: usize) -> Vec<Ranked> {
    let blended = candidates.blended(weights);
    let rows = (0..).zip(&candidates.items).zip(blended).zip(candidates.proposed_by());
    let proposed = rows.filter(|(_, proposed_by)| !proposed_by.is_empty());
    top_k(count, proposed.map(|(((row, &item), blended), _)| Ranked { row, item, blended }))
}

/// Builds the feature rows of a shortlist, with every feature.
pub fn describe<'a>(shortlist: &Shortlist<'_>, scratch: &'a mut Scratch) -> &'a Matrix {
    features::build(shortlist, None, &mut scratch.features, &mut scratch.matrix);
    &scratch.matrix
}

/// The `k` best of the shortlist in the order of the ranker, with scores between 0 and 1.
fn rank_shortlist(
    shortlist: &Shortlist<'_>,
    weights: &Weights,
    ranker: &Ranker,
    k: usize,
    scratch: &mut Scratch,
) -> Vec<Pick> {
    features::build(shortlist, Some(ranker.wanted()), &mut scratch.features, &mut scratch.matrix);
    scratch.stopwatch.lap(Stage::Features);
    // A tie goes to the candidate that the blend ranks first.
    let ranked = ranker.best(k, &scratch.matrix, &mut scratch.ranking);
    scratch.stopwatch.lap(Stage::Rank);
    let &Shortlist { question, candidates, ranked: by_blend } = shortlist;
    let found = Found { question, candidates, weights };
    let pick = |Scored { item: row, score }| found.pick(&by_blend[row.at()], probability(score), &scratch.own);
    ranked.into_iter().map(pick).collect()
}

/// The items most similar to `item`, of those that a filter leaves: what the blend proposes for a history of this item
/// alone.
#[must_use]
pub fn similar(
    snapshot: &Snapshot,
    item: ItemIdx,
    only: Option<Arc<ItemSet>>,
    k: usize,
    now_ms: i64,
    scratch: &mut Scratch,
) -> Vec<Pick> {
    let query = Query { context: vec![item], only, ..Query::of(k, Seen::Allow) };
    recommend_with(snapshot, &snapshot.params().weights, &UserState::default(), &query, now_ms, scratch).picks
}

/// The items that are bought with `item`, of those that a filter leaves, then those most similar to it.
#[must_use]
pub fn together(
    snapshot: &Snapshot,
    item: ItemIdx,
    only: Option<Arc<ItemSet>>,
    k: usize,
    now_ms: i64,
    scratch: &mut Scratch,
) -> Vec<Pick> {
    let query = Query { basket: vec![item], only, ..Query::of(k, Seen::Allow) };
    recommend_with(snapshot, &snapshot.params().weights, &UserState::default(), &query, now_ms, scratch).picks
}

/// The most popular of the items that are available at a time, overall or of a category, and that a filter leaves.
#[must_use]
pub fn popular(
    snapshot: &Snapshot,
    category: Option<CategoryIdx>,
    only: Option<Arc<ItemSet>>,
    k: usize,
    now_ms: i64,
) -> Vec<Pick> {
    let filter = Filter::of_nobody(category, only, now_ms);
    let popularity = snapshot.popularity();
    let order = filter.restricted(snapshot).unwrap_or(popularity.order(None));
    let admitted = order.iter().filter(|&&item| filter.admits_other(snapshot, item));
    admitted.take(k).map(|&item| Pick::popular(item, popularity.score(item))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appended_scores_go_on_where_the_slate_ends_also_below_zero() {
        let scores = |blended: &[f32]| {
            let rest: Vec<Ranked> =
                (0..).zip(blended).map(|(row, &blended)| Ranked { row, item: ItemIdx(row), blended }).collect();
            appended(0.5, &rest).collect::<Vec<_>>()
        };
        assert_eq!(scores(&[0.2, 0.1]), [0.5, 0.25]);
        assert_eq!(scores(&[0.0, -0.25]), [0.5, 0.25]);
        assert_eq!(scores(&[-0.25, -0.5, -9.0]), [0.5, 0.25, 0.0]);
    }
}
