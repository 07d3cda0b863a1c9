//! `POST /predict` with the fields of a bank's customer in a month: `{"predicted_products": [names]}`, those that the
//! customer is expected to take next, the most probable first.
//!
//! As in the system that this call comes from, numbers may be texts (`"age": " 35"`).

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, Value};
use shared::engine::tabular::schema::FieldKind;
use shared::engine::tabular::value::number;

use super::{score, unprocessable};
use crate::api::error::ApiError;
use crate::api::models::predict::predicted;
use crate::api::{App, body, json};
use crate::models::{Explain, Served, rows};

#[derive(Serialize)]
struct Answered<'a> {
    predicted_products: Vec<&'a str>,
}

/// Answers a call.
pub async fn answer(app: &Arc<App>, served: &Arc<Served>, request: Request<Body>) -> Result<Response, ApiError> {
    let bytes = body::read(request, app.settings.max_body_bytes).await?;
    let mut row: Map<String, Value> =
        serde_json::from_slice(&bytes).map_err(|error| unprocessable("body", error.to_string()))?;
    for field in &served.manifest().schema {
        if let (FieldKind::Number { .. }, Some(value)) = (&field.kind, row.get_mut(&field.name))
            && let Some(found) = value.as_str().and_then(|text| number(text.trim()))
        {
            *value = Value::from(found);
        }
    }
    let rows = rows::of_row(served, row);
    let answers = score(app, served, &rows, &app.memory.of(served, &rows).await, Explain::No)?;
    let names = &served.manifest().serve.as_ref().map(|serve| &serve.names);
    let name = |label| names.and_then(|names| names.get(label)).map_or(label, String::as_str);
    let predicted_products = predicted(served, &answers[0]).into_iter().map(name).collect();
    Ok(json(StatusCode::OK, &Answered { predicted_products }))
}
