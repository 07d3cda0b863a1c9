//! `GET /items/{item_id}/similar` and `GET /popular`: items without a user.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use shared::api::{ItemList, Problem};
use shared::id::ItemId;

use super::error::ApiError;
use super::query::{self, Parameters};
use super::slate::{Items, ListBody};
use super::{App, json, path_text};
use crate::recommender::Listed;

/// Lists the items most like an item.
#[utoipa::path(
    get,
    path = "/items/{item_id}/similar",
    tag = "items",
    params(
        ("item_id" = String, Path, description = "Like which item"),
        ("k" = Option<usize>, Query, description = "How many items, 1 to 500; 10 where absent"),
    ),
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
    let item = query::id("item_id", path_text("item_id", path)?, ItemId::new)?;
    let k = Parameters::parse(text.as_deref(), &["k"])?.take_k()?;
    let listed = app
        .recommender
        .similar(&item, k)
        .map_err(|unknown| ApiError::NotFound(format!("{unknown} {:?}", item.as_str())))?;
    Ok(list(&listed))
}

/// Lists the most popular items.
#[utoipa::path(
    get,
    path = "/popular",
    tag = "items",
    params(
        ("k" = Option<usize>, Query, description = "How many items, 1 to 500; 10 where absent"),
        ("category" = Option<String>, Query, description = "Only items of this category"),
    ),
    responses(
        (status = OK, body = ItemList),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get_popular(State(app): State<Arc<App>>, RawQuery(text): RawQuery) -> Result<Response, ApiError> {
    let mut parameters = Parameters::parse(text.as_deref(), &["k", "category"])?;
    let category = parameters.take("category").map(query::category).transpose()?;
    let k = parameters.take_k()?;
    Ok(list(&app.recommender.popular(category.as_deref(), k)))
}

fn list(listed: &Listed) -> Response {
    let Listed { snapshot, picks } = listed;
    let model_version = &snapshot.manifest().version;
    json(StatusCode::OK, &ListBody { model_version, items: Items { snapshot, picks } })
}
