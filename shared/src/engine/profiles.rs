//! The profiles of a version: what its columns are, the cells of known users, and those of a profile that a request gives.
//!
//! In: the table, and values as JSON. Out: a [`Profile`], or every value that is refused. Cost: a search per column.

use serde_json::Value;

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
