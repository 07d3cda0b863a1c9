//! `POST /api/prediction?cus_id=`: a row in, `{"PD", "cus_id"}` out. `PD` is the probability of the positive label; the
//! system that this call comes from answered that of the negative one.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::{Explain, one_row, score, unprocessable};
use crate::api::error::ApiError;
use crate::api::{App, json, query};
use crate::models::Served;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CustomerQuery {
    cus_id: i64,
}

#[derive(Serialize)]
struct Answered {
    #[serde(rename = "PD")]
    probability: f64,
    cus_id: i64,
}

/// Answers a call.
pub async fn answer(app: &Arc<App>, served: &Arc<Served>, request: Request<Body>) -> Result<Response, ApiError> {
    let CustomerQuery { cus_id } = query::read(request.uri().query()).map_err(|error| match error {
        ApiError::Invalid { field, detail } => unprocessable(field.as_deref().unwrap_or("cus_id"), detail),
        other => other,
    })?;
    let mut rows = one_row(app, served, request).await?;
    rows.name(&cus_id.to_string());
    let probability =
        score(app, served, &rows, &app.memory.of(served, &rows).await, Explain::No)?[0].scored[0].probability;
    Ok(json(StatusCode::OK, &Answered { probability, cus_id }))
}
