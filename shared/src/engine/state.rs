//! The state of one user: the record made by the batch, the live history, and both joined for the engine.
//!
//! ```text
//! artifact ──▶ BatchUser (dense indices) ─┐
//!                                         ├─▶ UserState ──▶ recommend
//! events ────▶ LiveHistory (external ids) ┘
//! ```

pub mod merges;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::contract::event_log::{Coverage, FileId, Place};
use crate::contract::id::{ItemId, ItemIdx};
use crate::contract::item_change::{FieldValue, Fields, Stamp};
use crate::contract::kind::{KindIdx, KindName, Kinds};
use crate::contract::user_change;
use crate::engine::topk::Scored;
use crate::tables::Profile;

pub use merges::{LiveMerge, Merges, Move, Taken};

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

/// An item whose events left the bounded history before an artifact covered them: one entry per file of the event log
/// and kind of event. Kinds that are known to decide nothing about the item (see [`Kinds::decides`]) share one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSeen {
    /// The item.
    pub item: ItemId,
    /// The kind of event; `view` for those that decide nothing.
    pub kind: KindName,
    /// The time of its last event, milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// When its last event was accepted, milliseconds since the epoch.
    pub received_ms: i64,
    /// The position of the last of its events in the event log.
    pub place: Option<Place>,
}

impl From<LiveEvent> for LiveSeen {
    fn from(event: LiveEvent) -> Self {
        let LiveEvent { received_ms, timestamp_ms, kind, item, place, .. } = event;
        Self { item, kind: deciding(kind), timestamp_ms, received_ms, place }
    }
}

