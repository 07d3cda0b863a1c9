//! Why an item may not be in a slate, whatever its score: what [`Filter`] refuses, with the reason.

use crate::contract::id::ItemIdx;
use crate::contract::kind::KindIdx;
use crate::engine::filter::{Filter, kept_out};
use crate::engine::slate::Query;
use crate::engine::snapshot::Snapshot;
use crate::engine::state::UserState;

/// Why an item is refused; where several reasons hold, the first of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It may not be recommended at the time: it was withdrawn, or it begins later, or is over.
    Unavailable {
        /// From when on it may be, if there is such a time, milliseconds since the epoch.
        from_ms: Option<i64>,
        /// Until when, if there is such a time.
        until_ms: Option<i64>,
    },
    /// The user blocked it by an event of this kind.
    Blocked(KindIdx),
    /// The seen policy keeps it out because of an event of the user's past, the latest that does.
    Seen {
        /// Its kind.
        kind: KindIdx,
        /// When it was, if that is known, milliseconds since the epoch.
        at_ms: Option<i64>,
    },
    /// It is in the basket.
    InBasket,
    /// The answer is to go on from it: it is on the page.
    OnPage,
    /// The query, its scenario or its feed excludes it.
    Excluded,
    /// The filter of the query or of its scenario does not hold for it.
    Filtered,
    /// It is not of the category that is asked for.
    OtherCategory,
}

/// Why a query refuses an item for a user; `None` if it may be in the slate.
///
/// * `filter`: that of this query, as it is before anything is retrieved.
///
/// Cost: a look at the user's whole past for an item that is refused as a single one.
#[must_use]
pub fn refusal(
    snapshot: &Snapshot,
    state: &UserState,
    query: &Query,
    filter: &Filter,
    item: ItemIdx,
    now_ms: i64,
) -> Option<Refusal> {
    if filter.admits(snapshot, item) {
        return None;
    }
    let availability = snapshot.items().availability();
    if !availability.at(item, now_ms) {
        let (from_ms, until_ms) = (availability.from(item), availability.until(item));
        return Some(Refusal::Unavailable { from_ms, until_ms });
    }
    if filter.refuses(item) {
        return Some(of_single(snapshot, state, query, item, now_ms));
    }
    let is_filtered = query.only.as_ref().is_some_and(|only| !only.contains(item));
    Some(if is_filtered { Refusal::Filtered } else { Refusal::OtherCategory })
}

/// Why an item is refused as a single one.
fn of_single(snapshot: &Snapshot, state: &UserState, query: &Query, item: ItemIdx, now_ms: i64) -> Refusal {
    let kinds = &snapshot.params().kinds;
    let events = || kept_out(snapshot, state, &query.seen, now_ms).filter(|out| out.item == item);
    if let Some(out) = events().filter(|out| kinds.blocks(out.kind)).last() {
        return Refusal::Blocked(out.kind);
    }
    match events().last() {
        Some(out) => Refusal::Seen { kind: out.kind, at_ms: out.at_ms },
        None if query.basket.contains(&item) => Refusal::InBasket,
        None if query.context.contains(&item) => Refusal::OnPage,
        None => Refusal::Excluded,
    }
}
