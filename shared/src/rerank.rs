//! The last stage: which items may not be in the slate, and the fill to `k` from popularity.

use crate::api::Seen;
use crate::event::EventKind;
use crate::id::ItemIdx;
use crate::params::Source;
use crate::retrieve::SourceSet;
use crate::retrieve::accumulator::Marks;
use crate::slate::{Pick, Query};
use crate::snapshot::{CategoryIdx, Snapshot};
use crate::state::UserState;

/// Marks the items that the query, the page and the seen policy rule out, over the user's whole past.
pub fn block(snapshot: &Snapshot, state: &UserState, query: &Query, blocked: &mut Marks) {
    blocked.reset(snapshot.items().len());
    for &item in query.exclude.iter().chain(&query.context) {
        blocked.insert(item, 0);
    }
    if query.seen == Seen::Allow {
        return;
    }
    let past = state.seen.iter().map(|seen| (seen.item, seen.purchased));
    let live = state.history.iter().map(|event| (event.item, event.kind == EventKind::Transaction));
    for (item, purchased) in past.chain(live) {
        if purchased || query.seen == Seen::ExcludeAll {
            blocked.insert(item, 0);
        }
    }
}

/// Appends the most popular admitted items until the slate has `k`, or the catalogue no more.
///
/// `taken` must hold the blocked items; those of the slate are added to it.
pub fn fill(snapshot: &Snapshot, category: Option<CategoryIdx>, k: usize, picks: &mut Vec<Pick>, taken: &mut Marks) {
    for pick in picks.iter() {
        taken.insert(pick.item, 0);
    }
    let rest = snapshot.popularity().order(category).iter().filter(|&&item| !taken.contains(item));
    picks.extend(rest.take(k.saturating_sub(picks.len())).map(|&item| popular_pick(item, 0.0)));
}

/// An item that is there because it is popular.
#[must_use]
pub fn popular_pick(item: ItemIdx, score: f32) -> Pick {
    Pick { item, score, sources: SourceSet::default().with(Source::Popularity), because: None }
}
