//! All that is known of an item: by the version, and by what was said since.

use std::collections::BTreeMap;

use shared::contract::id::ItemIdx;
use shared::contract::item_change::FieldValue;
use shared::contract::known::{EventDays, KnownItem, OneItem};
use shared::engine::snapshot::Snapshot;
use shared::tables::{CategoryIdx, Habit, Property};

/// What is known of an item at a time. Cost: a look-up for each property, and a search in the order of popularity.
#[must_use]
pub fn describe(snapshot: &Snapshot, item: ItemIdx, now_ms: i64) -> KnownItem {
    let (items, popularity) = (snapshot.items(), snapshot.popularity());
    let times = items.availability();
    let category = |row: &CategoryIdx| items.table().category_name.get(row.0 as usize).to_owned();
    let own = popularity.score(item);
    let until = times.until(item);
    let events = f64::from(snapshot.statistics().habit(Habit::Events, item)).exp_m1().round();
    KnownItem {
        item_id: items.id(item).to_owned(),
        name: items.name(item).map(str::to_owned),
        price: Some(items.price(item)).filter(|price| !price.is_nan()),
        available: times.at(item, now_ms),
        available_from: times.from(item),
        available_until: until.filter(|&until| until != i64::MIN),
        withdrawn: until == Some(i64::MIN),
        categories: items.categories_of(item).iter().map(category).collect(),
        properties: properties(snapshot, item),
        // The statistic is ln(1 + events); an item that came after the version has none.
        events: (!events.is_nan()).then_some(events as u64),
        popularity: own,
        popularity_rank: 1 + popularity.order(None).partition_point(|&other| popularity.score(other) > own),
    }
}

/// What is known of one item at a time, with its events by day.
#[must_use]
pub fn describe_one(snapshot: &Snapshot, item: ItemIdx, now_ms: i64) -> OneItem {
    let days = snapshot.days();
    let events = days.of(item).map(<[u16]>::to_vec);
    let days = days.last_ms().zip(events).map(|(last, events)| EventDays { last, events });
    OneItem { known: describe(snapshot, item, now_ms), days }
}

/// The properties that an item has.
fn properties(snapshot: &Snapshot, item: ItemIdx) -> BTreeMap<String, FieldValue> {
    let table = snapshot.properties();
    let value = |name: &str| match table.get(name)? {
        Property::Texts(texts) => {
            let own: Vec<Box<str>> = texts.of(item).iter().map(|&row| table.texts.get(row as usize).into()).collect();
            (!own.is_empty()).then_some(FieldValue::Texts(own))
        }
        Property::Numbers(numbers) => present(numbers[item.at()]).map(FieldValue::Number),
        Property::Flags(flags) => present(flags[item.at()]).map(|flag| FieldValue::Flag(flag != 0.0)),
    };
    table.names().filter_map(|(name, _)| Some((name.to_owned(), value(name)?))).collect()
}

/// A number, unless it stands for a missing one.
fn present(number: f64) -> Option<f64> {
    (!number.is_nan()).then_some(number)
}
