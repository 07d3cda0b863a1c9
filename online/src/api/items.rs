//! `GET /items/{item_id}/similar`, `GET /items/{item_id}/together` and `GET /popular`: lists of items that depend on no user.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use shared::contract::api::{ItemList, Problem};
use shared::contract::id::ItemId;

use super::error::ApiError;
use super::query::{self, PopularQuery, SimilarQuery};
use super::slate::{Items, ListBody};
use super::{App, json, path_text};
use crate::events::now_ms;
use crate::recommender::Listed;

/// Lists the items most similar to an item.
#[utoipa::path(
    get,
    path = "/items/{item_id}/similar",
    operation_id = "getSimilarItems",
    tag = "items",
    params(("item_id" = String, Path, description = "Like which item"), SimilarQuery),
    responses(
        (status = OK, body = ItemList),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get_similar(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    let item = query::id("item_id", &path_text("item_id", path)?, ItemId::from_outside)?;
    let SimilarQuery { k, filter } = query::read(text.as_deref())?;
    let filter = query::filter(filter)?;
    Ok(list(&app.recommender.similar(&item, filter.as_ref(), k.get(), now_ms())?))
}

/// Lists the items that are bought with an item, then those most similar to it.
#[utoipa::path(
    get,
    path = "/items/{item_id}/together",
    operation_id = "getItemsBoughtTogether",
    tag = "items",
    params(("item_id" = String, Path, description = "Bought with which item"), SimilarQuery),
    responses(
        (status = OK, body = ItemList),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get_together(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    let item = query::id("item_id", &path_text("item_id", path)?, ItemId::from_outside)?;
    let SimilarQuery { k, filter } = query::read(text.as_deref())?;
    let filter = query::filter(filter)?;
    Ok(list(&app.recommender.together(&item, filter.as_ref(), k.get(), now_ms())?))
}

/// Lists the most popular items.
#[utoipa::path(
    get,
    path = "/popular",
    operation_id = "getPopularItems",
    tag = "items",
    params(PopularQuery),
    responses(
        (status = OK, body = ItemList),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, description = "No item is in the category; names the nearest ones", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub async fn get_popular(State(app): State<Arc<App>>, RawQuery(text): RawQuery) -> Result<Response, ApiError> {
    let PopularQuery { k, category, filter } = query::read(text.as_deref())?;
    let (category, filter) = (query::category(category)?, query::filter(filter)?);
    Ok(list(&app.recommender.popular(category.as_deref(), filter.as_ref(), k.get(), now_ms())?))
}

fn list(listed: &Listed) -> Response {
    let Listed { snapshot, picks } = listed;
    let model_version = &snapshot.manifest().version;
    json(StatusCode::OK, &ListBody { model_version, items: Items { snapshot, picks, unknown: &[] } })
}
