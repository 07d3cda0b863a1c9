//! When events happen: by hour, by weekday, and over time.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use jiff::tz::TimeZone;
use serde::Serialize;
use shared::contract::kind::Stage;

use super::calendar::{Unit, periods, whole, written};
use super::clock::Clock;
use crate::log::ingest::Log;

/// How many days the average is over.
const WEEK: usize = 7;
/// The hours that a day begins and ends with: a log that begins after the one, or ends before the other, may lack a part of
/// its first or last day.
const FIRST_HOUR: usize = 0;
const LAST_HOUR: usize = 23;

/// How many events went how far: were looked at, put into the cart, bought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Steps {
    /// Views, and all interactions that are neither of the others.
    pub views: u64,
    /// What was put into a cart.
    pub carts: u64,
    /// What was bought.
    pub purchases: u64,
}

impl Steps {
    /// One event of a stage.
    #[must_use]
    pub fn one(stage: Stage) -> Self {
        let is = |other: Stage| u64::from(stage == other);
        Self { views: is(Stage::View), carts: is(Stage::Cart), purchases: is(Stage::Purchase) }
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.views + self.carts + self.purchases
    }

    /// The three, the weakest first.
    #[must_use]
    pub fn by_stage(&self) -> [u64; 3] {
        [self.views, self.carts, self.purchases]
    }
}

impl AddAssign for Steps {
    fn add_assign(&mut self, other: Self) {
        self.views += other.views;
        self.carts += other.carts;
        self.purchases += other.purchases;
    }
}

/// A period and what happened in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Period {
    /// The day that it begins with.
    pub begin: String,
    /// Its events.
    pub events: Steps,
    /// The mean of this day and the six before it; none of other periods, of the first days, and of a last day that may not be
    /// over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average: Option<f64>,
}

/// When events happen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Times {
    /// By hour of the day.
    pub hours: Vec<Steps>,
    /// By weekday, from Monday.
    pub weekdays: Vec<Steps>,
    /// How long the periods are.
    pub by: Unit,
    /// From the first to the last.
    pub periods: Vec<Period>,
    /// Those of the funnel, which are weeks at least where the log is longer than three, and whole, days as well as weeks: the
    /// rates of parts of them do not compare.
    #[serde(skip)]
    pub funnel: (Unit, Vec<(i64, Steps)>),
}

