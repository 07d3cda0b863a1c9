//! The schemas of known item tables, as data of this build: `schemas/items/*.toml`.
//!
//! A table of no known schema is read by `generic.toml`, which lists the names that columns usually have.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use figment::Figment;
use figment::providers::{Format, Toml};
use serde::Deserialize;

use super::property::Property;
use super::role::Role;
use crate::log::ingest::IngestError;
use crate::log::ingest::read::{Form, Quoting};
use crate::log::ingest::schema::{Case, Shape, Signs, recognise};
use crate::log::ingest::settings::Alternatives;

/// A known kind of item table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemSchema {
    /// Its name.
    #[serde(skip)]
    pub name: &'static str,
    /// What it is, in words.
    pub title: String,
    /// A file with all of these columns has the schema; of alternatives, one.
    #[serde(default)]
    pub has: Vec<Alternatives>,
    /// How the names of these columns are compared.
    #[serde(default)]
    pub case: Case,
    /// The values by column of a file of this schema, which has no header.
    #[serde(default)]
    pub without_header: Vec<Shape>,
    /// What stands between fields.
    pub separator: Option<String>,
    /// How quotes within quoted fields are written.
    pub quoting: Option<Quoting>,
    /// What stands between several categories; of several signs the first that occurs.
    pub category_separator: Option<Alternatives>,
    /// What stands between the levels of a path; of several signs the first that occurs.
    pub path_separator: Option<Alternatives>,
    /// Texts that stand for a missing value, beside the usual ones.
    #[serde(default)]
    pub missing: Vec<String>,
    /// Which columns hold what.
    pub columns: SchemaColumns,
    /// Columns that are 1 if the item is in a category.
    #[serde(default)]
    pub flags: BTreeMap<String, String>,
}

/// The columns of a schema.
#[derive(Debug, Clone, Deserialize)]
pub struct SchemaColumns {
    /// Those that describe an item.
    #[serde(default)]
    pub properties: Vec<Property>,
    /// Those of each role.
    #[serde(flatten)]
    roles: BTreeMap<Role, Alternatives>,
}

impl SchemaColumns {
    /// The columns of a role; empty if it has none.
    #[must_use]
    pub fn of(&self, role: Role) -> &[String] {
        self.roles.get(&role).map_or(&[], Alternatives::list)
    }
}

macro_rules! schemas {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../schemas/items/", $name, ".toml")))),*]
    };
}

/// Names and texts of all schemas.
const TEXTS: &[(&str, &str)] = schemas![
    "amazon",
    "amazon-2023",
    "book-crossing",
    "google-retail",
    "gorse",
    "hetrec-lastfm",
    "hm",
    "movielens",
    "movielens-100k",
    "movielens-1m",
    "native",
    "personalize",
    "recbole",
];

/// All schemas but that of the usual names.
pub static SCHEMAS: LazyLock<Vec<ItemSchema>> =
    LazyLock::new(|| TEXTS.iter().map(|(name, text)| parse(name, text)).collect());

/// The usual names of columns.
pub static GENERIC: LazyLock<ItemSchema> =
    LazyLock::new(|| parse("generic", include_str!("../../../../schemas/items/generic.toml")));

fn parse(name: &'static str, text: &str) -> ItemSchema {
    let schema: ItemSchema =
        Figment::from(Toml::string(text)).extract().unwrap_or_else(|error| panic!("schema items/{name}: {error}"));
    ItemSchema { name, ..schema }
}

impl ItemSchema {
    fn signs(&self) -> Signs<'_> {
        Signs {
            has: &self.has,
            case: self.case,
            without_header: &self.without_header,
            words: None,
            separator: self.separator.as_deref(),
        }
    }
}

/// The schema of an item table; that of the usual names if no other one fits.
///
/// # Errors
/// [`IngestError`] when the file can't be read.
pub fn of_file(form: &Form) -> Result<&'static ItemSchema, IngestError> {
    Ok(recognise(&SCHEMAS, ItemSchema::signs, form)?.unwrap_or(&GENERIC))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_has_a_title_ids_and_a_sign_by_which_it_is_recognised() {
        for schema in SCHEMAS.iter() {
            let signs = [schema.has.is_empty(), schema.without_header.is_empty()];
            assert!(!schema.title.is_empty() && signs.contains(&false), "{}", schema.name);
            assert!(!schema.columns.of(Role::Id).is_empty(), "{}", schema.name);
        }
        let unnamed: Vec<&str> =
            Role::ALL.into_iter().filter(|role| GENERIC.columns.of(*role).is_empty()).map(Role::as_str).collect();
        assert!(unnamed.is_empty(), "{unnamed:?}");
    }
}
