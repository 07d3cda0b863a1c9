//! `GET /health`, `/ready` and `/metrics`, for supervisors, load balancers and Prometheus.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus::proto::MetricFamily;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ApiError;
use super::{App, json};
use crate::metrics;

/// The answer of `/health`: the process lives.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    status: &'static str,
}

/// The answer of `/ready`: whether requests should be sent to this replica.
#[derive(Serialize, ToSchema)]
pub struct Ready {
    /// Whether requests should be sent here.
    ready: bool,
    /// The served version of the recommender; empty if none is published.
    model_version: String,
    /// Whether the store answers; without it slates are non-personal, and events are applied later.
    store_up: bool,
}

/// Answers whenever the process lives.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "getHealth",
    tag = "operation",
    responses((status = OK, body = Health)),
)]
pub async fn get_health() -> Response {
    json(StatusCode::OK, &Health { status: "ok" })
}

/// Tells whether requests should be sent to this replica: not while it is stopping, nor before a
/// first version is published. A store that does not answer does not make it unready, since all replicas share that store.
#[utoipa::path(
    get,
    path = "/ready",
    operation_id = "getReady",
    tag = "operation",
    responses((status = OK, body = Ready), (status = SERVICE_UNAVAILABLE, description = "It is stopping, or nothing is published yet", body = Ready))
)]
pub async fn get_ready(State(app): State<Arc<App>>) -> Response {
    let ready = app.is_ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let model_version =
        app.recommender.snapshot().map_or(String::new(), |snapshot| snapshot.manifest().version.clone());
    json(status, &Ready { ready, model_version, store_up: app.metrics.store_up.get() == 1 })
}

/// Shows the metrics, in Prometheus' text format.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "getMetrics",
    tag = "operation",
    responses((status = OK, body = String, content_type = "text/plain"))
)]
pub async fn get_metrics(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    exposed(&app.gather())
}

/// Metrics as an answer.
///
/// # Errors
/// [`ApiError::Internal`] when one can't be written as text.
pub fn exposed(families: &[MetricFamily]) -> Result<Response, ApiError> {
    let text = metrics::render(families).map_err(|error| ApiError::Internal(error.to_string()))?;
    let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, content_type)], text).into_response())
}