/// Counts events by local time; none where all have one time, as in logs without times.
#[must_use]
pub fn times(log: &Log, zone: &TimeZone) -> Option<Times> {
    if log.first_ms() == log.last_ms() {
        return None;
    }
    let mut clock = Clock::new(zone.clone());
    let (mut hours, mut weekdays) = (vec![Steps::default(); 24], vec![Steps::default(); 7]);
    let mut days: BTreeMap<i64, Steps> = BTreeMap::new();
    let mut today = (i64::MIN, Steps::default());
    for event in &log.events {
        let (local, one) = (clock.at(event.timestamp_ms), Steps::one(log.kinds.stage(event.kind)));
        hours[local.hour] += one;
        weekdays[local.weekday] += one;
        if local.day != today.0 {
            *days.entry(today.0).or_default() += std::mem::replace(&mut today, (local.day, Steps::default())).1;
        }
        today.1 += one;
    }
    *days.entry(today.0).or_default() += today.1;
    days.remove(&i64::MIN);
    let (first, last) = (*days.keys().next()?, *days.keys().next_back()?);
    let by = Unit::of([first, last], Unit::Day);
    let found = periods(&days, by);
    let finest = if last - first < 3 * WEEK as i64 { Unit::Day } else { Unit::Week };
    let by_funnel = Unit::of([first, last], finest);
    let is_whole = clock.at(log.first_ms()).hour == FIRST_HOUR;
    let is_over = clock.at(log.last_ms()).hour == LAST_HOUR;
    let whole_days = [first + i64::from(!is_whole), last - i64::from(!is_over)];
    let average = |at: usize| {
        if at + 1 == found.len() && !is_over {
            return None;
        }
        let week = found.get((at + 1).checked_sub(WEEK)?..=at).filter(|_| by == Unit::Day)?;
        Some(week.iter().map(|(_, events)| events.all()).sum::<u64>() as f64 / WEEK as f64)
    };
    let period = |(at, (begin, events)): (usize, &(i64, Steps))| Period {
        begin: written(*begin),
        events: *events,
        average: average(at),
    };
    Some(Times {
        periods: found.iter().enumerate().map(period).collect(),
        hours,
        weekdays,
        by,
        funnel: (by_funnel, whole(periods(&days, by_funnel), by_funnel, whole_days)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::ingest::DAY_MS;

    #[test]
    fn events_are_counted_by_hour_weekday_and_day_and_days_without_any_are_there() {
        let log = Log::of_rows(&[
            (0, "u", "view", "a"),
            (3_600_000, "u", "addtocart", "a"),
            (3_700_000, "u", "transaction", "a"),
            (7 * DAY_MS, "u", "view", "a"),
        ]);
        let found = times(&log, &TimeZone::UTC).expect("times");
        assert_eq!(found.hours[0], Steps { views: 2, carts: 0, purchases: 0 });
        assert_eq!(found.hours[1], Steps { views: 0, carts: 1, purchases: 1 });
        assert_eq!(found.weekdays.iter().map(Steps::all).collect::<Vec<_>>(), [0, 0, 0, 4, 0, 0, 0]);
        assert_eq!(found.periods.iter().map(|day| day.events.all()).collect::<Vec<_>>(), [3, 0, 0, 0, 0, 0, 0, 1]);
        let averages: Vec<Option<f64>> = found.periods[5..].iter().map(|day| day.average).collect();
        assert_eq!(averages, [None, Some(3.0 / 7.0), None]);
        let log = Log::of_views(&[(0, "u", "a"), (7 * DAY_MS + 23 * 3_600_000, "u", "a")]);
        let found = times(&log, &TimeZone::UTC).expect("times");
        assert_eq!(found.periods[7].average, Some(1.0 / 7.0), "the last day is over");
    }

    #[test]
    fn the_funnel_has_whole_weeks_alone() {
        // From a Thursday to a Thursday, four weeks later: three weeks from Monday to Sunday.
        let log: Vec<_> = (0..29).map(|day| (day * DAY_MS, "u", "a")).collect();
        let (unit, weeks) = times(&Log::of_views(&log), &TimeZone::UTC).expect("times").funnel;
        assert_eq!((unit, weeks.iter().map(|(day, _)| *day).collect::<Vec<_>>()), (Unit::Week, vec![4, 11, 18]));
        assert!(weeks.iter().all(|(_, week)| week.all() == 7));
    }

    #[test]
    fn a_week_or_day_that_the_log_has_a_part_of_is_not_in_the_funnel() {
        const HOUR_MS: i64 = DAY_MS / 24;
        let funnel = |first_ms: i64, last_ms: i64| {
            let within = (0..60).map(|day| day * DAY_MS + 12 * HOUR_MS).filter(|at| (first_ms..=last_ms).contains(at));
            let log: Vec<_> = [first_ms].into_iter().chain(within).chain([last_ms]).map(|at| (at, "u", "a")).collect();
            let (unit, found) = times(&Log::of_views(&log), &TimeZone::UTC).expect("times").funnel;
            (unit, found.into_iter().map(|(day, _)| day).collect::<Vec<_>>())
        };
        // From a Monday to a Sunday, four weeks later.
        let (first, last) = (4 * DAY_MS, 31 * DAY_MS);
        assert_eq!(funnel(first, last + 23 * HOUR_MS), (Unit::Week, vec![4, 11, 18, 25]));
        assert_eq!(funnel(first, last + 300_000), (Unit::Week, vec![4, 11, 18]), "five minutes of the last Sunday");
        assert_eq!(funnel(first + 9 * HOUR_MS, last + 23 * HOUR_MS), (Unit::Week, vec![11, 18, 25]));
        assert_eq!(funnel(0, 2 * DAY_MS + 23 * HOUR_MS), (Unit::Day, vec![0, 1, 2]));
        assert_eq!(funnel(9 * HOUR_MS, 2 * DAY_MS + 12 * HOUR_MS), (Unit::Day, vec![1]));
        assert_eq!(funnel(9 * HOUR_MS, DAY_MS), (Unit::Day, vec![]));
    }

    #[test]
    fn a_log_of_one_time_says_nothing_of_times() {
        assert_eq!(times(&Log::of_views(&[(0, "u", "a"), (0, "v", "a")]), &TimeZone::UTC), None);
        assert_eq!(times(&Log::of_views(&[]), &TimeZone::UTC), None);
    }
}
