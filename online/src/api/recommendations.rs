//! `GET` and `POST /recommendations`: a slate for a user.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use shared::contract::api::{Problem, RecommendationQuery, Recommendations};
use shared::contract::slate_log::Role;
use uuid::Uuid;

use super::body::Object;
use super::clients::personalize;
use super::error::ApiError;
use super::observe::Arrived;
use super::slate::{Items, SlateBody, Used};
use super::{App, body, json, query};
use crate::events::now_ms;
use crate::metrics::Outcome;
use crate::outcomes::Served;
use crate::recommender::{Answered, CheckedQuery, Deadline};
use crate::shadow::Question;
use crate::store::Stored;

/// Recommends items to a user.
#[utoipa::path(
    get,
    path = "/recommendations",
    operation_id = "getRecommendations",
    tag = "recommendations",
    params(RecommendationQuery),
    responses(
        (status = OK, body = Recommendations),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, description = "No item is in the category; names the nearest ones", body = Problem,
            content_type = "application/problem+json"),
        (status = GONE, description = "The feed of the cursor is not remembered any more; begin a new one",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get_recommendations(
    State(app): State<Arc<App>>,
    Extension(arrived): Extension<Arrived>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    let read = query::recommendations(text.as_deref());
    answer(&app, arrived, read.and_then(|query| query::check(query, app.settings.clock)), slate).await
}

/// Recommends items to a user as the GET does. Each parameter is in the URL or in the body, which may be empty; one
/// that is in both must have the same value. The body may also have a profile, for users that the service knows nothing of.
#[utoipa::path(
    post,
    path = "/recommendations",
    operation_id = "recommend",
    tag = "recommendations",
    params(RecommendationQuery),
    request_body = Option<RecommendationQuery>,
    responses(
        (status = OK, body = Recommendations),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, description = "No item is in the category; names the nearest ones", body = Problem,
            content_type = "application/problem+json"),
        (status = GONE, description = "The feed of the cursor is not remembered any more; begin a new one",
            body = Problem, content_type = "application/problem+json"),
        (status = PAYLOAD_TOO_LARGE, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, description = "Values of the profile are refused; all of them are listed",
            body = Problem, content_type = "application/problem+json"),
        (status = UNSUPPORTED_MEDIA_TYPE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn post_recommendations(
    State(app): State<Arc<App>>,
    Extension(arrived): Extension<Arrived>,
    RawQuery(text): RawQuery,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let body = body::read(request, app.settings.max_body_bytes).await;
    if let Some(bytes) = body.as_ref().ok().filter(|bytes| personalize::asks(bytes)) {
        return Ok(personalize::runtime::recommendations(&app, arrived, bytes).await);
    }
    let read = body.and_then(|bytes| of_url_and_body(text.as_deref(), &bytes));
    answer(&app, arrived, read.and_then(|query| query::check(query, app.settings.clock)), slate).await
}

/// Reads the parameters of a POST: those of the URL's query string, and those of the body.
///
/// # Errors
/// [`ApiError::Invalid`] names the field.
pub fn of_url_and_body(text: Option<&str>, bytes: &[u8]) -> Result<RecommendationQuery, ApiError> {
    let url = query::recommendations(text)?;
    if bytes.is_empty() {
        return Ok(url);
    }
    let Object(body) = body::parse(bytes)?;
    query::merge(url, body)
}

/// A slate that was made, to be written as an answer.
pub(super) struct Made<'a> {
    /// Identifies it.
    pub id: &'a str,
    /// What was asked.
    pub query: &'a CheckedQuery,
    /// The slate.
    pub answered: &'a Answered,
}

/// Writes a slate as our own calls answer it.
pub(super) fn slate(made: &Made<'_>) -> Response {
    let Made { id, query, answered: Answered { snapshot, slate, unknown, goes_on, .. } } = made;
    let body = SlateBody {
        user_id: &query.user_id,
        recommendation_id: id,
        model_version: &snapshot.manifest().version,
        items: Items { snapshot, picks: &slate.picks, unknown },
        cursor: goes_on.then_some(*id),
        history: query.explain.then_some(Used { snapshot, history: &slate.history }),
    };
    json(StatusCode::OK, &body)
}

/// Answers a query, or counts and returns the error of reading it.
///
/// * `write`: makes the answer of the slate.
pub(super) async fn answer(
    app: &App,
    arrived: Arrived,
    read: Result<CheckedQuery, ApiError>,
    write: impl FnOnce(&Made<'_>) -> Response,
) -> Result<Response, ApiError> {
    let refused = |_: &ApiError| app.metrics.count(Outcome::BadRequest);
    let query = read.inspect_err(refused)?;
    let deadline = Deadline::of(arrived.at, app.settings.deadline);
    let (mut buffer, uuid) = (Uuid::encode_buffer(), Uuid::now_v7());
    let id = &*uuid.hyphenated().encode_lower(&mut buffer);
    let (trace, clock_ms) = (arrived.trace.as_ref(), now_ms());
    let answered = app.recommender.recommend(&query, id, clock_ms, deadline, trace).await.map_err(ApiError::from);
    let answered = answered.inspect_err(refused)?;
    let response = write(&Made { id, query: &query, answered: &answered });
    let Answered { snapshot, slate, stored, timed, .. } = answered;
    app.metrics.stages.written(timed);
    let at_ms = query.now.unwrap_or(clock_ms);
    let shadow = app.shadow.as_ref().filter(|shadow| shadow.follows(&query.user_id));
    let fallback = stored.is_none();
    let shadowed = shadow.zip(stored).map(|(shadow, stored)| {
        let (query, snapshot, picks) = (query.clone(), snapshot.clone(), slate.picks.clone());
        // The batch's record is of the version that answered.
        let stored = Stored { record: None, ..stored };
        (shadow, Question { id: uuid, query, at_ms, stored, snapshot, picks })
    });
    if app.outcomes.follows(&query.user_id) {
        let CheckedQuery { user_id: user, scenario, item_id: page, category, .. } = query;
        let (role, picks) = (Role::Served, slate.picks);
        app.outcomes.served(Served {
            id: uuid,
            role,
            user,
            scenario,
            page,
            category,
            fallback,
            at_ms,
            snapshot,
            picks,
        });
    }
    // Only now, so that its slate is logged after the one that was served.
    if let Some((shadow, question)) = shadowed {
        shadow.served(question);
    }
    Ok(response)
}
