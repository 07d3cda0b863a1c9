//! Where a log is cut into what is learnt from and what is asked: windows in time, or the last parts of the users' pasts.
//!
//! In: a log in order. Out: cuts, and a log for each side of one. Cost: a pass over the events for each cut.

use std::ops::Range;

use crate::ingest::{Log, LogEvent};
use crate::interactions::by_user;

/// A window at the end of a log.
#[derive(Debug, Clone, PartialEq)]
pub enum Cut {
    /// Events that follow each other in time; what came before them is the past.
    Time(Range<usize>),
    /// The n-th last part, from 1, of each user's events, as in [`of_users`]; what came before it is their past. A
    /// user's first event has no past and is never in a window.
    Users {
        /// Which part.
        number: usize,
        /// Its share of the user's events; one event at least.
        share: f64,
    },
}

impl Cut {
    /// The last event of each user.
    pub const LAST_EVENTS: Self = Self::Users { number: 1, share: 0.0 };

    /// The past and the window.
    #[must_use]
    pub fn apply(&self, log: &Log) -> (Log, Log) {
        match self {
            Self::Time(range) => (log.part(0..range.start), log.part(range.clone())),
            Self::Users { number, share } => parts_of_users(log, *number, *share),
        }
    }
}

/// The last `count` windows of a log, each of a share of its events, the latest first; only those with events before
/// them.
#[must_use]
pub fn in_time(log: &Log, share: f64, count: usize) -> Vec<Cut> {
    let mut cuts = Vec::new();
    let mut end = log.events.len();
    for window in 1..=count {
        let at = (log.events.len() as f64 * (1.0 - share * window as f64)).max(0.0) as usize;
        let Some(event) = log.events.get(at) else { break };
        // At a change of time.
        let start = log.events.partition_point(|other| other.timestamp_ms < event.timestamp_ms);
        if start == 0 || start >= end {
            break;
        }
        cuts.push(Cut::Time(start..end));
        end = start;
    }
    cuts
}

/// The last `count` parts of the users' pasts, each of a share of a user's events and one event at least, the latest
/// first; only windows with events.
#[must_use]
pub fn of_users(log: &Log, share: f64, count: usize) -> Vec<Cut> {
    let (starts, _) = by_user(log);
    let most = starts.windows(2).map(|bounds| bounds[1] - bounds[0]).max().unwrap_or(0) as usize;
    let before = |number: usize| (number - 1) * size(share, most) + 1 < most;
    (1..=count).take_while(|&number| before(number)).map(|number| Cut::Users { number, share }).collect()
}

/// How many of a user's `events` make a window.
fn size(share: f64, events: usize) -> usize {
    ((events as f64 * share) as usize).max(1)
}

fn parts_of_users(log: &Log, number: usize, share: f64) -> (Log, Log) {
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Side {
        Past,
        Window,
        Later,
    }
    let (starts, order) = by_user(log);
    let mut sides = vec![Side::Past; log.events.len()];
    for bounds in starts.windows(2) {
        let own = &order[bounds[0] as usize..bounds[1] as usize];
        let size = size(share, own.len());
        for (after, &at) in own.iter().skip(1).rev().enumerate() {
            sides[at as usize] = match after / size + 1 {
                part if part < number => Side::Later,
                part if part == number => Side::Window,
                _ => Side::Past,
            };
        }
    }
    let of = |side: Side| {
        let events: Vec<LogEvent> =
            log.events.iter().zip(&sides).filter(|(_, own)| **own == side).map(|(event, _)| *event).collect();
        log.only(&events)
    };
    (of(Side::Past), of(Side::Window))
}

#[cfg(test)]
mod tests {
    use shared::event::EventKind;
    use shared::id::{ItemIdx, UserIdx};

    use super::*;
    use crate::ingest::{Catalogue, IngestReport, SessionsFrom};

    /// User 0: items 0 1 2, user 1: item 3, user 2: items 4 5; times in the order of the events of all.
    fn log() -> Log {
        let rows = [(0, 0), (1, 3), (2, 4), (0, 1), (2, 5), (0, 2)];
        let event = |(timestamp_ms, &(user, item)): (i64, &(u32, u32))| LogEvent {
            user: UserIdx(user),
            item: ItemIdx(item),
            kind: EventKind::View,
            session: 0,
            timestamp_ms,
            event_key: 0,
        };
        let seen = (0..6).map(|item| (item.to_string().into(), None)).collect();
        Log {
            users: (0..3).map(|user| user.to_string().into()).collect(),
            items: Catalogue::default().with_seen(seen).0,
            events: (0..).zip(&rows).map(event).collect(),
            sessions: SessionsFrom::Gap,
            report: IngestReport::default(),
        }
    }

    fn items(log: &Log) -> Vec<&str> {
        log.events.iter().map(|event| &*log.items.ids[event.item.at()]).collect()
    }

    #[test]
    fn the_last_event_of_each_user_is_asked_and_a_first_event_never() {
        let (past, window) = Cut::LAST_EVENTS.apply(&log());
        assert_eq!((items(&past), items(&window)), (vec!["0", "3", "4", "1"], vec!["5", "2"]));
        let (past, window) = Cut::Users { number: 2, share: 0.0 }.apply(&log());
        assert_eq!((items(&past), items(&window)), (vec!["0", "3", "4"], vec!["1"]));
        assert_eq!(of_users(&log(), 0.0, 9).len(), 2);
    }

    #[test]
    fn two_thirds_of_three_events_are_two_and_a_single_event_is_the_past() {
        let (past, window) = Cut::Users { number: 1, share: 0.67 }.apply(&log());
        assert_eq!((items(&past), items(&window)), (vec!["0", "3", "4"], vec!["1", "5", "2"]));
        assert_eq!(of_users(&log(), 0.67, 9).len(), 1);
    }

    #[test]
    fn windows_in_time_follow_each_other_and_leave_a_past() {
        assert_eq!(in_time(&log(), 0.4, 9), [Cut::Time(3..6), Cut::Time(1..3)]);
    }
}
