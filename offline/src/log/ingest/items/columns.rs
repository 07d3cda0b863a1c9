//! Finds the columns of an item table by their names.
//!
//! A column is found by the name in the settings, whatever the case of its letters and without the type that RecBole
//! appends (`item_id:token`). Where the setting has its default and the table no such column, the names that other
//! programs use are tried.

use shared::contract::id::MAX_ID_BYTES;

use super::ItemsConfig;
use super::property::Kind;

/// What a column can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The item.
    Id,
    /// Its name.
    Name,
    /// Its categories.
    Category,
    /// A path of categories.
    CategoryPath,
    /// Its price.
    Price,
    /// Its brand.
    Brand,
    /// Whether it may be recommended.
    Available,
    /// Since when.
    AvailableFrom,
    /// Until when.
    AvailableUntil,
}

impl Role {
    /// All roles, in the order of the columns that are read.
    pub const ALL: [Self; 9] = [
        Self::Id,
        Self::Name,
        Self::Category,
        Self::CategoryPath,
        Self::Price,
        Self::Brand,
        Self::Available,
        Self::AvailableFrom,
        Self::AvailableUntil,
    ];

    /// The key of `[items]`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Name => "name",
            Self::Category => "category",
            Self::CategoryPath => "category_path",
            Self::Price => "price",
            Self::Brand => "brand",
            Self::Available => "available",
            Self::AvailableFrom => "available_from",
            Self::AvailableUntil => "available_until",
        }
    }

    /// The name in the settings, and the names that are tried in its place. The first one is the setting's default.
    fn names(self, config: &ItemsConfig) -> (&str, &'static [&'static str]) {
        match self {
            Self::Id => (
                &config.id,
                &[
                    "itemid",
                    "item_id",
                    "product_id",
                    "productid",
                    "sku",
                    "id",
                    "movieid",
                    "asin",
                    "parent_asin",
                    "item",
                ],
            ),
            Self::Name => {
                (&config.name, &["name", "title", "item_name", "product_name", "product_title", "movie_title"])
            }
            Self::Category => (
                &config.category,
                &["category", "categories", "genres", "genre", "product_category", "category_code", "product_type"],
            ),
            Self::CategoryPath => (&config.category_path, &["category_path", "google_product_category", "breadcrumb"]),
            Self::Price => (&config.price, &["price", "product_price", "item_price"]),
            Self::Brand => (&config.brand, &["brand", "brand_name", "product_brand"]),
            Self::Available => (&config.available, &["available", "is_available", "availability", "in_stock"]),
            Self::AvailableFrom => {
                (&config.available_from, &["available_from", "available_time", "availability_date", "valid_from"])
            }
            Self::AvailableUntil => {
                (&config.available_until, &["available_until", "expire_time", "expiration_date", "valid_until"])
            }
        }
    }

    /// A part of the names that a column of this role is likely to have.
    fn stem(self) -> Option<&'static str> {
        match self {
            Self::Name => Some("title"),
            Self::Category => Some("categor"),
            Self::Price => Some("price"),
            Self::Brand => Some("brand"),
            Self::Available => Some("availab"),
            Self::Id | Self::CategoryPath | Self::AvailableFrom | Self::AvailableUntil => None,
        }
    }
}

/// The columns of a table by role, and what is to be said about them.
#[derive(Debug, Default)]
pub struct Recognised {
    /// The column of each of [`Role::ALL`], by position.
    pub columns: [Option<String>; Role::ALL.len()],
    /// Settings that name no column, and columns that look like one but are not read.
    pub warnings: Vec<String>,
}

impl Recognised {
    /// The column of a role.
    #[must_use]
    pub fn of(&self, role: Role) -> Option<&str> {
        self.columns[role as usize].as_deref()
    }
}

