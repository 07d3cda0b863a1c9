//! How far the events since a time are from those of the four weeks before it: the population stability index of kinds, hours,
//! categories, popularity of items, prices, and lengths of histories.

use hashbrown::HashMap;
use jiff::tz::TimeZone;
use serde::Serialize;
use shared::engine::tabular::drift::{Bins, MIN_ROWS, psi};
use shared::tables::NO_CATEGORY;

use super::Level;
use crate::log::ingest::{DAY_MS, Log, LogEvent};
use crate::report::data::clock::Clock;

/// The days before a time that the events since are compared with: whole weeks, so that weekdays are as frequent.
const BEFORE_DAYS: i64 = 28;
/// The most categories with a bin of their own.
const CATEGORIES: usize = 20;
/// How many parts of about as many events the items are cut into by popularity.
const PARTS: u64 = 5;

/// How far the events since a time have moved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Since {
    /// What the time is, in words.
    pub what: String,
    /// The time, milliseconds since the epoch.
    pub from_ms: i64,
    /// How many events there are before it and since.
    pub events: [usize; 2],
    /// What may have moved, the most first; none where there are too few events on one side.
    pub moved: Option<Vec<Moved>>,
}

/// Something that may have moved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moved {
    /// What it is.
    pub what: &'static str,
    /// Its population stability index.
    pub psi: f64,
    /// What that means.
    pub level: Level,
    /// What moved most, with its share before and since.
    pub most: (String, [f64; 2]),
}

/// Compares the events since a time with those before it.
#[must_use]
pub fn since(log: &Log, what: String, from_ms: i64, zone: &TimeZone) -> Since {
    let at = |time_ms: i64| log.events.partition_point(|event| event.timestamp_ms < time_ms);
    let (begin, cut) = (at(from_ms.saturating_sub(BEFORE_DAYS * DAY_MS)), at(from_ms));
    let sides = [&log.events[begin..cut], &log.events[cut..]];
    let events = sides.map(<[LogEvent]>::len);
    let enough = events.iter().all(|events| *events as u64 >= MIN_ROWS);
    let moved = enough.then(|| {
        let mut moved: Vec<Moved> = [
            Some(kinds(log, sides)),
            Some(hours(sides, zone)),
            categories(log, sides),
            Some(popularity(log, sides)),
            prices(log, sides),
            Some(histories(log, begin, cut)),
        ]
        .into_iter()
        .flatten()
        .collect();
        moved.sort_by(|a, b| b.psi.total_cmp(&a.psi));
        moved
    });
    Since { what, from_ms, events, moved }
}

/// Compares the counts of the same bins.
fn compared(what: &'static str, names: &[String], [before, now]: [&[u64]; 2]) -> Moved {
    let index = psi(before, now);
    let share = |rows: &[u64], bin: usize| rows[bin] as f64 / rows.iter().sum::<u64>().max(1) as f64;
    let shares = |bin: usize| [share(before, bin), share(now, bin)];
    let distance = |bin: usize| shares(bin).into_iter().reduce(|before, now| (now - before).abs()).unwrap_or(0.0);
    // Of equal ones the first.
    let most = (0..names.len()).rev().max_by(|a, b| distance(*a).total_cmp(&distance(*b))).unwrap_or(0);
    Moved { what, psi: index, level: Level::of_psi(index), most: (names[most].clone(), shares(most)) }
}

/// Counts the events of both sides by bins.
fn counted<'a>(bins: usize, sides: [&'a [LogEvent]; 2], mut bin: impl FnMut(&'a LogEvent) -> usize) -> [Vec<u64>; 2] {
    sides.map(|events| {
        let mut counts = vec![0; bins];
        events.iter().for_each(|event| counts[bin(event)] += 1);
        counts
    })
}

/// Compares numbers, which fall into tenths of those before.
fn numbers(what: &'static str, [before, now]: [Vec<f64>; 2]) -> Moved {
    let bins = Bins::of_numbers(&before);
    let mut rows = vec![0; bins.rows.len()];
    bins.count_numbers(now.into_iter(), &mut rows);
    compared(what, &bins.names(), [&bins.rows, &rows])
}

fn kinds(log: &Log, sides: [&[LogEvent]; 2]) -> Moved {
    let names: Vec<String> = log.kinds.iter().map(|(_, kind)| kind.name.as_str().to_owned()).collect();
    let [before, now] = counted(names.len(), sides, |event| event.kind.at());
    // Kinds that neither side has say nothing.
    let there: Vec<usize> = (0..names.len()).filter(|&kind| before[kind] + now[kind] > 0).collect();
    let only = |counts: &[u64]| there.iter().map(|&kind| counts[kind]).collect::<Vec<u64>>();
    let names: Vec<String> = there.iter().map(|&kind| names[kind].clone()).collect();
    compared("kinds of events", &names, [&only(&before), &only(&now)])
}

fn hours(sides: [&[LogEvent]; 2], zone: &TimeZone) -> Moved {
    let mut clock = Clock::new(zone.clone());
    // Events of a session come together, so that a bin for each hour would move by chance.
    let names: Vec<String> = (0..8).map(|part| format!("{}:00 to {}:59", part * 3, part * 3 + 2)).collect();
    let [before, now] = counted(8, sides, |event| clock.at(event.timestamp_ms).hour / 3);
    compared("hours of the day", &names, [&before, &now])
}

