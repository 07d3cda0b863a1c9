//! `GET /models/{name}/drift`: how far the latest rows are from the training rows, field by field.

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use shared::contract::api::Problem;
use shared::engine::tabular::drift::MIN_ROWS;
use shared::engine::tabular::manifest::Output;
use utoipa::ToSchema;

use super::ServedModel;
use crate::api::json;
use crate::models::{Compared, Drifted, Version};

/// How far the latest rows of a model are from its training rows.
#[derive(Serialize, ToSchema)]
#[schema(as = ModelDrift)]
pub struct Drift<'a> {
    /// The champion.
    model_version: &'a str,
    /// Of fewer rows there is no index.
    min_rows: u64,
    /// The fields, beside the training rows; the largest index first. Times are left out.
    inputs: Vec<Input<'a>>,
    /// The probabilities of each version and label, beside those of held-out rows.
    scores: Vec<Scores<'a>>,
}

/// The latest values of a field.
#[derive(Serialize, ToSchema)]
#[schema(as = FieldDrift)]
pub struct Input<'a> {
    /// The field.
    field: &'a str,
    #[serde(flatten)]
    compared: Indexed,
}

/// The latest probabilities of a version.
#[derive(Serialize, ToSchema)]
#[schema(as = ScoreDrift)]
pub struct Scores<'a> {
    /// The version.
    model_version: &'a str,
    /// What they are the probabilities of.
    label: &'a str,
    #[serde(flatten)]
    compared: Indexed,
}

/// Latest rows, compared.
#[derive(Serialize, ToSchema)]
#[schema(as = DriftIndex)]
pub struct Indexed {
    /// The population stability index; null of too few rows. Above 0.1 something has moved, above 0.25 much has.
    #[schema(required = true)]
    psi: Option<f64>,
    /// How many of the latest rows.
    rows: u64,
    /// The bins that values fall into.
    bins: Vec<Bin>,
}

/// Values that are counted together.
#[derive(Serialize, ToSchema)]
#[schema(as = DriftBin)]
pub struct Bin {
    /// Which values.
    of: String,
    /// Their share of the rows that are compared with.
    expected: f64,
    /// Their share of the latest rows.
    found: f64,
}

impl From<&Compared<'_>> for Indexed {
    fn from(compared: &Compared<'_>) -> Self {
        let rows: u64 = compared.rows.iter().sum();
        let expected: u64 = compared.bins.rows.iter().sum();
        let share = |count: u64, all: u64| count as f64 / all.max(1) as f64;
        let bins = compared.bins.names().into_iter().zip(&compared.bins.rows).zip(&compared.rows);
        let bin = |((of, own), found): ((String, &u64), &u64)| Bin {
            of,
            expected: share(*own, expected),
            found: share(*found, rows),
        };
        Self { psi: compared.psi(), rows, bins: bins.map(bin).collect() }
    }
}

fn inputs<'a>(version: &'a Version, drifted: &Drifted<'_>) -> Vec<Input<'a>> {
    let schema = &version.manifest().schema;
    let input =
        |(field, compared): &(usize, Compared<'_>)| Input { field: &schema[*field].name, compared: compared.into() };
    let mut inputs: Vec<Input<'_>> = drifted.inputs.iter().map(input).collect();
    let psi = |input: &Input<'_>| input.compared.psi.unwrap_or(0.0);
    inputs.sort_by(|a, b| psi(b).total_cmp(&psi(a)));
    inputs
}

fn scores<'a>(version: &'a Version, drifted: &Drifted<'_>) -> Vec<Scores<'a>> {
    let manifest = version.manifest();
    let of = |(output, compared): (&'a Output, &Compared<'_>)| Scores {
        model_version: &manifest.version,
        label: &output.label,
        compared: compared.into(),
    };
    manifest.outputs.iter().zip(&drifted.scores).map(of).collect()
}

/// Shows how far the latest rows are from the training rows, and the probabilities from those of held-out rows, by the
/// population stability index. Empty for a version of a release that did not know of it.
#[utoipa::path(
    get,
    path = "/models/{name}/drift",
    operation_id = "getModelDrift",
    tag = "models",
    params(("name" = String, Path, description = "The model")),
    responses(
        (status = OK, body = Drift),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get_model_drift(ServedModel(served): ServedModel) -> Response {
    let champion = &*served.champion;
    let drift = Drift {
        model_version: champion.version(),
        min_rows: MIN_ROWS,
        inputs: champion.drifted().map(|drifted| inputs(champion, &drifted)).unwrap_or_default(),
        scores: served.versions().filter_map(|version| Some(scores(version, &version.drifted()?))).flatten().collect(),
    };
    json(StatusCode::OK, &drift)
}
