//! `GET /model/metadata`, `/model/params` and `/model/metrics`: the served version, its settings, and its offline
//! metrics.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use shared::contract::event_log::CoveredFile;
use shared::contract::params::EngineParams;
use utoipa::ToSchema;

use super::error::ApiError;
use super::{App, json};

/// The answer of `/model/metadata`: the served version and its data.
#[derive(Serialize, ToSchema)]
#[schema(as = VersionMetadata)]
pub struct Metadata<'a> {
    /// The artifact's version.
    version: &'a str,
    /// The artifact's format.
    format_version: u32,
    /// When it was built, milliseconds since the epoch.
    built_ms: i64,
    /// SHA-256 over the events and items that it was built from.
    data_fingerprint: &'a str,
    /// How many rows, users, items and sessions went in, and what was rejected.
    counts: &'a BTreeMap<String, u64>,
    /// The time of the first event, milliseconds since the epoch.
    first_event_ms: i64,
    /// The time of the last event, milliseconds since the epoch.
    last_event_ms: i64,
    /// How much of the service's event log is in this version, file by file.
    covered: &'a [CoveredFile],
    /// Items that can be recommended.
    items: usize,
    /// Users with a record.
    users: usize,
}

/// The answer of `/model/params`: the settings that the served version was built with, and those of the engine.
#[derive(Serialize, ToSchema)]
#[schema(as = VersionParams)]
pub struct Params<'a> {
    /// The parameters of the engine.
    #[schema(value_type = BTreeMap<String, Value>)]
    engine: &'a EngineParams,
    /// Every setting that decides what is learnt; URLs and folders are not among them.
    #[schema(value_type = BTreeMap<String, Value>)]
    config: &'a Value,
}

/// Describes the served version and its data.
#[utoipa::path(
    get,
    path = "/model/metadata",
    operation_id = "getVersionMetadata",
    tag = "model",
    responses((status = OK, body = Metadata)),
)]
pub async fn get_metadata(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let snapshot = app.recommender.snapshot()?;
    let manifest = snapshot.manifest();
    let metadata = Metadata {
        version: &manifest.version,
        format_version: manifest.format_version,
        built_ms: manifest.built_ms,
        data_fingerprint: &manifest.data_fingerprint,
        counts: &manifest.counts,
        first_event_ms: manifest.first_event_ms,
        last_event_ms: manifest.last_event_ms,
        covered: &manifest.covered,
        items: snapshot.items().len(),
        users: snapshot.users().len(),
    };
    Ok(json(StatusCode::OK, &metadata))
}

/// Shows the parameters of the served version.
#[utoipa::path(
    get,
    path = "/model/params",
    operation_id = "getVersionParams",
    tag = "model",
    responses((status = OK, body = Params)),
)]
pub async fn get_params(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let snapshot = app.recommender.snapshot()?;
    let manifest = snapshot.manifest();
    Ok(json(StatusCode::OK, &Params { engine: &manifest.engine, config: &manifest.config }))
}

/// Shows the offline metrics of the served version; null if it was not measured.
#[utoipa::path(
    get,
    path = "/model/metrics",
    operation_id = "getVersionMetrics",
    tag = "model",
    responses((status = OK, body = Option<BTreeMap<String, Value>>)),
)]
pub async fn get_metrics(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    Ok(json(StatusCode::OK, &app.recommender.snapshot()?.manifest().metrics))
}
