//! The bounds of live histories in length and time, and the function by which whoever derives them from the event log
//! adds events: every store of the service, and the batch that answers as the service would.

use std::collections::{BTreeMap, BTreeSet};

use crate::contract::event_log::Coverage;
use crate::contract::id::UserId;
use crate::engine::state::{Applied, HistoryBounds, LiveErasure, LiveEvent, LiveHistory, LiveMerge, LiveSaid, Taken};

/// The bounds of live histories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The maximum number of events of a history.
    pub max_events: usize,
    /// The maximum number of items of older events, see [`HistoryBounds`].
    pub max_older: usize,
    /// How long after its arrival an event expires, in milliseconds.
    pub ttl_ms: i64,
}

/// The bounds that change from call to call, in addition to the [`Retention`].
#[derive(Debug, Clone, Copy)]
pub struct Bounds<'a> {
    /// How much of the event log is in the artifacts, see [`HistoryBounds`].
    pub covered: &'a Coverage,
    /// The current time, milliseconds since the epoch.
    pub now_ms: i64,
}

impl Retention {
    /// The time before which received events have expired, milliseconds since the epoch.
    #[must_use]
    pub fn oldest_ms(self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(self.ttl_ms)
    }

    fn within(self, bounds: Bounds<'_>) -> HistoryBounds<'_> {
        HistoryBounds { max_events: self.max_events, max_older: self.max_older, covered: bounds.covered }
    }

    /// Applies events to a history; returns the result of each. An expired event changes nothing.
    pub fn merge<'a>(
        self,
        user: &UserId,
        history: &mut LiveHistory,
        events: impl IntoIterator<Item = &'a LiveEvent>,
        bounds: Bounds<'_>,
    ) -> Vec<Applied> {
        let oldest_ms = self.oldest_ms(bounds.now_ms);
        let apply = |history: &mut LiveHistory, event: &LiveEvent| {
            if event.received_ms < oldest_ms {
                return Applied::Duplicate;
            }
            history.apply(event.clone(), self.within(bounds))
        };
        history.changing(user, bounds.now_ms, self.within(bounds), |history| {
            let applied: Vec<Applied> = events.into_iter().map(|event| apply(history, event)).collect();
            if applied.contains(&Applied::New) {
                forget(history, oldest_ms);
                self.let_go(history, bounds);
            }
            applied
        })
    }

    /// Erases a history.
    pub fn erase(self, user: &UserId, history: &mut LiveHistory, erasure: LiveErasure, bounds: Bounds<'_>) {
        history.changing(user, bounds.now_ms, self.within(bounds), |history| history.erase(erasure));
        self.let_go(history, bounds);
    }

    /// Adds what was said of a user to their history; it does not expire before every version has it, and no merge moves it.
    pub fn say(self, history: &mut LiveHistory, said: &LiveSaid, bounds: Bounds<'_>) -> Applied {
        let applied = history.say(said, bounds.covered);
        if applied == Applied::New {
            forget(history, self.oldest_ms(bounds.now_ms));
            self.let_go(history, bounds);
        }
        applied
    }

    /// Merges the past of a history's user into another's, or undoes that.
    pub fn move_out(self, user: &UserId, history: &mut LiveHistory, merge: LiveMerge, bounds: Bounds<'_>) {
        let within = self.within(bounds);
        history.changing(user, bounds.now_ms, within, |history| history.merge(merge, within));
        forget(history, self.oldest_ms(bounds.now_ms));
    }

    /// Takes what came by merges.
    pub fn take(self, user: &UserId, history: &mut LiveHistory, taken: Vec<Taken>, bounds: Bounds<'_>) {
        let within = self.within(bounds);
        history.changing(user, bounds.now_ms, within, |history| taken.into_iter().for_each(|of| history.take(of)));
        forget(history, self.oldest_ms(bounds.now_ms));
    }

    /// What the merges of a user from a time on move, by the user whom it is for: all of it, whether it changed or not,
    /// since what was sent before may not have come.
    #[must_use]
    pub fn flows(self, user: &UserId, history: &LiveHistory, since_ms: i64, bounds: Bounds<'_>) -> Vec<Flow> {
        let flow = |(into, taken)| Flow { into, taken };
        history.flows(user, since_ms, self.within(bounds)).into_iter().map(flow).collect()
    }

    /// The history as it is asked for.
    #[must_use]
    pub fn whole(self, history: LiveHistory) -> LiveHistory {
        if history.merges.taken.is_empty() {
            return history;
        }
        let covered = Coverage::default();
        history.with_taken(self.within(Bounds { covered: &covered, now_ms: 0 }))
    }

    /// Forgets an erasure that hides nothing any more: every version covers it, and all events before it have expired.
    fn let_go(self, history: &mut LiveHistory, bounds: Bounds<'_>) {
        let is_old = |erased: &LiveErasure| erased.received_ms < self.oldest_ms(bounds.now_ms);
        history.erased = history.erased.filter(|erased| !is_old(erased) || !bounds.covered.covers(erased.place));
    }

    /// Adds what another history of the user has.
    pub fn absorb(self, history: &mut LiveHistory, other: LiveHistory, bounds: Bounds<'_>) {
        history.absorb(other, self.within(bounds));
        forget(history, self.oldest_ms(bounds.now_ms));
    }

