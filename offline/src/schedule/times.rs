//! When a job is due: a pattern of cron in a time zone.
//!
//! In: five fields (a sixth in front is seconds) or `@daily` and the like; the IANA name of a zone. Out: the next time
//! after a given one. A change of the clocks: a job at fixed times (numbers, lists and ranges of them) runs once, at the
//! first moment after the gap, for all of them that the day does not have; at one that the day has twice, once, the first
//! time. A job in steps (`*` or `/` in its seconds, minutes or hours) goes by the wall clock: it does not run in the gap,
//! and runs on in the hour that comes twice.
//!
//! croner reckons steps so. It takes lists for steps, too: fixed times are asked of it on a clock that never changes, and
//! put into the zone here.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

/// Why times can't be read.
#[derive(Debug, thiserror::Error)]
pub enum TimesError {
    /// The pattern is none.
    #[error(
        "cron {pattern:?}: {reason}; write five fields, such as \"30 2 * * *\" or \"*/15 8-18 * * MON-FRI\", or @daily"
    )]
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
        if !self.is_fixed() {
            return Some(self.cron.find_next_occurrence(&from, false).ok()?.timestamp().as_millisecond());
        }
        // Times on the clock and their moments are in the same order, so that no earlier one is passed over.
        let mut time = from.datetime();
        loop {
            time = self.cron.find_next_occurrence(&time, false).ok()?;
            // One in an hour that comes twice, or in the gap, may be over: asked from the second of these hours.
            if let Some(at) = self.moment(time).filter(|at| at.as_millisecond() > ms) {
                return Some(at.as_millisecond());
            }
        }
    }

    /// Whether the times of a day are told one by one, and not in steps.
    fn is_fixed(&self) -> bool {
        let pattern = &self.cron.pattern;
        let mut fields = [&pattern.seconds, &pattern.minutes, &pattern.hours].into_iter();
        fields.all(|field| !field.from_wildcard && field.step == 1)
    }

    /// When the clock of the zone shows a time: first, if it does twice, and the end of the gap if it never does.
    fn moment(&self, time: DateTime) -> Option<Timestamp> {
        let shown = self.zone.to_ambiguous_zoned(time);
        let in_gap = matches!(shown.offset(), AmbiguousOffset::Gap { .. });
        // In a gap: by the clock after the change, which is before it.
        let earlier = shown.earlier().ok()?.timestamp();
        if in_gap {
            return self.zone.following(earlier).next().map(|change| change.timestamp());
        }
        Some(earlier)
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
    fn all_times_of_a_list_that_a_day_does_not_have_run_once_after_the_gap() {
        let gap = |pattern, count| next(pattern, "Europe/Berlin", "2027-03-27T23:30:00Z", count);
        assert_eq!(gap("30 2,14 * * *", 2), ["03-28 03:00:00 +02:00", "03-28 14:30:00 +02:00"]);
        assert_eq!(gap("15,45 2 * * *", 2), ["03-28 03:00:00 +02:00", "03-29 02:15:00 +02:00"]);
        assert_eq!(gap("30 1,2 * * *", 2), ["03-28 01:30:00 +01:00", "03-28 03:00:00 +02:00"]);
        // What is due at the end of the gap anyway does not run twice.
        assert_eq!(gap("0,30 2-3 * * *", 2), ["03-28 03:00:00 +02:00", "03-28 03:30:00 +02:00"]);
        // Also when the scheduler looks at that moment.
        assert_eq!(next("30 2,14 * * *", "Europe/Berlin", "2027-03-28T01:00:00Z", 1), ["03-28 14:30:00 +02:00"]);
    }

    #[test]
    fn times_of_a_list_that_a_day_has_twice_run_once_each() {
        let told = next("30 2,14 * * *", "Europe/Berlin", "2027-10-30T23:00:00Z", 2);
        assert_eq!(told, ["10-31 02:30:00 +02:00", "10-31 14:30:00 +01:00"]);
        let told = next("0,30 2,3 * * *", "Europe/Berlin", "2027-10-30T23:00:00Z", 4);
        let once = ["10-31 02:00:00 +02:00", "10-31 02:30:00 +02:00", "10-31 03:00:00 +01:00", "10-31 03:30:00 +01:00"];
        assert_eq!(told, once);
        // Also when the scheduler looks between the two.
        assert_eq!(next("0,30 2,3 * * *", "Europe/Berlin", "2027-10-31T01:10:00Z", 1), ["10-31 03:00:00 +01:00"]);
    }

    #[test]
    fn an_hour_that_is_named_in_steps_of_minutes_is_skipped_with_the_gap() {
        let told = next("*/30 2 * * *", "Europe/Berlin", "2027-03-27T23:30:00Z", 1);
        assert_eq!(told, ["03-29 02:00:00 +02:00"]);
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
    fn days_of_the_month_and_of_the_week_are_either_or_and_have_signs_of_their_own() {
        let day = |pattern: &str| next(&format!("0 2 {pattern}"), "UTC", "2026-11-27T17:00:00Z", 1)[0][..5].to_owned();
        assert_eq!(day("1-7 * 1"), "11-30");
        assert_eq!(
            ["1-7 * +1", "* * 1#1", "L * *", "15W * *", "* * 5L"].map(day),
            ["12-07", "12-07", "11-30", "12-15", "12-25"]
        );
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let refused = |pattern, zone| Times::parse(pattern, zone).expect_err("refused").to_string();
        assert!(refused("every night", "UTC").contains("five fields"));
        assert!(refused("@daily", "Mars/Olympus").contains("no time zone Mars/Olympus"));
        assert!(refused("0 0 30 2 *", "UTC").contains("no day that there is"));
    }
}
