//! `GET /users/{id}/history`: a user's real-time history; `DELETE /users/{id}`: their erasure.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use shared::contract::api::{Erased, Problem, UserHistory};
use shared::contract::id::UserId;
use shared::engine::state::LiveEvent;

use super::error::ApiError;
use super::query::{self, NoQuery};
use super::slate::{HistoryBody, Live};
use super::{App, json, path_text};
use crate::events::{Visible, now_ms};
use crate::shadow::Shadow;

/// Shows a user's real-time history, sorted by the time of the events, oldest first; events of equal times in the order
/// of arrival.
#[utoipa::path(
    get,
    path = "/users/{id}/history",
    tag = "users",
    params(("id" = String, Path, description = "Whose history")),
    responses(
        (status = OK, body = UserHistory),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get_history(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    let user_id = query::id("id", &path_text("id", path)?, UserId::from_outside)?;
    let NoQuery {} = query::read(text.as_deref())?;
    let history = app.recommender.history(&user_id, now_ms()).await?;
    let mut events: Vec<&LiveEvent> = history.recent.iter().collect();
    // Events are stored in the order of arrival, which a stable sort keeps among equal times.
    events.sort_by_key(|event| event.timestamp_ms);
    Ok(json(StatusCode::OK, &HistoryBody { user_id: &user_id, events: Live(&events) }))
}

/// Erases a user: from the next answer on, on every replica, they are like somebody unknown, and no event that was accepted
/// before counts again, nor in the next version. The erasure is on disk before this answers; after 202 it takes effect once
/// the store is back. Events that come later count. What still lies on disk is overwritten by `offline erase`.
#[utoipa::path(
    delete,
    path = "/users/{id}",
    tag = "users",
    params(("id" = String, Path, description = "Who is erased")),
    responses(
        (status = OK, body = Erased),
        (status = ACCEPTED, body = Erased),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, body = Problem, content_type = "application/problem+json"),
        (status = INSUFFICIENT_STORAGE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn delete_user(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    let user_id = query::id("id", &path_text("id", path)?, UserId::from_outside)?;
    let NoQuery {} = query::read(text.as_deref())?;
    let (status, applied) = match app.events.erase(user_id.clone()).await? {
        Visible::Now { .. } => (StatusCode::OK, true),
        Visible::Later => (StatusCode::ACCEPTED, false),
    };
    app.shadow.iter().for_each(Shadow::forget);
    app.outcomes.forget(user_id.clone());
    Ok(json(status, &Erased { user_id, applied }))
}
