//! The engine: state, query, snapshot and time to a slate.
//!
//! `retrieve` proposes candidates, the blend scores them, `rerank` filters and fills. Pure: the same arguments give the
//! same slate, in the service, in the evaluation and in the batch.

use crate::api::Seen;
use crate::event::EventKind;
use crate::features::{self, FeatureScratch};
use crate::id::ItemIdx;
use crate::matrix::Matrix;
use crate::params::{Source, Weights};
use crate::rerank;
use crate::retrieve::{self, Candidate, Candidates, Retrieval, retrieve};
use crate::schema::Wanted;
use crate::snapshot::{CategoryIdx, Ranker, Snapshot};
use crate::state::{Interaction, UserState};
use crate::topk::{Scored, top_k};
use crate::trees::probability;

pub use crate::features::{Question, Ranked};
pub use crate::slate::{Personal, Pick, Query, Slate};

/// Buffers of one thread, to be reused between requests.
#[derive(Debug, Default)]
pub struct Scratch {
    retrieval: retrieve::Scratch,
    features: FeatureScratch,
    matrix: Matrix,
    scores: Vec<f32>,
}

/// Answers a query as the service does: with the snapshot's blend, and its ranker where it has one. Somebody of whom
/// nothing is known gets what is popular: weights and ranker were fitted on the questions of others.
pub fn recommend(snapshot: &Snapshot, state: &UserState, query: &Query, now_ms: i64, scratch: &mut Scratch) -> Slate {
    if state.history.is_empty() && state.cached.is_empty() && query.context.is_none() {
        return recommend_with(snapshot, &Weights::only(Source::Popularity), state, query, now_ms, scratch);
    }
    let weights = &snapshot.params().weights;
    let (candidates, history) = candidates(snapshot, weights, state, query, now_ms, scratch);
    let picks = match (snapshot.ranker(), &snapshot.params().ranker) {
        (Some(ranker), Some(params)) => {
            let ranked = by_blend(&candidates, weights, params.candidates.max(query.k));
            let (candidates, ranked, history) = (&candidates, &ranked, &history);
            rank(&Question { snapshot, candidates, ranked, history, now_ms }, ranker, query.k, scratch)
        }
        _ => blend(&candidates, weights, query.k),
    };
    finish(snapshot, state, query, candidates, history, picks, scratch)
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
    let (candidates, history) = candidates(snapshot, weights, state, query, now_ms, scratch);
    let picks = blend(&candidates, weights, query.k);
    finish(snapshot, state, query, candidates, history, picks, scratch)
}

fn finish(
    snapshot: &Snapshot,
    state: &UserState,
    query: &Query,
    candidates: Candidates,
    history: Vec<Interaction>,
    mut picks: Vec<Pick>,
    scratch: &mut Scratch,
) -> Slate {
    let personal = if history.is_empty() && state.cached.is_empty() { Personal::No } else { Personal::Yes };
    rerank::fill(snapshot, query.category, query.k, &mut picks, &mut scratch.retrieval.blocked);
    Slate { picks, candidates: candidates.proposed, history, personal }
}

/// Stage one of a query: the candidates of the sources that have a weight, and the history they were found from.
pub fn candidates(
    snapshot: &Snapshot,
    weights: &Weights,
    state: &UserState,
    query: &Query,
    now_ms: i64,
    scratch: &mut Scratch,
) -> (Candidates, Vec<Interaction>) {
    rerank::block(snapshot, state, query, &mut scratch.retrieval.blocked);
    let page =
        query.context.map(|item| Interaction { item, kind: EventKind::View, timestamp_ms: now_ms, event_key: 0 });
    let history: Vec<Interaction> = state.history.iter().copied().chain(page).collect();
    let retrieval = Retrieval {
        snapshot,
        cached: &state.cached,
        history: &history,
        category: query.category,
        limit: snapshot.params().per_source.max(query.k),
        few: (snapshot.params().per_source / 4).max(query.k),
        now_ms,
    };
    (retrieve(retrieval, weights, &mut scratch.retrieval), history)
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

fn blend(candidates: &Candidates, weights: &Weights, k: usize) -> Vec<Pick> {
    by_blend(candidates, weights, k)
        .into_iter()
        .map(|ranked| pick(&candidates.rows[ranked.row as usize], ranked.blended))
        .collect()
}

fn pick(candidate: &Candidate, score: f32) -> Pick {
    Pick { item: candidate.item, score, sources: candidate.sources, because: candidate.because }
}

/// Describes the candidates of a question, a row each, with every feature.
pub fn describe<'a>(question: &Question<'_>, scratch: &'a mut Scratch) -> &'a Matrix {
    features::build(question, &Wanted::all(), &mut scratch.features, &mut scratch.matrix);
    &scratch.matrix
}

/// The `k` best candidates of the question by the ranker, with scores between 0 and 1.
fn rank(question: &Question<'_>, ranker: &Ranker, k: usize, scratch: &mut Scratch) -> Vec<Pick> {
    features::build(question, ranker.wanted(), &mut scratch.features, &mut scratch.matrix);
    ranker.score(&scratch.matrix, &mut scratch.scores);
    // Rows stand for items here: a tie goes to the one that the blend ranks first.
    let scored = (0..).zip(&scratch.scores).map(|(row, &score)| Scored { item: ItemIdx(row), score });
    top_k(k, scored)
        .into_iter()
        .map(|Scored { item: row, score }| {
            let row = question.ranked[row.at()].row as usize;
            pick(&question.candidates.rows[row], probability(score))
        })
        .collect()
}

/// The items most like `item`: its neighbours in session windows, then in user windows, then by factors, then the
/// popular ones.
#[must_use]
pub fn similar(snapshot: &Snapshot, item: ItemIdx, k: usize, scratch: &mut Scratch) -> Vec<Pick> {
    let query = Query { k, context: Some(item), category: None, exclude: Vec::new(), seen: Seen::Allow };
    let now_ms = snapshot.manifest().last_event_ms;
    recommend_with(snapshot, &snapshot.params().weights, &UserState::default(), &query, now_ms, scratch).picks
}

/// The most popular items, overall or of a category.
#[must_use]
pub fn popular(snapshot: &Snapshot, category: Option<CategoryIdx>, k: usize) -> Vec<Pick> {
    let popularity = snapshot.popularity();
    let first = popularity.order(category).iter().take(k);
    first.map(|&item| rerank::popular_pick(item, popularity.score(item))).collect()
}