fn categories(log: &Log, sides: [&[LogEvent]; 2]) -> Option<Moved> {
    if log.items.categories.is_empty() {
        return None;
    }
    let category = |event: &LogEvent| log.items.category_of[event.item.at()];
    let mut counts = vec![0u64; log.items.categories.len()];
    let before = sides[0].iter().map(category).filter(|row| *row != NO_CATEGORY);
    before.for_each(|row| counts[row as usize] += 1);
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|&row| (std::cmp::Reverse(counts[row]), row));
    order.truncate(CATEGORIES);
    let places: HashMap<u32, usize> = order.iter().zip(0..).map(|(&row, place)| (row as u32, place)).collect();
    let mut names: Vec<String> = order.iter().map(|&row| log.items.categories[row].to_string()).collect();
    names.extend(["any other".to_owned(), "none".to_owned()]);
    let bin = |event: &LogEvent| match category(event) {
        NO_CATEGORY => order.len() + 1,
        row => places.get(&row).copied().unwrap_or(order.len()),
    };
    let [before, now] = counted(names.len(), sides, bin);
    Some(compared("categories", &names, [&before, &now]))
}

/// The parts of the items that had about a fifth of the events each before, and those without any.
fn popularity(log: &Log, sides: [&[LogEvent]; 2]) -> Moved {
    let mut counts = vec![0u64; log.items.len()];
    sides[0].iter().for_each(|event| counts[event.item.at()] += 1);
    let mut order: Vec<usize> = (0..counts.len()).filter(|&item| counts[item] > 0).collect();
    order.sort_by_key(|&item| (std::cmp::Reverse(counts[item]), item));
    let (all, mut sum) = (sides[0].len() as u64, 0);
    let mut part = vec![PARTS as usize; counts.len()];
    for item in order {
        part[item] = (sum * PARTS / all.max(1)) as usize;
        sum += counts[item];
    }
    let names = [
        "the most popular items",
        "popular items",
        "items in the middle",
        "less popular items",
        "rare items",
        "items without events before",
    ];
    let [before, now] = counted(names.len(), sides, |event| part[event.item.at()]);
    compared("popularity of items", &names.map(str::to_owned), [&before, &now])
}

fn prices(log: &Log, sides: [&[LogEvent]; 2]) -> Option<Moved> {
    let prices = sides
        .map(|events| events.iter().map(|event| f64::from(log.items.prices[event.item.at()])).collect::<Vec<f64>>());
    prices[0].iter().any(|price| !price.is_nan()).then(|| numbers("prices", prices))
}

/// How many events the user had before each event.
fn histories(log: &Log, begin: usize, cut: usize) -> Moved {
    let mut counts = vec![0u32; log.users.len()];
    let mut sides = [Vec::new(), Vec::new()];
    for (at, event) in log.events.iter().enumerate() {
        let count = &mut counts[event.user.at()];
        if at >= begin {
            sides[usize::from(at >= cut)].push(f64::from(*count));
        }
        *count += 1;
    }
    numbers("lengths of histories", sides)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thousand events of a day each hour and kind are given for.
    fn log(of: impl Fn(i64) -> (&'static str, &'static str)) -> Log {
        let rows = (0..2000).map(|at| {
            let (kind, item) = of(at);
            (at * 60_000, "u", kind, item)
        });
        Log::of_rows(&rows.collect::<Vec<_>>())
    }

    #[test]
    fn what_stays_is_steady_and_what_moves_is_named_with_its_shares() {
        let views = log(|at| (if at % 10 == 0 { "addtocart" } else { "view" }, ["a", "b"][at as usize % 2]));
        let found = since(&views, "then".to_owned(), 1000 * 60_000, &TimeZone::UTC);
        assert_eq!(found.events, [1000, 1000]);
        let of = |found: &Since, what: &str| found.moved.iter().flatten().find(|moved| moved.what == what).cloned();
        assert_eq!(of(&found, "kinds of events").map(|moved| (moved.psi, moved.level)), Some((0.0, Level::Steady)));
        assert_eq!((of(&found, "categories"), of(&found, "prices")), (None, None));

        let moving = log(|at| match at {
            ..1000 => (if at % 2 == 0 { "addtocart" } else { "view" }, "a"),
            _ => (if at % 5 == 0 { "addtocart" } else { "view" }, "b"),
        });
        let found = since(&moving, "then".to_owned(), 1000 * 60_000, &TimeZone::UTC);
        let kinds = of(&found, "kinds of events").expect("kinds");
        // Halves, and four fifths and one: 0.3·ln 1.6 + 0.3·ln 2.5 = 0.4159, less for half a row each.
        assert!((kinds.psi - 0.4159).abs() < 0.001, "{kinds:?}");
        assert_eq!((kinds.level, kinds.most), (Level::Look, ("view".to_owned(), [0.5, 0.8])));
        let popularity = of(&found, "popularity of items").expect("items");
        assert_eq!(popularity.most.0, "the most popular items");
        assert_eq!((popularity.level, popularity.most.1), (Level::Look, [1.0, 0.0]));
    }

    #[test]
    fn few_events_have_moved_by_chance() {
        let views = log(|_| ("view", "a"));
        assert_eq!(since(&views, String::new(), 499 * 60_000, &TimeZone::UTC).moved, None);
        assert_eq!(since(&views, String::new(), i64::MAX, &TimeZone::UTC).events, [0, 0]);
    }
}
