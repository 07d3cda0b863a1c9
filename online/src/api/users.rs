//! `GET /users/{id}/history`: a user's real-time history; `DELETE /users/{id}`: their erasure; `POST /users/{id}/merge`:
//! another's past becomes theirs, and `POST /users/{id}/merge/undo`: not after all.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use shared::contract::api::{Erased, MergeOf, Merged, Problem, UserHistory};
use shared::contract::id::UserId;
use shared::engine::state::LiveEvent;

use super::body::Object;
use super::error::ApiError;
use super::query::{self, NoQuery};
use super::slate::{HistoryBody, Live};
use super::{App, body, json, path_text};
use crate::events::{UndoError, Visible, now_ms};
use crate::shadow::Shadow;

/// Shows a user's real-time history, sorted by the time of the events, oldest first; events of equal times in the order
/// of arrival.
#[utoipa::path(
    get,
    path = "/users/{id}/history",
    operation_id = "getHistory",
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
    operation_id = "eraseUser",
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
    let (status, applied) = match erase(&app, user_id.clone()).await? {
        Visible::Now { .. } => (StatusCode::OK, true),
        Visible::Later => (StatusCode::ACCEPTED, false),
    };
    Ok(json(status, &Erased { user_id, applied }))
}

/// Erases a user.
///
/// # Errors
/// [`ApiError::Events`] and [`ApiError::NoRoom`] when it can't be made durable.
pub(super) async fn erase(app: &App, user_id: UserId) -> Result<Visible, ApiError> {
    let visible = app.events.erase(user_id.clone()).await?;
    app.shadow.iter().for_each(Shadow::forget);
    app.outcomes.forget(user_id);
    Ok(visible)
}

/// Merges another's past into a user's, as when somebody logs in: all that was accepted of the session or user of the body
/// up to now is this user's from the next answer on, on every replica and in the next version. What comes of the other
/// later is a past of its own, and can be merged again. The merge is on disk before this answers; after 202 it takes effect
/// once the store is back.
#[utoipa::path(
    post,
    path = "/users/{id}/merge",
    operation_id = "mergeUsers",
    tag = "users",
    params(("id" = String, Path, description = "Whose the past is from now on")),
    request_body = MergeOf,
    responses(
        (status = OK, body = Merged),
        (status = ACCEPTED, body = Merged),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, body = Problem, content_type = "application/problem+json"),
        (status = INSUFFICIENT_STORAGE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn post_merge(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(text): RawQuery,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let (from, into) = both(&app, path, text, request).await?;
    let visible = app.events.merge(from.clone(), into.clone()).await?;
    Ok(merged(from, into, visible))
}

/// Undoes the last merge of the session or user of the body into a user: it never was, but once.
#[utoipa::path(
    post,
    path = "/users/{id}/merge/undo",
    operation_id = "undoMerge",
    tag = "users",
    params(("id" = String, Path, description = "Whose the past is no longer")),
    request_body = MergeOf,
    responses(
        (status = OK, body = Merged),
        (status = ACCEPTED, body = Merged),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, description = "There is no such merge", body = Problem,
            content_type = "application/problem+json"),
        (status = CONFLICT, description = "It was undone already", body = Problem,
            content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, body = Problem, content_type = "application/problem+json"),
        (status = INSUFFICIENT_STORAGE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn post_undo(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(text): RawQuery,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let (from, into) = both(&app, path, text, request).await?;
    let visible = app.events.undo_merge(from.clone(), into.clone()).await?;
    Ok(merged(from, into, visible))
}

/// Whose past it is about, and into whose it is merged.
async fn both(
    app: &App,
    path: Result<Path<String>, PathRejection>,
    text: Option<String>,
    request: Request<Body>,
) -> Result<(UserId, UserId), ApiError> {
    let into = query::id("id", &path_text("id", path)?, UserId::from_outside)?;
    let NoQuery {} = query::read(text.as_deref())?;
    let bytes = body::read(request, app.settings.max_body_bytes).await?;
    let Object(MergeOf { session_id, user_id }) = body::parse(&bytes)?;
    let field = if session_id.is_some() { "session_id" } else { "user_id" };
    let from = query::user(user_id, session_id)?
        .ok_or_else(|| ApiError::invalid(field, "session_id or user_id says whose past it is about"))?;
    if from == into {
        return Err(ApiError::invalid(field, "nobody's past is merged into their own"));
    }
    Ok((from, into))
}

fn merged(merged: UserId, user_id: UserId, visible: Visible) -> Response {
    let (status, applied) = match visible {
        Visible::Now { .. } => (StatusCode::OK, true),
        Visible::Later => (StatusCode::ACCEPTED, false),
    };
    json(status, &Merged { user_id, merged, applied })
}

impl From<UndoError> for ApiError {
    fn from(error: UndoError) -> Self {
        let detail = error.to_string();
        match error {
            UndoError::NotMerged { .. } => Self::NotFound { field: None, detail },
            UndoError::Undone { .. } => Self::Conflict(detail),
            UndoError::Accept(error) => error.into(),
            UndoError::Store(error) => error.into(),
        }
    }
}
