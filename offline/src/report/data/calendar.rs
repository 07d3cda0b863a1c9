//! Days grouped into periods that a page has room for: days, weeks, months or years, those without events among them.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use jiff::civil::Date;
use serde::Serialize;

/// The most periods that are drawn.
const MOST: i64 = 400;
/// The day that days are counted from.
const FIRST: Date = Date::constant(1970, 1, 1);

/// How long periods are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// From midnight to midnight.
    Day,
    /// From Monday on.
    Week,
    /// A month of the calendar.
    Month,
    /// A year of the calendar.
    Year,
}

impl Unit {
    /// The finest of some units that makes no more periods of a range of days than a page has room for.
    #[must_use]
    pub fn of(days: [i64; 2], finest: Self) -> Self {
        let units = [(Self::Day, 1), (Self::Week, 7), (Self::Month, 30)];
        let length = days[1] - days[0] + 1;
        let fits = |(unit, days): &(Self, i64)| *unit as usize >= finest as usize && length / days <= MOST;
        units.into_iter().find(fits).map_or(Self::Year, |(unit, _)| unit)
    }

    /// What it is called.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The day that the period of a day begins with.
    fn start(self, day: i64) -> i64 {
        let date = date(day);
        match self {
            Self::Day => day,
            Self::Week => (day + 3).div_euclid(7) * 7 - 3,
            Self::Month => day - i64::from(date.day()) + 1,
            Self::Year => day - i64::from(date.day_of_year()) + 1,
        }
    }

    /// The day that the next period begins with.
    fn next(self, start: i64) -> i64 {
        let date = date(start);
        match self {
            Self::Day => start + 1,
            Self::Week => start + 7,
            Self::Month => start + i64::from(date.days_in_month()),
            Self::Year => start + i64::from(date.days_in_year()),
        }
    }
}

/// The periods from the first to the last day, each with the day that it begins with and the sum of its days.
#[must_use]
pub fn periods<T: Clone + Default + AddAssign>(days: &BTreeMap<i64, T>, unit: Unit) -> Vec<(i64, T)> {
    let mut periods: Vec<(i64, T)> = Vec::new();
    for (&day, counted) in days {
        let start = unit.start(day);
        while let Some((last, _)) = periods.last()
            && *last < start
        {
            let next = unit.next(*last);
            periods.push((next, T::default()));
        }
        match periods.last_mut() {
            Some((_, sum)) => *sum += counted.clone(),
            None => periods.push((start, counted.clone())),
        }
    }
    periods
}

/// Of some periods those that lie within some days, the first and the last that a log has from end to end.
#[must_use]
pub fn whole<T>(periods: Vec<(i64, T)>, unit: Unit, days: [i64; 2]) -> Vec<(i64, T)> {
    let is_whole = |(start, _): &(i64, T)| *start >= days[0] && unit.next(*start) - 1 <= days[1];
    periods.into_iter().filter(is_whole).collect()
}

/// The date of a day, the nearest that a calendar has.
fn date(day: i64) -> Date {
    let end = if day < 0 { Date::MIN } else { Date::MAX };
    FIRST.checked_add(jiff::SignedDuration::from_hours(day.saturating_mul(24))).unwrap_or(end)
}

/// A day as it is written.
#[must_use]
pub fn written(day: i64) -> String {
    date(day).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_without_events_are_there_and_begin_on_mondays_and_on_firsts() {
        // 2026-01-31, a Saturday, and 2026-03-02, a Monday.
        let days: BTreeMap<i64, u64> = [(20_484, 2), (20_514, 3)].into();
        let by = |unit| -> Vec<(String, u64)> {
            periods(&days, unit).into_iter().map(|(day, sum)| (written(day), sum)).collect()
        };
        let named = |list: &[(&str, u64)]| list.iter().map(|(day, sum)| ((*day).to_owned(), *sum)).collect::<Vec<_>>();
        let weeks = [("2026-01-26", 2), ("2026-02-02", 0), ("2026-02-09", 0), ("2026-02-16", 0), ("2026-02-23", 0)];
        assert_eq!(by(Unit::Week)[..5], named(&weeks));
        assert_eq!(by(Unit::Week)[5..], named(&[("2026-03-02", 3)]));
        let of_all = [20_484, 20_514];
        let within = whole(periods(&days, Unit::Week), Unit::Week, of_all);
        assert_eq!(
            within.iter().map(|(day, _)| written(*day)).collect::<Vec<_>>(),
            weeks[1..].iter().map(|week| week.0).collect::<Vec<_>>()
        );
        assert_eq!(whole(periods(&days, Unit::Day), Unit::Day, of_all).len(), 31);
        assert_eq!(by(Unit::Month), named(&[("2026-01-01", 2), ("2026-02-01", 0), ("2026-03-01", 3)]));
        assert_eq!(by(Unit::Year), named(&[("2026-01-01", 5)]));
        assert_eq!(by(Unit::Day).len(), 31);
    }

    #[test]
    fn long_logs_have_longer_periods() {
        let of = |days: i64| Unit::of([0, days - 1], Unit::Day);
        assert_eq!([400, 2_800, 12_000, 99_999].map(of), [Unit::Day, Unit::Week, Unit::Month, Unit::Year]);
        assert_eq!(Unit::of([0, 100], Unit::Week), Unit::Week);
    }
}
