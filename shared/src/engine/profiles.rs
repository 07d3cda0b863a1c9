//! The profiles of a version: what its columns are, the cells of known users, and those of a profile that a request gives.
//!
//! In: the table, and values as JSON. Out: a [`Profile`], or every value that is refused. Cost: a search per column.

use serde_json::Value;

use crate::contract::item_change::FieldValue;
use crate::engine::tabular::column::Level;
use crate::engine::tabular::schema::{Field, FieldKind};
use crate::tables::{Profile, ProfileTable};

/// A value of a profile that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedValue {
    /// The field.
    pub field: String,
    /// What is wrong, and what it may be.
    pub detail: String,
}

/// The columns of profiles, and the table of users and lifts.
#[derive(Debug, Clone)]
pub struct Profiles {
    table: ProfileTable,
    fields: Vec<Field>,
}

impl Profiles {
    /// The profiles of a table; `None` if it has none.
    ///
    /// # Errors
    /// What is wrong with the description of a column.
    pub fn new(table: ProfileTable) -> Result<Option<Self>, String> {
        if table.is_empty() {
            return Ok(None);
        }
        let field = |at: usize| serde_json::from_str(table.fields.get(at)).map_err(|error| format!("`field`: {error}"));
        let fields = (0..table.fields.len()).map(field).collect::<Result<Vec<Field>, String>>()?;
        Ok(Some(Self { table, fields }))
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> &ProfileTable {
        &self.table
    }

    /// What each column is.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Whether a column has numbers.
    #[must_use]
    pub fn is_number(&self, column: usize) -> bool {
        matches!(self.fields[column].kind, FieldKind::Number { .. })
    }

    /// The column of a name.
    fn column(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    /// Whether the version has a column of a name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.column(name).is_some()
    }

    /// Checks a value that is said of a user; nothing is wrong with one of no column.
    ///
    /// # Errors
    /// What is wrong, and what it may be.
    pub fn check(&self, name: &str, value: Option<&FieldValue>) -> Result<(), String> {
        let Some(column) = self.column(name) else { return Ok(()) };
        let field = &self.fields[column];
        let read = field.read_json(Some(&json_of(value)), &mut field.column(1));
        read.map_err(|bad| bad.to_string())
    }

    /// A profile with what was said since on top of it: a value that its column can't have is missing, and what has no
    /// column in this version is left out. `None` if nothing is known at all.
    #[must_use]
    pub fn with_said<'a>(
        &self,
        stored: Option<Profile>,
        said: impl Iterator<Item = (&'a str, Option<&'a FieldValue>)>,
    ) -> Option<Profile> {
        let mut profile = stored;
        for (name, value) in said {
            let Some(column) = self.column(name) else { continue };
            let mut read = self.fields[column].column(1);
            // A value that is refused is read as missing.
            let _ = self.fields[column].read_json(Some(&json_of(value)), &mut read);
            let known = profile.unwrap_or_else(|| self.table.profile(&vec![0; self.fields.len()]));
            profile = Some(self.table.with_cell(known, column, self.table.cell(column, &read, 0)));
        }
        profile
    }

    /// What a profile says, by column: the level of a category, or the bounds of a number. What is missing, and a level that
    /// has no cell or no name, is left out.
    pub fn told<'a>(&'a self, profile: &'a Profile) -> impl Iterator<Item = (&'a str, Value)> {
        self.fields.iter().enumerate().filter_map(|(column, field)| {
            let value = match &field.kind {
                FieldKind::Category { levels, .. } => {
                    let own = self.table.level(profile, column)?;
                    Value::from(levels.iter().find(|level| Level::of(level) == own)?.clone())
                }
                _ => {
                    let (from, below) = self.table.bounds(profile, column)?;
                    let bounds = [("from", from), ("below", below)];
                    let bounds =
                        bounds.into_iter().filter_map(|(name, bound)| Some((name.to_owned(), Value::from(bound?))));
                    Value::Object(bounds.collect())
                }
            };
            Some((field.name.as_str(), value))
        })
    }

    /// Reads the profile that a request gives: a column that it does not name is missing, and a level that nobody had is
    /// one of the others.
    ///
    /// # Errors
    /// Every value that is refused: one of another type, one that is given twice, one of no column.
    pub fn read(&self, values: &[(String, Value)]) -> Result<Profile, Vec<RefusedValue>> {
        let mut refused = Vec::new();
        let mut refuse = |field: &str, detail: String| refused.push(RefusedValue { field: field.to_owned(), detail });
        for (at, (name, _)) in values.iter().enumerate() {
            if !self.fields.iter().any(|field| field.name == *name) {
                let known: Vec<&str> = self.fields.iter().map(|field| field.name.as_str()).collect();
                refuse(name, format!("unknown field; there are: {}", known.join(", ")));
            } else if values[..at].iter().any(|(before, _)| before == name) {
                refuse(name, "it is given twice".to_owned());
            }
        }
        let mut cells = Vec::with_capacity(self.fields.len());
        for (column, field) in self.fields.iter().enumerate() {
            let value = values.iter().find(|(name, _)| *name == field.name).map_or(&Value::Null, |(_, value)| value);
            let mut read = field.column(1);
            if let Err(bad) = field.read_json(Some(value), &mut read) {
                refuse(&field.name, bad.to_string());
            }
            cells.push(self.table.cell(column, &read, 0));
        }
        if refused.is_empty() { Ok(self.table.profile(&cells)) } else { Err(refused) }
    }
}

/// A value as a request would give it: a whole number without a fraction, and yes or no as a text, which it is in a table.
fn json_of(value: Option<&FieldValue>) -> Value {
    match value {
        None => Value::Null,
        Some(FieldValue::Flag(flag)) => Value::String(flag.to_string()),
        Some(FieldValue::Number(number)) if number.fract() == 0.0 && number.abs() < EXACT => {
            Value::from(*number as i64)
        }
        Some(FieldValue::Number(number)) => Value::from(*number),
        Some(FieldValue::Text(text)) => Value::String(text.to_string()),
        Some(FieldValue::Texts(texts)) => Value::from(texts.iter().map(|text| text.to_string()).collect::<Vec<_>>()),
    }
}

/// Up to here every whole number is one of 64 bits.
const EXACT: f64 = 9_007_199_254_740_992.0;
