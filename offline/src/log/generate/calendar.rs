//! The time span of a generated log: 120 days up to the end of 2026-06-30 (UTC), with busy evenings and weekends.
//!
//! The shop's traffic per hour is a fixed curve: by the hour of the day, the day of the week, and a slow growth.
//! [`Calendar::at`] is the inverse of its cumulative distribution: it turns a share of all traffic into the time by
//! which that share has happened.

/// Days in the time span.
pub const DAYS: u16 = 120;
/// The first millisecond after the time span: 2026-07-01 00:00 UTC.
pub const END_MS: i64 = 1_782_864_000_000;
/// The first millisecond of the time span: 2026-03-03 00:00 UTC, a Tuesday.
pub const START_MS: i64 = END_MS - DAYS as i64 * DAY_MS;

const DAY_MS: i64 = 24 * HOUR_MS;
const HOUR_MS: i64 = 3_600_000;
/// The number of last hours in which no session starts, so that running ones can end.
const CLOSING_HOURS: usize = 2;
/// How much more traffic the last day has than the first, as a share of the first day's.
const GROWTH: f64 = 0.3;
/// Traffic by the hour of the day, from midnight UTC.
const BY_HOUR: [f64; 24] = [
    1.0, 0.5, 0.3, 0.2, 0.2, 0.4, 1.0, 2.0, 3.0, 3.5, 4.0, 4.2, 4.5, 4.2, 4.0, 4.0, 4.2, 4.8, 5.5, 6.5, 7.0, 6.0, 4.0,
    2.0,
];
/// Traffic by the day of the week, from Tuesday on.
const BY_WEEKDAY: [f64; 7] = [1.0, 1.0, 1.05, 1.0, 1.2, 1.4, 1.1];

/// The shop's traffic over the time span.
#[derive(Debug)]
pub struct Calendar {
    /// `cumulative[h]` is the share of the traffic before hour `h`; ends with 1.
    cumulative: Vec<f64>,
}

impl Calendar {
    /// Adds up the traffic of every hour.
    pub fn new() -> Self {
        let hours = usize::from(DAYS) * 24;
        let mut cumulative = vec![0.0];
        let mut sum = 0.0;
        for hour in 0..hours - CLOSING_HOURS {
            let growth = 1.0 + GROWTH * hour as f64 / hours as f64;
            sum += BY_HOUR[hour % 24] * BY_WEEKDAY[hour / 24 % 7] * growth;
            cumulative.push(sum);
        }
        for share in &mut cumulative {
            *share /= sum;
        }
        Self { cumulative }
    }

    /// The time, in milliseconds since the epoch, by which `share` (0 to 1) of the traffic has happened.
    pub fn at(&self, share: f64) -> i64 {
        let last = self.cumulative.len() - 2;
        let hour = self.cumulative[1..].partition_point(|&end| end <= share).min(last);
        let (low, high) = (self.cumulative[hour], self.cumulative[hour + 1]);
        let within = ((share - low) / (high - low)).clamp(0.0, 1.0);
        START_MS + hour as i64 * HOUR_MS + (within * HOUR_MS as f64) as i64
    }
}

/// The day of the time span that a time falls on, from 0.
pub fn day_of(time_ms: i64) -> u16 {
    // In range: the time span has 120 days and times are clamped to it.
    ((time_ms - START_MS) / DAY_MS).clamp(0, i64::from(DAYS) - 1) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_walk_through_the_days_in_order() {
        let calendar = Calendar::new();
        assert_eq!(calendar.at(0.0), START_MS);
        assert_eq!(calendar.at(1.0), END_MS - 2 * HOUR_MS);
        let times: Vec<i64> = (0..=10_000).map(|share| calendar.at(f64::from(share) / 10_000.0)).collect();
        assert!(times.is_sorted());
    }

    #[test]
    fn days_are_counted_from_the_start() {
        assert_eq!(day_of(START_MS), 0);
        assert_eq!(day_of(START_MS + DAY_MS - 1), 0);
        assert_eq!(day_of(START_MS + DAY_MS), 1);
        assert_eq!(day_of(END_MS - 1), DAYS - 1);
    }
}
