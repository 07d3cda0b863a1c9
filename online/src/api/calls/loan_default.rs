//! `POST /default_payment_prediction`: a row in, `{"prediction", "probability"}` out; `/model_params`, `/model_metrics`
//! and `/model_metadata`: of the version that answers.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, Value, json as value};
use shared::engine::tabular::schema::{Field, FieldKind};

use super::{Explain, one_row, score};
use crate::api::error::ApiError;
use crate::api::{App, json};
use crate::models::Served;

/// The paths of what is told about the model.
pub const ABOUT: [&str; 3] = ["/model_params", "/model_metrics", "/model_metadata"];
/// The metrics that are told.
const METRICS: [&str; 6] = ["accuracy", "recall", "precision", "f1", "roc_auc", "total_cost"];

#[derive(Serialize)]
struct Answered {
    prediction: u8,
    probability: f64,
}

/// Answers a call.
pub async fn answer(app: &Arc<App>, served: &Arc<Served>, request: Request<Body>) -> Result<Response, ApiError> {
    let rows = one_row(app, served, request).await?;
    let scored = score(app, served, &rows, &app.memory.of(served, &rows).await, Explain::No)?[0].scored[0];
    Ok(json(StatusCode::OK, &Answered { prediction: u8::from(scored.positive), probability: scored.probability }))
}

/// Answers a question about the model.
pub fn about(served: &Served, path: &str) -> Response {
    let manifest = served.manifest();
    let told = match path {
        "/model_params" => {
            let mut params = Map::new();
            flatten("", &manifest.config, &mut params);
            Value::Object(params)
        }
        "/model_metrics" => {
            let metric = |name: &str| (name.to_owned(), manifest.metrics["test"][name]["value"].clone());
            Value::Object(METRICS.into_iter().map(metric).collect())
        }
        _ => value!({
            "run_id": manifest.version,
            "model_uuid": manifest.data_fingerprint,
            "utc_time_created": jiff::Timestamp::from_millisecond(manifest.built_ms).unwrap_or_default().to_string(),
            "signature": {
                "inputs": manifest.schema.iter().map(input).collect::<Vec<_>>(),
                "outputs": [{ "name": "prediction", "type": "integer" }, { "name": "probability", "type": "double" }],
            },
            "flavors": { "tandem": { "format_version": manifest.format_version } },
        }),
    };
    json(StatusCode::OK, &told)
}

fn input(field: &Field) -> Value {
    let kind = match field.kind {
        FieldKind::Number { .. } => "double",
        FieldKind::Category { whole: true, .. } | FieldKind::Key { whole: true } => "long",
        FieldKind::Category { .. } | FieldKind::Ordinal { .. } | FieldKind::Key { .. } => "string",
        FieldKind::Time { .. } => "datetime",
    };
    value!({ "name": field.name, "type": kind, "required": field.default.is_none() })
}

/// Settings by their path, as texts.
fn flatten(path: &str, value: &Value, into: &mut Map<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(&path, value, into);
            }
        }
        Value::String(text) => drop(into.insert(path.to_owned(), text.as_str().into())),
        other => drop(into.insert(path.to_owned(), other.to_string().into())),
    }
}
