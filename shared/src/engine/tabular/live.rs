//! What the service learns of keys after a version was trained: it goes on with the version's histories.
//!
//! ```text
//! rows, sent or scored ─▶ log ─▶ live rows by key, in the store ─▶ joined with those of the version ─▶ features
//! ```
//!
//! The rows of a history belong to all versions that remember the same of the same rows ([`HistoryId`]), so that a new
//! version goes on with what is known. Values of one key and time replace those of the version; counts are of rows after
//! the last one that the version was trained on, which has counted all before.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::column::{Column, Level};
use super::derive::Derivation;
use super::history::{History, milliseconds};
use super::manifest::ModelManifest;
use super::schema::{Field, FieldKind};
use super::value::{number, truth};
use crate::contract::id::present;
use crate::tables::{HistoryBuilder, HistoryTable};

/// Which rows the service adds to what a version knows of keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remember {
    /// None: what was before is that of the training rows.
    #[default]
    Trained,
    /// Those that are sent to it.
    Sent,
    /// The same, but counts are of the rows that it scores.
    Scored,
}

/// How rows came to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// They were sent to be remembered.
    Sent,
    /// They were scored.
    Scored,
}

impl Origin {
    /// Its name, in paths and keys.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Scored => "scored",
        }
    }
}

/// Identifies what is remembered of which rows: a hash of the model, the origin of the rows, the key and the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HistoryId(u64);

impl HistoryId {
    /// The id of what is remembered of the rows of a key.
    ///
    /// * `values`: the columns, or what else is kept.
    #[must_use]
    pub fn of(model: &str, origin: Origin, key: &str, values: &str) -> Self {
        Self(Level::of(&[model, origin.as_str(), key, values].join("\n")).0)
    }
}

impl fmt::Display for HistoryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

/// What is kept of the rows of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// How many there were.
    Count,
    /// The values of these columns.
    Values(Vec<String>),
}

/// A history that the service goes on with.
#[derive(Debug, Clone, PartialEq)]
pub struct Followed {
    /// Identifies it.
    pub id: HistoryId,
    /// Its place among those of the version.
    pub history: usize,
    /// The fields of keys and of times, as positions in the schema.
    pub columns: [usize; 2],
    /// Which rows it is told.
    pub origin: Origin,
    /// What it keeps of them.
    pub kept: Kept,
    /// The time of the last row that is in the version's table, milliseconds since the epoch.
    pub end_ms: i64,
}

/// What the service knows of a key at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveRow {
    /// Milliseconds since the epoch.
    pub time_ms: i64,
    /// The values of the columns; of counts the number of rows of this time.
    pub values: Vec<f32>,
}

/// The rows of keys, those of a key by time.
pub type LiveRows = BTreeMap<Level, Vec<LiveRow>>;

/// What is known of the keys of rows that are to be scored, by history.
pub type Live = BTreeMap<HistoryId, LiveRows>;

/// A value that can't be remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadField {
    /// The field.
    pub name: String,
    /// What is wrong, and what it may be.
    pub detail: String,
}

/// The histories of a version that the service goes on with.
#[must_use]
pub fn followed(manifest: &ModelManifest, histories: &[HistoryTable]) -> Vec<Followed> {
    let of = |(history, table): (usize, &HistoryTable)| {
        let ([key, time], kept, origin) = told(manifest, history)?;
        let values = match &kept {
            Kept::Count => "count".to_owned(),
            Kept::Values(names) => format!("values\n{}", names.join("\n")),
        };
        let [key_field, time_field] = [manifest.schema.get(key)?, manifest.schema.get(time)?];
        // Times that were read in another way are other times.
        let read_by = format!("{}\n{}\n{:?}", key_field.name, time_field.name, zone(time_field));
        let id = HistoryId::of(&manifest.name, origin, &read_by, &values);
        let end_ms = table.times.iter().copied().max().unwrap_or(i64::MIN);
        Some(Followed { id, history, columns: [key, time], origin, kept, end_ms })
    };
    histories.iter().enumerate().filter_map(of).collect()
}

