//! Reads rows of JSON into the columns of a model: one object, or a list of objects. Every value that is refused is told,
//! not the first alone.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::{fmt, mem};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use shared::contract::id::canonical;
use shared::engine::tabular::column::{Column, Level};
use shared::engine::tabular::feature::level_of;

use super::served::{Place, Served};

/// The most refused values that are told of.
const TOLD: usize = 100;

/// Rows that were read.
#[derive(Debug, Default)]
pub struct Rows {
    /// The values of each field of the schema.
    pub columns: Vec<Column>,
    /// What names each row: its ids; `None` where it has none.
    pub names: Vec<Option<Level>>,
    /// How many rows.
    pub rows: usize,
    /// The fields that are counted of scored rows, a line of JSON each; empty where none are.
    pub counted: Vec<u8>,
    /// Whether they came as a list.
    pub listed: bool,
    /// What was refused, the first hundred of it.
    pub refused: Vec<Refused>,
    /// How many values were refused, by field.
    pub refusals: BTreeMap<String, u64>,
}

impl Rows {
    /// Names the rows that have no id.
    pub fn name(&mut self, id: &str) {
        let name = canonical(id).map(|id| Level::of(&id));
        self.names.iter_mut().filter(|name| name.is_none()).for_each(|own| *own = name);
    }

    /// What names a row: its ids, or else its values.
    #[must_use]
    pub fn named(&self, row: usize) -> Level {
        let of_values = || {
            let values = (0..self.columns.len()).map(|column| level_of(&self.columns, &[column], row));
            values.reduce(Level::and).unwrap_or(Level::MISSING)
        };
        self.names.get(row).copied().flatten().unwrap_or_else(of_values)
    }

    /// Adds a row that was read: its name, and a line with what is counted of it.
    ///
    /// * `value`: that of a field of the schema.
    pub fn end<'v>(&mut self, served: &Served, name: Option<Level>, value: impl Fn(usize) -> Option<&'v Value>) {
        if !served.counted().is_empty() {
            let name = |at: usize| &served.manifest().schema[at].name;
            let fields = served.counted().iter().filter_map(|&at| Some((name(at), value(at)?)));
            // Values that came as JSON are written as JSON.
            let _ = serde_json::to_writer(&mut self.counted, &fields.collect::<BTreeMap<_, _>>());
            self.counted.push(b'\n');
        }
        self.names.push(name);
        self.rows += 1;
    }

    /// Notes that a value of the row that is being read is refused.
    pub fn refuse(&mut self, field: &str, detail: String) {
        *self.refusals.entry(field.to_owned()).or_default() += 1;
        if self.refused.len() < TOLD {
            let path = if self.listed { format!("[{}].{field}", self.rows) } else { field.to_owned() };
            self.refused.push(Refused { path, field: field.to_owned(), detail });
        }
    }
}

/// A value that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Where it stands: `age`, or `[3].age` in a list.
    pub path: String,
    /// The field's name.
    pub field: String,
    /// What is wrong, and what it may be.
    pub detail: String,
}

/// Why a body is no rows.
#[derive(Debug, thiserror::Error)]
#[error("{0}; a body is a row, as an object with a value for each field, or a list of rows")]
pub struct NoRows(String);

/// What names a row, of the values of its ids; `None` where all are missing. `7`, `7.0` and `"7"` are one id.
pub fn name_of<'a>(ids: impl Iterator<Item = Option<&'a Value>>) -> Option<Level> {
    let level = |id: Option<&Value>| {
        let text = match id? {
            Value::String(text) => Cow::Borrowed(text.as_str()),
            other => Cow::Owned(other.to_string()),
        };
        canonical(&text).map(|id| Level::of(&id))
    };
    let levels: Vec<Level> = ids.map(|id| level(id).unwrap_or(Level::MISSING)).collect();
    let all = levels.iter().copied().reduce(Level::and);
    all.filter(|_| levels.iter().any(|level| *level != Level::MISSING))
}

/// Reads a body.
///
/// * `most`: the most rows of a list.
///
/// # Errors
/// [`NoRows`] when it is no JSON, or something else than rows.
pub fn read(served: &Served, body: &[u8], most: usize) -> Result<Rows, NoRows> {
    let mut reader = Reader::new(served, most);
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = reader.rows(&mut json).and_then(|()| json.end());
    read.map_err(|error| NoRows(error.to_string()))?;
    Ok(reader.rows)
}

/// The row of an object.
#[must_use]
pub fn of_row(served: &Served, object: Map<String, Value>) -> Rows {
    let mut reader = Reader::new(served, 1);
    let mut row = vec![None; served.manifest().schema.len()];
    reader.begin();
    object.into_iter().for_each(|(name, value)| reader.take(&mut row, &name, value));
    reader.end(&row);
    reader.rows
}

struct Reader<'a> {
    served: &'a Served,
    most: usize,
    rows: Rows,
    /// The values of the row that is being read, by field.
    row: Vec<Option<Value>>,
    /// Its ids.
    ids: Vec<Option<Value>>,
}

