//! The schemas of known logs, as data of this build, and the one that a file has.
//!
//! A schema is a [`Reading`] and the [`Signs`] by which it is recognised. A file of no known schema is read by the names of
//! its columns, see [`generic`].

mod came_to_nothing;
mod generic;
mod names;
mod signs;
mod without_header;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use figment::Figment;
use figment::providers::{Format, Toml};
use serde::Deserialize;

use super::IngestError;
use super::read::Form;
use super::settings::{Alternatives, Reading};
pub use came_to_nothing::{CameToNothing, is_no_mark, is_nothing, looks_like_nothing, names_nothing, names_state};
pub use generic::{by_usual_names, column_of_users, event_columns, generic, kind_by_column, usual_roles};
pub use names::plain;
pub use signs::{Case, Signs, recognise};
pub use without_header::Shape;

/// The name of the schema of the service's own event log.
pub const SERVICE: &str = "tandem";

/// The name under which files of no known schema are read.
pub const GENERIC: &str = "generic";

/// A known kind of log.
#[derive(Debug, Clone, Deserialize)]
pub struct Schema {
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
    /// The kind of rows without a word in a file with a column for an order's number or a quantity.
    #[serde(default)]
    pub default_event_of_orders: Option<String>,
    /// Columns that are 1 where the row is of a kind, and otherwise none; for files without a column of words.
    #[serde(default)]
    pub flags: BTreeMap<String, String>,
    /// Columns for the kind of events only where their first values are mostly known words.
    #[serde(default)]
    pub event_by_values: Vec<String>,
    /// The kinds of files whose every row has a value in a column of one of these names; for files without a column of words.
    #[serde(default)]
    pub default_event_by_column: BTreeMap<String, Vec<String>>,
    /// How orders that came to nothing are told, in files that no schema knows.
    #[serde(default)]
    pub orders_that_came_to_nothing: Option<CameToNothing>,
    /// How its files are read.
    #[serde(flatten)]
    pub reading: Reading,
}

macro_rules! schemas {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../schemas/", $name, ".toml")))),*]
    };
}

/// Names and texts of all schemas.
const TEXTS: &[(&str, &str)] = schemas![
    "algolia",
    "amazon-reviews",
    "amazon-reviews-2023",
    "amplitude",
    "book-crossing",
    "diginetica",
    "diginetica-purchases",
    "etsy",
    "foursquare",
    "foursquare-without-header",
    "ga4",
    "google-retail",
    "gorse",
    "gowalla",
    "hetrec-lastfm",
    "hm",
    "lastfm-1k",
    "metarank",
    "mixpanel",
    "movielens",
    "movielens-1m",
    "native",
    "online-retail",
    "online-retail-2",
    "otto",
    "otto-flat",
    "paypal",
    "personalize",
    "posthog",
    "predictionio",
    "ratings",
    "ratings-by-item",
    "ratings-with-fractions",
    "recbole",
    "recbole-untimed",
    "rees46",
    "segment",
    "segment-tables",
    "shopify",
    "shopify-api",
    "snowplow",
    "square",
    "tandem",
    "taobao",
    "tianchi-mobile",
    "woocommerce",
    "woocommerce-api",
    "yoochoose-buys",
    "yoochoose-clicks",
];

/// All schemas.
pub static SCHEMAS: LazyLock<Vec<Schema>> =
    LazyLock::new(|| TEXTS.iter().map(|(name, text)| parse(name, text)).collect());

fn parse(name: &'static str, text: &str) -> Schema {
    let schema: Schema =
        Figment::from(Toml::string(text)).extract().unwrap_or_else(|error| panic!("schema {name}: {error}"));
    Schema { name, ..schema }
}

/// The schema of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Schema> {
    SCHEMAS.iter().find(|schema| schema.name == name)
}

/// The schema of a file; `None` if none is known.
///
/// # Errors
/// [`IngestError`] when the file can't be read.
pub fn of_file(form: &Form) -> Result<Option<&'static Schema>, IngestError> {
    recognise(&SCHEMAS, Schema::signs, form)
}

impl Schema {
    fn signs(&self) -> Signs<'_> {
        Signs {
            has: &self.has,
            case: self.case,
            without_header: &self.without_header,
            words: Some(&self.reading.kinds),
            separator: self.reading.separator.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_has_a_title_and_a_sign_by_which_it_is_recognised() {
        for schema in SCHEMAS.iter() {
            let signs = [schema.has.is_empty(), schema.without_header.is_empty()];
            assert!(!schema.title.is_empty() && signs.contains(&false), "{}", schema.name);
        }
    }
}
