//! JSON lines: one object per line; lines of white space are skipped.
//!
//! Numbers stay as they are written, digit by digit, and so do nested values.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use shared::contract::event::Event;
use shared::contract::event_log::LogFile;

use super::batch::{Builder, NoRow, RowAt};
use super::{BUFFER_BYTES, Batches, Wanted, places};
use crate::log::ingest::IngestError;

/// The byte order mark, which some programs write before the first line.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads a file and sends its rows in batches. The first object must have the needed columns; in the service's own
/// event log, the first object that is an event.
pub fn read(path: &Path, wanted: &[Wanted], section: &'static str, batches: &Batches) -> Result<(), IngestError> {
    let failed = |error| IngestError::read(path, error);
    let mut file = BufReader::with_capacity(BUFFER_BYTES, File::open(path).map_err(failed)?);
    let of_service = LogFile::at(path).is_some();
    let (mut batch, mut line, mut unchecked) = (Builder::new(wanted.len()), Vec::new(), true);
    let mut at = RowAt { number: 0, start: 0, end: 0 };
    loop {
        let length = file.read_until(b'\n', &mut line).map_err(failed)? as u64;
        if length == 0 {
            break;
        }
        at = RowAt { number: at.number + 1, start: at.end, end: at.end + length };
        let text = if at.number == 1 { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line) } else { &line };
        if of_service && line.last() != Some(&b'\n') {
            batch.push_unreadable(at, NoRow::Unfinished, vec![String::from_utf8_lossy(text).into_owned()]);
            break;
        }
        let text = text.trim_ascii();
        if !text.is_empty() {
            let object = serde_json::from_slice::<Object<'_>>(text);
            // A line of the service's log that is no event is at worst a reject; it says nothing about the columns.
            let is_row = || !of_service || serde_json::from_slice::<Event>(text).is_ok();
            if unchecked
                && is_row()
                && let Ok(object) = &object
            {
                places(path, wanted, &object.keys(), section)?;
                unchecked = false;
            }
            match object.and_then(|object| object.values(wanted)) {
                Ok(values) => batch.push(at, values.iter().map(|value| Some(value.as_deref()?.as_bytes()))),
                Err(_) => {
                    let text = String::from_utf8_lossy(text).into_owned();
                    batch.push_unreadable(at, NoRow::NotJson, vec![text]);
                }
            }
        }
        line.clear();
        if batch.is_full() && batches.send(Ok(batch.take())).is_err() {
            // The receiver is gone: the rest is not wanted.
            return Ok(());
        }
    }
    let _ = batches.send(Ok(batch.take()));
    Ok(())
}

/// The keys and values of a line, as they are written and in that order.
struct Object<'a>(Vec<(Key<'a>, &'a RawValue)>);

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Object<'a> {
    fn keys(&self) -> Vec<String> {
        self.0.iter().map(|(key, _)| key.0.to_string()).collect()
    }

    fn values(&self, wanted: &[Wanted]) -> Result<Vec<Option<Cow<'a, str>>>, serde_json::Error> {
        let value = |name: &String| self.0.iter().rev().find(|(key, _)| key.0 == *name);
        wanted.iter().map(|wanted| value(&wanted.name).map_or(Ok(None), |(_, value)| text(value))).collect()
    }
}

/// A value as text; none for null.
fn text(value: &RawValue) -> Result<Option<Cow<'_, str>>, serde_json::Error> {
    let text = value.get();
    if text == "null" {
        return Ok(None);
    }
    let Some(quoted) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return Ok(Some(Cow::Borrowed(text)));
    };
    if quoted.contains('\\') { serde_json::from_str(text).map(Some) } else { Ok(Some(Cow::Borrowed(quoted))) }
}

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
