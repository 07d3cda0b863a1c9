//! The state of one user: the record made by the batch, the live history, and both joined for the engine.
//!
//! ```text
//! artifact ──▶ BatchUser (dense indices) ─┐
//!                                         ├─▶ UserState ──▶ recommend
//! events ────▶ LiveHistory (external ids) ┘
//! ```

pub mod merges;
pub mod older;

use std::collections::BTreeMap;

use crate::contract::event_log::{Coverage, Place};
use crate::contract::id::{ItemId, ItemIdx};
use crate::contract::item_change::{FieldValue, Fields, Stamp};
use crate::contract::kind::{KindIdx, KindName};
use crate::contract::user_change;
use crate::engine::topk::Scored;
use crate::tables::Profile;

use older::{remember, shorten};

pub use merges::{LiveMerge, Merges, Move, Taken};
pub use older::LiveSeen;

/// An event of a user as the engine sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interaction {
    /// The item.
    pub item: ItemIdx,
    /// What the user did.
    pub kind: KindIdx,
    /// The time of the event, milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// The event's identity, see [`crate::contract::event::event_key`]; 0 if the log gave it no id.
    pub event_key: u64,
}

/// An item of the user's past, and what decides whether it may be recommended again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeenItem {
    /// The item.
    pub item: ItemIdx,
    /// A kind of event that stands and buys or blocks the item; any other kind if there is none.
    pub kind: KindIdx,
}

/// The record of a user that the batch makes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BatchUser {
    /// The cached candidates, best first.
    pub cached: Vec<Scored>,
    /// The last interactions, oldest first; nothing that was taken back, and none with a blocked item.
    pub history: Vec<Interaction>,
    /// All items of the user's past, by item: blocked ones among them, and one that was bought and blocked twice.
    pub seen: Vec<SeenItem>,
}

/// An event of the live history: external ids, so that it outlives artifacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveEvent {
    /// When the service accepted it, milliseconds since the epoch.
    pub received_ms: i64,
    /// The event's identity, see [`crate::contract::event::event_key`].
    pub event_key: u64,
    /// The time of the event, milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// What the user did.
    pub kind: KindName,
    /// The item.
    pub item: ItemId,
    /// The event's position in the event log; `None` if it was stored by a release that did not record positions.
    pub place: Option<Place>,
}

/// The erasure of a user: nothing counts that was accepted up to it, nor what a version knows that does not cover it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveErasure {
    /// When the service accepted it, milliseconds since the epoch.
    pub received_ms: i64,
    /// The position of its line in the event log.
    pub place: Option<Place>,
}

/// What was said of a user, by one line of the event log.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveSaid {
    /// The fields with their values; none for a field of which nothing is known any more.
    pub set: BTreeMap<Box<str>, Option<FieldValue>>,
    /// When, and where it stands.
    pub stamp: Stamp,
}

/// The user's live events: the last ones, and the items of older ones that no artifact covers yet.
///
/// Applying the same events in another order, or one of them twice, gives the same history as long as they are among
/// the last `max_events`; only events accepted in the same millisecond stay in the order of application.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LiveHistory {
    /// The last events by arrival, oldest first.
    pub recent: Vec<LiveEvent>,
    /// Items of older events, by item, log file and kind, until an artifact covers them.
    pub older: Vec<LiveSeen>,
    /// The last erasure of the user.
    pub erased: Option<LiveErasure>,
    /// Merges of the user, and into them.
    pub merges: Merges,
    /// What was said of the user beside events, of each field the latest, until an artifact covers it. It stays with the
    /// user when their events go to another one by a merge.
    pub said: Fields,
}

/// How long a live history remembers.
#[derive(Debug, Clone, Copy)]
pub struct HistoryBounds<'a> {
    /// Most events in [`LiveHistory::recent`].
    pub max_events: usize,
    /// Most entries in [`LiveHistory::older`]. Items that were only looked at go first, the oldest before the others;
    /// then the oldest of the others.
    pub max_older: usize,
    /// How much of the event log is in every artifact that may be served.
    pub covered: &'a Coverage,
}

/// The result of applying an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It is new.
    New,
    /// The history has it already, or the user was erased after it.
    Duplicate,
}

