//! `POST /predict` with `{"data": [[values]], "features": [names]}`: `[{"device_ip", "click_proba"}]`, for each row.
//!
//! A feature that the model does not look at is passed over: callers send counts ready made that it computes by itself.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json as value};

use super::{Explain, score, unprocessable};
use crate::api::error::ApiError;
use crate::api::{App, body, json};
use crate::models::Served;
use crate::models::rows::{Rows, name_of};

/// Which column names an impression in the answers.
const DEVICE: &str = "device_ip";

#[derive(Deserialize)]
struct Asked {
    data: Vec<Vec<Value>>,
    features: Vec<String>,
}

/// Answers a call.
pub async fn answer(app: &Arc<App>, served: &Arc<Served>, request: Request<Body>) -> Result<Response, ApiError> {
    let bytes = body::read(request, app.settings.max_rows_bytes).await?;
    let asked: Asked = body::parse(&bytes).map_err(|error| match error {
        ApiError::Invalid { field, detail } => unprocessable(field.as_deref().unwrap_or("body"), detail),
        other => other,
    })?;
    if asked.data.len() > app.settings.max_rows {
        return Err(unprocessable("data", format!("more than {} rows", app.settings.max_rows)));
    }
    if asked.data.is_empty() {
        return Err(unprocessable("data", "no rows".to_owned()));
    }
    let twice = |(at, name): (usize, &String)| asked.features[..at].contains(name).then(|| name.clone());
    if let Some(name) = asked.features.iter().enumerate().find_map(twice) {
        return Err(unprocessable("features", format!("{name} is given twice")));
    }
    let rows = rows_of(served, &asked)?;
    let served_too = served.clone();
    let (live, app_too) = (app.memory.of(served, &rows).await, app.clone());
    let work = tokio::task::spawn_blocking(move || score(&app_too, &served_too, &rows, &live, Explain::No));
    let answers = work.await.map_err(|panic| ApiError::Internal(panic.to_string()))??;
    let device = asked.features.iter().position(|feature| feature == DEVICE);
    let rows = asked.data.iter().zip(answers).map(|(row, answer)| {
        let rounded = (answer.scored[0].probability * 1e4).round() / 1e4;
        value!({ DEVICE: device.map_or(Value::Null, |at| row[at].clone()), "click_proba": rounded })
    });
    Ok(json(StatusCode::OK, &rows.collect::<Vec<_>>()))
}

/// The rows, field by field.
fn rows_of(served: &Served, asked: &Asked) -> Result<Rows, ApiError> {
    let schema = &served.manifest().schema;
    let place = |name: &str| asked.features.iter().position(|feature| feature == name);
    let missing = schema.iter().filter(|field| field.default.is_none() && place(&field.name).is_none());
    let missing: Vec<&str> = missing.map(|field| field.name.as_str()).collect();
    if !missing.is_empty() {
        return Err(ApiError::invalid("features", format!("Missing features in schema {missing:?}")));
    }
    if let Some(row) = asked.data.iter().position(|row| row.len() != asked.features.len()) {
        let (has, needs) = (asked.data[row].len(), asked.features.len());
        return Err(unprocessable(&format!("data[{row}]"), format!("{has} values; expected {needs}, one a feature")));
    }
    let places: Vec<Option<usize>> = schema.iter().map(|field| place(&field.name)).collect();
    let ids: Vec<Option<usize>> = served.manifest().ids.iter().map(|id| place(id)).collect();
    let mut rows = Rows { columns: served.columns(asked.data.len()), listed: true, ..Rows::default() };
    for row in &asked.data {
        for (at, field) in schema.iter().enumerate() {
            let value = places[at].map(|place| &row[place]);
            if let Err(bad) = field.read_json(value, &mut rows.columns[at]) {
                rows.refuse(&field.name, bad.to_string());
            }
        }
        let name = name_of(ids.iter().map(|id| id.map(|place| &row[place])));
        rows.end(served, name, |at| places[at].map(|place| &row[place]));
    }
    Ok(rows)
}
