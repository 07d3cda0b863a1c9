//! What the columns of an item table can hold, with the settings and the likely names of each.

use serde::Deserialize;

use super::ItemsConfig;

/// What a column can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The item.
    Id,
    /// Its name.
    Name,
    /// Its categories.
    Category,
    /// A path of categories, or the levels of one.
    CategoryPath,
    /// Its price.
    Price,
    /// Its brand.
    Brand,
    /// Whether it may be recommended.
    Available,
    /// Whether the shop shows it: each of these columns has to say so.
    Active,
    /// Whether it may not.
    Hidden,
    /// Since when.
    AvailableFrom,
    /// Until when.
    AvailableUntil,
}

impl Role {
    /// All roles, in the order of the columns that are read.
    pub const ALL: [Self; 11] = [
        Self::Id,
        Self::Name,
        Self::Category,
        Self::CategoryPath,
        Self::Price,
        Self::Brand,
        Self::Available,
        Self::Active,
        Self::Hidden,
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
            Self::Active => "active",
            Self::Hidden => "hidden",
            Self::AvailableFrom => "available_from",
            Self::AvailableUntil => "available_until",
        }
    }

    /// The default of the setting.
    #[must_use]
    pub fn default_name(self) -> &'static str {
        if self == Self::Id { "itemid" } else { self.as_str() }
    }

    pub(super) fn setting(self, config: &ItemsConfig) -> &str {
        match self {
            Self::Id => &config.id,
            Self::Name => &config.name,
            Self::Category => &config.category,
            Self::CategoryPath => &config.category_path,
            Self::Price => &config.price,
            Self::Brand => &config.brand,
            Self::Available => &config.available,
            Self::Active => &config.active,
            Self::Hidden => &config.hidden,
            Self::AvailableFrom => &config.available_from,
            Self::AvailableUntil => &config.available_until,
        }
    }

    /// Whether the usual names count in a table of any schema.
    pub(super) fn is_the_same_everywhere(self) -> bool {
        !matches!(self, Self::Id | Self::Name | Self::Category | Self::CategoryPath)
    }

    /// Parts of the names that a column of this role is likely to have.
    pub(super) fn stems(self) -> &'static [&'static str] {
        match self {
            Self::Name => &["title"],
            Self::Category => &["categor"],
            Self::Price => &["price"],
            Self::Brand => &["brand"],
            Self::Available => &["availab", "stock", "inventory", "bestand"],
            Self::Active => {
                &["status", "active", "aktiv", "publish", "visib", "online", "enabled", "discontinu", "archiv"]
            }
            _ => &[],
        }
    }
}