impl LiveHistory {
    /// Whether the history holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.recent.is_empty()
            && self.older.is_empty()
            && self.erased.is_none()
            && self.merges.is_empty()
            && self.said.is_empty()
    }

    /// Whether the user was erased, and a version that covers this much of the log still knows what was before.
    #[must_use]
    pub fn hides(&self, covered: &Coverage) -> bool {
        self.erased.is_some_and(|erased| !covered.covers(erased.place))
    }

    /// Forgets everything that was accepted up to an erasure, and remembers the erasure. In whatever order erasures and
    /// events are applied, the history is the same.
    pub fn erase(&mut self, erasure: LiveErasure) {
        if self.erased.is_none_or(|erased| erased.received_ms < erasure.received_ms) {
            self.erased = Some(erasure);
        }
        self.recent.retain(|event| event.received_ms > erasure.received_ms);
        self.older.retain(|seen| seen.received_ms > erasure.received_ms);
        self.erase_merged(erasure.received_ms);
        self.said.retain(|_, latest| latest.stamp.received_ms > erasure.received_ms);
    }

    /// Takes what was said of the user, unless every artifact covers it or the user was erased after it.
    pub fn say(&mut self, said: &LiveSaid, covered: &Coverage) -> Applied {
        let LiveSaid { set, stamp } = said;
        self.forget_said(covered);
        if self.was_erased(stamp) || covered.covers(Some(stamp.place)) || !user_change::add(&mut self.said, set, *stamp)
        {
            return Applied::Duplicate;
        }
        Applied::New
    }

    /// Whether the user was erased after something was said of them.
    fn was_erased(&self, stamp: &Stamp) -> bool {
        self.erased.is_some_and(|erased| stamp.received_ms <= erased.received_ms)
    }

    /// Forgets what was said of the user and every artifact covers.
    pub fn forget_said(&mut self, covered: &Coverage) {
        self.said.retain(|_, latest| !covered.covers(Some(latest.stamp.place)));
    }

    /// Adds an event unless it is a duplicate, keeps the last `bounds.max_events`, and remembers the items of the rest
    /// until an artifact covers them, `bounds.max_older` at most. O(`max_events` + `max_older`).
    ///
    /// One that was accepted before a merge of the user goes with that; an id is one event's among those of one owner.
    pub fn apply(&mut self, event: LiveEvent, bounds: HistoryBounds<'_>) -> Applied {
        self.put(event, bounds)
    }

    /// Adds an event unless it is a duplicate, whenever it was accepted.
    fn insert(&mut self, event: LiveEvent, bounds: HistoryBounds<'_>) -> Applied {
        if self.recent.iter().any(|known| known.event_key == event.event_key) {
            return Applied::Duplicate;
        }
        let place = self.recent.partition_point(|known| known.received_ms <= event.received_ms);
        self.recent.insert(place, event);
        let surplus = self.recent.len().saturating_sub(bounds.max_events);
        for event in self.recent.drain(..surplus) {
            remember(&mut self.older, event.into());
        }
        self.older.retain(|seen| !bounds.covered.covers(seen.place));
        self.forget_said(bounds.covered);
        shorten(&mut self.older, bounds.max_older);
        Applied::New
    }

    /// Adds all that another history of the same user has.
    pub fn absorb(&mut self, other: Self, bounds: HistoryBounds<'_>) {
        let Self { recent, older, erased, merges, said } = other;
        older.into_iter().for_each(|seen| remember(&mut self.older, seen));
        if let Some(erasure) = self.erased.into_iter().chain(erased).max_by_key(|erased| erased.received_ms) {
            self.erase(erasure);
        }
        for (field, latest) in said {
            if !self.was_erased(&latest.stamp) {
                user_change::keep(&mut self.said, field, latest);
            }
        }
        for event in recent {
            self.apply(event, bounds);
        }
        if !merges.is_empty() {
            self.absorb_merges(merges, bounds);
        }
    }
}

/// The engine's input about a user, in the indices of one snapshot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UserState {
    /// The cached candidates, best first.
    pub cached: Vec<Scored>,
    /// The last interactions, oldest first.
    pub history: Vec<Interaction>,
    /// Items of the past that are no longer in the history, in no order; an item may occur more than once.
    pub seen: Vec<SeenItem>,
    /// No event of `seen` that is not in the history is later; `None` if that is not known.
    pub seen_until_ms: Option<i64>,
    /// What is known of the user beside events.
    pub profile: Option<Profile>,
}

impl UserState {
    /// The same with a profile.
    #[must_use]
    pub fn with_profile(self, profile: Option<Profile>) -> Self {
        Self { profile, ..self }
    }
}

#[cfg(test)]
mod tests;
