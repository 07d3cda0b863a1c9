//! `PUT /items/{item_id}` and `PUT /items`: say something of items, which holds from the next answer on;
//! `DELETE /items/{item_id}`: withdraws one.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use serde_json::Value;
use shared::contract::api::{ItemChanged, Problem};
use shared::contract::id::ItemId;
use shared::contract::item_change::AVAILABLE;
use shared::contract::known::ItemsChanged;
use shared::contract::profile::GivenValue;

use super::error::ApiError;
use super::fields::{self, Fields, Of};
use super::query::{self, NoQuery};
use super::{App, body, json, path_text};
use crate::events::item::{BadField, check_list};
use crate::events::{Visible, now_ms};

/// Says something of an item: name, price, whether it is available, its categories, and any property by its name. What
/// is not named stays as it is; `null` says that nothing is known any more. An item that the served version does not
/// know becomes known. It is on disk before this answers, and after 200 in the very next answer of this service; of two
/// changes of a field the later one counts. The next version is learnt with it.
#[utoipa::path(
    put,
    path = "/items/{item_id}",
    operation_id = "putItem",
    tag = "items",
    params(("item_id" = String, Path, description = "Of which item")),
    request_body(
        content = BTreeMap<String, GivenValue>,
        description = "Fields with their values: `name`, `price`, `available`, `category` or `categories`, `timestamp` (since when it \
            is so), and any property: a text, a list of texts, a number, true or false.",
        example = json!({"price": 12.5, "available": true, "categories": ["fruit"], "brand": "Acme", "colour": null}),
    ),
    responses(
        (status = OK, body = ItemChanged),
        (status = ACCEPTED, body = ItemChanged),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, body = Problem, content_type = "application/problem+json"),
        (status = INSUFFICIENT_STORAGE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn put_item(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(text): RawQuery,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let item_id = query::id("item_id", &path_text("item_id", path)?, ItemId::from_outside)?;
    let NoQuery {} = query::read(text.as_deref())?;
    let bytes = body::read(request, app.settings.max_body_bytes).await?;
    let Fields(fields) = body::parse(&bytes)?;
    let (status, applied) = change(&app, vec![(item_id.clone(), fields)]).await.map_err(|(_, error)| error)?;
    Ok(json(status, &ItemChanged { item_id, applied }))
}

/// Withdraws an item: from the next answer on it is never recommended, nor listed as similar or popular, until it is said to be
/// available again; the next version knows it as withdrawn. What users did with it stays in their histories. It is the
/// change `{"available": false}`: withdrawing twice is as once, and an item that nobody knows yet is withdrawn too.
#[utoipa::path(
    delete,
    path = "/items/{item_id}",
    operation_id = "withdrawItem",
    tag = "items",
    params(("item_id" = String, Path, description = "Which item")),
    responses(
        (status = OK, body = ItemChanged),
        (status = ACCEPTED, body = ItemChanged),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, body = Problem, content_type = "application/problem+json"),
        (status = INSUFFICIENT_STORAGE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn delete_item(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    let item_id = query::id("item_id", &path_text("item_id", path)?, ItemId::from_outside)?;
    let NoQuery {} = query::read(text.as_deref())?;
    let withdrawn = vec![(AVAILABLE.to_owned(), Value::Bool(false))];
    let (status, applied) = change(&app, vec![(item_id.clone(), withdrawn)]).await.map_err(|(_, error)| error)?;
    Ok(json(status, &ItemChanged { item_id, applied }))
}

/// Says something of up to 1,000 items at once, each as in `PUT /items/{item_id}`: all of it is on disk before this answers, and
/// in service with one change of the snapshot. If a field is refused, nothing of the list is taken. Of two entries of one
/// item the later one counts, field by field.
#[utoipa::path(
    put,
    path = "/items",
    operation_id = "putItems",
    tag = "items",
    request_body(
        content = Vec<BTreeMap<String, GivenValue>>,
        description = "A list of objects, each with `item_id` and the fields of that item.",
        example = json!([{"item_id": "i1", "price": 12.5, "available": true}, {"item_id": "i2", "categories": ["fruit"]}]),
    ),
    responses(
        (status = OK, body = ItemsChanged),
        (status = ACCEPTED, body = ItemsChanged),
        (status = BAD_REQUEST, description = "Names place and field, such as `[3].price`", body = Problem,
            content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, body = Problem, content_type = "application/problem+json"),
        (status = INSUFFICIENT_STORAGE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn put_items(
    State(app): State<Arc<App>>,
    RawQuery(text): RawQuery,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let NoQuery {} = query::read(text.as_deref())?;
    let bytes = body::read(request, app.settings.max_body_bytes).await?;
    let list = fields::list(&bytes, "item_id")?;
    let changed = list.len();
    let (status, applied) = change(&app, list).await.map_err(|(place, error)| error.at(place))?;
    Ok(json(status, &ItemsChanged { changed, applied }))
}

/// Checks what is said of items and says it; an error comes with the place in the list that is wrong.
pub async fn change(app: &App, list: Vec<Of<ItemId>>) -> Result<(StatusCode, bool), (usize, ApiError)> {
    // Before a first version is there, everything is taken.
    let snapshot = app.recommender.snapshot().ok();
    let said = check_list(list, &snapshot.iter().flat_map(|of| of.properties().names()).collect(), now_ms());
    drop(snapshot);
    let said = said.map_err(|(place, bad)| (place, bad.into()))?;
    match app.events.change(said).await.map_err(|error| (0, error.into()))? {
        Visible::Now { .. } => Ok((StatusCode::OK, true)),
        Visible::Later => Ok((StatusCode::ACCEPTED, false)),
    }
}

impl From<BadField> for ApiError {
    fn from(BadField { field, detail }: BadField) -> Self {
        Self::Invalid { field: Some(field).filter(|field| !field.is_empty()), detail }
    }
}
