//! `popularity`, `category_popularity` and `trending`: time-decayed counts of events, overall and by category, and
//! trends; also plain counts over the last days, as baselines of an evaluation.
//!
//! An item that a user blocked loses the weight of the block, as old as it is; no score falls below 0.
//!
//! In: a log. Out: a score per item, all items in the order of their scores, each category's items in that order, and
//! all items in the order of their trend, `s / sqrt(l + 1)`, where s is a count with a short half-life and l the score,
//! a count with a long one. Ages are counted to [`Log::now_ms`]. Cost: two passes over the events and two sorts of the
//! items with events, and one of all items by category. Memory: 44 bytes per item, with events or without.

use serde::{Deserialize, Serialize};
use shared::contract::id::ItemIdx;
use shared::contract::source::Source;
use shared::tables::Popularity;

use super::{SourceStudy, SourcesConfig, Trainer};
use crate::config::knobs::{Range, knob};
use crate::config::ranges::{OutOfRange, range};
use crate::log::ingest::{DAY_MS, Log, age_ms};

/// How popularity is counted. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct PopularityConfig {
    pub half_life_days: f64,
    pub trend_half_life_days: f64,
    pub windows_days: Vec<f64>,
}

/// The trainer of `popularity`, `category_popularity` and `trending`.
pub const TRAINER: Trainer = Trainer {
    sources: &[Source::Popularity, Source::CategoryPopularity, Source::Trending],
    fit: |inputs, tables, _| {
        tables.popularity = fit(inputs.log, &inputs.settings.sources.popularity);
    },
    steps: |_| 0,
    check,
    studies: &[
        SourceStudy {
            source: Source::Popularity,
            share: 0.05,
            knobs: &[knob("popularity.half_life_days", Range::Log(0.5, 365.0))],
        },
        SourceStudy {
            source: Source::Trending,
            share: 0.05,
            knobs: &[knob("popularity.trend_half_life_days", Range::Log(0.05, 30.0))],
        },
    ],
};

fn check(config: &SourcesConfig) -> Result<(), OutOfRange> {
    let config = &config.popularity;
    range(config.half_life_days > 0.0, "popularity.half_life_days", config.half_life_days, "greater than 0")?;
    let trend = config.trend_half_life_days;
    range(trend > 0.0, "popularity.trend_half_life_days", trend, "greater than 0")?;
    let within = |days: &f64| range((1e-3..1e6).contains(days), "popularity.windows_days", days, "0.001 to 1000000");
    config.windows_days.iter().try_for_each(within)
}

/// Counts the events of the log, each halved for every half-life of its age.
#[must_use]
pub fn fit(log: &Log, config: &PopularityConfig) -> Popularity {
    let scores = decayed(log, config.half_life_days);
    let trends: Vec<f32> = decayed(log, config.trend_half_life_days)
        .into_iter()
        .zip(&scores)
        .map(|(lately, all)| (lately / (all + 1.0).sqrt()) as f32)
        .collect();
    let scores: Vec<f32> = scores.into_iter().map(|score| score as f32).collect();
    let order = ordered(&scores);
    let (category_starts, category_order) = by_category(log, &order);
    let trending = ordered(&trends);
    Popularity {
        scores: scores.into(),
        order: order.into(),
        category_starts: category_starts.into(),
        category_order: category_order.into(),
        trends: trends.into(),
        trending: trending.into(),
    }
}

/// The items of each category in a given order, an item of several in each of them; and where each category's begin.
fn by_category(log: &Log, order: &[ItemIdx]) -> (Vec<u64>, Vec<ItemIdx>) {
    let categories = |item: &ItemIdx| {
        let item = *item;
        log.items.categories_of(item.at()).map(move |category| (category, item))
    };
    let mut items: Vec<(u32, ItemIdx)> = order.iter().flat_map(categories).collect();
    // A stable sort keeps the order inside a category.
    items.sort_by_key(|(category, _)| *category);
    let starts = (0..=log.items.categories.len() as u32)
        .map(|category| items.partition_point(|(other, _)| *other < category) as u64)
        .collect();
    (starts, items.into_iter().map(|(_, item)| item).collect())
}

/// The count of each item's events, each halved for every half-life of its age, less the weights of blocks.
fn decayed(log: &Log, half_life_days: f64) -> Vec<f64> {
    let half_life_ms = half_life_days * DAY_MS as f64;
    let now_ms = log.now_ms();
    let mut counts = vec![0.0f64; log.items.len()];
    let left = |time_ms: i64| (-(age_ms(now_ms, time_ms) as f64) / half_life_ms).exp2();
    for event in &log.events {
        counts[event.item.at()] += left(event.timestamp_ms);
    }
    for blocked in &log.blocked {
        let count = &mut counts[blocked.item.at()];
        let weight = f64::from(log.kinds.weight(blocked.kind)) * left(blocked.since_ms);
        *count = (*count + weight).max(0.0);
    }
    counts
}

/// All items by their plain count over the last `days`, most popular first.
#[must_use]
pub fn windowed(log: &Log, days: f64) -> Vec<ItemIdx> {
    let from_ms = log.now_ms().saturating_sub((days * DAY_MS as f64) as i64);
    let mut counts = vec![0.0f32; log.items.len()];
    for event in log.events.iter().rev().take_while(|event| event.timestamp_ms >= from_ms) {
        counts[event.item.at()] += 1.0;
    }
    ordered(&counts)
}

