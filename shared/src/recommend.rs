//! The engine: state, query, snapshot and time to a slate.
//!
//! `retrieve` proposes candidates, the blend scores them, `rerank` filters and fills. Pure: the same arguments give the
//! same slate, in the service, in the evaluation and in the batch.

use crate::api::Seen;
use crate::event::EventKind;
use crate::id::ItemIdx;
use crate::params::{Source, Weights};
use crate::rerank;
use crate::retrieve::{Candidates, Retrieval, retrieve};
use crate::snapshot::{CategoryIdx, Snapshot};
use crate::state::{Interaction, UserState};
use crate::topk::{Scored, top_k};

pub use crate::retrieve::Scratch;
pub use crate::slate::{Personal, Pick, Query, Slate};

/// Answers a query with the blend of the snapshot's parameters.
pub fn recommend(snapshot: &Snapshot, state: &UserState, query: &Query, now_ms: i64, scratch: &mut Scratch) -> Slate {
    recommend_with(snapshot, &snapshot.params().weights, state, query, now_ms, scratch)
}

/// Answers a query with other blend weights: one source alone, or weights that are being fitted.
pub fn recommend_with(
    snapshot: &Snapshot,
    weights: &Weights,
    state: &UserState,
    query: &Query,
    now_ms: i64,
    scratch: &mut Scratch,
) -> Slate {
    let (candidates, history) = candidates(snapshot, weights, state, query, now_ms, scratch);
    let personal = if history.is_empty() && state.cached.is_empty() { Personal::No } else { Personal::Yes };
    let mut picks = blend(&candidates, weights, query.k);
    rerank::fill(snapshot, query.category, query.k, &mut picks, &mut scratch.blocked);
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
    rerank::block(snapshot, state, query, &mut scratch.blocked);
    let page =
        query.context.map(|item| Interaction { item, kind: EventKind::View, timestamp_ms: now_ms, event_key: 0 });
    let history: Vec<Interaction> = state.history.iter().copied().chain(page).collect();
    let retrieval = Retrieval {
        snapshot,
        cached: &state.cached,
        history: &history,
        category: query.category,
        limit: snapshot.params().per_source.max(query.k),
        now_ms,
    };
    (retrieve(retrieval, weights, scratch), history)
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

/// The `k` candidates with the highest blended scores, best first.
fn blend(candidates: &Candidates, weights: &Weights, k: usize) -> Vec<Pick> {
    let scored = |candidate: &crate::retrieve::Candidate| Scored {
        item: candidate.item,
        score: blended(&candidate.scores, &candidates.best, weights),
    };
    let best = top_k(k, candidates.rows.iter().map(scored));
    let mut rows: Vec<_> = candidates.rows.iter().collect();
    rows.sort_unstable_by_key(|row| row.item);
    best.into_iter()
        .filter_map(|Scored { item, score }| {
            let row = rows[rows.binary_search_by_key(&item, |row| row.item).ok()?];
            Some(Pick { item, score, sources: row.sources, because: row.because })
        })
        .collect()
}

/// The items most like `item`: its neighbours in session windows, then in user windows, then by factors, then the
/// popular ones.
#[must_use]
pub fn similar(snapshot: &Snapshot, item: ItemIdx, k: usize, scratch: &mut Scratch) -> Vec<Pick> {
    let query = Query { k, context: Some(item), category: None, exclude: Vec::new(), seen: Seen::Allow };
    let now_ms = snapshot.manifest().last_event_ms;
    recommend(snapshot, &UserState::default(), &query, now_ms, scratch).picks
}

/// The most popular items, overall or of a category.
#[must_use]
pub fn popular(snapshot: &Snapshot, category: Option<CategoryIdx>, k: usize) -> Vec<Pick> {
    let popularity = snapshot.popularity();
    let first = popularity.order(category).iter().take(k);
    first.map(|&item| rerank::popular_pick(item, popularity.score(item))).collect()
}
