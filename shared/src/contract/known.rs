//! What the service tells of items and users: the answers of `GET /items`, `GET /users` and what is below them, and the
//! acknowledgements of what it was told of many at once.

use std::collections::BTreeMap;

use serde::de::{self, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::contract::given::optional_integer;
use crate::contract::item_change::FieldValue;

/// The number of items or users of a page when the query does not set `limit`.
pub const DEFAULT_LIMIT: usize = 100;
/// The largest page a query may ask for.
pub const MAX_LIMIT: usize = 500;
/// The most items or users that one request may say something of.
pub const MAX_CHANGES_PER_REQUEST: usize = 1000;

/// How long a page may be: 1 to [`MAX_LIMIT`]; [`DEFAULT_LIMIT`] if absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Limit(usize);

impl Limit {
    /// The number.
    #[must_use]
    pub fn get(self) -> usize {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(DEFAULT_LIMIT)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "an integer from 1 to 500";
        let number = optional_integer(deserializer, expected)?;
        let number = number.ok_or_else(|| de::Error::invalid_type(Unexpected::Unit, &expected))?;
        let limit = usize::try_from(number).ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
        limit.map(Self).ok_or_else(|| de::Error::invalid_value(Unexpected::Signed(number), &expected))
    }
}

/// What is known of an item: the answer of `GET /items/{item_id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KnownItem {
    /// The item.
    pub item_id: String,
    /// Its name, if one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its price, if one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<f32>,
    /// Whether it may be recommended now.
    pub available: bool,
    /// From when on it may be, milliseconds since the epoch, if there is such a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_from: Option<i64>,
    /// From when on it may be no more, milliseconds since the epoch, if there is such a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_until: Option<i64>,
    /// Whether it is never recommended, until somebody says that it is available.
    pub withdrawn: bool,
    /// Its categories with all levels above them, ascending.
    pub categories: Vec<String>,
    /// Its other properties by name: a list of texts, a number, true or false.
    pub properties: BTreeMap<String, FieldValue>,
    /// How many events the version was learnt from have it; none for an item that came after the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
    /// Its popularity, which weighs late events more than early ones, at least 0. Of an item that came after the version it
    /// is assumed.
    pub popularity: f32,
    /// One more than the number of items that are more popular.
    pub popularity_rank: usize,
}

/// What is known of one item: the answer of `GET /items/{item_id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OneItem {
    /// What a page of items has of it, too.
    #[serde(flatten)]
    pub known: KnownItem,
    /// Its events by day, if the version has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<EventDays>,
}

/// How many events an item had on each of the last days of what the version was learnt from, in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventDays {
    /// When the last of the days began, milliseconds since the epoch.
    pub last: i64,
    /// Events, the earliest day first; 65535 stands for more, too.
    pub events: Vec<u16>,
}

/// A page of items by their ids: the answer of `GET /items`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ItemPage {
    /// The version of the artifact that answered.
    pub model_version: String,
    /// Ascending by id.
    pub items: Vec<KnownItem>,
    /// The `cursor` of the next page; absent on the last one. With `q` a page may have fewer items than `limit`, or none,
    /// and a cursor: then the search has not come to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// The acknowledgement of `PUT /items`: what was said is on disk, and in service here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ItemsChanged {
    /// Of how many items of the list something was said: all of them.
    pub changed: usize,
    /// Whether the other replicas learn of it at once (status 200); if not (202), they do once the store is back.
    pub applied: bool,
}

/// What is known of a user: the answer of `GET /users/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KnownUser {
    /// The user.
    pub user_id: String,
    /// Whether the served version knows events of the user.
    pub in_version: bool,
    /// What the served version knows of the user beside events, by column: the level of a category, or the bounds of a number
    /// (`from`, and `below`). It has no values, only what is learnt with; what is missing, and a level that is one of the
    /// others, is absent.
    pub profile: BTreeMap<String, Value>,
    /// What was said of the user since, by field; it takes the place of what the version knows.
    pub said: BTreeMap<String, SaidField>,
    /// How many events the real-time history has.
    pub live_events: usize,
    /// The time of the earliest event that is remembered, milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_event: Option<i64>,
    /// The time of the last event, milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_event: Option<i64>,
}

/// What was said of a field of a user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SaidField {
    /// The value; `null` if nothing is known any more.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub value: Option<FieldValue>,
    /// Since when it is so, milliseconds since the epoch.
    pub timestamp: i64,
}

/// A page of users by their ids: the answer of `GET /users`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserPage {
    /// The version of the artifact that answered.
    pub model_version: String,
    /// Ascending by id. Those who were erased and of whom nothing is known since are left out.
    pub users: Vec<KnownUser>,
    /// The `cursor` of the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// The acknowledgement of `PUT /users/{id}` and `PUT /users`: what was said is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsersChanged {
    /// Of how many users of the list something was said: all of them.
    pub changed: usize,
    /// Whether the very next answers take it into account, on every replica (status 200); if not (202), they do once the
    /// store is back.
    pub applied: bool,
    /// The fields that the served version does not know: they are kept, and the next version may know them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown_to_version: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_1_to_500_entries() {
        let read = |text: &str| serde_json::from_str::<Limit>(text).map(Limit::get).map_err(|error| error.to_string());
        assert_eq!((read("1"), read("500"), Limit::default().get()), (Ok(1), Ok(500), 100));
        for wrong in ["0", "501", "-1", "null", "\"x\""] {
            assert!(read(wrong).expect_err(wrong).contains("an integer from 1 to 500"));
        }
    }
}
