//! `GET /models`, `/models/{name}` and what is below: which models are served, and what each is like.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, Value};
use shared::contract::api::Problem;
use shared::engine::tabular::manifest::{ModelManifest, Output};
use utoipa::ToSchema;

use super::ServedModel;
use super::remember::remembers;
use super::shapes::{Chosen, ChosenOutput, Learnt, Metadata, ModelSchema, Params};
use crate::api::{App, json};
use crate::models::{Challenger, Served};

/// A served model, in short.
#[derive(Serialize, ToSchema)]
#[schema(as = ServedModel)]
pub struct Overview<'a> {
    /// Its name.
    name: &'a str,
    /// The version that answers: the champion.
    model_version: &'a str,
    /// The version that scores a share of the rows beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    challenger: Option<Beside<'a>>,
    /// The columns that it was taught: one, or several.
    labels: Vec<&'a str>,
    /// When it was built, milliseconds since the epoch.
    built_ms: i64,
    /// Of each, the probability from which a row counts as a positive.
    thresholds: Vec<f64>,
    /// Its metrics on the test rows, without intervals.
    #[schema(value_type = BTreeMap<String, Value>)]
    metrics: Map<String, Value>,
}

/// A challenger.
#[derive(Serialize, ToSchema)]
#[schema(as = ChallengerModel)]
pub struct Beside<'a> {
    /// Its version.
    model_version: &'a str,
    /// `shadow`: its answers are measured alone; `split`: they are the answers of its rows.
    mode: &'static str,
    /// The share of the rows that it scores.
    share: f64,
}

impl<'a> Overview<'a> {
    fn of(served: &'a Served) -> Self {
        let manifest = served.manifest();
        let beside = |challenger: &'a Challenger| Beside {
            model_version: challenger.version.version(),
            mode: challenger.mode(),
            share: challenger.share(),
        };
        let figures = manifest.metrics["test"].as_object().into_iter().flatten();
        Self {
            name: &manifest.name,
            model_version: &manifest.version,
            challenger: served.challenger.as_ref().map(beside),
            labels: manifest.outputs.iter().map(|output| output.label.as_str()).collect(),
            built_ms: manifest.built_ms,
            thresholds: manifest.outputs.iter().map(|output| output.threshold).collect(),
            metrics: figures.map(|(name, figure)| (name.clone(), figure["value"].clone())).collect(),
        }
    }
}

/// An example of a row, field by field.
pub fn example(manifest: &ModelManifest) -> Value {
    Value::Object(manifest.schema.iter().map(|field| (field.name.clone(), field.example.clone())).collect())
}

/// Lists the served models.
#[utoipa::path(
    get,
    path = "/models",
    operation_id = "listModels",
    tag = "models",
    responses((status = OK, body = Vec<Overview>)),
)]
pub async fn get_models(State(app): State<Arc<App>>) -> Response {
    let models = app.models.all();
    json(StatusCode::OK, &models.values().map(|served| Overview::of(served)).collect::<Vec<_>>())
}

/// Shows a served model in short.
#[utoipa::path(
    get,
    path = "/models/{name}",
    operation_id = "getModel",
    tag = "models",
    params(("name" = String, Path, description = "The model")),
    responses(
        (status = OK, body = Overview),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get_model(ServedModel(served): ServedModel) -> Response {
    json(StatusCode::OK, &Overview::of(&served))
}

/// Shows what the served version was learnt from: rows, checksums, the share of each field in what it looks at.
#[utoipa::path(
    get,
    path = "/models/{name}/metadata",
    operation_id = "getModelMetadata",
    tag = "models",
    params(("name" = String, Path, description = "The model")),
    responses(
        (status = OK, body = Metadata),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get_model_metadata(ServedModel(served): ServedModel) -> Response {
    let manifest = served.manifest();
    let metadata = Metadata {
        name: &manifest.name,
        model_version: &manifest.version,
        format_version: manifest.format_version,
        built_ms: manifest.built_ms,
        data_fingerprint: &manifest.data_fingerprint,
        rows: &manifest.rows,
        outputs: manifest.outputs.iter().map(learnt).collect(),
        files: &manifest.files,
    };
    json(StatusCode::OK, &metadata)
}

fn learnt(output: &Output) -> Learnt<'_> {
    Learnt { label: &output.label, positives: &output.positives, importance: &output.importance }
}

/// Shows the settings that the served version was made with, and what was chosen on validation rows.
#[utoipa::path(
    get,
    path = "/models/{name}/params",
    operation_id = "getModelParams",
    tag = "models",
    params(("name" = String, Path, description = "The model")),
    responses(
        (status = OK, body = Params),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get_model_params(ServedModel(served): ServedModel) -> Response {
    let (parameters, config) = (&served.manifest().parameters, &served.manifest().config);
    let combined = parameters.encoded.iter().filter(|columns| columns.len() > 1);
    let chosen = Chosen {
        outputs: served.manifest().outputs.iter().map(chosen).collect(),
        features: parameters.features.len(),
        combinations: combined.map(|columns| served.manifest().name_of(columns)).collect(),
    };
    json(StatusCode::OK, &Params { chosen, config })
}

fn chosen(output: &Output) -> ChosenOutput<'_> {
    ChosenOutput { label: &output.label, threshold: output.threshold, calibration: &output.calibration }
}

/// Shows the metrics of the served version on the test rows, with 95% intervals, and its contest with the champion before
/// it.
#[utoipa::path(
    get,
    path = "/models/{name}/metrics",
    operation_id = "getModelMetrics",
    tag = "models",
    params(("name" = String, Path, description = "The model")),
    responses(
        (status = OK, body = BTreeMap<String, Value>),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get_model_metrics(ServedModel(served): ServedModel) -> Response {
    json(StatusCode::OK, &served.manifest().metrics)
}

/// Shows the fields of a row: their types, what they may be, and an example of a row; and which rows the model remembers.
#[utoipa::path(
    get,
    path = "/models/{name}/schema",
    operation_id = "getModelSchema",
    tag = "models",
    params(("name" = String, Path, description = "The model")),
    responses(
        (status = OK, body = ModelSchema),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get_model_schema(ServedModel(served): ServedModel) -> Response {
    let manifest = served.manifest();
    let schema = ModelSchema {
        fields: &manifest.schema,
        ids: &manifest.ids,
        example: example(manifest),
        remembers: remembers(&served.champion),
    };
    json(StatusCode::OK, &schema)
}