/// The kind itself, or `view` for a built-in one that decides nothing. A history outlives the versions whose tables say
/// what the other kinds mean.
fn deciding(kind: KindName) -> KindName {
    static BUILT_IN: LazyLock<Kinds> = LazyLock::new(Kinds::default);
    match BUILT_IN.index(kind.as_str()) {
        Some(row) if !BUILT_IN.decides(row) => KindName::VIEW,
        _ => kind,
    }
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

/// Folds an item into those remembered: one entry for each item, log file and kind.
fn remember(older: &mut Vec<LiveSeen>, seen: LiveSeen) {
    fn key(seen: &LiveSeen) -> (&ItemId, Option<FileId>, &KindName) {
        (&seen.item, seen.place.map(|place| place.file), &seen.kind)
    }
    match older.binary_search_by(|known| key(known).cmp(&key(&seen))) {
        Ok(at) => {
            let known = &mut older[at];
            known.timestamp_ms = known.timestamp_ms.max(seen.timestamp_ms);
            known.received_ms = known.received_ms.max(seen.received_ms);
            known.place = known.place.max(seen.place);
        }
        Err(at) => older.insert(at, seen),
    }
}

/// Drops entries beyond `most`: the oldest of items that were only looked at, then the oldest of the others.
fn shorten(older: &mut Vec<LiveSeen>, most: usize) {
    let surplus = older.len().saturating_sub(most);
    if surplus == 0 {
        return;
    }
    let mut order: Vec<usize> = (0..older.len()).collect();
    order.sort_by_key(|&at| (older[at].kind != KindName::VIEW, older[at].received_ms));
    let mut leaves = vec![false; older.len()];
    order[..surplus].iter().for_each(|&at| leaves[at] = true);
    let mut leaves = leaves.into_iter();
    older.retain(|_| leaves.next() != Some(true));
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::contract::event_log::CoveredFile;

    fn place(number: i64) -> Option<Place> {
        Some(Place { file: FileId::of("a", 1, b"first\n"), end: 10 * (number as u64 + 1) })
    }

    /// Event `number` of the log: received then, with one of five items, ten bytes long.
    fn live(number: i64, kind: KindName) -> LiveEvent {
        let item = ItemId::new(format!("i{}", number % 5)).expect("valid id");
        let (event_key, place) = (number as u64, place(number));
        LiveEvent { received_ms: number, event_key, timestamp_ms: number, kind, item, place }
    }

    fn up_to(events: u64) -> Coverage {
        let (replica, id) = ("a".to_owned(), FileId::of("a", 1, b"first\n"));
        [&CoveredFile { replica, number: 1, id, bytes: 10 * events }].into_iter().collect()
    }

    fn applied(events: impl IntoIterator<Item = LiveEvent>, covered: &Coverage, max_older: usize) -> LiveHistory {
        let mut history = LiveHistory::default();
        for event in events {
            history.apply(event, HistoryBounds { max_events: 4, max_older, covered });
        }
        history
    }

    fn bought(history: &LiveHistory) -> Vec<&str> {
        history.older.iter().filter(|seen| seen.kind == KindName::TRANSACTION).map(|seen| seen.item.as_str()).collect()
    }

    proptest! {
        #[test]
        fn neither_order_nor_repetition_of_the_last_events_matters(seed in prop::collection::vec(0usize..12, 12)) {
            let events: Vec<LiveEvent> = (0..12)
                .map(|n| live(n, if n % 3 == 0 { KindName::TRANSACTION } else { KindName::VIEW }))
                .collect();
            let mut shuffled = events.clone();
            for (a, &b) in seed.iter().enumerate() {
                shuffled.swap(a, b);
            }
            let none = Coverage::default();
            let in_order = applied(events.clone(), &none, 100);
            prop_assert_eq!(&in_order, &applied(shuffled, &none, 100));
            let again = applied(events.iter().chain(&events[8..]).cloned(), &none, 100);
            prop_assert_eq!(&in_order, &again);
        }

        #[test]
        fn no_purchase_is_forgotten_that_no_version_has(
            kinds in prop::collection::vec(0u8..3, 1..40),
            clock in prop::collection::vec(-20i64..20, 40),
            covered in 0u64..40,
        ) {
            // Clocks go back and forth; the log's order stays.
            let event = |(number, &kind): (usize, &u8)| {
                let received_ms = number as i64 + clock[number];
                LiveEvent { received_ms, ..live(number as i64, [KindName::VIEW, KindName::ADD_TO_CART, KindName::TRANSACTION][usize::from(kind)].clone()) }
            };
            let events: Vec<LiveEvent> = kinds.iter().enumerate().map(event).collect();
            let history = applied(events.clone(), &up_to(covered), 100);
            for (number, event) in events.iter().enumerate() {
                let in_version = (number as u64) < covered;
                let recent = history.recent.iter().any(|known| known.event_key == event.event_key);
                let known = recent || bought(&history).contains(&event.item.as_str());
                prop_assert!(event.kind != KindName::TRANSACTION || in_version || known, "event {}", number);
            }
        }

        #[test]
        fn a_history_put_together_from_parts_is_the_one_of_all_events(at in 0usize..12) {
            let events: Vec<LiveEvent> = (0..12).map(|n| live(n, KindName::TRANSACTION)).collect();
            let none = Coverage::default();
            let (first, second) = events.split_at(at);
            let mut joined = applied(first.to_vec(), &none, 100);
            joined.absorb(applied(second.to_vec(), &none, 100), HistoryBounds { max_events: 4, max_older: 100, covered: &none });
            prop_assert_eq!(joined, applied(events.clone(), &none, 100));
        }
    }

    #[test]
    fn what_was_said_of_a_user_stays_until_an_erasure_or_until_every_version_has_it() {
        let said = |at: i64, value: f64| {
            let set = [("age".into(), Some(FieldValue::Number(value)))].into();
            LiveSaid { set, stamp: Stamp { timestamp_ms: at, received_ms: at, place: place(at).expect("a place") } }
        };
        let age = |history: &LiveHistory| history.said.get("age").and_then(|latest| latest.value.as_ref()?.number());
        let none = Coverage::default();
        let mut history = LiveHistory::default();
        assert_eq!(history.say(&said(5, 50.0), &none), Applied::New);
        assert_eq!(history.say(&said(3, 30.0), &none), Applied::Duplicate);
        assert_eq!(history.say(&said(5, 50.0), &none), Applied::Duplicate);
        let mut other = LiveHistory::default();
        other.say(&said(6, 60.0), &none);
        history.absorb(other, HistoryBounds { max_events: 4, max_older: 4, covered: &none });
        assert_eq!(age(&history), Some(60.0));
        let erasure = LiveErasure { received_ms: 6, place: place(7) };
        for erase_first in [true, false] {
            let mut one = if erase_first { LiveHistory::default() } else { history.clone() };
            one.erase(erasure);
            assert_eq!((one.say(&said(6, 60.0), &none), age(&one)), (Applied::Duplicate, None));
            assert_eq!((one.say(&said(8, 80.0), &none), age(&one)), (Applied::New, Some(80.0)));
        }
        history.forget_said(&up_to(6));
        assert_eq!(age(&history), Some(60.0));
        history.forget_said(&up_to(7));
        assert!(history.is_empty());
        assert_eq!(history.say(&said(6, 60.0), &up_to(7)), Applied::Duplicate);
    }

    proptest! {
        #[test]
        fn an_erasure_takes_what_was_before_it_and_nothing_else_in_whatever_order_it_comes(
            at in 0i64..12, from in 0usize..13, twice in 0usize..13,
        ) {
            let erasure = LiveErasure { received_ms: at, place: place(at) };
            let none = Coverage::default();
            let bounds = HistoryBounds { max_events: 4, max_older: 100, covered: &none };
            let mut history = LiveHistory::default();
            for n in 0..12 {
                if from == n || twice == n {
                    history.erase(erasure);
                }
                history.apply(live(n as i64, KindName::TRANSACTION), bounds);
            }
            history.erase(erasure);
            let after = applied((at + 1..12).map(|n| live(n, KindName::TRANSACTION)), &none, 100);
            prop_assert_eq!(&history.recent, &after.recent);
            prop_assert!(history.older.iter().all(|seen| after.older.iter().any(|other| other.item == seen.item)));
            prop_assert_eq!(history.erased, Some(erasure));
            prop_assert!(history.hides(&up_to(at as u64)) && !history.hides(&up_to(at as u64 + 1)));
        }
    }

    #[test]
    fn a_purchase_outlives_the_bounded_history_until_an_artifact_covers_it() {
        let events = || (0..8).map(|n| live(n, if n == 1 { KindName::TRANSACTION } else { KindName::VIEW }));
        assert_eq!(bought(&applied(events(), &Coverage::default(), 100)), ["i1"]);
        assert_eq!(bought(&applied(events(), &up_to(1), 100)), ["i1"]);
        assert!(bought(&applied(events(), &up_to(2), 100)).is_empty());
    }

    #[test]
    fn an_item_bought_again_in_the_next_file_stays_until_both_files_are_covered() {
        let second = FileId::of("a", 2, b"first\n");
        let later = |n| LiveEvent { place: Some(Place { file: second, end: 10 }), ..live(n, KindName::TRANSACTION) };
        let views = || (6..10).map(|n| live(n, KindName::VIEW));
        let history = applied([live(0, KindName::TRANSACTION), later(5)].into_iter().chain(views()), &up_to(100), 100);
        assert_eq!(bought(&history), ["i0"]);
    }

    #[test]
    fn beyond_the_bound_views_go_before_purchases_and_old_ones_before_new_ones() {
        // 0 and 3 are bought, 1, 2 and 4 looked at; four more push them out of the recent events.
        let kind = |n| if n == 0 || n == 3 { KindName::TRANSACTION } else { KindName::VIEW };
        let items = |max_older: usize| {
            let history = applied((0..9).map(|n| live(n, kind(n))), &Coverage::default(), max_older);
            history.older.iter().map(|seen| seen.item.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(items(5), ["i0", "i1", "i2", "i3", "i4"]);
        assert_eq!(items(4), ["i0", "i2", "i3", "i4"]);
        assert_eq!(items(2), ["i0", "i3"]);
        assert_eq!(items(1), ["i3"]);
        assert!(items(0).is_empty());
    }

    #[test]
    fn of_what_left_the_history_only_kinds_that_may_decide_have_entries_of_their_own() {
        let kinds = ["addtocart", "view", "refund", "wishlist", "gift", "transaction", "hide", "like"];
        let event = |(number, name): (i64, &str)| LiveEvent {
            item: ItemId::new("i").expect("valid id"),
            ..live(number, KindName::new(name).expect("a name"))
        };
        let of_item = (0..).zip(kinds).map(event);
        let others = (10..14).map(|n| live(n, KindName::VIEW));
        let history = applied(of_item.chain(others), &Coverage::default(), 100);
        let older: Vec<(&str, i64)> =
            history.older.iter().map(|seen| (seen.kind.as_str(), seen.timestamp_ms)).collect();
        assert_eq!(older, [("gift", 4), ("hide", 6), ("like", 7), ("refund", 2), ("transaction", 5), ("view", 3)]);
    }
}
