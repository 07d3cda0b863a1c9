//! `GET /segments`: values of a property, such as brands or categories, recommended to a user.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shared::contract::api::{K, MAX_K, Problem, RecommendationQuery, Seen, SeenPolicy};
use shared::contract::home::Segments;
use shared::contract::id::UserId;
use shared::contract::nearest::nearest;
use shared::engine::segments::segments;
use shared::engine::select::names;
use shared::engine::slate::Pick;
use shared::engine::values::Values;
use utoipa::IntoParams;
use uuid::Uuid;

use super::error::ApiError;
use super::observe::Arrived;
use super::slate::Items;
use super::{App, json, query};
use crate::events::now_ms;
use crate::metrics::Outcome;
use crate::recommender::{Answered, Deadline};

/// The most items of each value in an answer.
const MAX_EACH: usize = 50;

/// The parameters of a list of values.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct SegmentsQuery {
    /// The user to recommend to.
    #[param(value_type = String, required = true, min_length = 1, max_length = 255)]
    pub user_id: Option<String>,
    /// The property whose values are recommended: `category`, or one of the item table, such as `brand`.
    #[param(required = true, min_length = 1, example = "brand")]
    pub of: Option<String>,
    /// The number of values, 1 to 500.
    #[param(value_type = Option<usize>, default = 10, minimum = 1, maximum = 500)]
    pub k: K,
    /// The number of items of each value in the answer, 0 to 50.
    #[param(default = 3, minimum = 0, maximum = 50)]
    pub each: Option<usize>,
    /// Only items for which this condition holds count.
    #[param(min_length = 1)]
    pub filter: Option<String>,
    /// The scenario whose rules hold.
    pub scenario: Option<String>,
    /// Which items of the user's own past count: all of them if absent.
    #[param(value_type = Option<String>, example = "exclude_purchased")]
    pub seen: Option<SeenPolicy>,
}

/// Recommends values of a property to a user: brands, categories, whatever the items have. The score of a value is that of
/// its ten best items for the user.
#[utoipa::path(
    get,
    path = "/segments",
    operation_id = "getSegments",
    tag = "recommendations",
    params(SegmentsQuery),
    responses(
        (status = OK, body = Segments),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get_segments(
    State(app): State<Arc<App>>,
    Extension(arrived): Extension<Arrived>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    let refused = |_: &ApiError| app.metrics.count(Outcome::BadRequest);
    let SegmentsQuery { user_id, of, k, each, filter, scenario, seen } =
        query::read(text.as_deref()).inspect_err(refused)?;
    let each = each.unwrap_or(3);
    if each > MAX_EACH {
        return Err(ApiError::invalid("each", format!("it must be from 0 to {MAX_EACH}"))).inspect_err(refused);
    }
    let of = of.ok_or_else(|| ApiError::invalid("of", "of is required: a property, such as category"));
    let of = of.inspect_err(refused)?;
    let user_id = user_id.map(|id| query::id("user_id", &id, UserId::from_outside)).transpose().inspect_err(refused)?;
    let seen = seen.or(Some(SeenPolicy::Word(Seen::Allow)));
    let query = RecommendationQuery { user_id, filter, scenario, seen, ..RecommendationQuery::default() };
    let mut query = query::check(query, app.settings.clock).inspect_err(refused)?;
    query.k = MAX_K;
    let deadline = Deadline::of(arrived.at, app.settings.deadline);
    let (id, trace) = (Uuid::now_v7().to_string(), arrived.trace.as_ref());
    let answered = app.recommender.recommend(&query, &id, now_ms(), deadline, trace).await.map_err(ApiError::from);
    let Answered { snapshot, slate, .. } = answered.inspect_err(refused)?;
    let values = Values::new(&of, &snapshot).ok_or_else(|| {
        let nearest = nearest(&of, names(&snapshot));
        let detail = format!("the served model has no property {of:?}; the nearest are {}", nearest.join(", "));
        ApiError::invalid("of", detail)
    });
    let values = values.inspect_err(refused)?;
    let found = segments(values, &slate.picks, k.get());
    let best =
        |places: &[u32]| -> Vec<Pick> { places.iter().take(each).map(|&place| slate.picks[place as usize]).collect() };
    let picks: Vec<Vec<Pick>> = found.iter().map(|segment| best(&segment.places)).collect();
    let body = SegmentsBody {
        user_id: &query.user_id,
        model_version: &snapshot.manifest().version,
        of: &of,
        segments: found
            .iter()
            .zip(&picks)
            .map(|(segment, picks)| SegmentBody {
                value: values.name(segment.value).into_owned(),
                score: segment.score,
                items: Items { snapshot: &snapshot, picks, unknown: &[] },
            })
            .collect(),
    };
    Ok(json(StatusCode::OK, &body))
}

/// [`Segments`], borrowed.
#[derive(Serialize)]
struct SegmentsBody<'a> {
    user_id: &'a UserId,
    model_version: &'a str,
    of: &'a str,
    segments: Vec<SegmentBody<'a>>,
}

#[derive(Serialize)]
struct SegmentBody<'a> {
    value: String,
    score: f32,
    items: Items<'a>,
}
