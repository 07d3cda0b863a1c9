//! What is known of one user: the batch's record, the live history, and both joined for the engine.
//!
//! ```text
//! artifact ──▶ BatchUser (dense indices) ─┐
//!                                         ├─▶ UserState ──▶ recommend
//! events ────▶ LiveHistory (external ids) ┘
//! ```

use crate::event::EventKind;
use crate::id::{ItemId, ItemIdx};
use crate::snapshot::Snapshot;
use crate::topk::Scored;

/// An event of a user as the engine sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interaction {
    /// With which item.
    pub item: ItemIdx,
    /// What the user did.
    pub kind: EventKind,
    /// When, milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// The event's identity, see [`crate::event::event_key`]; 0 where the log gave it no id.
    pub event_key: u64,
}

/// An item of the user's past, and whether it was bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeenItem {
    /// The item.
    pub item: ItemIdx,
    /// Whether the user bought it.
    pub purchased: bool,
}

/// What the batch knows of a user.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BatchUser {
    /// The long-term model's answer, best first.
    pub cached: Vec<Scored>,
    /// The last events, oldest first.
    pub history: Vec<Interaction>,
    /// All items of the user's past, by item.
    pub seen: Vec<SeenItem>,
}

/// An event of the live history: external ids, so that it outlives artifacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveEvent {
    /// When the service accepted it, milliseconds since the epoch.
    pub received_ms: i64,
    /// The event's identity, see [`crate::event::event_key`].
    pub event_key: u64,
    /// When it happened, milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// What the user did.
    pub kind: EventKind,
    /// With which item.
    pub item: ItemId,
}

/// An item that left the bounded history before an artifact covered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSeen {
    /// With which item.
    pub item: ItemId,
    /// Whether the user bought it.
    pub purchased: bool,
    /// When its last event was accepted, milliseconds since the epoch.
    pub received_ms: i64,
}

/// What happened since: the user's last events and what fell out of them.
///
/// Neither the order in which events are applied nor applying one twice changes it, as long as it is among the last
/// `max_events`; only events accepted in the same millisecond stay in the order in which they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveHistory {
    /// The last events by arrival, oldest first.
    pub recent: Vec<LiveEvent>,
    /// Items of older events, by item, until an artifact covers them.
    pub older: Vec<LiveSeen>,
}

/// How long a live history remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryBounds {
    /// Most events in [`LiveHistory::recent`].
    pub max_events: usize,
    /// Events accepted before this time are in the served artifact, milliseconds since the epoch.
    pub covered_ms: i64,
}

/// What became of an event that was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It is new.
    New,
    /// It was there already.
    Duplicate,
}

impl LiveHistory {
    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.recent.is_empty() && self.older.is_empty()
    }

    /// Adds an event unless it is there, keeps the last `bounds.max_events`, and remembers the items of the rest
    /// until an artifact covers them. O(`max_events`).
    pub fn apply(&mut self, event: LiveEvent, bounds: HistoryBounds) -> Applied {
        if self.recent.iter().any(|known| known.event_key == event.event_key) {
            return Applied::Duplicate;
        }
        let place = self.recent.partition_point(|known| known.received_ms <= event.received_ms);
        self.recent.insert(place, event);
        let surplus = self.recent.len().saturating_sub(bounds.max_events);
        for event in self.recent.drain(..surplus) {
            remember(&mut self.older, event);
        }
        self.older.retain(|seen| seen.received_ms >= bounds.covered_ms);
        Applied::New
    }
}

/// Folds an event that leaves the history into the items remembered of older ones.
fn remember(older: &mut Vec<LiveSeen>, event: LiveEvent) {
    let purchased = event.kind == EventKind::Transaction;
    match older.binary_search_by(|seen| seen.item.cmp(&event.item)) {
        Ok(at) => {
            older[at].purchased |= purchased;
            older[at].received_ms = older[at].received_ms.max(event.received_ms);
        }
        Err(at) => older.insert(at, LiveSeen { item: event.item, purchased, received_ms: event.received_ms }),
    }
}

/// All that the engine knows of a user, in the indices of one snapshot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UserState {
    /// The long-term model's answer, best first.
    pub cached: Vec<Scored>,
    /// The last events, oldest first.
    pub history: Vec<Interaction>,
    /// Items of the past that are no longer in the history, in no order; an item may stand twice.
    pub seen: Vec<SeenItem>,
}

impl UserState {
    /// Joins what the batch and the live history know of a user.
    ///
    /// Events known to both count once; the last `max_history` by time remain as history, and the items of the
    /// others stay seen. Events with items that the snapshot does not know are left out.
    #[must_use]
    pub fn join(snapshot: &Snapshot, batch: BatchUser, live: &LiveHistory) -> Self {
        let BatchUser { cached, mut history, mut seen } = batch;
        let batch_events = history.len();
        for event in &live.recent {
            let known = history[..batch_events].iter().any(|other| other.event_key == event.event_key);
            if let (false, Some(item)) = (known, snapshot.items().index(event.item.as_str())) {
                let (kind, timestamp_ms, event_key) = (event.kind, event.timestamp_ms, event.event_key);
                history.push(Interaction { item, kind, timestamp_ms, event_key });
            }
        }
        history.sort_by_key(|event| event.timestamp_ms);
        let surplus = history.len().saturating_sub(snapshot.params().max_history);
        seen.extend(
            history
                .drain(..surplus)
                .map(|event| SeenItem { item: event.item, purchased: event.kind == EventKind::Transaction }),
        );
        seen.extend(live.older.iter().filter_map(|older| {
            let item = snapshot.items().index(older.item.as_str())?;
            Some(SeenItem { item, purchased: older.purchased })
        }));
        Self { cached, history, seen }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn live(received_ms: i64, kind: EventKind) -> LiveEvent {
        let item = ItemId::new(format!("i{}", received_ms % 5)).expect("valid id");
        LiveEvent { received_ms, event_key: received_ms as u64, timestamp_ms: received_ms, kind, item }
    }

    fn applied(events: impl IntoIterator<Item = LiveEvent>, covered_ms: i64) -> LiveHistory {
        let mut history = LiveHistory::default();
        for event in events {
            history.apply(event, HistoryBounds { max_events: 4, covered_ms });
        }
        history
    }

    proptest! {
        #[test]
        fn neither_order_nor_repetition_of_the_last_events_matters(seed in prop::collection::vec(0usize..12, 12)) {
            let events: Vec<LiveEvent> = (0..12)
                .map(|n| live(n, if n % 3 == 0 { EventKind::Transaction } else { EventKind::View }))
                .collect();
            let mut shuffled = events.clone();
            for (a, &b) in seed.iter().enumerate() {
                shuffled.swap(a, b);
            }
            let in_order = applied(events.clone(), 0);
            prop_assert_eq!(&in_order, &applied(shuffled, 0));
            let again = applied(events.iter().chain(&events[8..]).cloned(), 0);
            prop_assert_eq!(&in_order, &again);
        }
    }

    #[test]
    fn a_purchase_outlives_the_bounded_history_until_an_artifact_covers_it() {
        let events = || (0..8).map(|n| live(n, if n == 1 { EventKind::Transaction } else { EventKind::View }));
        let bought = |history: LiveHistory| history.older.iter().any(|seen| seen.purchased);
        assert!(bought(applied(events(), 0)));
        assert!(!bought(applied(events(), 5)));
    }
}
