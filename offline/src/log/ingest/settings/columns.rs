//! Which columns of a file hold what.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a column can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The time of the event, or its date.
    Timestamp,
    /// The time of day, where the date has a column of its own.
    TimeOfDay,
    /// The user.
    User,
    /// The item.
    Item,
    /// The kind of the event.
    Event,
    /// The session.
    Session,
    /// The id of the event, unique among those of its user.
    EventId,
    /// A number that orders events of equal times.
    Order,
    /// The order number.
    Transaction,
    /// The number of pieces; below zero they came back.
    Quantity,
    /// A rating.
    Rating,
    /// The item's name.
    Name,
    /// The item's category.
    Category,
    /// The item's brand.
    Brand,
    /// The item's price.
    Price,
    /// Numbers of pieces that were cancelled or given back later.
    ReturnedQuantity,
    /// What was paid, where there is no quantity; below zero the goods came back.
    Amount,
}

impl Role {
    /// All roles, in the order of the columns that are read.
    pub const ALL: [Self; 17] = [
        Self::Timestamp,
        Self::TimeOfDay,
        Self::User,
        Self::Item,
        Self::Event,
        Self::Session,
        Self::EventId,
        Self::Order,
        Self::Transaction,
        Self::Quantity,
        Self::Rating,
        Self::Name,
        Self::Category,
        Self::Brand,
        Self::Price,
        Self::ReturnedQuantity,
        Self::Amount,
    ];

    /// The name in the settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timestamp => "timestamp",
            Self::TimeOfDay => "time_of_day",
            Self::User => "user",
            Self::Item => "item",
            Self::Event => "event",
            Self::Session => "session",
            Self::EventId => "event_id",
            Self::Order => "order",
            Self::Transaction => "transaction",
            Self::Quantity => "quantity",
            Self::Rating => "rating",
            Self::Name => "name",
            Self::Category => "category",
            Self::Brand => "brand",
            Self::Price => "price",
            Self::ReturnedQuantity => "returned_quantity",
            Self::Amount => "amount",
        }
    }
}

/// One text or several, of which the first that serves counts: columns of a role, formats of times.
///
/// A column is a name or, in JSON, a path such as `properties.products[].product_id`; the first with a value counts, row
/// by row. `""` means as the schema says, `"-"` that there is no such column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Alternatives {
    /// One.
    One(String),
    /// Several.
    Any(Vec<String>),
}

impl Alternatives {
    /// All, in the order in which they are tried.
    #[must_use]
    pub fn list(&self) -> &[String] {
        match self {
            Self::One(path) => std::slice::from_ref(path),
            Self::Any(paths) => paths,
        }
    }

    /// Whether there is nothing but empty texts.
    #[must_use]
    pub fn is_unset(&self) -> bool {
        self.list().iter().all(String::is_empty)
    }

    fn is_none(&self) -> bool {
        self.list() == ["-"]
    }
}

/// The columns by role; a role that is not named, or `""`, is left to the schema.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Columns(pub BTreeMap<Role, Alternatives>);

impl Columns {
    /// The columns of a role; empty if it has none.
    #[must_use]
    pub fn of(&self, role: Role) -> &[String] {
        self.0.get(&role).filter(|paths| !paths.is_unset() && !paths.is_none()).map_or(&[], Alternatives::list)
    }

    /// Whether a role is set, also to none.
    #[must_use]
    pub fn sets(&self, role: Role) -> bool {
        self.0.get(&role).is_some_and(|paths| !paths.is_unset())
    }

    /// Lays others over these.
    pub fn lay_over(&mut self, over: &Self) {
        let set = over.0.iter().filter(|(_, paths)| !paths.is_unset());
        self.0.extend(set.map(|(role, paths)| (*role, paths.clone())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(rows: &[(Role, &str)]) -> Columns {
        Columns(rows.iter().map(|(role, path)| (*role, Alternatives::One((*path).to_owned()))).collect())
    }

    #[test]
    fn what_is_not_set_is_left_to_the_layer_below() {
        let mut below = columns(&[(Role::User, "userId"), (Role::Event, "action"), (Role::Item, "sku")]);
        below.lay_over(&columns(&[(Role::User, ""), (Role::Event, "-"), (Role::Item, "product")]));
        assert_eq!(below.of(Role::User), ["userId"]);
        assert!(below.of(Role::Event).is_empty() && below.sets(Role::Event));
        assert_eq!(below.of(Role::Item), ["product"]);
        assert!(!below.sets(Role::Price));
    }

    #[test]
    fn every_role_has_the_name_that_settings_use() {
        for role in Role::ALL {
            assert_eq!(serde_json::to_value(role).expect("a name"), role.as_str());
        }
    }
}
