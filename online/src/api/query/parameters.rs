//! The parameters of calls that are lists, or say something of others' answers, as their query strings have them.

use serde::Deserialize;
use shared::contract::api::K;
use shared::contract::id::{Given, ItemId};
use shared::contract::known::Limit;
use utoipa::IntoParams;

/// The parameters of a list of items that are similar to one, or bought with it.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct SimilarQuery {
    /// The number of items, 1 to 500.
    #[param(value_type = Option<usize>, default = 10, minimum = 1, maximum = 500)]
    pub k: K,
    /// Only items for which this condition holds are listed, such as `price < 50 and brand in ("Acme", "Bo")`.
    #[param(min_length = 1)]
    pub filter: Option<String>,
}

/// The parameters of a list of popular items.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct PopularQuery {
    /// The number of items, 1 to 500.
    #[param(value_type = Option<usize>, default = 10, minimum = 1, maximum = 500)]
    pub k: K,
    /// Only items of this category are listed. A category without items is an error.
    #[param(min_length = 1)]
    pub category: Option<String>,
    /// Only items for which this condition holds are listed, such as `price < 50 and brand in ("Acme", "Bo")`.
    #[param(min_length = 1)]
    pub filter: Option<String>,
}

/// The parameters of a list of items by their ids.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct ItemsQuery {
    /// The number of items of a page, 1 to 500.
    #[param(value_type = Option<usize>, default = 100, minimum = 1, maximum = 500)]
    pub limit: Limit,
    /// The `cursor` of the page before.
    #[param(min_length = 1)]
    pub cursor: Option<String>,
    /// Only items for which this condition holds are listed, such as `price < 50 and brand in ("Acme", "Bo")`.
    #[param(min_length = 1)]
    pub filter: Option<String>,
    /// Only items whose id begins so, or whose name has, for each word of it, a word that begins so. Upper and lower case are
    /// the same.
    #[param(min_length = 1)]
    pub q: Option<String>,
}

/// The parameters of a list of users by their ids.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct UsersQuery {
    /// The number of users of a page, 1 to 500.
    #[param(value_type = Option<usize>, default = 100, minimum = 1, maximum = 500)]
    pub limit: Limit,
    /// The `cursor` of the page before.
    #[param(min_length = 1)]
    pub cursor: Option<String>,
    /// Only users whose id begins so, as it is written.
    pub q: Option<String>,
}

/// The parameters of an explanation beside those of its slate.
#[derive(Debug, Default, PartialEq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct WhyQuery {
    /// The items to explain, 100 at most, in the slate or not; those of the slate if absent. They are separated by commas, or
    /// the parameter is repeated.
    #[param(value_type = Vec<String>, explode = false)]
    pub of_items: Vec<Given<ItemId>>,
    /// The answer that is meant: what its scenario explored is drawn by its id.
    #[param(min_length = 1)]
    pub recommendation_id: Option<String>,
}

/// The parameters of a route that takes none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoQuery {}
