//! What is new: users and items that were first seen in the last day, week and month, beside all that were seen then.

use serde::Serialize;

use crate::log::ingest::{DAY_MS, Log};

/// The lengths of the last parts, in days.
const DAYS: [i64; 3] = [1, 7, 30];

/// What is new in the last days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct News {
    /// How many days.
    pub days: i64,
    /// The users.
    pub users: Seen,
    /// The items.
    pub items: Seen,
}

/// How many were seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// For the first time.
    pub new: usize,
    /// At all.
    pub all: usize,
}

/// What is new in the last days up to the log's now; nothing of parts that the log began in.
#[must_use]
pub fn news(log: &Log) -> Vec<News> {
    let mut users = vec![None; log.users.len()];
    let mut items = vec![None; log.items.len()];
    for event in &log.events {
        let at = event.timestamp_ms;
        for seen in [&mut users[event.user.at()], &mut items[event.item.at()]] {
            *seen = Some(seen.map_or((at, at), |(first, _)| (first, at)));
        }
    }
    let now_ms = log.now_ms();
    let part = |days: i64| {
        let from_ms = now_ms.saturating_sub(days * DAY_MS);
        let of = |seen: &[Option<(i64, i64)>]| Seen {
            new: seen.iter().flatten().filter(|(first, _)| *first > from_ms).count(),
            all: seen.iter().flatten().filter(|(_, last)| *last > from_ms).count(),
        };
        (log.first_ms() <= from_ms).then(|| News { days, users: of(&users), items: of(&items) })
    };
    DAYS.into_iter().filter_map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_is_who_was_not_there_before_and_nothing_is_said_of_longer_than_the_log() {
        let log = Log::of_views(&[
            (0, "u", "a"),
            (9 * DAY_MS, "v", "a"),
            (9 * DAY_MS + 1, "u", "b"),
            (10 * DAY_MS, "u", "a"),
        ]);
        let seen = |new, all| Seen { new, all };
        let expected = [
            News { days: 1, users: seen(0, 1), items: seen(1, 2) },
            News { days: 7, users: seen(1, 2), items: seen(1, 2) },
        ];
        assert_eq!(news(&log), expected);
        assert_eq!(news(&Log::of_views(&[(0, "u", "a")])), []);
    }
}
