//! Hours, weekdays and days of events in the shop's time zone.
//!
//! A zone's offset changes at a quarter of an hour, so that it is looked up once for each quarter that events follow each other
//! in: a log in time order costs a division an event.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::log::ingest::DAY_MS;

const HOUR_MS: i64 = 3_600_000;
const QUARTER_MS: i64 = 900_000;

/// Tells the local time of events.
pub struct Clock {
    zone: TimeZone,
    /// The quarter of an hour that the offset is of.
    quarter: Option<i64>,
    offset_ms: i64,
}

/// A local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Local {
    /// From 0 to 23.
    pub hour: usize,
    /// From Monday, which is 0.
    pub weekday: usize,
    /// The days since 1970-01-01.
    pub day: i64,
}

impl Clock {
    /// A clock of a zone.
    #[must_use]
    pub fn new(zone: TimeZone) -> Self {
        Self { zone, quarter: None, offset_ms: 0 }
    }

    /// The local time of an event.
    pub fn at(&mut self, time_ms: i64) -> Local {
        let quarter = Some(time_ms.div_euclid(QUARTER_MS));
        if self.quarter != quarter {
            let time = Timestamp::from_millisecond(time_ms).unwrap_or_default();
            (self.quarter, self.offset_ms) = (quarter, i64::from(self.zone.to_offset(time).seconds()) * 1000);
        }
        let local_ms = time_ms.saturating_add(self.offset_ms);
        let day = local_ms.div_euclid(DAY_MS);
        Local { hour: (local_ms.rem_euclid(DAY_MS) / HOUR_MS) as usize, weekday: weekday(day), day }
    }
}

/// The weekday of a day, from Monday, which is 0.
fn weekday(day: i64) -> usize {
    // 1970-01-01 was a Thursday.
    (day + 3).rem_euclid(7) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_hour_and_the_day_of_the_zone_in_summer_and_in_winter() {
        let mut berlin = Clock::new(TimeZone::get("Europe/Berlin").expect("a zone"));
        let mut at = |text: &str| berlin.at(text.parse::<Timestamp>().expect("a time").as_millisecond());
        // A Sunday, on which clocks go forward from 2 to 3.
        assert_eq!(at("2026-03-29T00:59:59Z"), Local { hour: 1, weekday: 6, day: 20_541 });
        assert_eq!(at("2026-03-29T01:00:00Z"), Local { hour: 3, weekday: 6, day: 20_541 });
        assert_eq!(at("2026-03-29T22:00:00Z"), Local { hour: 0, weekday: 0, day: 20_542 });
        assert_eq!(Clock::new(TimeZone::UTC).at(-1), Local { hour: 23, weekday: 2, day: -1 });
    }
}
