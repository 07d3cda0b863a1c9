//! Decides which items a query admits to the slate, and fills a short slate up to `k` with popular items.

use crate::contract::api::Seen;
use crate::contract::id::ItemIdx;
use crate::contract::kind::{KindIdx, Kinds};
use crate::engine::dense::Marks;
use crate::engine::slate::{Pick, Query};
use crate::engine::snapshot::Snapshot;
use crate::engine::state::UserState;
use crate::tables::CategoryIdx;

/// The items that a query admits. Reused between requests, since it takes 4 bytes per item of the catalogue.
#[derive(Debug, Default)]
pub struct Filter {
    refused: Marks,
    category: Option<CategoryIdx>,
    now_ms: i64,
}

impl Filter {
    /// Refuses the items that the query excludes, the item of the current page, those that the user blocked, what the
    /// seen policy rules out of the user's whole past, and what is not available at the time.
    pub fn set(&mut self, snapshot: &Snapshot, state: &UserState, query: &Query, now_ms: i64) {
        (self.category, self.now_ms) = (query.category, now_ms);
        self.refused.reset(snapshot.items().len());
        for &item in query.exclude.iter().chain(&query.context) {
            self.refused.insert(item, 0);
        }
        let kinds = &snapshot.params().kinds;
        let past = state.seen.iter().map(|seen| (seen.item, seen.kind));
        let live = state.history.iter().map(|event| (event.item, event.kind));
        for (item, kind) in past.chain(live) {
            if rules_out(query.seen, kinds, kind) {
                self.refused.insert(item, 0);
            }
        }
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
        items.availability().at(item, self.now_ms) && self.category.is_none_or(|wanted| items.is_of(item, wanted))
    }

    /// The category that the query is restricted to, if any.
    #[must_use]
    pub fn category(&self) -> Option<CategoryIdx> {
        self.category
    }

    /// How many single items are refused or not available, some of them counted twice; those of other categories are
    /// not counted.
    #[must_use]
    pub fn refused(&self, snapshot: &Snapshot) -> usize {
        self.refused.len() + snapshot.items().availability().closed(self.now_ms)
    }

    /// Appends the most popular admitted items until the slate has `k` items or the catalogue has no more. Refuses the
    /// slate's items from then on.
    pub fn fill(&mut self, snapshot: &Snapshot, k: usize, picks: &mut Vec<Pick>) {
        for pick in picks.iter() {
            self.refused.insert(pick.item, 0);
        }
        let popular = snapshot.popularity().order(self.category).iter();
        let rest = popular.filter(|&&item| self.admits(snapshot, item));
        picks.extend(rest.take(k.saturating_sub(picks.len())).map(|&item| Pick::popular(item, 0.0)));
    }
}

/// Whether a seen policy keeps an item out of slates because of an event of this kind in the user's past; a blocked item
/// is kept out by every policy.
#[must_use]
pub fn rules_out(seen: Seen, kinds: &Kinds, kind: KindIdx) -> bool {
    kinds.blocks(kind)
        || match seen {
            Seen::Allow => false,
            Seen::ExcludePurchased => kinds.buys(kind),
            Seen::ExcludeAll => true,
        }
}