    /// When a history as a whole expires, milliseconds since the epoch. One with an erasure does not: a version may know
    /// the user for ever. Nor does one with what was said of the user: it is forgotten when every version has it.
    #[must_use]
    pub fn expires_ms(self, history: &LiveHistory) -> i64 {
        if history.erased.is_some() || !history.said.is_empty() {
            return NEVER_MS;
        }
        newest_ms(history).saturating_add(self.ttl_ms)
    }
}

/// The end of the year 9999, milliseconds since the epoch.
const NEVER_MS: i64 = 253_402_300_799_999;

/// When the last event of a history arrived, milliseconds since the epoch.
fn newest_ms(history: &LiveHistory) -> i64 {
    let recent = history.recent.last().map(|event| event.received_ms);
    let recent = recent.into_iter().chain(history.merges.newest_ms());
    recent.chain(history.older.iter().map(|seen| seen.received_ms)).max().unwrap_or(i64::MIN)
}

/// Whether a history holds anything received before `oldest_ms`.
#[must_use]
pub fn is_stale(history: &LiveHistory, oldest_ms: i64) -> bool {
    history.recent.first().is_some_and(|event| event.received_ms < oldest_ms)
        || history.older.iter().any(|seen| seen.received_ms < oldest_ms)
        || history.merges.is_stale(oldest_ms)
}

/// Drops everything from a history that was received before `oldest_ms`.
pub fn forget(history: &mut LiveHistory, oldest_ms: i64) {
    let expired = history.recent.partition_point(|event| event.received_ms < oldest_ms);
    history.recent.drain(..expired);
    history.older.retain(|seen| seen.received_ms >= oldest_ms);
    history.merges.forget(oldest_ms);
}

/// When the first of some events was accepted, milliseconds since the epoch.
#[must_use]
pub fn first_ms<'a>(events: impl IntoIterator<Item = &'a LiveEvent>) -> i64 {
    events.into_iter().map(|event| event.received_ms).min().unwrap_or(i64::MAX)
}

/// When the first of some merges was accepted, milliseconds since the epoch.
#[must_use]
pub fn first_taken_ms(taken: &[Taken]) -> i64 {
    taken.iter().map(|of| of.received_ms).min().unwrap_or(i64::MAX)
}

/// What a merge moves, on its way into the history of the other user.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    /// The other user.
    pub into: UserId,
    /// What moves.
    pub taken: Taken,
}

/// Which flows were sent in one go: what was sent is not sent again, so that a cycle ends.
#[derive(Debug, Default)]
pub struct Sent(BTreeSet<(UserId, UserId, i64, u64)>);

impl Sent {
    /// Those that were not sent yet, by the user whom they are for.
    pub fn new_ones(&mut self, flows: impl IntoIterator<Item = Flow>) -> BTreeMap<UserId, Vec<Taken>> {
        let mut open: BTreeMap<UserId, Vec<Taken>> = BTreeMap::new();
        for Flow { into, taken } in flows {
            if self.0.insert((into.clone(), taken.from.clone(), taken.received_ms, taken.version)) {
                open.entry(into).or_default().push(taken);
            }
        }
        open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::event_log::{CoveredFile, FileId, Place};
    use crate::contract::id::ItemId;
    use crate::contract::kind::KindName;

    /// An event that arrived at a time.
    fn event(event_key: u64, received_ms: i64) -> LiveEvent {
        let (item, kind) = (ItemId::new(format!("i{event_key}")).expect("valid id"), KindName::VIEW);
        LiveEvent { received_ms, event_key, timestamp_ms: received_ms, kind, item, place: None }
    }

    #[test]
    fn an_event_is_forgotten_when_its_own_time_is_up() {
        let retention = Retention { max_events: 10, max_older: 10, ttl_ms: 100 };
        let covered = Coverage::default();
        let mut history = LiveHistory::default();
        let (user, first, second) = (UserId::new("u").expect("valid id"), event(1, 0), event(2, 90));
        let bounds = Bounds { covered: &covered, now_ms: 90 };
        assert_eq!(retention.merge(&user, &mut history, [&first, &second], bounds), [Applied::New, Applied::New]);
        assert_eq!(history.recent.len(), 2);
        assert!(is_stale(&history, retention.oldest_ms(101)));
        forget(&mut history, retention.oldest_ms(101));
        assert_eq!(history.recent, [second]);
        assert_eq!(retention.expires_ms(&history), 190);
        let late = Bounds { covered: &covered, now_ms: 101 };
        assert_eq!(retention.merge(&user, &mut history, [&first], late), [Applied::Duplicate]);
    }

    #[test]
    fn an_erasure_is_kept_as_long_as_an_event_before_it_could_come_or_a_version_lacks_it() {
        let retention = Retention { max_events: 10, max_older: 10, ttl_ms: 100 };
        let file = FileId::of("a", 1, b"first\n");
        let erasure = LiveErasure { received_ms: 5, place: Some(Place { file, end: 40 }) };
        let covered = |bytes: u64| -> Coverage {
            [&CoveredFile { replica: "a".to_owned(), number: 1, id: file, bytes }].into_iter().collect()
        };
        for (bytes, now_ms, is_kept) in [(40, 105, true), (39, 106, true), (40, 106, false)] {
            let (user, mut history) = (UserId::new("u").expect("valid id"), LiveHistory::default());
            retention.erase(&user, &mut history, erasure, Bounds { covered: &covered(bytes), now_ms });
            assert_eq!(!history.is_empty(), is_kept, "{bytes} {now_ms}");
            assert_eq!(retention.expires_ms(&LiveHistory { erased: Some(erasure), ..history }), NEVER_MS);
        }
    }
}
