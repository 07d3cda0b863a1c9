//! `GET /items` and `GET /items/{item_id}`: what is known of items.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use shared::contract::api::Problem;
use shared::contract::id::ItemId;
use shared::contract::known::{ItemPage, OneItem};

use super::error::ApiError;
use super::query::{self, ItemsQuery, NoQuery};
use super::{App, json, path_text};
use crate::events::now_ms;
use crate::lookup::{Cursor, Wanted, describe, describe_one, page};

/// Shows what is known of an item: what the served version has, with what was said of it since.
#[utoipa::path(
    get,
    path = "/items/{item_id}",
    operation_id = "getItem",
    tag = "items",
    params(("item_id" = String, Path, description = "Which item")),
    responses(
        (status = OK, body = OneItem),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get_item(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    let item_id = query::id("item_id", &path_text("item_id", path)?, ItemId::from_outside)?;
    let NoQuery {} = query::read(text.as_deref())?;
    let snapshot = app.recommender.snapshot()?;
    let item = snapshot.items().index(item_id.as_str()).ok_or_else(|| ApiError::NotFound {
        field: None,
        detail: format!(
            "nothing is known of the item {:?}; `PUT /items/{{item_id}}` says something of it",
            item_id.as_str()
        ),
    })?;
    Ok(json(StatusCode::OK, &describe_one(&snapshot, item, now_ms())))
}

/// Lists items by their ids, page by page. A cursor holds whatever changes between two pages, and across versions: the next
/// page begins behind the id that this one ended with. `q` looks at no more than 200,000 items a page, so that a page
/// with a cursor may have few items, or none: ask on until there is no cursor.
#[utoipa::path(
    get,
    path = "/items",
    operation_id = "listItems",
    tag = "items",
    params(ItemsQuery),
    responses(
        (status = OK, body = ItemPage),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get_items(State(app): State<Arc<App>>, RawQuery(text): RawQuery) -> Result<Response, ApiError> {
    let ItemsQuery { limit, cursor, filter, q } = query::read(text.as_deref())?;
    let (after, filter, words) = (query::page_cursor(cursor)?, query::filter(filter)?, query::words(q)?);
    let (snapshot, only) = app.recommender.selected(filter.as_ref())?;
    let wanted = Wanted { after: after.as_ref(), limit: limit.get(), only: only.as_deref(), words: words.as_ref() };
    let (found, next) = page(&snapshot, wanted);
    let now_ms = now_ms();
    let items = found.into_iter().map(|item| describe(&snapshot, item, now_ms)).collect();
    let model_version = snapshot.manifest().version.clone();
    Ok(json(StatusCode::OK, &ItemPage { model_version, items, cursor: next.as_ref().map(Cursor::to_string) }))
}
