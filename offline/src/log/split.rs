//! Cuts a log into a training part and a held-out part: a window in time, or the end of each user's past.
//!
//! In: a log in time order. Out: cuts, and a log for each side of a cut. Cost: a pass over the events per cut.

use std::ops::Range;

use crate::log::ingest::{Log, LogEvent, Told};
use crate::log::interactions::by_user;

/// A window of a log, which is held out.
#[derive(Debug, Clone, PartialEq)]
pub enum Cut {
    /// Consecutive events in time, by their positions in the log. All events before them are the training part.
    Time(Range<usize>),
    /// The n-th last part of each user's events, counted from 1; the user's events before it are in the training part.
    /// A user's first event is never in a window, since it has no past.
    Users {
        /// The number n of the part.
        number: usize,
        /// The part's share of the user's events; at least one event.
        share: f64,
    },
}

impl Cut {
    /// The last event of each user.
    pub const LAST_EVENTS: Self = Self::Users { number: 1, share: 0.0 };

    /// The training part and the window.
    #[must_use]
    pub fn apply(&self, log: &Log) -> (Log, Log) {
        match self {
            Self::Time(range) => (log.part(0..range.start), log.part(range.clone())),
            Self::Users { number, share } => parts_of_users(log, *number, *share),
        }
    }
}

/// Whether the times of events are fine enough to hold out about this share of a log in time.
///
/// A window in time begins where the time changes. If all events have the same time, or none, there is no such change;
/// if the times are those of a few imports, the nearest change may be far from where the window should begin. Times are
/// too coarse if the window would become more than twice as large as it should be.
#[must_use]
pub fn times_tell(log: &Log, share: f64) -> bool {
    let (at, start) = begin(log, share);
    start > 0 && (at - start) as f64 <= share * log.events.len() as f64
}

/// The position where the last share of a log begins, and that of the last change of time up to it.
fn begin(log: &Log, share: f64) -> (usize, usize) {
    let at = (log.events.len() as f64 * (1.0 - share)).max(0.0) as usize;
    let time = |event: &LogEvent| log.events.partition_point(|other| other.timestamp_ms < event.timestamp_ms);
    (at, log.events.get(at).map_or(log.events.len(), time))
}

/// The last `count` windows of a log, each with a share of its events, the latest first; only windows with events
/// before them.
#[must_use]
pub fn in_time(log: &Log, share: f64, count: usize) -> Vec<Cut> {
    let mut cuts = Vec::new();
    let mut end = log.events.len();
    for window in 1..=count {
        let (_, start) = begin(log, share * window as f64);
        if start == 0 || start >= end {
            break;
        }
        cuts.push(Cut::Time(start..end));
        end = start;
    }
    cuts
}

/// The last `count` parts of the users' pasts, each with a share of a user's events and at least one, the latest first;
/// only windows with events.
#[must_use]
pub fn of_users(log: &Log, share: f64, count: usize) -> Vec<Cut> {
    let (starts, _) = by_user(log);
    let most = starts.windows(2).map(|bounds| bounds[1] - bounds[0]).max().unwrap_or(0) as usize;
    let before = |number: usize| (number - 1) * size(share, most) + 1 < most;
    (1..=count).take_while(|&number| before(number)).map(|number| Cut::Users { number, share }).collect()
}

/// The number of a user's `events` that make up a window.
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
    // What was taken back is on the side of the user's interaction before it.
    let mut begins = vec![[u32::MAX; 2]; log.users.len()];
    for (at, (event, side)) in (0..).zip(log.events.iter().zip(&sides)) {
        let [window, later] = &mut begins[event.user.at()];
        match side {
            Side::Past => {}
            Side::Window => *window = at.min(*window),
            Side::Later => *later = at.min(*later),
        }
    }
    let side_of = |told: Told<'_>| match told {
        Told::Stands(at, _) => sides[at],
        Told::TakenBack(taken) => match begins[taken.event.user.at()] {
            [window, later] if taken.at <= window.min(later) => Side::Past,
            [_, later] if taken.at <= later => Side::Window,
            _ => Side::Later,
        },
    };
    let mut past = log.only(|told| side_of(told) == Side::Past);
    past.profiles = past.profiles.until_own_events();
    (past, log.only(|told| side_of(told) == Side::Window))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// User 0: items 0 1 2, user 1: item 3, user 2: items 4 5; times in the order of the events of all.
    fn log() -> Log {
        Log::of_views(&[(0, "0", "0"), (1, "1", "3"), (2, "2", "4"), (3, "0", "1"), (4, "2", "5"), (5, "0", "2")])
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

    /// A hundred events of ten users, at one of so many times.
    fn at_times(times: i64) -> Log {
        let users = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
        let row = |event: i64| (event * times / 100 * 86_400_000, users[(event % 10) as usize], "a");
        Log::of_views(&(0..100).map(row).collect::<Vec<_>>())
    }

    #[test]
    fn times_of_days_tell_and_one_time_or_those_of_a_few_imports_do_not() {
        assert!(times_tell(&at_times(100), 0.05) && times_tell(&at_times(14), 0.05));
        assert!(!times_tell(&at_times(1), 0.05) && !times_tell(&at_times(1), 0.9));
        // The last third instead of the last twentieth; instead of the last fifth it would do.
        assert!(!times_tell(&at_times(3), 0.05) && times_tell(&at_times(3), 0.2));
        assert!(!times_tell(&Log::of_views(&[]), 0.05));
    }

    #[test]
    fn windows_in_time_follow_each_other_and_leave_a_past() {
        assert_eq!(in_time(&log(), 0.4, 9), [Cut::Time(3..6), Cut::Time(1..3)]);
    }

    /// All events of a part, in words.
    fn told(log: &Log) -> Vec<String> {
        let word = |told: Told<'_>| {
            let stands = if matches!(told, Told::Stands(..)) { "" } else { "-" };
            format!("{stands}{} {}", log.kinds.get(told.event().kind).name, log.items.ids[told.event().item.at()])
        };
        log.told().map(word).collect()
    }

    #[test]
    fn what_is_taken_back_in_the_window_stands_in_the_past_of_users_and_of_time() {
        let rows = [
            (0, "u", "transaction", "rope"),
            (1, "u", "view", "pear"),
            (2, "u", "refund", "rope"),
            (3, "u", "dislike", "pear"),
            (4, "u", "view", "plum"),
        ];
        let log = Log::of_rows(&rows);
        assert_eq!(told(&log), ["-transaction rope", "-view pear", "-refund rope", "-dislike pear", "view plum"]);
        assert_eq!(told(&log.before(3)), ["-transaction rope", "view pear", "-refund rope"]);
        assert_eq!(told(&log.before(2)), ["transaction rope", "view pear"]);
        let rows = [
            rows[0],
            rows[1],
            (2, "u", "view", "plum"),
            (5, "u", "view", "rug"),
            (6, "u", "refund", "rope"),
            (7, "u", "dislike", "pear"),
        ];
        // Only plum and rug stand in the whole log.
        for cut in [Cut::Time(1..2), Cut::LAST_EVENTS] {
            let (past, window) = cut.apply(&Log::of_rows(&rows));
            assert_eq!(told(&past), ["transaction rope", "view pear", "view plum"]);
            assert_eq!(told(&window), ["view rug", "-refund rope", "-dislike pear"]);
        }
    }
}