/// All items, those with the highest scores first, then by item. Only those with a score are sorted.
fn ordered(scores: &[f32]) -> Vec<ItemIdx> {
    let all = (0..scores.len() as u32).map(ItemIdx);
    let (mut order, without): (Vec<ItemIdx>, Vec<ItemIdx>) = all.partition(|item| scores[item.at()] > 0.0);
    order.sort_by(|a, b| scores[b.at()].total_cmp(&scores[a.at()]).then(a.cmp(b)));
    order.extend(without);
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::contract::id::UserIdx;
    use shared::contract::kind::KindIdx;
    use shared::tables::NO_CATEGORY;

    use super::*;
    use crate::log::ingest::{Catalogue, LogEvent};

    const ITEMS: usize = 6;

    /// A log of `(hour, item)`; even items are of one category, odd ones of another, the last one of none.
    fn log(events: &[(i64, u32)]) -> Log {
        let event = |&(hour, item): &(i64, u32)| LogEvent {
            user: UserIdx(0),
            item: ItemIdx(item),
            kind: KindIdx::VIEW,
            session: 0,
            order: 0,
            timestamp_ms: hour * DAY_MS / 24,
            event_key: 0,
        };
        let category = |item: u32| if item as usize + 1 == ITEMS { NO_CATEGORY } else { item % 2 };
        let items = Catalogue {
            ids: (0..ITEMS).map(|item| item.to_string().into()).collect(),
            names: vec!["".into(); ITEMS],
            category_of: (0..ITEMS as u32).map(category).collect(),
            prices: vec![f32::NAN; ITEMS],
            properties: vec![Vec::new(); ITEMS],
            listed: vec![true; ITEMS],
            categories: vec!["even".into(), "odd".into()],
            ..Catalogue::default()
        };
        let mut events: Vec<LogEvent> = events.iter().map(event).collect();
        events.sort_by_key(|event| event.timestamp_ms);
        Log { users: vec!["u".into()], items, events, ..Log::of_views(&[]) }
    }

    proptest! {
        #[test]
        fn orders_agree_with_sums_over_all_events(events in prop::collection::vec((0i64..240, 0u32..6), 1..60)) {
            let config = PopularityConfig { half_life_days: 4.0, trend_half_life_days: 1.0, windows_days: Vec::new() };
            let last = events.iter().map(|(hour, _)| *hour).max().expect("an event");
            let sum = |item: u32, half_life: f64| -> f64 {
                let own = events.iter().filter(|(_, other)| *other == item);
                own.map(|(hour, _)| 0.5f64.powf((last - hour) as f64 / 24.0 / half_life)).sum()
            };
            let log = log(&events);
            let found = fit(&log, &config);
            for item in 0..ITEMS as u32 {
                let (lately, all) = (sum(item, 1.0), sum(item, 4.0));
                prop_assert!((f64::from(found.scores[item as usize]) - all).abs() < 1e-4);
                prop_assert!((f64::from(found.trends[item as usize]) - lately / (all + 1.0).sqrt()).abs() < 1e-4);
            }
            let falls = |order: &[ItemIdx], scores: &[f32]| order.windows(2).all(|pair| scores[pair[0].at()] >= scores[pair[1].at()]);
            prop_assert!(found.order.len() == ITEMS && falls(&found.order, &found.scores));
            prop_assert!(found.trending.len() == ITEMS && falls(&found.trending, &found.trends));
            for (category, bounds) in (0..).zip(found.category_starts.windows(2)) {
                let order = &found.category_order[bounds[0] as usize..bounds[1] as usize];
                let mut members: Vec<u32> = order.iter().map(|item| item.0).collect();
                members.sort_unstable();
                let expected: Vec<u32> = (0..ITEMS as u32 - 1).filter(|item| item % 2 == category).collect();
                prop_assert_eq!(members, expected);
                prop_assert!(falls(order, &found.scores));
            }
            let count = |item: &ItemIdx| events.iter().filter(|(hour, own)| *own == item.0 && *hour >= last - 48).count();
            let counts: Vec<usize> = windowed(&log, 2.0).iter().map(count).collect();
            prop_assert!(counts.is_sorted_by(|a, b| a >= b), "{counts:?}");
        }
    }

    #[test]
    fn a_refund_takes_its_purchase_out_of_the_count_and_a_dislike_its_weight() {
        let config = PopularityConfig { half_life_days: 1.0, trend_half_life_days: 1.0, windows_days: Vec::new() };
        let rows = [
            (0, "a", "view", "lamp"),
            (0, "a", "transaction", "lamp"),
            (0, "b", "view", "rug"),
            (0, "c", "view", "rug"),
            (0, "c", "view", "rug"),
            (DAY_MS, "a", "refund", "lamp"),
            (DAY_MS, "b", "dislike", "rug"),
            (DAY_MS, "b", "view", "table"),
            (DAY_MS, "b", "dislike", "chair"),
        ];
        let found = fit(&Log::of_rows(&rows), &config);
        // chair, lamp, rug and table: halves of the views that stand, the block of today in full, never below 0.
        assert_eq!(found.scores[..], [0.0, 0.5, 0.0, 1.0]);
        let before = fit(&Log::of_rows(&rows).before(DAY_MS), &config);
        assert_eq!(before.scores[..], [2.0, 3.0], "nothing was taken back yet");
    }
}
