//! What is left of events that no longer fit into a history: that there were some, and what they decide about the item.

use std::sync::LazyLock;

use super::LiveEvent;
use crate::contract::event_log::{FileId, Place};
use crate::contract::id::ItemId;
use crate::contract::kind::{KindName, Kinds};

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

/// Folds an item into those remembered: one entry for each item, log file and kind.
pub(super) fn remember(older: &mut Vec<LiveSeen>, seen: LiveSeen) {
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
pub(super) fn shorten(older: &mut Vec<LiveSeen>, most: usize) {
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
