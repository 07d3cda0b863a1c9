//! Decides which items a query admits to the slate, and fills a short slate up to `k` with popular items.

use std::sync::Arc;

use crate::contract::id::ItemIdx;
use crate::contract::kind::KindIdx;
use crate::engine::dense::Marks;
use crate::engine::item_set::ItemSet;
use crate::engine::seen::SeenRule;
pub use crate::engine::seen::rules_out;
use crate::engine::slate::{Pick, Query};
use crate::engine::snapshot::Snapshot;
use crate::engine::state::{Interaction, UserState};
use crate::tables::CategoryIdx;

/// An item that an event of the user's past keeps out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptOut {
    /// The item.
    pub item: ItemIdx,
    /// The kind of the event.
    pub kind: KindIdx,
    /// When it was, if that is known, milliseconds since the epoch.
    pub at_ms: Option<i64>,
}

/// The items that a seen policy rules out of a user's whole past, and those that the user blocked: for each event that does
/// so, those of the history last, oldest first.
pub fn kept_out<'a>(
    snapshot: &'a Snapshot,
    state: &'a UserState,
    seen: &'a SeenRule,
    now_ms: i64,
) -> impl Iterator<Item = KeptOut> + 'a {
    let kinds = &snapshot.params().kinds;
    let until_ms = state.seen_until_ms.unwrap_or(i64::MAX);
    let past = state.seen.iter().map(move |seen| (seen.item, seen.kind, until_ms, None));
    let at = |event: &Interaction| (event.item, event.kind, event.timestamp_ms, Some(event.timestamp_ms));
    let ruled_out = past.chain(state.history.iter().map(at));
    let ruled_out = ruled_out.filter(move |&(_, kind, at_ms, _)| seen.keeps_out(kinds, kind, at_ms, now_ms));
    ruled_out.map(|(item, kind, _, at_ms)| KeptOut { item, kind, at_ms })
}

/// The items that a query admits. Reused between requests, since it takes 4 bytes per item of the catalogue.
#[derive(Debug, Default)]
pub struct Filter {
    refused: Marks,
    category: Option<CategoryIdx>,
    only: Option<Arc<ItemSet>>,
    /// When items have to be available, milliseconds since the epoch; `None`: they need not be.
    at_ms: Option<i64>,
}

impl Filter {
    /// The filter of a list that depends on no user; no single item is refused.
    #[must_use]
    pub fn of_nobody(category: Option<CategoryIdx>, only: Option<Arc<ItemSet>>, now_ms: i64) -> Self {
        Self { refused: Marks::default(), category, only, at_ms: Some(now_ms) }
    }

    /// Refuses the items that the query excludes, those of its basket and context, those that the user blocked, what the seen policy
    /// rules out of the user's whole past, what the filter leaves out, and what is not available at the time.
    pub fn set(&mut self, snapshot: &Snapshot, state: &UserState, query: &Query, now_ms: i64) {
        (self.category, self.only, self.at_ms) = (query.category, query.only.clone(), Some(now_ms));
        self.refused.reset(snapshot.items().len());
        for item in query.exclude.iter().copied().chain(query.extends()) {
            self.refused.insert(item, 0);
        }
        self.refuse_past(snapshot, state, &query.seen, now_ms);
    }

    /// Admits the items of a list, available or not, and refuses of them what the seen policy rules out of the user's whole
    /// past.
    pub fn set_list(
        &mut self,
        snapshot: &Snapshot,
        state: &UserState,
        seen: &SeenRule,
        list: Arc<ItemSet>,
        now_ms: i64,
    ) {
        (self.category, self.only, self.at_ms) = (None, Some(list), None);
        self.refused.reset(snapshot.items().len());
        self.refuse_past(snapshot, state, seen, now_ms);
    }

    fn refuse_past(&mut self, snapshot: &Snapshot, state: &UserState, seen: &SeenRule, now_ms: i64) {
        kept_out(snapshot, state, seen, now_ms).for_each(|out| self.refused.insert(out.item, 0));
    }

    /// Whether an item is one of [`Filter::refused_items`].
    #[must_use]
    pub fn refuses(&self, item: ItemIdx) -> bool {
        self.refused.contains(item)
    }

    /// Whether an item may be in the slate.
    #[must_use]
    pub fn admits(&self, snapshot: &Snapshot, item: ItemIdx) -> bool {
        !self.refused.contains(item) && self.admits_other(snapshot, item)
    }

    /// The single items that are refused, available or not.
    #[must_use]
    pub fn refused_items(&self) -> &[ItemIdx] {
        self.refused.items()
    }

    /// Whether an item that is none of [`Filter::refused_items`] may be in the slate.
    #[must_use]
    pub fn admits_other(&self, snapshot: &Snapshot, item: ItemIdx) -> bool {
        let items = snapshot.items();
        self.only.as_ref().is_none_or(|only| only.contains(item))
            && self.at_ms.is_none_or(|now_ms| items.availability().at(item, now_ms))
            && self.category.is_none_or(|wanted| items.is_of(item, wanted))
    }

    /// Few items among which all lie that are admitted, most popular first: those of a category, or of a filter that
    /// leaves few. Some of them may be refused.
    #[must_use]
    pub fn restricted<'a>(&'a self, snapshot: &'a Snapshot) -> Option<&'a [ItemIdx]> {
        let few = self.only.as_ref().and_then(|only| only.few());
        let of_category = self.category.map(|category| snapshot.popularity().order(Some(category)));
        few.into_iter().chain(of_category).min_by_key(|items| items.len())
    }

    /// How many items are refused, not available or left out by the filter, some of them counted twice; those of other
    /// categories are not counted.
    #[must_use]
    pub fn refused(&self, snapshot: &Snapshot) -> usize {
        let left_out = self.only.as_ref().map_or(0, |only| only.others());
        let closed = self.at_ms.map_or(0, |now_ms| snapshot.items().availability().closed(now_ms));
        self.refused.len() + closed + left_out
    }

    /// Appends the most popular admitted items until the slate has `k` items or the catalogue has no more. Refuses the
    /// slate's items from then on.
    pub fn fill(&mut self, snapshot: &Snapshot, k: usize, picks: &mut Vec<Pick>) {
        self.refuse(picks.iter().map(|pick| pick.item));
        let missing = k.saturating_sub(picks.len());
        picks.extend(self.popular(snapshot).take(missing).map(|item| Pick::popular(item, 0.0)));
    }

    /// Refuses further items.
    pub fn refuse(&mut self, items: impl Iterator<Item = ItemIdx>) {
        items.for_each(|item| self.refused.insert(item, 0));
    }

    /// The admitted items, most popular first.
    pub fn popular<'a>(&'a self, snapshot: &'a Snapshot) -> impl Iterator<Item = ItemIdx> {
        let order = self.restricted(snapshot).unwrap_or(snapshot.popularity().order(None));
        order.iter().copied().filter(|&item| self.admits(snapshot, item))
    }
}
