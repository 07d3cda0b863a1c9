//! Resolves the events of a log: what users took back, and the items that they blocked, is no interaction.
//!
//! In: all events in time order. Out: the interactions that are left, and the rest, which is kept so that a part of the
//! log that ends earlier can be resolved anew. Cost: one pass over a log of plain interactions; else the events of users
//! who took something back or blocked an item once more.

use std::collections::HashSet;

use shared::contract::id::{ItemIdx, UserIdx};
use shared::contract::kind::{KindIdx, Kinds};
use shared::engine::history::resolve::{Act, Fate, resolve};

use super::LogEvent;

/// Why an event of the log is no interaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The user took it back then, milliseconds since the epoch.
    Undone(i64),
    /// The user blocked its item then, milliseconds since the epoch.
    Blocked(i64),
    /// It does nothing but take back or block.
    Acts,
}

/// An event of the log that is no interaction, or none any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenBack {
    /// The event.
    pub event: LogEvent,
    /// How many interactions of the log are before it.
    pub at: u32,
    /// Why it is none.
    pub reason: Reason,
}

/// An item that a user blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockedItem {
    /// The user.
    pub user: UserIdx,
    /// The item.
    pub item: ItemIdx,
    /// The kind of event that blocks it.
    pub kind: KindIdx,
    /// Since when, milliseconds since the epoch.
    pub since_ms: i64,
}

/// The events of a log, resolved.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// The interactions.
    pub events: Vec<LogEvent>,
    /// The others, in the order of the log.
    pub taken_back: Vec<TakenBack>,
    /// The blocks that stand at its end, in the order of the log.
    pub blocked: Vec<BlockedItem>,
}

/// Resolves events that are in the order of the log, of so many users.
#[must_use]
pub fn resolved(events: Vec<LogEvent>, users: usize, kinds: &Kinds) -> Resolution {
    if events.iter().all(|event| kinds.is_plain(event.kind)) {
        return Resolution { events, ..Resolution::default() };
    }
    let mut positions = of_contested_pairs(&events, users, kinds);
    // Stable: the events of a user stay in the order of the log.
    positions.sort_by_key(|&at| events[at].user);
    let (mut reasons, mut blocks) = (vec![None; events.len()], Vec::new());
    for own in positions.chunk_by(|&a, &b| events[a].user == events[b].user) {
        let act = |&at: &usize| {
            let LogEvent { item, kind, .. } = events[at];
            Act { item, kind, undoes: kinds.get(kind).undoes }
        };
        let found = resolve(&own.iter().map(act).collect::<Vec<_>>(), kinds);
        for (&at, fate) in own.iter().zip(found.fates) {
            reasons[at] = match fate {
                Fate::Stands => None,
                Fate::Acts => Some(Reason::Acts),
                Fate::TakenBack(by) => Some(Reason::Undone(events[own[by]].timestamp_ms)),
                Fate::Blocked(by) => Some(Reason::Blocked(events[own[by]].timestamp_ms)),
            };
        }
        blocks.extend(found.blocks.into_iter().map(|place| own[place]));
    }
    blocks.sort_unstable();
    let blocked = blocks.into_iter().map(|at| {
        let LogEvent { user, item, kind, timestamp_ms: since_ms, .. } = events[at];
        BlockedItem { user, item, kind, since_ms }
    });
    let mut resolution = Resolution { blocked: blocked.collect(), ..Resolution::default() };
    for (event, reason) in events.into_iter().zip(reasons) {
        match reason {
            None => resolution.events.push(event),
            Some(reason) => {
                let at = resolution.events.len() as u32;
                resolution.taken_back.push(TakenBack { event, at, reason });
            }
        }
    }
    resolution
}

/// The positions of all events of a user with an item of which any takes back or blocks.
fn of_contested_pairs(events: &[LogEvent], users: usize, kinds: &Kinds) -> Vec<usize> {
    let (mut has_any, mut pairs) = (vec![false; users], HashSet::new());
    for event in events.iter().filter(|event| !kinds.is_plain(event.kind)) {
        has_any[event.user.at()] = true;
        pairs.insert((event.user, event.item));
    }
    let is_contested = |event: &LogEvent| has_any[event.user.at()] && pairs.contains(&(event.user, event.item));
    (0..events.len()).filter(|&at| is_contested(&events[at])).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Log;

    proptest! {
        #[test]
        fn a_part_that_ends_earlier_is_what_would_have_been_read_then(
            rows in prop::collection::vec((0i64..12, 0usize..2, 0usize..11, 0usize..3), 1..40),
            until_ms in 0i64..14,
        ) {
            let kinds = shared::contract::kind::Kinds::default();
            let names: Vec<String> = kinds.iter().map(|(_, kind)| kind.name.to_string()).collect();
            let mut rows: Vec<(i64, &str, &str, &str)> = rows
                .into_iter()
                .map(|(time, user, kind, item)| (time, ["u", "v"][user], &*names[kind], ["a", "b", "c"][item]))
                .collect();
            rows.sort_by_key(|row| row.0);
            let (log, whole) = (Log::of_rows(&rows), rows.len());
            prop_assert_eq!(log.events.len() + log.taken_back.len(), whole);
            rows.retain(|row| row.0 < until_ms);
            let (before, read_then) = (log.before(until_ms), Log::of_rows(&rows));
            let parts = |log: &Log| (log.events.clone(), log.taken_back.clone(), log.blocked.clone(), log.users.clone());
            prop_assert_eq!(parts(&before), parts(&read_then));
            prop_assert_eq!(&before.items.ids, &read_then.items.ids);
            prop_assert_eq!(before.fingerprint(), read_then.fingerprint());
            // Cut by a position where the time changes, both sides have all events once.
            let at = log.events.partition_point(|event| event.timestamp_ms < until_ms);
            if let (true, Some(first)) = (at > 0, log.events.get(at)) {
                let (past, window) = (log.part(0..at), log.part(at..log.events.len()));
                prop_assert_eq!(past.told().count() + window.told().count(), whole);
                prop_assert_eq!(parts(&past), parts(&log.before(first.timestamp_ms)));
            }
        }
    }
}
