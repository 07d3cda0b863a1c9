//! JSON requests and answers of the service, used by the service itself and by its clients: queries, answers, problems; and
//! events, in a file of their own.

mod events;

use serde::de::{self, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};

pub use self::events::*;
use crate::contract::given::{ids, milliseconds, optional_flag, optional_id, optional_integer, optional_text};
use crate::contract::id::{ItemId, UserId};
use crate::contract::kind::KindName;
use crate::contract::max_per::{self, MaxPer};
use crate::contract::profile::GivenProfile;
#[cfg(feature = "openapi")]
use crate::contract::profile::GivenValue;
pub use crate::contract::seen::{Seen, SeenPolicy};
pub use crate::contract::served::ServedPolicy;

/// The number of items of a slate when the query does not set `k`.
pub const DEFAULT_K: usize = 10;
/// The largest number of items a query may ask for.
pub const MAX_K: usize = 500;
/// The most items that a list to rank may have.
pub const MAX_LIST: usize = 1000;

/// The number of items that a query asks for: 1 to [`MAX_K`]; [`DEFAULT_K`] if absent.
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
        let number = optional_integer(deserializer, expected)?;
        let number = number.ok_or_else(|| de::Error::invalid_type(Unexpected::Unit, &expected))?;
        let k = usize::try_from(number).ok().filter(|k| (1..=MAX_K).contains(k));
        k.map(Self).ok_or_else(|| de::Error::invalid_value(Unexpected::Signed(number), &expected))
    }
}

/// A query for recommendations: the parameters of `GET` and `POST /recommendations` and the body of the latter.
///
/// An absent parameter takes its default; one of `user_id` and `session_id` is required.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema, utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct RecommendationQuery {
    /// The user to recommend to, or else `session_id`; an unknown user without a profile gets a non-personal slate.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "optional_id")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<String>, min_length = 1, max_length = 255),
        param(value_type = Option<String>, min_length = 1, max_length = 255)
    )]
    pub user_id: Option<UserId>,
    /// The session to recommend to, of somebody who is not known as a user: the same as the user `session:` and this id.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "optional_text")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 247), param(min_length = 1, max_length = 247))]
    pub session_id: Option<String>,
    /// The number of items, 1 to 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<usize>, default = 10, minimum = 1, maximum = 500),
        param(value_type = Option<usize>, default = 10, minimum = 1, maximum = 500)
    )]
    pub k: Option<K>,
    /// The item whose page the user is on; it extends the history for this answer and is not recommended itself.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "optional_id")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<String>, min_length = 1, max_length = 255),
        param(value_type = Option<String>, min_length = 1, max_length = 255)
    )]
    pub item_id: Option<ItemId>,
    /// Further items that the answer is to go on from, the most recent last, as if the user had looked at them before
    /// `item_id`. In a URL they are separated by commas, or the parameter is repeated.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "ids")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<Vec<String>>),
        param(value_type = Vec<String>, explode = false)
    )]
    pub item_ids: Vec<ItemId>,
    /// What is in the basket: what is bought with it is recommended first, and none of it itself. In a URL the items are
    /// separated by commas, or the parameter is repeated.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "ids")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<Vec<String>>),
        param(value_type = Vec<String>, explode = false)
    )]
    pub basket: Vec<ItemId>,
    /// Only items of this category are recommended. A category without items is an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1), param(min_length = 1))]
    pub category: Option<String>,
    /// Only items for which this condition holds are recommended, such as `price < 50 and brand in ("Acme", "Bo")`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 8192), param(min_length = 1))]
    pub filter: Option<String>,
    /// The rules of the shop that hold for this answer, by the name of their scenario; none if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// How many items of the slate may have the same value of a property, such as `brand:2` or `category:3`. Of this and
    /// what the scenario says of a property the smaller holds; the slate is full all the same. In a URL they are separated
    /// by commas, or the parameter is repeated.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "max_per::list")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<Vec<String>>, example = json!(["brand:2"])),
        param(value_type = Vec<String>, explode = false, example = json!(["brand:2"]))
    )]
    pub max_per: Vec<MaxPer>,
    /// Items that must not be recommended. In a URL they are separated by commas, or the parameter is repeated.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "ids")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<Vec<String>>),
        param(value_type = Vec<String>, explode = false)
    )]
    pub exclude: Vec<ItemId>,
    /// Which items of the user's own past may be recommended: `allow` (all), `exclude_purchased` (what was not bought),
    /// `exclude_all` (none), or days for which events of a kind keep their items out, such as `transaction:30,addtocart:7`.
    /// The setting of the scenario or of the service if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<String>, example = "exclude_purchased"),
        param(value_type = Option<String>, example = "exclude_purchased")
    )]
    pub seen: Option<SeenPolicy>,
    /// What becomes of items that the user was served lately: `allow` (they come as ever), `skip` (they don't come) or
    /// `decay` (they come later). With `skip` and `decay` this slate is remembered. The setting of the scenario or of
    /// the service if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub served: Option<ServedPolicy>,
    /// Goes on with a feed, none of whose slates repeats an item: `start` begins one, and the `cursor` of an answer
    /// asks for the slate after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, example = "start"), param(min_length = 1))]
    pub cursor: Option<String>,
    /// Adds the history that was used to the answer.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "optional_flag")]
    #[cfg_attr(feature = "openapi", schema(default = false), param(default = false))]
    pub explain: Option<bool>,
    /// The time of the query, milliseconds since the epoch. Only a service in replay mode accepts it.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "milliseconds")]
    pub now: Option<i64>,
    /// What is known of the user beside events, in the body of a POST: values by the names of the columns that the served
    /// version was learnt with. It takes the place of the stored profile; a column that it does not name is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<BTreeMap<String, GivenValue>>, example = json!({"age": 41, "segment": "student"})),
        param(ignore)
    )]
    pub profile: Option<GivenProfile>,
}

