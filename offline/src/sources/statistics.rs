//! Computes statistics of each item and of its category for the ranker: counters, conversion rates and session
//! behaviour, over the log that the sources are fitted on. Ages are counted to [`Log::now_ms`].
//!
//! Cost: a pass over the events, and per statistic one value for each item with events and for each category. Memory: 96
//! bytes per item with events, and 4 per statistic for each listed item: items without events have the values of their
//! category.

use shared::contract::artifact::columns::Column;
use shared::contract::id::ItemIdx;
use shared::contract::kind::Stage;
use shared::tables::{Habit, Statistics};

use crate::log::ingest::{DAY_MS, Log, age_ms};
use crate::log::interactions::Sessions;
use crate::log::with_events::WithEvents;

/// The weight of the prior of a conversion rate, in views.
const PRIOR_VIEWS: f64 = 20.0;
/// The weight of the prior of a share, in occurrences.
const PRIOR_OCCURRENCES: f64 = 5.0;
/// An event is a repeat if its item is among this many previous events of the session.
const LOOK_BACK: usize = 50;

/// The windows at the end of the log, in hours, that events are counted in, in addition to the whole log.
const WINDOWS_HOURS: [i64; 4] = [6, 24, 7 * 24, 30 * 24];
const HOUR_MS: i64 = DAY_MS / 24;
/// The positions of the whole log and of the windows among the counts.
const ALL: usize = WINDOWS_HOURS.len();
const LAST_6H: usize = 0;
const LAST_1D: usize = 1;
const LAST_7D: usize = 2;
const LAST_30D: usize = 3;

/// Events of an item by their stage.
type Stages = [u32; Stage::ALL.len()];

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    /// The counts in each window, and in the whole log.
    stages: [Stages; ALL + 1],
    first_ms: i64,
    last_ms: i64,
    repeats: u32,
    stays: u32,
    exits: u32,
    entries: u32,
}

impl Counts {
    fn events(&self, window: usize) -> u32 {
        self.stages[window].iter().sum()
    }

    fn of(&self, stage: Stage, window: usize) -> u32 {
        self.stages[window][stage as usize]
    }
}

/// Computes the statistics of each item.
///
/// * `items`: the items with events; it may name more items than have events in `log`.
/// * `sessions`: as rows of `items`.
#[must_use]
pub fn fit(log: &Log, items: &WithEvents, sessions: &Sessions) -> Statistics {
    columns(log, items, sessions, |_| true)
}

/// Computes those statistics of each item that are a [`Habit`]; see [`fit`].
#[must_use]
pub fn habits(log: &Log, items: &WithEvents, sessions: &Sessions) -> Statistics {
    columns(log, items, sessions, |name| Habit::ALL.iter().any(|habit| habit.name() == name))
}

