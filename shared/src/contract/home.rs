//! JSON requests and answers of the front page, and of properties as the recommended thing.

use serde::{Deserialize, Serialize};

use crate::contract::api::{K, RecommendedItem, SeenPolicy};
use crate::contract::given::{ids, milliseconds, optional_id};
use crate::contract::id::{ItemId, UserId};
use crate::contract::profile::GivenProfile;
#[cfg(feature = "openapi")]
use crate::contract::profile::GivenValue;

/// The most rows of a page.
pub const MAX_ROWS: usize = 20;

/// What a row of a page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RowKind {
    /// The user's slate.
    ForYou,
    /// What is like an item of the user's history; the newest that no row above is about.
    Because,
    /// What is popular in a category; the best for the user that no row above is about. Of the whole catalogue where
    /// nothing is known of the user.
    PopularIn,
    /// What has become popular lately.
    Trending,
    /// The best new items for the user: those that the served version has few events of.
    New,
    /// The user's own items that they may want again.
    Again,
}

/// A row that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GivenRow {
    /// What it shows.
    pub row: RowKind,
    /// The number of items, 1 to 500; that of the page if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<usize>, minimum = 1, maximum = 500))]
    pub k: Option<K>,
    /// The heading; `{about}` stands for the item or category that the row is about. One in English if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = "Because you viewed {about}"))]
    pub title: Option<String>,
    /// Only items for which this condition holds; `new` without one takes `events < 10`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 8192))]
    pub filter: Option<String>,
    /// The scenario whose filter and excluded items hold for the row, and whose rules for `for_you` and `new`; that of the
    /// page if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
}

/// A query for a front page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct HomeQuery {
    /// Whose page. Required; an unknown user gets the rows that need no past.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "optional_id")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = true, min_length = 1, max_length = 255))]
    pub user_id: Option<UserId>,
    /// The rows, at most 20, in their order; those of the service's config if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 20))]
    pub rows: Option<Vec<GivenRow>>,
    /// The number of items of a row, 1 to 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<usize>, default = 10, minimum = 1, maximum = 500))]
    pub k: Option<K>,
    /// Only items for which this condition holds are in any row.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 8192))]
    pub filter: Option<String>,
    /// The rules of the shop that hold for rows that name no scenario themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// Items that must not be in any row.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "ids")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<String>>))]
    pub exclude: Vec<ItemId>,
    /// Which items of the user's own past may be recommended, but by `again`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "exclude_purchased"))]
    pub seen: Option<SeenPolicy>,
    /// The time of the query, milliseconds since the epoch. Only a service in replay mode accepts it.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "milliseconds")]
    pub now: Option<i64>,
    /// What is known of the user beside events, in place of the stored profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<BTreeMap<String, GivenValue>>))]
    pub profile: Option<GivenProfile>,
}

/// A front page: rows no item of which stands in two. A row with fewer than three items of its kind is left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Home {
    /// The user of the query.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub user_id: UserId,
    /// The version of the artifact that answered.
    pub model_version: String,
    /// In the order in which they were asked for.
    pub rows: Vec<HomeRow>,
}

/// A row of a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HomeRow {
    /// What it shows.
    pub row: RowKind,
    /// Its heading.
    pub title: String,
    /// What it is about, if it is about anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
    /// Identifies this row, as that of a slate does.
    pub recommendation_id: String,
    /// Best first.
    pub items: Vec<RecommendedItem>,
}

/// What a row is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum About {
    /// An item of the user's history.
    Item {
        /// The item.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        item_id: ItemId,
        /// Its name, if one is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// A category.
    Category {
        /// Its name.
        category: String,
    },
}

/// Values of a property that are recommended to a user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Segments {
    /// The user of the query.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub user_id: UserId,
    /// The version of the artifact that answered.
    pub model_version: String,
    /// The property.
    pub of: String,
    /// Best first: those that the user's 500 best items have, at most as many as were asked for.
    pub segments: Vec<RecommendedSegment>,
}

/// A value of a property, such as a brand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecommendedSegment {
    /// The value.
    pub value: String,
    /// The sum of the scores of its ten best items; comparable within one answer only.
    pub score: f32,
    /// Its best items, best first.
    pub items: Vec<RecommendedItem>,
}
