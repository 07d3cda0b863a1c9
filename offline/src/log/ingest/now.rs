//! The time that a model takes for now: that of the last event, unless a few events lie far ahead of all the others.
//!
//! ```text
//! ……………………………│<────── more than 30 days ──────>│…        fewer than 0.1% of the events, or one
//!              └ now                              └ strays
//! ```
//!
//! Everything that decays or ends with the log goes by it. One row of a wrong clock, years ahead, would else make all
//! other events equally old, and leave popularity, trends and windows empty. Cost: a look at 0.1% of the events.

use super::{DAY_MS, Log};

/// A pause that separates stray events from the log.
const PAUSE_MS: i64 = 30 * DAY_MS;
/// Strays are fewer than one in this many events.
const ONE_IN: usize = 1000;

impl Log {
    /// The time that ages are counted to, milliseconds since the epoch: that of the last event, but where the last few
    /// events come after a pause of more than 30 days behind all the others, that of the last one before the pause.
    /// Few are fewer than 0.1% of all, or a single one. 0 for a log without events.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        let events = self.events.len() + self.taken_back.len();
        let strays = (events.div_ceil(ONE_IN).saturating_sub(1)).max(1);
        // One more than the strays, so that there is an event before the pause. What was taken back happened, too.
        let last = self.last_times(strays + 1);
        let pause = last.windows(2).find(|pair| pair[1].saturating_sub(pair[0]) > PAUSE_MS);
        // Of several pauses, the first one counts.
        pause.map(|pair| &pair[0]).or(last.last()).copied().unwrap_or(0)
    }

    /// The times of the last events, at most so many, in order.
    fn last_times(&self, count: usize) -> Vec<i64> {
        let standing = self.events.iter().rev().take(count);
        let taken_back = self.taken_back.iter().rev().take(count).map(|taken| &taken.event);
        let mut times: Vec<i64> = standing.chain(taken_back).map(|event| event.timestamp_ms).collect();
        times.sort_unstable();
        times.split_off(times.len().saturating_sub(count))
    }
}

/// The age of an event at `now_ms`, milliseconds; at least 0.
#[must_use]
pub fn age_ms(now_ms: i64, timestamp_ms: i64) -> i64 {
    now_ms.saturating_sub(timestamp_ms).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEARS_MS: i64 = 75 * 365 * DAY_MS;

    /// A log of one event an hour, and of more events that many milliseconds after its last one.
    fn log(hours: i64, ahead_ms: &[i64]) -> Log {
        let last = (hours - 1) * DAY_MS / 24;
        let times = (0..hours).map(|hour| hour * DAY_MS / 24).chain(ahead_ms.iter().map(|ahead| last + ahead));
        Log::of_views(&times.map(|time| (time, "u", "a")).collect::<Vec<_>>())
    }

    fn ahead_of_the_hours(hours: i64, ahead_ms: &[i64]) -> i64 {
        log(hours, ahead_ms).now_ms() - (hours - 1) * DAY_MS / 24
    }

    #[test]
    fn it_is_the_time_of_the_last_event() {
        assert_eq!(ahead_of_the_hours(2000, &[]), 0);
        assert_eq!(ahead_of_the_hours(2000, &[30 * DAY_MS]), 30 * DAY_MS);
        assert_eq!((Log::of_views(&[]).now_ms(), Log::of_views(&[(7, "u", "a")]).now_ms()), (0, 7));
    }

    #[test]
    fn a_few_events_after_a_pause_of_more_than_30_days_do_not_count() {
        assert_eq!(ahead_of_the_hours(2000, &[30 * DAY_MS + 1]), 0);
        assert_eq!(ahead_of_the_hours(20, &[YEARS_MS]), 0);
        // Of 10,000 events nine are fewer than 0.1%, ten are not.
        assert_eq!(ahead_of_the_hours(9_991, &[YEARS_MS; 9]), 0);
        assert_eq!(ahead_of_the_hours(9_990, &[YEARS_MS; 10]), YEARS_MS);
    }

    #[test]
    fn strays_far_from_each_other_are_all_left_out() {
        assert_eq!(ahead_of_the_hours(9_000, &[40 * DAY_MS, YEARS_MS, 2 * YEARS_MS]), 0);
    }

    #[test]
    fn ages_are_never_negative_and_never_overflow() {
        assert_eq!([age_ms(5, 3), age_ms(3, 5), age_ms(i64::MAX, i64::MIN)], [2, 0, i64::MAX]);
        assert_eq!(Log::of_views(&[(i64::MIN, "u", "a"), (i64::MAX, "u", "a")]).now_ms(), i64::MIN);
    }
}
