//! `GET` and `POST /recommendations`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use shared::api::{Problem, RecommendationQuery, Recommendations};
use uuid::Uuid;

use super::error::ApiError;
use super::slate::{Items, SlateBody, Used};
use super::{App, body, json, query};
use crate::events::now_ms;
use crate::metrics::Outcome;
use crate::recommender::{Answered, Times};

/// Recommends items to a user.
#[utoipa::path(
    get,
    path = "/recommendations",
    tag = "recommendations",
    params(RecommendationQuery),
    responses(
        (status = OK, body = Recommendations),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get_recommendations(State(app): State<Arc<App>>, RawQuery(text): RawQuery) -> Result<Response, ApiError> {
    answer(&app, query::recommendations(text.as_deref(), app.settings.clock)).await
}

/// Recommends items to a user: the same query as a body, for exclude lists that a URL can't hold.
#[utoipa::path(
    post,
    path = "/recommendations",
    tag = "recommendations",
    request_body = RecommendationQuery,
    responses(
        (status = OK, body = Recommendations),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn post_recommendations(State(app): State<Arc<App>>, request: Request<Body>) -> Result<Response, ApiError> {
    let parsed = match body::read(request, app.settings.max_body_bytes).await {
        Ok(bytes) => body::parse(&bytes).and_then(|parsed| query::check(parsed, app.settings.clock)),
        Err(error) => Err(error),
    };
    answer(&app, parsed).await
}

async fn answer(app: &App, parsed: Result<RecommendationQuery, ApiError>) -> Result<Response, ApiError> {
    let query = parsed.inspect_err(|_| app.metrics.count(Outcome::BadRequest))?;
    let clock_ms = now_ms();
    let times = Times { clock_ms, question_ms: query.now.unwrap_or(clock_ms) };
    let Answered { snapshot, slate } = app.recommender.recommend(&query, times).await;
    let mut buffer = Uuid::encode_buffer();
    let body = SlateBody {
        user_id: &query.user_id,
        recommendation_id: Uuid::now_v7().hyphenated().encode_lower(&mut buffer),
        model_version: &snapshot.manifest().version,
        items: Items { snapshot: &snapshot, picks: &slate.picks },
        history: query.explain.then_some(Used { snapshot: &snapshot, history: &slate.history }),
    };
    Ok(json(StatusCode::OK, &body))
}
