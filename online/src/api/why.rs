//! `GET /recommendations/why`: why items are in a slate or not.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use shared::contract::api::{Problem, RecommendationQuery};
use shared::contract::id::{Given, ItemId};
use shared::contract::why::Explanation;

use super::error::ApiError;
use super::query::WhyQuery;
use super::{App, json, query};
use crate::events::now_ms;

/// Explains a slate: for each item its places and what gave it them, for an item that is not in it why, and what went into
/// each part of the engine and came out. The slate is made anew by what is known now; the one that was served may have been
/// of an earlier moment. Nothing is remembered or logged of it.
#[utoipa::path(
    get,
    path = "/recommendations/why",
    operation_id = "explain",
    tag = "recommendations",
    params(RecommendationQuery, WhyQuery),
    responses(
        (status = OK, body = Explanation),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, description = "No item is in the category; names the nearest ones", body = Problem,
            content_type = "application/problem+json"),
        (status = GONE, description = "The feed of the cursor is not remembered any more; begin a new one",
            body = Problem, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get_why(State(app): State<Arc<App>>, RawQuery(text): RawQuery) -> Result<Response, ApiError> {
    let (slate, WhyQuery { of_items, recommendation_id }) = query::why(text.as_deref())?;
    let slate = query::check(slate, app.settings.clock)?;
    let of: Vec<ItemId> = of_items.into_iter().map(|Given(item)| item).collect();
    let answer = recommendation_id.unwrap_or_default();
    let explanation = app.recommender.why(&slate, &of, &answer, now_ms()).await?;
    Ok(json(StatusCode::OK, &explanation))
}
