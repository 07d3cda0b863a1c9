//! The paths of JSON records, in the order in which they are first seen.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// How many steps a path may have.
const DEPTH: usize = 6;
/// How many elements of a list are looked at.
const ELEMENTS: usize = 10;
/// How many paths are kept: keys may be ids.
const PATHS: usize = 1000;

/// The paths of some records.
#[derive(Debug, Default)]
pub struct Paths {
    /// The keys of the records.
    pub columns: Vec<String>,
    /// The paths within them.
    pub nested: BTreeSet<String>,
}

impl Paths {
    /// Adds those of a record; returns whether it is an object.
    pub fn add(&mut self, record: &[u8]) -> bool {
        let Ok(Object(entries)) = serde_json::from_slice(record) else { return false };
        for (Key(key), value) in entries {
            if self.columns.len() < PATHS && !self.columns.iter().any(|column| *column == key) {
                self.columns.push(key.to_string());
            }
            self.add_nested(&key, value, DEPTH);
        }
        true
    }

    fn add_nested(&mut self, path: &str, value: &RawValue, depth: usize) {
        if depth == 0 || self.nested.len() >= PATHS {
            return;
        }
        if let Ok(Object(entries)) = serde_json::from_str(value.get()) {
            for (Key(key), value) in entries {
                let path = format!("{path}.{key}");
                self.add_nested(&path, value, depth - 1);
                self.nested.insert(path);
            }
        } else if let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(value.get()) {
            let path = format!("{path}[]");
            elements.into_iter().take(ELEMENTS).for_each(|element| self.add_nested(&path, element, depth - 1));
            self.nested.insert(path);
        }
    }
}

/// The keys and values of an object, as they are written and in that order.
struct Object<'a>(Vec<(Key<'a>, &'a RawValue)>);

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Object<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::with_capacity(8);
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Object(entries))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}
