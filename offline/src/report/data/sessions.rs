//! How long sessions are, in events and in time, and how far apart their events.

use serde::Serialize;
use shared::contract::kind::Stage;

use super::spread::{Spread, spread};
use super::times::Steps;
use crate::log::ingest::Log;
use crate::log::interactions::each_session;

/// The first number of each bin of a session's events.
const EVENTS: [u64; 8] = [1, 2, 3, 4, 6, 11, 21, 51];
/// The first second of each bin of durations and pauses.
const SECONDS: [u64; 8] = [0, 10, 60, 300, 900, 1800, 3600, 14_400];

/// The sessions of a log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sessions {
    /// How many events a session has.
    pub events: Option<Spread>,
    /// How many seconds are between the first and the last event of a session that has two.
    pub seconds: Option<Spread>,
    /// How many seconds are between an event and the next one of its session.
    pub pauses: Option<Spread>,
    /// How many sessions have an event of each step.
    pub with: Steps,
}

/// The sessions of a log.
///
/// * `gap_ms`: the pause that ends a session where the log does not name its sessions, milliseconds.
#[must_use]
pub fn sessions(log: &Log, gap_ms: i64) -> Sessions {
    let (mut events, mut seconds, mut pauses) = (Vec::new(), Vec::new(), Vec::new());
    let mut with = Steps::default();
    let between = |from: u32, to: u32| {
        let [from, to] = [from, to].map(|at| log.events[at as usize].timestamp_ms);
        (to.saturating_sub(from).max(0) / 1000) as u64
    };
    each_session(log, gap_ms, |session| {
        events.push(session.len() as u64);
        for stage in Stage::ALL {
            if session.iter().any(|&at| log.kinds.stage(log.events[at as usize].kind) == stage) {
                with += Steps::one(stage);
            }
        }
        if let [first, .., last] = session {
            seconds.push(between(*first, *last));
            pauses.extend(session.windows(2).map(|pair| between(pair[0], pair[1])));
        }
    });
    let timed = log.first_ms() < log.last_ms();
    let timed = |numbers: Vec<u64>| spread(numbers, &SECONDS).filter(|_| timed);
    Sessions { events: spread(events, &EVENTS), seconds: timed(seconds), pauses: timed(pauses), with }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_told_in_events_and_in_seconds() {
        let log = Log::of_rows(&[
            (0, "u", "view", "a"),
            (20_000, "u", "view", "b"),
            (80_000, "u", "addtocart", "b"),
            (10_000_000, "u", "view", "a"),
            (5_000, "v", "transaction", "a"),
        ]);
        let found = sessions(&log, 1_800_000);
        assert_eq!(found.with, Steps { views: 2, carts: 1, purchases: 1 });
        let events = found.events.expect("sessions");
        assert_eq!((events.count, events.sum, events.largest), (3, 5, 3));
        assert_eq!(found.seconds.map(|seconds| (seconds.count, seconds.sum)), Some((1, 80)));
        assert_eq!(found.pauses.map(|pauses| (pauses.count, pauses.largest)), Some((2, 60)));
    }

    #[test]
    fn where_all_events_have_one_time_nothing_is_said_of_seconds() {
        let found = sessions(&Log::of_views(&[(0, "u", "a"), (0, "u", "b")]), 1000);
        assert_eq!((found.seconds, found.events.map(|events| events.count)), (None, Some(1)));
    }
}
