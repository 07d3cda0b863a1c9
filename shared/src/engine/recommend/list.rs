//! Ranks the items of a list, all of them, as the engine ranks the slate that a filter leaves to them.
//!
//! In: a query, and the items, such as those of a page of search results. Out: the same items, best first. No limit cuts
//! any of them, every one gets through the ranker, and none is left out but by the seen policy: what is not available,
//! blocked or the item of the page is ranked, too, since the shop wants it shown. An item that no source proposed has no
//! scores: the ranker ranks it by what it knows of it beside them; without a ranker it stays behind, in the order of the
//! list.
//!
//! Cost: that of a slate where the list is as long as the blend's best that a slate ranks.

use std::sync::Arc;

use super::{Found, Scratch, by_blend, descend, models, rank_shortlist};
use crate::contract::id::ItemIdx;
use crate::contract::params::Weights;
use crate::contract::source::Source;
use crate::engine::item_set::ItemSet;
use crate::engine::question::Question;
use crate::engine::rank::features::{Ranked, Shortlist};
use crate::engine::rerank::{self, Wanted};
use crate::engine::retrieve::{Limits, name_all, retrieve};
use crate::engine::slate::{Pick, Query, Slate};
use crate::engine::snapshot::Snapshot;
use crate::engine::stages::Stage;
use crate::engine::state::UserState;
use crate::tables::Ranker;

/// Ranks the items of a list as [`super::recommend`] ranks a slate; what is there twice counts once.
///
/// * `query`: its category, filter and excluded items say nothing here; its rules order the list, and pin no item that is
///   not in it.
///
/// Returns the first `query.k` of them.
pub fn rank(
    snapshot: &Snapshot,
    state: &UserState,
    query: &Query,
    items: &[ItemIdx],
    now_ms: i64,
    scratch: &mut Scratch,
) -> Slate {
    let (weights, ranker) = models(snapshot, state, query);
    ranked(snapshot, (&weights, ranker), state, query, items, now_ms, scratch)
}

/// As [`rank`] with other blend weights and without the ranker.
pub fn rank_with(
    snapshot: &Snapshot,
    weights: &Weights,
    state: &UserState,
    query: &Query,
    items: &[ItemIdx],
    now_ms: i64,
    scratch: &mut Scratch,
) -> Slate {
    ranked(snapshot, (weights, None), state, query, items, now_ms, scratch)
}

fn ranked(
    snapshot: &Snapshot,
    (weights, ranker): (&Weights, Option<&Ranker>),
    state: &UserState,
    query: &Query,
    items: &[ItemIdx],
    now_ms: i64,
    scratch: &mut Scratch,
) -> Slate {
    let list = Arc::new(ItemSet::of_list(items, snapshot.items().len()));
    let mut candidates = std::mem::take(&mut scratch.candidates);
    let Scratch { filter, own, retrieval, stopwatch, .. } = scratch;
    filter.set_list(snapshot, state, &query.seen, list.clone(), now_ms);
    let question = Question::new(snapshot, state, query, now_ms, own);
    stopwatch.lap(Stage::Question);
    // One more than there are items: `als` says something of every item where others name fewer than the limit.
    let limits = Limits { per_source: list.len() + 1, popular: list.len() };
    retrieve(&question, weights, limits, filter, retrieval, &mut candidates);
    let rows = name_all(snapshot, list.few().unwrap_or_default(), weights, filter, retrieval, &mut candidates);
    stopwatch.lap(Stage::Retrieve);

    let mut by_blend = by_blend(&candidates, weights, rows.len());
    let blended = candidates.blended(weights);
    let is_proposed = |row: u32| !candidates.proposed_by()[row as usize].is_empty();
    let others = rows.into_iter().filter(|&row| !is_proposed(row));
    let others = others.map(|row| (row as usize, candidates.items[row as usize]));
    let others = others.map(|(row, item)| Ranked { row: row as u32, item, blended: blended[row] });
    stopwatch.lap(Stage::Blend);
    let mut picks: Vec<Pick> = match ranker {
        Some(ranker) => {
            by_blend.extend(others);
            let shortlist = Shortlist { question: &question, candidates: &candidates, ranked: &by_blend };
            rank_shortlist(&shortlist, weights, ranker, by_blend.len(), scratch)
        }
        None => {
            let found = Found { question: &question, candidates: &candidates, weights };
            let proposed = by_blend.iter().map(|ranked| found.pick(ranked, ranked.blended, &scratch.own));
            proposed.chain(others.map(|ranked| Pick::unexplained(ranked.item, 0.0))).collect()
        }
    };
    match query.rules.as_deref() {
        None => picks.truncate(query.k),
        Some(rules) => {
            let wanted = Wanted { snapshot, k: query.k, decays: &query.decays, seed: query.seed, now_ms };
            picks = rerank::apply(rules, wanted, picks, &mut scratch.filter, &mut |_, _| {});
        }
    }
    descend(&mut picks);
    scratch.stopwatch.lap(Stage::Slate);
    let proposed = candidates.proposed;
    let personal = question.personal(proposed[Source::Profile.column()] > 0);
    scratch.candidates = candidates;
    Slate { picks, candidates: proposed, history: question.history, personal }
}
