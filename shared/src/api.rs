//! JSON requests and answers of the service, used by the service itself and by its clients.

use std::fmt;

use serde::de::{self, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};

use crate::event::EventKind;
use crate::id::{ItemId, UserId};

/// The number of items when a query does not say.
pub const DEFAULT_K: usize = 10;
/// The largest number of items a query may ask for.
pub const MAX_K: usize = 500;
/// The most events one request may carry.
pub const MAX_EVENTS_PER_REQUEST: usize = 1000;

/// Which items of the user's own past may be recommended again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// All of them.
    Allow,
    /// All but what the user bought.
    ExcludePurchased,
    /// None of them.
    ExcludeAll,
}

/// How many items a query asks for: 1 to [`MAX_K`], and [`DEFAULT_K`] where it does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct K(usize);

impl K {
    /// The number.
    #[must_use]
    pub fn get(self) -> usize {
        self.0
    }
}

impl Default for K {
    fn default() -> Self {
        Self(DEFAULT_K)
    }
}

impl<'de> Deserialize<'de> for K {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "an integer from 1 to 500";
        let number = integer(deserializer, expected)?;
        let k = usize::try_from(number).ok().filter(|k| (1..=MAX_K).contains(k));
        k.map(Self).ok_or_else(|| de::Error::invalid_value(Unexpected::Signed(number), &expected))
    }
}

/// A query for recommendations: the parameters of `GET` and `POST /recommendations` and the body of the latter.
///
/// What is absent has its default; `user_id` has none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema, utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct RecommendationQuery {
    /// Who asks. Required; a user nobody has heard of gets a non-personal slate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String), param(value_type = String, required = true))]
    pub user_id: Option<UserId>,
    /// How many items, 1 to 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<usize>, default = 10, minimum = 1, maximum = 500),
        param(value_type = Option<usize>, default = 10, minimum = 1, maximum = 500)
    )]
    pub k: Option<K>,
    /// The item whose page the user is on; it extends the history for this answer and is not recommended itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>), param(value_type = Option<String>))]
    pub item_id: Option<ItemId>,
    /// Only items of this category. One that no item is in is an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Items that must not be recommended. In a URL they are separated by commas, or the parameter is repeated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>), param(value_type = Vec<String>, explode = false))]
    pub exclude: Vec<ItemId>,
    /// Which items of the user's own past may be recommended; the service's setting where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// Adds the history that was used to the answer.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "openapi", schema(default = false), param(default = false))]
    pub explain: Option<bool>,
    /// The time of the question, milliseconds since the epoch. Only a service in replay mode takes it.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "milliseconds")]
    pub now: Option<i64>,
}

/// Reads a value that is there: in a URL an empty one would else count as absent.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    integer(deserializer, "an integer, milliseconds since the epoch").map(Some)
}

/// Reads an integer, or the text of one: a URL has nothing but texts.
fn integer<'de, D: Deserializer<'de>>(deserializer: D, expected: &'static str) -> Result<i64, D::Error> {
    struct Visitor(&'static str);
    impl de::Visitor<'_> for Visitor {
        type Value = i64;
        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str(self.0)
        }
        fn visit_i64<E: de::Error>(self, number: i64) -> Result<i64, E> {
            Ok(number)
        }
        fn visit_u64<E: de::Error>(self, number: u64) -> Result<i64, E> {
            i64::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<i64, E> {
            text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
        }
    }
    deserializer.deserialize_any(Visitor(expected))
}

/// A slate: the answer to a query for recommendations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Recommendations {
    /// Who asked.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub user_id: UserId,
    /// Identifies this answer.
    pub recommendation_id: String,
    /// The artifact that answered.
    pub model_version: String,
    /// Best first.
    pub items: Vec<RecommendedItem>,
    /// With `explain`: the history that was used, oldest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<Vec<HistoryItem>>,
}

/// One item of a slate, and why it is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecommendedItem {
    /// The item.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub item_id: ItemId,
    /// Its name, where the item table has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Comparable within one slate only.
    pub score: f32,
    /// The candidate sources that proposed it.
    pub sources: Vec<String>,
    /// The item of the history that contributed most to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub because: Option<ItemId>,
}

/// One event of a user's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistoryItem {
    /// With which item.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub item_id: ItemId,
    /// What the user did.
    pub event: EventKind,
    /// When, milliseconds since the epoch.
    pub timestamp: i64,
}

/// A user's real-time history: the answer of `GET /users/{id}/history`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserHistory {
    /// Whose history.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub user_id: UserId,
    /// By the time of the events, oldest first; of equal times the first to arrive first.
    pub events: Vec<HistoryItem>,
}

/// Items without a user: the answer of `/items/{item_id}/similar` and `/popular`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ItemList {
    /// The artifact that answered.
    pub model_version: String,
    /// Best first.
    pub items: Vec<RecommendedItem>,
}

/// An event as a client posts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewEvent {
    /// Who did it.
    #[serde(rename = "visitorid", alias = "user_id")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub user: UserId,
    /// With which item.
    #[serde(rename = "itemid", alias = "item_id")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub item: ItemId,
    /// What they did.
    #[serde(rename = "event")]
    pub kind: EventKind,
    /// When, milliseconds since the epoch; the time of arrival where absent.
    #[serde(rename = "timestamp", default, skip_serializing_if = "Option::is_none")]
    pub timestamp_ms: Option<i64>,
    /// The shop's order number.
    #[serde(rename = "transactionid", default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// Makes the event idempotent: the same id of the same user again is the same event, whatever else it says. The
    /// lines of an order need an id each: posted with the order's id, three lines are one event, and `new` says 1.
    /// Given by the service where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
}

/// The body of `POST /events`: one event or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum NewEvents {
    /// Several events.
    Batch(Vec<NewEvent>),
    /// One event.
    One(NewEvent),
}

/// The acknowledgement of `POST /events`: every event is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Accepted {
    /// How many events are durable in the event log, those that were known included.
    pub accepted: usize,
    /// How many of them were new: not those whose id the user's history has already, nor those whose id stood before in
    /// the same request. Ids are known as long as their events are among the last that the history keeps. Absent where
    /// `applied` is false: then nobody knows yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<usize>,
    /// Whether the user's very next answer knows them (status 200); if not (202) they are applied once the store is
    /// back.
    pub applied: bool,
    /// The ids of the events, in the order given.
    pub event_ids: Vec<String>,
}

/// An error, as RFC 9457 problem details (`application/problem+json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// `about:blank`: the status says what kind it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong and what to do.
    pub detail: String,
    /// The field that is wrong, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}
