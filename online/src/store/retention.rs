//! The bounds of histories in length and time, and the function by which every store adds events to a history.

use std::collections::{BTreeMap, BTreeSet};

use shared::contract::event_log::Coverage;
use shared::contract::id::UserId;
use shared::engine::state::{Applied, HistoryBounds, LiveErasure, LiveEvent, LiveHistory, Taken};

use super::{Arrival, Moved};

/// The bounds of the histories of a store.
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

    /// Merges the past of a history's user into another's, or undoes that.
    pub fn move_out(self, history: &mut LiveHistory, moved: &Moved, bounds: Bounds<'_>) {
        let within = self.within(bounds);
        history.changing(&moved.user, bounds.now_ms, within, |history| history.merge(moved.merge.clone(), within));
        forget(history, self.oldest_ms(bounds.now_ms));
    }

    /// Takes what came by merges.
    pub(super) fn take(self, user: &UserId, history: &mut LiveHistory, taken: Vec<Taken>, bounds: Bounds<'_>) {
        let within = self.within(bounds);
        history.changing(user, bounds.now_ms, within, |history| taken.into_iter().for_each(|of| history.take(of)));
        forget(history, self.oldest_ms(bounds.now_ms));
    }

    /// What the merges of a user from a time on move, by the user whom it is for: all of it, whether it changed or not,
    /// since what was sent before may not have come.
    pub(super) fn flows(self, user: &UserId, history: &LiveHistory, since_ms: i64, bounds: Bounds<'_>) -> Vec<Flow> {
        let flow = |(into, taken)| Flow { into, taken };
        history.flows(user, since_ms, self.within(bounds)).into_iter().map(flow).collect()
    }

    /// The history as it is asked for.
    pub(super) fn whole(self, history: LiveHistory) -> LiveHistory {
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

    /// Adds the events and items of another history of the user.
    pub(super) fn absorb(self, history: &mut LiveHistory, other: LiveHistory, bounds: Bounds<'_>) {
        history.absorb(other, self.within(bounds));
        forget(history, self.oldest_ms(bounds.now_ms));
    }

    /// When a history as a whole expires, milliseconds since the epoch. One with an erasure does not: a version may know
    /// the user for ever.
    pub(super) fn expires_ms(self, history: &LiveHistory) -> i64 {
        if history.erased.is_some() {
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
pub(super) fn is_stale(history: &LiveHistory, oldest_ms: i64) -> bool {
    history.recent.first().is_some_and(|event| event.received_ms < oldest_ms)
        || history.older.iter().any(|seen| seen.received_ms < oldest_ms)
        || history.merges.is_stale(oldest_ms)
}

/// Drops everything from a history that was received before `oldest_ms`.
pub(super) fn forget(history: &mut LiveHistory, oldest_ms: i64) {
    let expired = history.recent.partition_point(|event| event.received_ms < oldest_ms);
    history.recent.drain(..expired);
    history.older.retain(|seen| seen.received_ms >= oldest_ms);
    history.merges.forget(oldest_ms);
}

/// When the first of some events was accepted, milliseconds since the epoch.
pub(super) fn first_ms<'a>(events: impl IntoIterator<Item = &'a LiveEvent>) -> i64 {
    events.into_iter().map(|event| event.received_ms).min().unwrap_or(i64::MAX)
}

/// When the first of some merges was accepted, milliseconds since the epoch.
pub(super) fn first_taken_ms(taken: &[Taken]) -> i64 {
    taken.iter().map(|of| of.received_ms).min().unwrap_or(i64::MAX)
}

/// What a merge moves, on its way into the history of the other user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flow {
    pub into: UserId,
    pub taken: Taken,
}

/// Which flows were sent in one go: what was sent is not sent again, so that a cycle ends.
#[derive(Debug, Default)]
pub(super) struct Sent(BTreeSet<(UserId, UserId, i64, u64)>);

impl Sent {
    /// Those that were not sent yet, by the user whom they are for.
    pub(super) fn new_ones(&mut self, flows: impl IntoIterator<Item = Flow>) -> BTreeMap<UserId, Vec<Taken>> {
        let mut open: BTreeMap<UserId, Vec<Taken>> = BTreeMap::new();
        for Flow { into, taken } in flows {
            if self.0.insert((into.clone(), taken.from.clone(), taken.received_ms, taken.version)) {
                open.entry(into).or_default().push(taken);
            }
        }
        open
    }
}

/// The events by user, those of each user in the order given, with their positions in that order.
pub(super) fn by_user(arrivals: &[Arrival]) -> BTreeMap<&UserId, Vec<(usize, &LiveEvent)>> {
    let mut users: BTreeMap<&UserId, Vec<(usize, &LiveEvent)>> = BTreeMap::new();
    for (at, arrival) in arrivals.iter().enumerate() {
        users.entry(&arrival.user).or_default().push((at, &arrival.event));
    }
    users
}

#[cfg(test)]
mod tests {
    use shared::contract::event_log::{CoveredFile, FileId, Place};

    use super::super::tests::arrival;
    use super::*;

    #[test]
    fn an_event_is_forgotten_when_its_own_time_is_up() {
        let retention = Retention { max_events: 10, max_older: 10, ttl_ms: 100 };
        let covered = Coverage::default();
        let mut history = LiveHistory::default();
        let (first, second) = (arrival("u", 1, 0), arrival("u", 2, 90));
        let bounds = Bounds { covered: &covered, now_ms: 90 };
        assert_eq!(
            retention.merge(&first.user, &mut history, [&first.event, &second.event], bounds),
            [Applied::New, Applied::New]
        );
        assert_eq!(history.recent.len(), 2);
        assert!(is_stale(&history, retention.oldest_ms(101)));
        forget(&mut history, retention.oldest_ms(101));
        assert_eq!(history.recent, [second.event]);
        assert_eq!(retention.expires_ms(&history), 190);
        let late = Bounds { covered: &covered, now_ms: 101 };
        assert_eq!(retention.merge(&first.user, &mut history, [&first.event], late), [Applied::Duplicate]);
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
            let (user, mut history) = (arrival("u", 1, 0).user, LiveHistory::default());
            retention.erase(&user, &mut history, erasure, Bounds { covered: &covered(bytes), now_ms });
            assert_eq!(!history.is_empty(), is_kept, "{bytes} {now_ms}");
            assert_eq!(retention.expires_ms(&LiveHistory { erased: Some(erasure), ..history }), NEVER_MS);
        }
    }
}