/// Finds the column of each role among those of a table.
#[must_use]
pub fn recognise(config: &ItemsConfig, there: &[String]) -> Recognised {
    let mut found = Recognised::default();
    for role in Role::ALL {
        let (name, synonyms) = role.names(config);
        let default = name == synonyms[0];
        let tried = if default { synonyms } else { &[][..] };
        let column = std::iter::once(name).chain(tried.iter().copied()).find_map(|name| find(name, there));
        if column.is_none() && !default && !name.is_empty() && role != Role::Id {
            let there = there.join(", ");
            let key = role.as_str();
            found
                .warnings
                .push(format!("items.{key} = \"{name}\": the item table has no such column; there are: {there}"));
        }
        found.columns[role as usize] = column.map(str::to_owned);
    }
    let absent: Vec<Role> = Role::ALL.into_iter().filter(|role| found.of(*role).is_none()).collect();
    for role in absent {
        let (name, synonyms) = role.names(config);
        let Some(stem) = role.stem().filter(|_| name == synonyms[0]) else { continue };
        let read = |column: &&String| found.columns.iter().flatten().any(|known| known == *column);
        let likely = |column: &&String| column.len() < MAX_ID_BYTES && column.to_lowercase().contains(stem);
        if let Some(column) = there.iter().find(|column| likely(column) && !read(column)) {
            let key = role.as_str();
            found.warnings.push(format!("column `{column}` is not read; items.{key} = \"{column}\" reads it"));
        }
    }
    found
}

/// The column of a name: the one that is equal, else the first that differs only in case and type.
pub fn find<'a>(name: &str, there: &'a [String]) -> Option<&'a str> {
    // An empty setting means no column, not one with an empty name.
    let equal = |column: &&String| **column == name;
    let alike = |column: &&String| bare(column).eq_ignore_ascii_case(name);
    let column = there.iter().find(equal).or_else(|| there.iter().find(alike));
    column.filter(|_| !name.is_empty()).map(String::as_str)
}

/// The types that RecBole appends to the names of columns.
const TYPES: [(&str, Kind); 4] =
    [(":token", Kind::Text), (":token_seq", Kind::List), (":float", Kind::Number), (":float_seq", Kind::Text)];

/// The name of a column without the type.
pub fn bare(column: &str) -> &str {
    TYPES.iter().find_map(|(end, _)| column.strip_suffix(end)).unwrap_or(column)
}

/// The type that the name of a column says.
pub fn kind(column: &str) -> Option<Kind> {
    TYPES.iter().find(|(end, _)| column.ends_with(end)).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(config: &ItemsConfig, there: &[&str]) -> Recognised {
        recognise(config, &there.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn names_of_other_programs_are_recognised_where_the_default_is_absent() {
        let config = ItemsConfig::of_tests();
        let found = of(&config, &["movieId", "title", "genres"]);
        assert_eq!(found.of(Role::Id), Some("movieId"));
        assert_eq!(found.of(Role::Name), Some("title"));
        assert_eq!(found.of(Role::Category), Some("genres"));
        assert!(found.of(Role::Price).is_none() && found.warnings.is_empty());
        let found = of(&config, &["id", "itemid", "Category", "category"]);
        assert_eq!(found.of(Role::Id), Some("itemid"), "the default comes first");
        assert_eq!(found.of(Role::Category), Some("category"), "the name that is equal comes first");
    }

    #[test]
    fn neither_case_nor_type_matters() {
        let found = of(&ItemsConfig::of_tests(), &["item_id:token", "Price:float", "GENRES"]);
        assert_eq!(found.of(Role::Id), Some("item_id:token"));
        assert_eq!(found.of(Role::Price), Some("Price:float"));
        assert_eq!(found.of(Role::Category), Some("GENRES"));
        assert_eq!(kind("tags:token_seq"), Some(Kind::List));
        assert_eq!(kind("tags"), None);
    }

    #[test]
    fn a_setting_of_ones_own_is_not_replaced_but_missed() {
        let config = ItemsConfig { name: "label".into(), category: String::new(), ..ItemsConfig::of_tests() };
        let found = of(&config, &["id", "title", "category"]);
        assert!(found.of(Role::Name).is_none() && found.of(Role::Category).is_none());
        let expected = "items.name = \"label\": the item table has no such column; there are: id, title, category";
        assert_eq!(found.warnings, [expected]);
    }

    #[test]
    fn a_column_that_looks_like_one_is_named_with_the_setting_that_reads_it() {
        let found = of(&ItemsConfig::of_tests(), &["id", "main_category", "price"]);
        assert_eq!(found.warnings, ["column `main_category` is not read; items.category = \"main_category\" reads it"]);
    }
}
