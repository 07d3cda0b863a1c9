//! What the service is told of items while a version is served: the line of the event log that says it, and of every
//! field the latest that was said ([`Changes`]).
//!
//! ```text
//! {"change":"i7","set":{"colour":null,"price":12.5},"timestamp":1764223441000,"received":1764223441000}
//! ```
//!
//! A change sets the fields that it names, and leaves the others. Of two changes of a field the later one counts, by
//! its time, then by its arrival, then by its place: the logs of all replicas say the same in whatever order they are
//! read, and twice as once. To releases that do not know these lines they are no events: they are counted, reported and
//! passed over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::contract::event_log::{Coverage, Place};
use crate::contract::id::ItemId;

/// How the line of a change begins.
const CHANGE: &[u8] = br#"{"change":"#;

/// The field of the name.
pub const NAME: &str = "name";
/// The field of the categories, which are texts.
pub const CATEGORY: &str = "category";
/// The field of the price.
pub const PRICE: &str = "price";
/// The field that says whether an item may be recommended.
pub const AVAILABLE: &str = "available";

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum FieldValue {
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(f64),
    /// A text.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    Text(Box<str>),
    /// Several texts.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    Texts(Vec<Box<str>>),
}

impl FieldValue {
    /// The value as texts; numbers and flags as they are written.
    #[must_use]
    pub fn texts(&self) -> Vec<Box<str>> {
        match self {
            Self::Flag(flag) => vec![flag.to_string().into()],
            Self::Number(number) => vec![number.to_string().into()],
            Self::Text(text) => vec![text.clone()],
            Self::Texts(texts) => texts.clone(),
        }
    }

    /// The value as a number: 1 for yes, 0 for no; `None` for what is none.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Flag(flag) => Some(f64::from(u8::from(*flag))),
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
            Self::Texts(_) => None,
        }
    }
}

/// A change of an item, as a line of the event log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemChange {
    /// The item.
    #[serde(rename = "change")]
    pub item: ItemId,
    /// The fields that it sets, with their values; none for a field of which nothing is known any more.
    pub set: BTreeMap<Box<str>, Option<FieldValue>>,
    /// Since when it is so, milliseconds since the epoch; not after `received_ms`.
    #[serde(rename = "timestamp")]
    pub timestamp_ms: i64,
    /// When the service accepted it, milliseconds since the epoch.
    #[serde(rename = "received")]
    pub received_ms: i64,
}

impl ItemChange {
    /// Reads a line of the log; `None` if it is no change.
    #[must_use]
    pub fn read(line: &[u8]) -> Option<Self> {
        if !line.starts_with(CHANGE) {
            return None;
        }
        serde_json::from_slice(line).ok()
    }
}

/// When something was said, and where it stands: the later of two is the greater one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// Since when it is so, milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// When it was accepted, milliseconds since the epoch.
    pub received_ms: i64,
    /// The position of its line.
    pub place: Place,
}

/// The latest that was said of a field.
#[derive(Debug, Clone, PartialEq)]
pub struct Latest {
    /// When, and where it stands.
    pub stamp: Stamp,
    /// The value; `None` if nothing is known any more.
    pub value: Option<FieldValue>,
}

/// The fields of an item of which something was said, by name.
pub type Fields = BTreeMap<Box<str>, Latest>;

/// Of every field of every item the latest that was said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes(BTreeMap<ItemId, Fields>);

impl Changes {
    /// Adds a change; returns whether it says anything that is newer.
    pub fn add(&mut self, change: ItemChange, place: Place) -> bool {
        let ItemChange { item, set, timestamp_ms, received_ms } = change;
        let stamp = Stamp { timestamp_ms, received_ms, place };
        let mut is_news = false;
        for (field, value) in set {
            is_news |= self.keep(&item, field, Latest { stamp, value });
        }
        is_news
    }

    /// Keeps what was said of a field, unless something later was; returns whether it is kept.
    pub fn keep(&mut self, item: &ItemId, field: Box<str>, latest: Latest) -> bool {
        if !self.0.contains_key(item) {
            self.0.insert(item.clone(), Fields::new());
        }
        let Some(fields) = self.0.get_mut(item) else { return false };
        if fields.get(&field).is_some_and(|known| known.stamp >= latest.stamp) {
            return false;
        }
        fields.insert(field, latest);
        true
    }

    /// Forgets what is in every version.
    pub fn forget(&mut self, covered: &Coverage) {
        for fields in self.0.values_mut() {
            fields.retain(|_, latest| !covered.covers(Some(latest.stamp.place)));
        }
        self.0.retain(|_, fields| !fields.is_empty());
    }

    /// The items of which something was said, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (&ItemId, &Fields)> {
        self.0.iter()
    }

    /// When the latest was accepted, milliseconds since the epoch; the earliest of all times without any.
    #[must_use]
    pub fn latest_ms(&self) -> i64 {
        let all = self.0.values().flat_map(BTreeMap::values);
        all.map(|latest| latest.stamp.received_ms).max().unwrap_or(i64::MIN)
    }

    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use crate::contract::event_log::{CoveredFile, FileId};

    use super::*;

    const LINE: &str =
        r#"{"change":"i7","set":{"colour":null,"price":12.5,"tags":["a","b"]},"timestamp":5,"received":6}"#;

    fn change(timestamp_ms: i64, price: f64) -> ItemChange {
        let set = BTreeMap::from([(PRICE.into(), Some(FieldValue::Number(price)))]);
        ItemChange { item: ItemId::new("i7").expect("an id"), set, timestamp_ms, received_ms: timestamp_ms }
    }

    fn place(end: u64) -> Place {
        Place { file: FileId::new(3).expect("not 0"), end }
    }

    fn price(changes: &Changes) -> Option<f64> {
        changes.iter().next().and_then(|(_, fields)| fields[PRICE].value.as_ref()).and_then(FieldValue::number)
    }

    #[test]
    fn a_change_reads_back_and_is_no_event() {
        let change = ItemChange::read(LINE.as_bytes()).expect("a change");
        assert_eq!(serde_json::to_string(&change).expect("serialises"), LINE);
        assert_eq!(change.set["colour"], None);
        assert!(serde_json::from_str::<crate::contract::event::Event>(LINE).is_err());
        assert_eq!(ItemChange::read(br#"{"timestamp":5}"#), None);
    }

    #[test]
    fn the_later_change_counts_in_whatever_order_and_however_often_they_come() {
        let all = [(change(1, 10.0), place(90)), (change(2, 20.0), place(10)), (change(2, 30.0), place(20))];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]] {
            let mut changes = Changes::default();
            for at in order.into_iter().chain(order) {
                let (change, place) = all[at].clone();
                changes.add(change, place);
            }
            assert_eq!(price(&changes), Some(30.0), "{order:?}");
        }
    }

    #[test]
    fn what_every_version_has_is_forgotten() {
        let mut changes = Changes::default();
        assert!(changes.add(change(1, 10.0), place(90)) && !changes.add(change(1, 10.0), place(90)));
        let file = |bytes| CoveredFile { replica: "0".to_owned(), number: 1, id: place(0).file, bytes };
        changes.forget(&[file(89)].iter().collect());
        assert_eq!(changes.len(), 1);
        changes.forget(&[file(90)].iter().collect());
        assert!(changes.is_empty());
    }
}