/// A list of items that are to be ranked for a user: the body of `POST /rank`.
///
/// An absent field takes its default; `user_id` and `items` are required.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RankQuery {
    /// The user to rank for. Required; for an unknown user without a profile the list is ranked by popularity.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "optional_id")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = true, min_length = 1, max_length = 255))]
    pub user_id: Option<UserId>,
    /// The items. Required; one that is there twice counts where it is first.
    #[serde(deserialize_with = "ids")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>, required = true, min_items = 1, max_items = 1000))]
    pub items: Vec<ItemId>,
    /// How many of the best to answer, 1 to 500; all of the list if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<usize>, minimum = 1, maximum = 500))]
    pub k: Option<K>,
    /// The item whose page the user is on; it extends the history for this answer.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "optional_id")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, min_length = 1, max_length = 255))]
    pub item_id: Option<ItemId>,
    /// Further items that the answer is to go on from, the most recent last, as if the user had looked at them before
    /// `item_id`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "ids")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<String>>))]
    pub item_ids: Vec<ItemId>,
    /// The rules of the shop by which the list is ordered, by the name of their scenario. What the scenario keeps out of
    /// slates stays in the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// Which items of the user's own past stay in the list, as for recommendations; all if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "exclude_purchased"))]
    pub seen: Option<SeenPolicy>,
    /// Adds the history that was used to the answer.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "optional_flag")]
    #[cfg_attr(feature = "openapi", schema(default = false))]
    pub explain: Option<bool>,
    /// The time of the query, milliseconds since the epoch. Only a service in replay mode accepts it.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "milliseconds")]
    pub now: Option<i64>,
    /// What is known of the user beside events, as for recommendations.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<BTreeMap<String, GivenValue>>, example = json!({"age": 41, "segment": "student"}))
    )]
    pub profile: Option<GivenProfile>,
}

/// A slate: the answer to a query for recommendations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Recommendations {
    /// The user of the query.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub user_id: UserId,
    /// Identifies this answer.
    pub recommendation_id: String,
    /// The version of the artifact that answered.
    pub model_version: String,
    /// Best first.
    pub items: Vec<RecommendedItem>,
    /// Asks for the slate after this one, where it is remembered and more may come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
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
    /// Its name, if the item table or the log has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Comparable within one slate only.
    pub score: f32,
    /// The candidate sources that proposed it; `pin` or `explore` where a rule of the scenario gave it its place, `together`
    /// where it is there since it is bought with the basket.
    pub sources: Vec<String>,
    /// The item of the history or the basket that contributed most to its score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub because: Option<ItemId>,
    /// Where the scenario explores: the probability that an answer to this query shows this item at this place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propensity: Option<f32>,
}

/// One event of a user's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistoryItem {
    /// The item.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub item_id: ItemId,
    /// What the user did.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "view"))]
    pub event: KindName,
    /// The time of the event, milliseconds since the epoch.
    pub timestamp: i64,
}

/// A user's real-time history: the answer of `GET /users/{id}/history`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserHistory {
    /// Whose history.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub user_id: UserId,
    /// Sorted by the time of the event, oldest first; events of equal times in the order of arrival.
    pub events: Vec<HistoryItem>,
}

/// Items without a user: the answer of `/items/{item_id}/similar`, `/items/{item_id}/together` and `/popular`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ItemList {
    /// The version of the artifact that answered.
    pub model_version: String,
    /// Best first.
    pub items: Vec<RecommendedItem>,
}

/// The acknowledgement of `DELETE /users/{id}`: the erasure is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Erased {
    /// The user.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub user_id: UserId,
    /// Whether the very next answer is that for somebody unknown (status 200); if not (202), it is so once the store is
    /// back.
    pub applied: bool,
}

/// The body of `POST /users/{id}/merge` and of its undo: whose past it is about, by one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct MergeOf {
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "optional_text")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 247))]
    pub session_id: Option<String>,
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "optional_id")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, min_length = 1, max_length = 255))]
    pub user_id: Option<UserId>,
}

/// The acknowledgement of `POST /users/{id}/merge` and of its undo: it is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Merged {
    /// Into whom.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub user_id: UserId,
    /// Whose past.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub merged: UserId,
    /// Whether the very next answers go by it (status 200); if not (202), they do once the store is back.
    pub applied: bool,
}

/// The acknowledgement of `PUT /items/{item_id}`: what was said is on disk, and in service here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ItemChanged {
    /// The item.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub item_id: ItemId,
    /// Whether the other replicas learn of it at once (status 200); if not (202), they do once the store is back.
    pub applied: bool,
}

/// An error, as RFC 9457 problem details (`application/problem+json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// `about:blank`: the HTTP status is the kind of the problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong and what to do.
    pub detail: String,
    /// The field that is wrong, if a single one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Every field of rows that is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

/// A field that is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldProblem {
    /// Its name; in a list of rows with its row, counted from 0: `[3].age`.
    pub field: String,
    /// What is wrong, and what it may be.
    pub detail: String,
}