/// The fields of keys and of times of a history, and what the service keeps of which rows; `None` if it keeps nothing.
fn told(manifest: &ModelManifest, history: usize) -> Option<([usize; 2], Kept, Origin)> {
    let parameters = &manifest.parameters;
    let by = parameters.derived.iter().map(|derived| &derived.by);
    let mut told = by.filter(|by| by.remembered().is_some_and(|(own, _)| own == history)).peekable();
    let &[key, time] = told.peek()?.columns() else { return None };
    let (kept, origin) = match (told.any(|by| matches!(by, Derivation::Count { .. })), parameters.remember) {
        (_, Remember::Trained) => return None,
        (true, Remember::Scored) => (Kept::Count, Origin::Scored),
        (true, Remember::Sent) => (Kept::Count, Origin::Sent),
        (false, _) => (Kept::Values(parameters.histories.get(history)?.values.clone()), Origin::Sent),
    };
    Some(([key, time], kept, origin))
}

/// The columns that a row that is sent must have, sorted; none if a version takes no such rows.
#[must_use]
pub fn sent_columns(manifest: &ModelManifest) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for (history, remembered) in manifest.parameters.histories.iter().enumerate() {
        let Some((columns, kept, Origin::Sent)) = told(manifest, history) else { continue };
        names.extend(columns.iter().filter_map(|at| Some(manifest.schema.get(*at)?.name.as_str())));
        if kept != Kept::Count {
            names.extend(remembered.values.iter().map(String::as_str));
        }
    }
    names
}

/// The zone and the format by which times are read.
fn zone(field: &Field) -> (&str, &str) {
    match &field.kind {
        FieldKind::Time { zone, format } => (zone, format.as_deref().unwrap_or_default()),
        _ => ("", ""),
    }
}

/// What becomes of a remembered column that a row does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// The row is refused.
    Refused,
    /// Its value is missing: the row was taken for another version.
    Missing,
}

impl Followed {
    /// What is kept of a row; nothing of one that has no key or no time.
    ///
    /// * `schema`: the fields of the version.
    ///
    /// # Errors
    /// Every field that can't be remembered.
    pub fn read(
        &self,
        schema: &[Field],
        row: &Map<String, Value>,
        absent: Absent,
    ) -> Result<Option<(Level, LiveRow)>, Vec<BadField>> {
        let missing = &schema[self.columns[0]].missing;
        let mut bad = Vec::new();
        let [key, time] = self.columns.map(|at| {
            let (field, mut column) = (&schema[at], schema[at].column(1));
            if let Err(refused) = field.read_json(field_of(row, &field.name), &mut column) {
                bad.push(BadField { name: field.name.clone(), detail: refused.to_string() });
            }
            column
        });
        let values = match &self.kept {
            Kept::Count => vec![1.0],
            Kept::Values(names) => {
                let mut read = |name: &String| {
                    value(field_of(row, name), missing, absent).unwrap_or_else(|detail| {
                        bad.push(BadField { name: name.clone(), detail });
                        f32::NAN
                    })
                };
                names.iter().map(&mut read).collect()
            }
        };
        match (&key, &time) {
            _ if !bad.is_empty() => Err(bad),
            (Column::Levels(keys), Column::Numbers(times)) if keys[0] != Level::MISSING && !times[0].is_nan() => {
                Ok(Some((keys[0], LiveRow { time_ms: milliseconds(times[0]), values })))
            }
            _ => Ok(None),
        }
    }

    /// The rows of keys as the version and the service know them together: of these keys only.
    ///
    /// A value of a time that is in the version's table takes its place, up to the next row there.
    #[must_use]
    pub fn join(&self, version: History<'_>, live: &LiveRows) -> HistoryTable {
        let mut joined = HistoryBuilder::default();
        for (key, rows) in live {
            let own = version.of(*key);
            match self.kept {
                Kept::Count => {
                    let mut count = 0.0;
                    for (time, values) in own.rows() {
                        count = values[0];
                        joined.push(*key, time, values.iter().copied());
                    }
                    for row in rows.iter().filter(|row| row.time_ms > self.end_ms && row.values.len() == 1) {
                        count += row.values[0];
                        joined.push(*key, row.time_ms, [count].into_iter());
                    }
                }
                Kept::Values(_) => {
                    let mut all: BTreeMap<i64, &[f32]> = own.rows().collect();
                    let whole = rows.iter().filter(|row| row.values.len() == version.width);
                    all.extend(whole.map(|row| (row.time_ms, &row.values[..])));
                    all.into_iter().for_each(|(time, values)| joined.push(*key, time, values.iter().copied()));
                }
            }
        }
        joined.table(version.width)
    }
}

