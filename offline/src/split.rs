//! Where a log is cut into what is learnt from and what is asked: windows in time, or every user's n-th last event.
//!
//! In: a log in order. Out: cuts, and a log for each side of one. Cost: a pass over the events for each cut.

use std::ops::Range;

use crate::ingest::{Log, LogEvent};
use crate::interactions::by_user;

/// A window at the end of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cut {
    /// Events that follow each other in time; what came before them is the past.
    Time(Range<usize>),
    /// Every user's n-th last event, from 1; what came before it is their past. A user's first event has no past and
    /// is never in a window.
    Last(usize),
}

impl Cut {
    /// The past and the window.
    #[must_use]
    pub fn apply(&self, log: &Log) -> (Log, Log) {
        match self {
            Self::Time(range) => (log.part(0..range.start), log.part(range.clone())),
            Self::Last(number) => last_events(log, *number),
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

/// The last `count` events of each user, a window each, the latest first; only windows with events.
#[must_use]
pub fn by_last(log: &Log, count: usize) -> Vec<Cut> {
    let (starts, _) = by_user(log);
    let most = starts.windows(2).map(|bounds| bounds[1] - bounds[0]).max().unwrap_or(0) as usize;
    (1..=count.min(most.saturating_sub(1))).map(Cut::Last).collect()
}

fn last_events(log: &Log, number: usize) -> (Log, Log) {
    let (starts, order) = by_user(log);
    // How many events of the same user come after each, and whether any came before.
    let mut after = vec![0u32; log.events.len()];
    let mut is_first = vec![false; log.events.len()];
    for bounds in starts.windows(2) {
        let own = &order[bounds[0] as usize..bounds[1] as usize];
        for (place, &at) in own.iter().rev().enumerate() {
            after[at as usize] = place as u32;
        }
        own.first().into_iter().for_each(|&first| is_first[first as usize] = true);
    }
    let of = |wanted: &dyn Fn(usize) -> bool| -> Vec<LogEvent> {
        (0..log.events.len()).filter(|&at| wanted(at)).map(|at| log.events[at]).collect()
    };
    let past = of(&|at| is_first[at] || after[at] as usize >= number);
    let window = of(&|at| !is_first[at] && after[at] as usize + 1 == number);
    (log.only(&past), log.only(&window))
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
            received_ms: timestamp_ms,
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
        let (past, window) = Cut::Last(1).apply(&log());
        assert_eq!((items(&past), items(&window)), (vec!["0", "3", "4", "1"], vec!["5", "2"]));
        let (past, window) = Cut::Last(2).apply(&log());
        assert_eq!((items(&past), items(&window)), (vec!["0", "3", "4"], vec!["1"]));
        assert_eq!(by_last(&log(), 9), [Cut::Last(1), Cut::Last(2)]);
    }

    #[test]
    fn windows_in_time_follow_each_other_and_leave_a_past() {
        assert_eq!(in_time(&log(), 0.4, 9), [Cut::Time(3..6), Cut::Time(1..3)]);
    }
}