impl<'a> Reader<'a> {
    fn new(served: &'a Served, most: usize) -> Self {
        let rows = Rows { columns: served.columns(1), ..Rows::default() };
        Self { served, most, rows, row: Vec::new(), ids: Vec::new() }
    }

    fn rows<'de, D: Deserializer<'de>>(&mut self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(Body(self))
    }

    fn object<'de, A: MapAccess<'de>>(&mut self, mut map: A) -> Result<(), A::Error> {
        let mut row = mem::take(&mut self.row);
        row.clear();
        row.resize(self.served.manifest().schema.len(), None);
        self.begin();
        while let Some(name) = map.next_key::<Name>()? {
            self.take(&mut row, &name.0, map.next_value()?);
        }
        self.end(&row);
        self.row = row;
        Ok(())
    }

    /// Begins a row.
    fn begin(&mut self) {
        self.ids.clear();
        self.ids.resize(self.served.manifest().ids.len(), None);
    }

    /// Takes a value of the row that is being read.
    fn take(&mut self, row: &mut [Option<Value>], name: &str, value: Value) {
        match self.served.place(name) {
            Some(Place::Field(at)) if row[at].is_some() => self.rows.refuse(name, "it is given twice".to_owned()),
            Some(Place::Field(at)) => row[at] = Some(value),
            Some(Place::Id(at)) => self.ids[at] = Some(value),
            Some(Place::Nowhere) => {}
            // As in files: what an object holds are fields of their own.
            None => match value {
                Value::Object(inner) if !inner.is_empty() => {
                    inner.into_iter().for_each(|(own, value)| self.take(row, &format!("{name}.{own}"), value));
                }
                _ => {
                    let names = self.served.manifest().schema.iter().map(|field| field.name.as_str());
                    let detail = format!("unknown field{}", nearest(name, names));
                    self.rows.refuse(name, detail);
                }
            },
        }
    }

    /// Reads the values of a row.
    fn end(&mut self, row: &[Option<Value>]) {
        for (at, field) in self.served.manifest().schema.iter().enumerate() {
            if let Err(bad) = field.read_json(row[at].as_ref(), &mut self.rows.columns[at]) {
                self.rows.refuse(&field.name, bad.to_string());
            }
        }
        let name = name_of(self.ids.iter().map(Option::as_ref));
        self.rows.end(self.served, name, |at| row[at].as_ref());
    }
}

/// The nearest of some names, in words; nothing if none is near.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let lower = name.to_lowercase();
    let distance = |other: &str| strsim::osa_distance(&lower, &other.to_lowercase());
    let nearest = names.map(|other| (distance(other), other)).min();
    nearest
        .filter(|(distance, _)| 2 * distance <= name.len())
        .map_or_else(String::new, |(_, name)| format!("; the nearest is `{name}`"))
}

/// The name of a field.
struct Name(String);

impl<'de> serde::Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// A row, or a list of rows.
struct Body<'a, 'b>(&'a mut Reader<'b>);

impl<'de> Visitor<'de> for Body<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object or a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.0.object(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.0.rows.listed = true;
        while list.next_element_seed(Row(self.0))?.is_some() {
            if self.0.rows.rows > self.0.most {
                return Err(A::Error::custom(format!("more than {} rows", self.0.most)));
            }
        }
        Ok(())
    }
}

/// A row of a list.
struct Row<'a, 'b>(&'a mut Reader<'b>);

impl<'de> DeserializeSeed<'de> for Row<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "an object as row {}", self.0.rows.rows)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.0.object(map)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn name(ids: &[Value]) -> Option<Level> {
        name_of(ids.iter().map(Some))
    }

    #[test]
    fn one_id_has_one_name_however_it_is_written() {
        assert_eq!(name(&[json!(7)]), name(&[json!("7.0")]));
        assert_ne!(name(&[json!(7)]), name(&[json!(8)]));
        assert_eq!((name(&[json!(null)]), name(&[json!("")]), name_of([None].into_iter())), (None, None, None));
        assert_ne!(name(&[json!(7), json!(8)]), name(&[json!(8), json!(7)]));
        assert!(name(&[json!(7), json!(null)]).is_some(), "one of two is enough");
    }

    #[test]
    fn a_row_without_an_id_is_named_by_the_request_or_by_its_values() {
        let columns = vec![Column::Numbers(vec![1.0, 1.0, 2.0, 1.0]), Column::Levels(vec![Level::of("a"); 4])];
        let names = vec![None, None, None, Some(Level::of("c1"))];
        let mut rows = Rows { columns, names, rows: 4, ..Rows::default() };
        assert_eq!(rows.named(0), rows.named(1));
        assert_ne!(rows.named(0), rows.named(2));
        rows.name("7.0");
        assert_eq!([0, 2, 3].map(|row| rows.named(row)), ["7", "7", "c1"].map(Level::of));
    }
}
