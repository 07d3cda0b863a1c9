//! What the service is told of users while a version is served: the line of the event log that says it.
//!
//! ```text
//! {"profile":{"age":34,"city":"Bern","plan":null},"visitorid":"u1","timestamp":1764223441000,"received":1764223441000}
//! ```
//!
//! A change sets the fields that it names, and leaves the others; of two changes of a field the later one counts, as of
//! items ([`super::item_change`]). To releases that do not know these lines they are no events: they are counted, reported
//! and passed over. They name the user as events do, so that every release erases them with the user.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::contract::event_log::Place;
use crate::contract::id::UserId;
use crate::contract::item_change::{FieldValue, Fields, Latest, Stamp};

/// How the line of a change begins.
const CHANGE: &[u8] = br#"{"profile":"#;

/// The most fields that are remembered of a user: those that were said last.
pub const MOST_FIELDS: usize = 64;

/// A change of what is known of a user, as a line of the event log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserChange {
    /// The fields that it sets, with their values; none for a field of which nothing is known any more.
    #[serde(rename = "profile")]
    pub set: BTreeMap<Box<str>, Option<FieldValue>>,
    /// The user.
    #[serde(rename = "visitorid")]
    pub user: UserId,
    /// Since when it is so, milliseconds since the epoch; not after `received_ms`.
    #[serde(rename = "timestamp")]
    pub timestamp_ms: i64,
    /// When the service accepted it, milliseconds since the epoch.
    #[serde(rename = "received")]
    pub received_ms: i64,
}

impl UserChange {
    /// Reads a line of the log; `None` if it is no change of a user.
    #[must_use]
    pub fn read(line: &[u8]) -> Option<Self> {
        if !line.starts_with(CHANGE) {
            return None;
        }
        serde_json::from_slice(line).ok()
    }

    /// When it was said, and where it stands.
    #[must_use]
    pub fn stamp(&self, place: Place) -> Stamp {
        Stamp { timestamp_ms: self.timestamp_ms, received_ms: self.received_ms, place }
    }
}

/// Adds what was said of a user to what is known, unless something later is; keeps the [`MOST_FIELDS`] that were said last.
/// Returns whether anything is news. In whatever order and however often changes are added, the same is known in the end.
pub fn add(known: &mut Fields, set: &BTreeMap<Box<str>, Option<FieldValue>>, stamp: Stamp) -> bool {
    let mut is_news = false;
    for (field, value) in set {
        let latest = Latest { stamp, value: value.clone() };
        is_news |= keep(known, field.clone(), latest);
    }
    is_news
}

/// Keeps what was said of a field, unless something later was; returns whether it is kept.
pub fn keep(known: &mut Fields, field: Box<str>, latest: Latest) -> bool {
    if known.get(&field).is_some_and(|known| known.stamp >= latest.stamp) {
        return false;
    }
    known.insert(field.clone(), latest);
    if known.len() <= MOST_FIELDS {
        return true;
    }
    let earliest =
        known.iter().min_by_key(|(name, latest)| (latest.stamp, (*name).clone())).map(|(name, _)| name.clone());
    let Some(earliest) = earliest else { return true };
    known.remove(&earliest);
    earliest != field
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::contract::event_log::FileId;

    const LINE: &str =
        r#"{"profile":{"age":34.5,"city":"Bern","plan":null,"vip":true},"visitorid":"u1","timestamp":5,"received":6}"#;

    fn stamp(at: i64) -> Stamp {
        let place = Place { file: FileId::new(3).expect("not 0"), end: at as u64 };
        Stamp { timestamp_ms: at, received_ms: at, place }
    }

    #[test]
    fn a_change_reads_back_is_no_event_and_names_its_user_as_events_do() {
        let change = UserChange::read(LINE.as_bytes()).expect("a change");
        assert_eq!(serde_json::to_string(&change).expect("serialises"), LINE);
        assert_eq!((change.user.as_str(), &change.set["plan"]), ("u1", &None));
        assert!(serde_json::from_str::<crate::contract::event::Event>(LINE).is_err());
        assert_eq!(UserChange::read(br#"{"timestamp":5}"#), None);
        assert_eq!(serde_json::from_str::<serde_json::Value>(LINE).expect("JSON")["visitorid"], "u1");
    }

    proptest! {
        #[test]
        fn in_whatever_order_changes_come_the_same_is_known(
            fields in prop::collection::vec(0usize..80, 100..150), order in prop::collection::vec(0usize..100, 100),
        ) {
            let mut changes: Vec<(Box<str>, i64)> =
                fields.iter().enumerate().map(|(at, field)| (format!("f{field}").into(), at as i64)).collect();
            let known = |changes: &[(Box<str>, i64)]| {
                let mut known = Fields::new();
                for (field, at) in changes {
                    let set = [(field.clone(), Some(FieldValue::Number(*at as f64)))].into();
                    add(&mut known, &set, stamp(*at));
                }
                known
            };
            let in_order = known(&changes);
            prop_assert!(in_order.len() <= MOST_FIELDS);
            for (at, other) in order.into_iter().enumerate() {
                changes.swap(at, other);
            }
            prop_assert_eq!(known(&changes), in_order.clone());
            prop_assert_eq!(known(&[changes.clone(), changes].concat()), in_order);
        }
    }
}