/// The statistics with a wanted name.
fn columns(log: &Log, items: &WithEvents, sessions: &Sessions, wanted: impl Fn(&str) -> bool) -> Statistics {
    let counts = counts(log, items, sessions);
    let categories = stages_by_category(log);
    let now_ms = log.now_ms();
    let total = |of: &dyn Fn(&Counts) -> u32| counts.iter().map(|counts| f64::from(of(counts))).sum::<f64>();
    let all = total(&|counts| counts.events(ALL)).max(1.0);
    let views = total(&|counts| counts.of(Stage::View, ALL));
    // Missing if the log has no views.
    let mean_rate = Stage::ALL.map(|stage| match views > 0.0 {
        true => total(&|counts| counts.of(stage, ALL)) / views,
        false => f64::NAN,
    });
    let share = |count: u32, of: u32, mean: f64| {
        (f64::from(count) + mean * PRIOR_OCCURRENCES) / (f64::from(of) + PRIOR_OCCURRENCES)
    };
    let days = |from: i64| age_ms(now_ms, from) as f64 / DAY_MS as f64;
    let [repeats, stays, exits, entries] =
        [total(&|c| c.repeats), total(&|c| c.stays), total(&|c| c.exits), total(&|c| c.entries)]
            .map(|count| count / all);
    let overall = |stages: &Stages, stage: Stage| rate(stages, stage, mean_rate[stage as usize]);
    let lately =
        |c: &Counts, window: usize, stage: Stage| rate(&c.stages[window], stage, overall(&c.stages[ALL], stage));
    let ln = |count: u32| f64::from(count).ln_1p();
    let mut columns: Vec<(String, Column<f32>)> = Vec::new();
    let mut column = |name: &str, value: &dyn Fn(&Counts, Option<&Stages>) -> f64| {
        if !wanted(name) {
            return;
        }
        // Of an item without events, by category; the last one is that of items without a category.
        let without = Counts::default();
        let new: Vec<f32> =
            categories.iter().map(Some).chain([None]).map(|stages| value(&without, stages) as f32).collect();
        let of_item = |(item, &category): (u32, &u32)| {
            let category = (category as usize).min(categories.len());
            let counts = items.row(ItemIdx(item)).map(|row| &counts[row]);
            counts.map_or(new[category], |counts| value(counts, categories.get(category)) as f32)
        };
        columns.push((name.to_owned(), (0..).zip(&log.items.category_of).map(of_item).collect()));
    };
    let when = |c: &Counts, value: f64| if c.events(ALL) == 0 { f64::NAN } else { value };
    column("events", &|c, _| ln(c.events(ALL)));
    column("events_6h", &|c, _| ln(c.events(LAST_6H)));
    column("events_1d", &|c, _| ln(c.events(LAST_1D)));
    column("events_7d", &|c, _| ln(c.events(LAST_7D)));
    column("events_30d", &|c, _| ln(c.events(LAST_30D)));
    column("trend", &|c, _| ((f64::from(c.events(LAST_7D)) + 1.0) / (f64::from(c.events(LAST_30D)) + 4.0)).ln());
    column("carts", &|c, _| ln(c.of(Stage::Cart, ALL)));
    column("carts_7d", &|c, _| ln(c.of(Stage::Cart, LAST_7D)));
    column("carts_30d", &|c, _| ln(c.of(Stage::Cart, LAST_30D)));
    column("purchases", &|c, _| ln(c.of(Stage::Purchase, ALL)));
    column("purchases_7d", &|c, _| ln(c.of(Stage::Purchase, LAST_7D)));
    column("purchases_30d", &|c, _| ln(c.of(Stage::Purchase, LAST_30D)));
    column("cart_rate", &|c, _| overall(&c.stages[ALL], Stage::Cart));
    column("cart_rate_7d", &|c, _| lately(c, LAST_7D, Stage::Cart));
    column("cart_rate_30d", &|c, _| lately(c, LAST_30D, Stage::Cart));
    column("purchase_rate", &|c, _| overall(&c.stages[ALL], Stage::Purchase));
    column("purchase_rate_7d", &|c, _| lately(c, LAST_7D, Stage::Purchase));
    column("purchase_rate_30d", &|c, _| lately(c, LAST_30D, Stage::Purchase));
    column("age_days", &|c, _| when(c, days(c.first_ms)));
    column("idle_days", &|c, _| when(c, days(c.last_ms)));
    column("repeat_share", &|c, _| share(c.repeats, c.events(ALL), repeats));
    column("stay_share", &|c, _| share(c.stays, c.events(ALL), stays));
    column("exit_share", &|c, _| share(c.exits, c.events(ALL), exits));
    column("entry_share", &|c, _| share(c.entries, c.events(ALL), entries));
    column("category_events", &|_, category| category.map_or(f64::NAN, |stages| ln(stages.iter().sum())));
    column("category_cart_rate", &|_, category| category.map_or(f64::NAN, |stages| overall(stages, Stage::Cart)));
    column("category_purchase_rate", &|_, category| {
        category.map_or(f64::NAN, |stages| overall(stages, Stage::Purchase))
    });
    columns.into_iter().collect()
}

/// Events of a stage per view, with a prior of [`PRIOR_VIEWS`] views at the `expected` rate.
fn rate(stages: &Stages, stage: Stage, expected: f64) -> f64 {
    let [count, views] = [stage, Stage::View].map(|stage| f64::from(stages[stage as usize]));
    (count + expected * PRIOR_VIEWS) / (views + PRIOR_VIEWS)
}

/// The counts of the items with events.
fn counts(log: &Log, items: &WithEvents, sessions: &Sessions) -> Vec<Counts> {
    let mut counts = vec![Counts::default(); items.len()];
    let now_ms = log.now_ms();
    for event in &log.events {
        let counts = &mut counts[items.row_of_event(event.item) as usize];
        if counts.events(ALL) == 0 {
            counts.first_ms = event.timestamp_ms;
        }
        counts.last_ms = event.timestamp_ms;
        let stage = log.kinds.stage(event.kind) as usize;
        counts.stages[ALL][stage] += 1;
        let age_ms = age_ms(now_ms, event.timestamp_ms);
        for (stages, hours) in counts.stages.iter_mut().zip(WINDOWS_HOURS) {
            stages[stage] += u32::from(age_ms < hours * HOUR_MS);
        }
    }
    count_places(sessions, &mut counts);
    counts
}

/// Events of each stage by category.
fn stages_by_category(log: &Log) -> Vec<Stages> {
    let mut categories = vec![Stages::default(); log.items.categories.len()];
    for event in &log.events {
        for category in log.items.categories_of(event.item.at()) {
            categories[category as usize][log.kinds.stage(event.kind) as usize] += 1;
        }
    }
    categories
}

