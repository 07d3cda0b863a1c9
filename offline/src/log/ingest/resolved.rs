//! Resolves the events of a log: what users took back, and the items that they blocked, is no interaction; nor are the first
//! events of users who have more than any person has.
//!
//! In: all events in time order. Out: the interactions that are left, and the rest, which is kept so that a part of the
//! log that ends earlier can be resolved anew. Cost: one pass over a log of plain interactions; else the events of users
//! who took something back or blocked an item once more.

use std::collections::HashSet;

use shared::contract::id::{ItemIdx, UserIdx};
use shared::contract::kind::{KindIdx, Kinds};
use shared::engine::history::resolve::{Act, Fate, resolve};

use super::LogEvent;
use super::bots::{self, Limit};

/// Why an event of the log is no interaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The user took it back then, milliseconds since the epoch.
    Undone(i64),
    /// The user blocked its item then, milliseconds since the epoch.
    Blocked(i64),
    /// It does nothing but take back or block.
    Acts,
    /// Its user has more events than any person has.
    Surplus,
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
    /// How many events only take back, and found nothing.
    pub unmatched: usize,
}

/// Resolves events that are in the order of the log, of so many users.
///
/// * `limit`: which users have too many of them.
#[must_use]
pub fn resolved(events: Vec<LogEvent>, users: usize, kinds: &Kinds, limit: Limit) -> Resolution {
    let bots = bots::find(events.iter().map(|event| event.user.at()), users, limit);
    if bots.iter().all(|bot| bot.kept == bot.events) && events.iter().all(|event| kinds.is_plain(event.kind)) {
        return Resolution { events, ..Resolution::default() };
    }
    let mut is_surplus = bots::surplus(&bots);
    let mut reasons: Vec<Option<Reason>> =
        events.iter().map(|event| is_surplus(event.user.at()).then_some(Reason::Surplus)).collect();
    let mut positions = of_contested_pairs(&events, users, kinds);
    positions.retain(|&at| reasons[at].is_none());
    // Stable: the events of a user stay in the order of the log.
    positions.sort_by_key(|&at| events[at].user);
    let (mut blocks, mut unmatched) = (Vec::new(), 0);
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
        let only_takes_back = |kind: KindIdx| kinds.weight(kind) == 0.0;
        unmatched += found.unmatched.iter().filter(|&&place| only_takes_back(events[own[place]].kind)).count();
    }
    blocks.sort_unstable();
    let blocked = blocks.into_iter().map(|at| {
        let LogEvent { user, item, kind, timestamp_ms: since_ms, .. } = events[at];
        BlockedItem { user, item, kind, since_ms }
    });
    let mut resolution = Resolution { blocked: blocked.collect(), unmatched, ..Resolution::default() };
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
    use super::super::bots::Limit;
    use super::super::settings::Bots;

    #[test]
    fn a_part_with_a_bot_is_what_would_have_been_read_then() {
        let users: Vec<String> = (0..120).map(|user| format!("u{user}")).collect();
        let of_people = (0..1200).map(|at| (at, users[at as usize % 120].as_str(), "view", "a"));
        let of_bot = (0..9000).map(|at| (at / 8, "bot", "view", "b"));
        let mut rows: Vec<(i64, &str, &str, &str)> = of_people.chain(of_bot).collect();
        rows.sort_by_key(|row| row.0);
        let read = |rows: &[(i64, &str, &str, &str)]| {
            Log { bots: Limit { setting: Bots::Cap, max_share: 0.05 }, ..Log::of_rows(rows) }.only(|_| true)
        };
        let (log, whole) = (read(&rows), rows.len());
        assert_eq!((log.events.len(), log.taken_back.len(), log.taken_back_by_users()), (1210, whole - 1210, 0));
        rows.retain(|row| row.0 < 500);
        let (before, read_then) = (log.before(500), read(&rows));
        assert_eq!((&before.events, &before.taken_back), (&read_then.events, &read_then.taken_back));
        assert_eq!(before.events.iter().filter(|event| before.users[event.user.at()].as_ref() == "bot").count(), 5);
    }

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
