//! When a job is due: a pattern of cron in a time zone.
//!
//! In: five fields (a sixth in front is seconds) or `@daily` and the like; the IANA name of a zone. Out: the next time
//! after a given one. A change of the clocks: a job at a fixed time that the day does not have runs once, at the first
//! moment after the gap; at one that the day has twice, once, the first time. A job in steps (`*/10`) goes by the wall
//! clock: it does not run in the gap, and runs on in the hour that comes twice.
//!
//! By croner, which reckons so; the tests below hold it to that.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Why times can't be read.
#[derive(Debug, thiserror::Error)]
pub enum TimesError {
    /// The pattern is none.
    #[error("cron {pattern:?}: {reason}; five fields are needed, such as \"30 2 * * *\", or @daily")]
    Cron {
        /// The pattern.
        pattern: String,
        /// Why.
        reason: String,
    },
    /// The zone is none.
    #[error("there is no time zone {0}; name it as Europe/Berlin")]
    Zone(String),
    /// The pattern never fits.
    #[error("cron {0:?} names no day that there is")]
    Never(String),
}

/// The times of a job.
#[derive(Debug, Clone)]
pub struct Times {
    cron: Cron,
    zone: TimeZone,
}

impl Times {
    /// Reads a pattern and the name of a zone.
    ///
    /// # Errors
    /// [`TimesError`] says which of them is none.
    pub fn parse(pattern: &str, zone: &str) -> Result<Self, TimesError> {
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = parser.parse(pattern);
        let cron = cron.map_err(|error| TimesError::Cron { pattern: pattern.to_owned(), reason: error.to_string() })?;
        let zone = TimeZone::get(zone).map_err(|_| TimesError::Zone(zone.to_owned()))?;
        let times = Self { cron, zone };
        if times.after(0).is_none() {
            return Err(TimesError::Never(pattern.to_owned()));
        }
        Ok(times)
    }

    /// The first time after another one, both in milliseconds since the epoch; `None` if there is none.
    #[must_use]
    pub fn after(&self, ms: i64) -> Option<i64> {
        let from = Timestamp::from_millisecond(ms).ok()?.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&from, false).ok()?;
        Some(next.timestamp().as_millisecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The next times after one, as they stand on a clock in the zone.
    fn next(pattern: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let times = Times::parse(pattern, zone).expect("times");
        let mut at = after.parse::<Timestamp>().expect("a time").as_millisecond();
        let mut told = Vec::new();
        for _ in 0..count {
            at = times.after(at).expect("a next time");
            let zoned = Timestamp::from_millisecond(at).expect("a time").to_zoned(times.zone.clone());
            told.push(zoned.strftime("%m-%d %H:%M:%S %:z").to_string());
        }
        told
    }

    // In Berlin, 2027-03-28 has no hour from 02:00 to 03:00, and 2026-10-25 has it twice.

    #[test]
    fn a_time_that_a_day_does_not_have_runs_once_after_the_gap() {
        let told = next("30 2 * * *", "Europe/Berlin", "2027-03-26T12:00:00Z", 4);
        assert_eq!(
            told,
            ["03-27 02:30:00 +01:00", "03-28 03:00:00 +02:00", "03-29 02:30:00 +02:00", "03-30 02:30:00 +02:00"]
        );
    }

    #[test]
    fn a_time_that_a_day_has_twice_runs_once() {
        let told = next("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(told, ["10-25 02:30:00 +02:00", "10-26 02:30:00 +01:00"]);
        // Also when the scheduler looks between the two.
        assert_eq!(next("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", 1), ["10-26 02:30:00 +01:00"]);
    }

    #[test]
    fn steps_go_by_the_wall_clock_on_both_days() {
        let told = next("*/30 * * * *", "Europe/Berlin", "2027-03-28T00:15:00Z", 3);
        assert_eq!(told, ["03-28 01:30:00 +01:00", "03-28 03:00:00 +02:00", "03-28 03:30:00 +02:00"]);
        let told = next("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:15:00Z", 4);
        let twice =
            ["10-25 02:30:00 +02:00", "10-25 02:00:00 +01:00", "10-25 02:30:00 +01:00", "10-25 03:00:00 +01:00"];
        assert_eq!(told, twice);
    }

    #[test]
    fn a_zone_whose_clocks_change_at_midnight_has_its_day() {
        // In Santiago, 2026-09-06 begins at 01:00.
        let told = next("@daily", "America/Santiago", "2026-09-05T12:00:00Z", 2);
        assert_eq!(told, ["09-06 01:00:00 -03:00", "09-07 00:00:00 -03:00"]);
    }

    #[test]
    fn five_fields_are_minutes_and_six_have_seconds_in_front() {
        assert_eq!(next("0 6 * * MON", "UTC", "2026-11-27T17:00:00Z", 1), ["11-30 06:00:00 +00:00"]);
        assert_eq!(
            next("*/20 * * * * *", "UTC", "2026-11-27T17:00:01Z", 2),
            ["11-27 17:00:20 +00:00", "11-27 17:00:40 +00:00"]
        );
        assert_eq!(next("0 0 29 2 *", "UTC", "2026-11-27T17:00:00Z", 1), ["02-29 00:00:00 +00:00"]);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let refused = |pattern, zone| Times::parse(pattern, zone).expect_err("refused").to_string();
        assert!(refused("every night", "UTC").contains("five fields"));
        assert!(refused("@daily", "Mars/Olympus").contains("no time zone Mars/Olympus"));
        assert!(refused("0 0 30 2 *", "UTC").contains("no day that there is"));
    }
}
