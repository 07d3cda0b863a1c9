//! `PUT /items/{item_id}`: says something of an item, which holds from the next answer on.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use shared::contract::api::{ItemChanged, Problem};
use shared::contract::id::ItemId;

use super::error::ApiError;
use super::query::{self, NoQuery};
use super::{App, body, json, path_text};
use crate::events::item::{BadField, check};
use crate::events::{Visible, now_ms};

/// The fields of an object with their values, each named once.
#[derive(Debug)]
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Fields;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object with names and values")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let (mut fields, mut names) = (Vec::new(), BTreeSet::new());
                while let Some(name) = map.next_key::<String>()? {
                    if !names.insert(name.clone()) {
                        return Err(de::Error::custom(format!("duplicate field `{name}`")));
                    }
                    fields.push((name, map.next_value()?));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// Says something of an item: name, price, whether it is available, its categories, and any property by its name. What
/// is not named stays as it is; `null` says that nothing is known any more. An item that the served version does not
/// know becomes known. It is on disk before this answers, and after 200 in the very next answer of this service; of two
/// changes of a field the later one counts. The next version is learnt with it.
#[utoipa::path(
    put,
    path = "/items/{item_id}",
    tag = "items",
    params(("item_id" = String, Path, description = "Of which item")),
    request_body(
        content = Object,
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
    let snapshot = app.recommender.snapshot()?;
    let said = check(fields, &snapshot.properties().names().collect(), now_ms())?;
    drop(snapshot);
    let (status, applied) = match app.events.change(item_id.clone(), said).await? {
        Visible::Now { .. } => (StatusCode::OK, true),
        Visible::Later => (StatusCode::ACCEPTED, false),
    };
    Ok(json(status, &ItemChanged { item_id, applied }))
}

impl From<BadField> for ApiError {
    fn from(BadField { field, detail }: BadField) -> Self {
        Self::Invalid { field: Some(field).filter(|field| !field.is_empty()), detail }
    }
}
