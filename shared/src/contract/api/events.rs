//! What `POST /events` takes: events, impressions, lists of both; and its acknowledgement.

use std::fmt;

use serde::de::{self, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};

use crate::contract::given::{ids, optional_id, optional_text};
use crate::contract::id::{self, ItemId, UserId};
use crate::contract::kind::KindName;
use crate::contract::time::Number;

/// The most events and impressions one request may carry.
pub const MAX_EVENTS_PER_REQUEST: usize = 1000;

/// The time of an event as a client gives it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum GivenTime {
    /// Seconds, milliseconds, microseconds or nanoseconds since the epoch: the size of the number tells which.
    #[cfg_attr(feature = "openapi", schema(value_type = f64))]
    Number(Number),
    /// A date and time with its offset, as RFC 3339 has it, such as `2024-01-31T12:00:00Z`.
    Text(String),
}

impl GivenTime {
    /// A time in milliseconds since the epoch.
    #[must_use]
    pub fn ms(ms: i64) -> Self {
        Self::Number(Number::Whole(ms))
    }
}

impl fmt::Display for GivenTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(formatter),
            Self::Text(text) => write!(formatter, "{text:?}"),
        }
    }
}

impl<'de> Deserialize<'de> for GivenTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = GivenTime;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a time: a number since the epoch, or a text such as 2024-01-31T12:00:00Z")
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<GivenTime, E> {
                Ok(GivenTime::ms(number))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<GivenTime, E> {
                let number =
                    i64::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))?;
                self.visit_i64(number)
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<GivenTime, E> {
                let decimal = Number::decimal(number).map(GivenTime::Number);
                decimal.ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<GivenTime, E> {
                let text = text.trim();
                Ok(Number::parse(text).map_or_else(|| GivenTime::Text(text.to_owned()), GivenTime::Number))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// An event as a client posts it. An id is a text or a number: `52`, `52.0` and `"52"` are one id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewEvent {
    /// The user; or else `sessionid`, which counts for nothing where there is a user.
    #[serde(
        rename = "visitorid",
        alias = "user_id",
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_id"
    )]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, min_length = 1, max_length = 255))]
    pub user: Option<UserId>,
    /// The session of somebody who is not known as a user: the same as the user `session:` and this id.
    #[serde(
        rename = "sessionid",
        alias = "session_id",
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_text"
    )]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 247))]
    pub session: Option<String>,
    /// The item.
    #[serde(rename = "itemid", alias = "item_id", deserialize_with = "id::given")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 1, max_length = 255))]
    pub item: ItemId,
    /// What the user did: `view`, `addtocart`, `transaction`, or another kind of the served version, such as `like`,
    /// `dislike`, `hide`, `wishlist`, `remove_from_cart` and `refund`.
    #[serde(rename = "event")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^[a-z0-9_]{1,32}$", example = "view"))]
    pub kind: KindName,
    /// The time of the event: seconds, milliseconds, microseconds or nanoseconds since the epoch, told apart by their
    /// size, or a text with its offset such as `2024-01-31T12:00:00Z` (RFC 3339). The time of arrival if absent, and
    /// where it is up to a day ahead, since clocks differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<GivenTime>,
    /// The shop's order number.
    #[serde(
        rename = "transactionid",
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_text"
    )]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub transaction_id: Option<String>,
    /// Makes the event idempotent: a second event of the user with the same id is a duplicate, whatever its other
    /// fields. Each line of an order needs an id of its own: lines posted under the order's id are refused in one
    /// request, and one event in several. The service makes an id if absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_text")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub event_id: Option<String>,
    /// The answer that led to the event: its `recommendation_id`. Without it the event is put down to the user's latest slate
    /// with the item.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_text")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub recommendation_id: Option<String>,
}

/// Items of a slate that the user saw, as a client posts it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewImpression {
    /// Tells an impression from an event.
    pub event: ImpressionWord,
    /// The user; or else `sessionid`, which counts for nothing where there is a user.
    #[serde(
        rename = "visitorid",
        alias = "user_id",
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_id"
    )]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, min_length = 1, max_length = 255))]
    pub user: Option<UserId>,
    /// The session of somebody who is not known as a user, as in an event.
    #[serde(
        rename = "sessionid",
        alias = "session_id",
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_text"
    )]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 247))]
    pub session: Option<String>,
    /// The answer that had the items: its `recommendation_id`.
    #[serde(deserialize_with = "id::text_or_number")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub recommendation_id: String,
    /// The items that were seen. An item of a slate counts once, however often it is told.
    #[serde(deserialize_with = "ids")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>, min_items = 1, max_items = 500))]
    pub items: Vec<ItemId>,
    /// When they were seen, as the time of an event; the time of arrival if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<GivenTime>,
}

/// The word that tells an impression from an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ImpressionWord {
    /// `impression`.
    Impression,
}

impl ImpressionWord {
    /// The word.
    pub const TEXT: &str = "impression";
}

/// What a client posts: an event, or an impression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Posted {
    /// What a user did.
    Event(NewEvent),
    /// What a user saw.
    Impression(NewImpression),
}

impl From<NewEvent> for Posted {
    fn from(event: NewEvent) -> Self {
        Self::Event(event)
    }
}

/// The body of `POST /events`: one event or impression, or several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum NewEvents {
    /// Several.
    Batch(Vec<Posted>),
    /// One.
    One(Posted),
}

impl NewEvents {
    /// A batch of events.
    pub fn batch(events: impl IntoIterator<Item = NewEvent>) -> Self {
        Self::Batch(events.into_iter().map(Posted::from).collect())
    }

    /// One event.
    #[must_use]
    pub fn one(event: NewEvent) -> Self {
        Self::One(event.into())
    }
}

/// The acknowledgement of `POST /events`: every event and impression is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Accepted {
    /// How many events and impressions are durable in the event log, duplicates included.
    pub accepted: usize,
    /// How many of them are impressions; absent if none is.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub impressions: usize,
    /// How many of the events were new: an event is a duplicate if its id is already in the user's history or earlier in the
    /// same request. The history knows an id as long as it keeps the event. Absent if `applied` is false, since the
    /// histories are then still to be updated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<usize>,
    /// Whether the user's very next slate takes the events into account (status 200); if not (202), they are applied
    /// once the store is back.
    pub applied: bool,
    /// The ids of the events, in the order given; an impression has none.
    pub event_ids: Vec<String>,
}

/// Whether there is nothing to say.
#[allow(clippy::trivially_copy_pass_by_ref)] // As serde calls it.
fn is_zero(count: &usize) -> bool {
    *count == 0
}
