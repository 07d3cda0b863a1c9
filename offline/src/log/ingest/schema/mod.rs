//! The schemas of known logs, as data of this build, and the one that a file has.
//!
//! A schema is a [`Reading`] and the columns by which it is recognised. Of several that fit, the one with most columns is
//! taken; a file without a header is recognised by its values. A file of no known schema is read by the names of its
//! columns, see [`generic`].

mod generic;
mod without_header;

use std::sync::LazyLock;

use figment::Figment;
use figment::providers::{Format, Toml};
use serde::Deserialize;

use super::settings::{Paths, Reading};
pub use generic::generic;
pub use without_header::Shape;

/// The name of the schema of the service's own event log.
pub const SERVICE: &str = "tandem";

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
    pub has: Vec<Paths>,
    /// How the names of these columns are compared.
    #[serde(default)]
    pub case: Case,
    /// The values by column of a file of this schema, which has no header.
    #[serde(default)]
    pub without_header: Vec<Shape>,
    /// The kind of rows without a word in a file with a column for an order's number or a quantity.
    #[serde(default)]
    pub default_event_of_orders: Option<String>,
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
    "personalize",
    "posthog",
    "predictionio",
    "ratings",
    "ratings-by-item",
    "recbole",
    "recbole-untimed",
    "rees46",
    "segment",
    "segment-tables",
    "shopify",
    "snowplow",
    "tandem",
    "taobao",
    "tianchi-mobile",
    "woocommerce",
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

/// How names of columns are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Case {
    /// In any case.
    #[default]
    Ignored,
    /// As they stand.
    Exact,
}

/// The schema of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Schema> {
    SCHEMAS.iter().find(|schema| schema.name == name)
}

/// The schema of a file with these columns; `None` if none is known. Of several that fit, the one with most columns.
///
/// * `separator`: what stands between fields; `None` if the file has no fields of text.
#[must_use]
pub fn by_columns(columns: &[String], separator: Option<&str>) -> Option<&'static Schema> {
    let has = |schema: &Schema, any: &Paths| any.list().iter().any(|path| is_there(path, columns, schema.case));
    let fits = |schema: &&Schema| {
        !schema.has.is_empty() && is_separated(schema, separator) && schema.has.iter().all(|any| has(schema, any))
    };
    SCHEMAS.iter().filter(fits).rev().max_by_key(|schema| schema.has.len())
}

/// The schema of a file without a header; `None` if none is known. Of several that fit, the one with most regular
/// expressions.
///
/// * `rows`: the first rows, with the value of each column.
/// * `separator`: what stands between fields.
#[must_use]
pub fn by_values(rows: &[Vec<Option<String>>], separator: Option<&str>) -> Option<&'static Schema> {
    let fits = |schema: &&Schema| is_separated(schema, separator) && without_header::fits(schema, rows);
    SCHEMAS
        .iter()
        .filter(fits)
        .rev()
        .max_by_key(|schema| schema.without_header.iter().filter(|shape| shape.is_regex()).count())
}

fn is_separated(schema: &Schema, separator: Option<&str>) -> bool {
    schema.reading.separator.as_deref().is_none_or(|own| separator == Some(own))
}

/// Whether a column, or an object or a list with this path, is among the columns.
fn is_there(path: &str, columns: &[String], case: Case) -> bool {
    columns.iter().any(|column| {
        let head = column.get(..path.len());
        let behind = column.get(path.len()..).unwrap_or_default();
        let is_equal = |head: &str| if case == Case::Exact { head == path } else { head.eq_ignore_ascii_case(path) };
        head.is_some_and(is_equal) && (behind.is_empty() || behind.starts_with(['.', '[']))
    })
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

    #[test]
    fn a_path_is_there_if_something_lies_below_it() {
        let columns = ["items[].item_id", "event_name", "a.b"].map(str::to_owned);
        for path in ["items", "items[].item_id", "EVENT_NAME", "a", "a.b"] {
            assert!(is_there(path, &columns, Case::Ignored), "{path}");
        }
        assert!(!is_there("EVENT_NAME", &columns, Case::Exact));
        for path in ["item", "event", "b"] {
            assert!(!is_there(path, &columns, Case::Ignored), "{path}");
        }
    }
}