/// Counts how often each item is repeated, stays, ends a session and begins one.
fn count_places(sessions: &Sessions, counts: &mut [Counts]) {
    for session in sessions.items.outer_iterator() {
        let items = session.data();
        for (place, item) in items.iter().enumerate() {
            counts[*item as usize].stays += u32::from(items.get(place + 1) == Some(item));
            counts[*item as usize].repeats += u32::from(items[place.saturating_sub(LOOK_BACK)..place].contains(item));
        }
        if let (Some(first), Some(last)) = (items.first(), items.last()) {
            counts[*first as usize].entries += 1;
            counts[*last as usize].exits += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::contract::id::UserIdx;
    use shared::contract::kind::KindIdx;
    use shared::engine::why::words::of_feature;
    use shared::tables::NO_CATEGORY;

    use super::*;
    use crate::log::ingest::{Catalogue, LogEvent};
    use crate::log::interactions::{Csr, sessions};

    /// Four items, two of them lamps, one a table, one of no category; events of `(hour, item, kind)`.
    fn log(events: &[(i64, u32, KindIdx)]) -> Log {
        let event = |&(hour, item, kind): &(i64, u32, KindIdx)| LogEvent {
            user: UserIdx(0),
            item: ItemIdx(item),
            kind,
            session: 0,
            order: 0,
            timestamp_ms: hour * HOUR_MS,
            event_key: 0,
        };
        Log {
            users: vec!["u".into()],
            items: Catalogue {
                category_of: vec![0, 1, 0, NO_CATEGORY],
                categories: vec!["lamps".into(), "tables".into()],
                ..Catalogue::default().with_seen(["a", "b", "c", "d"].map(Into::into).to_vec()).0
            },
            events: events.iter().map(event).collect(),
            ..Log::of_views(&[])
        }
    }

    fn value(statistics: &Statistics, name: &str, item: usize) -> f32 {
        let column = statistics.columns().iter().find(|(known, _)| known == name);
        column.expect("a statistic").1[item]
    }

    #[test]
    fn windows_end_with_the_log_and_their_rates_begin_with_those_of_the_item() {
        let [view, cart, bought] = Stage::ALL.map(Stage::kind);
        let day = 24;
        let events = [
            (0, 0, view),
            (0, 0, cart),
            (35 * day, 0, view),
            (45 * day, 0, bought),
            (58 * day, 0, view),
            (60 * day - 7, 0, view),
            (60 * day - 5, 0, cart),
            (60 * day, 1, view),
        ];
        let log = log(&events);
        let items = WithEvents::of(&log);
        let statistics = fit(&log, &items, &sessions(&log, 1).in_rows(&items));
        for (name, _) in statistics.columns() {
            let feature = format!("item_{name}");
            assert_ne!(of_feature(&feature), feature.replace('_', " "), "give it words for those who ask why");
        }
        let of = |name| f64::from(value(&statistics, name, 0));
        let counted =
            ["events", "events_30d", "events_7d", "events_1d", "events_6h"].map(|name| of(name).exp_m1().round());
        assert_eq!(counted, [7.0, 5.0, 3.0, 2.0, 1.0]);
        let carts = ["carts", "carts_30d", "carts_7d"];
        assert_eq!(carts.map(|name| of(name).exp_m1().round()), [2.0, 1.0, 1.0]);
        let purchases = ["purchases", "purchases_30d", "purchases_7d"];
        assert_eq!(purchases.map(|name| of(name).exp_m1().round()), [1.0, 1.0, 0.0]);
        // Two carts in four views of the item, in five of all; one in two in the last week.
        let overall = (2.0 + 20.0 * 2.0 / 5.0) / 24.0;
        assert!((of("cart_rate") - overall).abs() < 1e-6);
        assert!((of("cart_rate_7d") - (1.0 + 20.0 * overall) / 22.0).abs() < 1e-6);
        let overall = (1.0 + 20.0 * 1.0 / 5.0) / 24.0;
        assert!((of("purchase_rate") - overall).abs() < 1e-6);
        assert!((of("purchase_rate_30d") - (1.0 + 20.0 * overall) / 23.0).abs() < 1e-6);
        assert!((of("purchase_rate_7d") - 20.0 * overall / 22.0).abs() < 1e-6);
    }

    #[test]
    fn an_item_without_events_has_the_rates_of_its_category() {
        // Lamps are put into the cart at every view, tables never; 2 is a new lamp, 3 is of no category.
        let (view, cart) = (KindIdx::VIEW, KindIdx::ADD_TO_CART);
        let log = log(&[(0, 0, view), (0, 0, cart), (0, 1, view), (0, 1, view), (0, 3, view)]);
        let items = WithEvents::of(&log);
        let statistics = fit(&log, &items, &sessions(&log, 1).in_rows(&items));
        let of = |name| [0, 1, 2, 3].map(|item| value(&statistics, name, item));
        let rates = of("category_cart_rate");
        // One cart in four views, 20 views of that rate before any.
        assert_eq!(rates[..3], [6.0 / 21.0, 5.0 / 22.0, 6.0 / 21.0].map(|rate: f64| rate as f32));
        assert!(rates[3].is_nan());
        assert_eq!(of("category_events")[..3], [2f64.ln_1p() as f32; 3]);
    }

    #[test]
    fn repeats_exits_and_entries_are_counted_in_sessions() {
        // One session: 0 1 0.
        let sessions =
            Sessions { items: Csr::new((1, 3), vec![0, 3], vec![0, 1, 2], vec![0, 1, 0]), last_ms: vec![0], now_ms: 0 };
        let mut counts = vec![Counts::default(); 2];
        count_places(&sessions, &mut counts);
        let of = |item: usize| (counts[item].repeats, counts[item].entries, counts[item].exits);
        assert_eq!((of(0), of(1)), ((1, 1, 1), (0, 0, 0)));
    }
}