/// The value of a field; what an object holds are fields of their own: `place.city`.
fn field_of<'a>(row: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    row.get(name).or_else(|| {
        let (outer, inner) = name.split_once('.')?;
        field_of(row.get(outer)?.as_object()?, inner)
    })
}

/// A value that is remembered: a number, or yes and no as 1 and 0.
///
/// * `missing`: texts that stand for a missing value, beside the usual ones.
fn value(value: Option<&Value>, missing: &[String], absent: Absent) -> Result<f32, String> {
    const EXPECTED: &str = "expected a number, yes or no, or null";
    match value {
        None if absent == Absent::Missing => Ok(f32::NAN),
        None => Err(format!("missing; {EXPECTED}")),
        Some(Value::Null) => Ok(f32::NAN),
        Some(Value::Bool(yes)) => Ok(f32::from(u8::from(*yes))),
        Some(Value::Number(number)) => Ok(number.as_f64().unwrap_or(f64::NAN) as f32),
        Some(Value::String(text)) => {
            let present = present(text).filter(|text| missing.iter().all(|missing| missing != text));
            let Some(text) = present else { return Ok(f32::NAN) };
            let found = number(text).map(|number| number as f32).or_else(|| truth(text));
            found.ok_or_else(|| format!("{text:?}; {EXPECTED}"))
        }
        Some(Value::Array(_) | Value::Object(_)) => Err(format!("a list or an object; {EXPECTED}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Level = Level(7);

    fn followed(kept: Kept, end_ms: i64) -> Followed {
        Followed { id: HistoryId(1), history: 0, columns: [0, 1], origin: Origin::Sent, kept, end_ms }
    }

    fn rows(rows: &[(i64, f32)]) -> LiveRows {
        let row = |(time_ms, value): &(i64, f32)| LiveRow { time_ms: *time_ms, values: vec![*value] };
        [(KEY, rows.iter().map(row).collect())].into()
    }

    const VERSION: History<'_> =
        History { keys: &[KEY, KEY, Level(9)], times: &[1000, 2000, 5000], values: &[1.0, 3.0, 4.0], width: 1 };

    #[test]
    fn counts_go_on_after_the_last_training_row() {
        let joined = followed(Kept::Count, 5000).join(VERSION, &rows(&[(4000, 5.0), (6000, 2.0), (7000, 1.0)]));
        let count = |seconds: f64| joined.get().before(KEY, seconds).last(0);
        assert_eq!((count(1.0), count(2.5), count(6.0)), (None, Some(3.0), Some(3.0)));
        assert_eq!((count(6.5), count(8.0)), (Some(5.0), Some(6.0)), "the rows of second 4 were counted in training");
        assert_eq!(joined.get().before(Level(9), 9.0).last(0), None, "other keys are left to the version");
    }

    #[test]
    fn a_value_replaces_that_of_the_same_time_and_one_that_says_nothing_new_changes_nothing() {
        let kept = Kept::Values(vec!["card".to_owned()]);
        let joined = followed(kept, 5000).join(VERSION, &rows(&[(1500, 3.0), (2000, 3.0), (6000, 0.0)]));
        assert_eq!((&*joined.times, &*joined.values), (&[1000, 1500, 6000][..], &[1.0, 3.0, 0.0][..]));
    }

    #[test]
    fn what_an_object_holds_are_fields_of_their_own() {
        let row = serde_json::json!({ "a": { "b": { "c": 1 } }, "a.d": 2 });
        let found = |name| field_of(row.as_object().expect("an object"), name).and_then(Value::as_i64);
        assert_eq!((found("a.b.c"), found("a.d"), found("a.x"), found("b")), (Some(1), Some(2), None, None));
    }

    #[test]
    fn a_value_is_a_number_or_yes_or_no() {
        let missing = ["NA".to_owned()];
        let read = |text: &str| value(Some(&serde_json::from_str(text).expect("JSON")), &missing, Absent::Refused);
        assert_eq!((read("2.5"), read("true"), read("\"No\""), read("\"1\"")), (Ok(2.5), Ok(1.0), Ok(0.0), Ok(1.0)));
        assert!(read("null").is_ok_and(f32::is_nan) && read("\" \"").is_ok_and(f32::is_nan));
        assert!(read("\"maybe\"").is_err() && read("[1]").is_err() && read("\"NA\"").is_ok_and(f32::is_nan));
        assert!(value(None, &[], Absent::Refused).is_err() && value(None, &[], Absent::Missing).is_ok_and(f32::is_nan));
    }
}
