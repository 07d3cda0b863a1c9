//! The item table: what a shop knows of its items, from a file; and what the log says about them.
//!
//! ```text
//! file ─▶ schema ─▶ columns ─▶ each row: id, name, categories, price, properties, availability ─▶ the last row of an item
//! log  ─▶ told (changes in time)                                                                ─▶ catalogue
//! log of the service ─▶ changed (what it was told of items)                                     ─▶ catalogue
//! ```
//!
//! Bad rows are counted by reason and written to the rejects, as those of logs. Memory: one copy of each text.

pub mod availability;
pub mod catalogue;
pub mod categories;
pub mod changed;
pub mod columns;
pub mod facts;
pub mod price;
pub mod property;
mod read;
pub mod report;
pub mod role;
mod row;
pub mod schema;
pub mod told;

use serde::{Deserialize, Serialize};

pub use catalogue::Catalogue;
use categories::Cuts;
pub use changed::ItemChanges;
use price::Decimal;
use property::Property;
pub use read::read_catalogue;

/// How the item table is read, and what the log says about items. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ItemsConfig {
    pub id: String,
    pub name: String,
    pub category: String,
    pub category_path: String,
    pub price: String,
    pub brand: String,
    pub available: String,
    pub active: String,
    pub hidden: String,
    pub available_from: String,
    pub available_until: String,
    pub embedding: String,
    pub properties: Vec<Property>,
    pub category_separator: String,
    pub path_separator: String,
    pub decimal: Decimal,
    pub available_words: Vec<String>,
    pub withdrawn_words: Vec<String>,
    pub complete: Complete,
}

/// Whether an item table has all items that may be recommended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "bool", into = "bool")]
pub enum Complete {
    /// It has: other items are withdrawn.
    Yes,
    /// It need not.
    #[default]
    No,
}

impl From<bool> for Complete {
    fn from(complete: bool) -> Self {
        if complete { Self::Yes } else { Self::No }
    }
}

impl From<Complete> for bool {
    fn from(complete: Complete) -> Self {
        complete == Complete::Yes
    }
}

impl ItemsConfig {
    /// What cuts categories apart.
    #[must_use]
    pub fn cuts(&self) -> Cuts {
        Cuts {
            separators: vec![self.category_separator.clone()],
            paths: vec![self.path_separator.clone()],
            ..Cuts::default()
        }
    }
}

#[cfg(test)]
impl ItemsConfig {
    /// The settings as they are shipped.
    pub fn of_tests() -> Self {
        use figment::Figment;
        use figment::providers::{Format, Toml};
        let defaults = Toml::string(include_str!("../../../../config.default.toml"));
        Figment::from(defaults).extract_inner("items").expect("defaults")
    }
}
