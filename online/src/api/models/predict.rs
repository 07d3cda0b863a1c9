//! `POST /models/{name}/predict`: the probability of a row, or of each row of a list.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shared::contract::api::{FieldProblem, Problem};
use shared::engine::tabular::live::Live;
use utoipa::{IntoParams, ToSchema};

use super::{GivenRows, ServedModel};
use crate::api::error::ApiError;
use crate::api::{App, body, json, query};
use crate::models::rows::{self, Rows};
use crate::models::{Answer, By, Explain, Explained, Served};

/// From so many rows on the work is done on a thread of its own, so that short requests don't wait for it.
const LONG: usize = 64;

/// The parameters of a prediction.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct PredictQuery {
    /// Whether the answer says what each field adds to the log-odds of the probability.
    explain: bool,
    /// What names the rows that have no id among their values: where a challenger answers a share of the rows, the same id
    /// always has the same version.
    id: Option<String>,
}

/// What a model says of a row: by `probability` and `prediction` of its one label, by `probabilities` and `predicted` of
/// several.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Prediction<'a> {
    /// The probability that the row is a positive.
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
    /// 1 if the probability is at or above the model's threshold, else 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    prediction: Option<u8>,
    /// The probability of each label that the row is a positive.
    #[serde(skip_serializing_if = "Option::is_none")]
    probabilities: Option<BTreeMap<&'a str, f64>>,
    /// The labels at or above their thresholds, the most probable first.
    #[serde(skip_serializing_if = "Option::is_none")]
    predicted: Option<Vec<&'a str>>,
    /// The categories of the row with a value that no training row had.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unseen: Vec<&'a str>,
    /// What each field adds to the log-odds, if asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    contributions: Option<RowExplanation<'a>>,
    /// In a list, the version that answered, if it is a challenger.
    #[serde(skip_serializing_if = "Option::is_none", rename = "model_version")]
    by: Option<&'a str>,
}

/// What each field adds.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum RowExplanation<'a> {
    /// To the one label.
    One(Contributions<'a>),
    /// To each label that is predicted, or to the most probable one.
    Several(BTreeMap<&'a str, Contributions<'a>>),
}

/// What each field adds to the log-odds of a row: base and fields add up to it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Contributions<'a> {
    /// The mean over the training rows.
    base: f64,
    /// The sum, before calibration.
    log_odds: f64,
    /// The fields, or two together, the largest first.
    fields: Vec<Contribution<'a>>,
}

/// What a field adds to the log-odds.
#[derive(Debug, Serialize, ToSchema)]
pub struct Contribution<'a> {
    /// The field, or two of them: `day and month`.
    field: &'a str,
    /// What it adds.
    log_odds: f64,
}

/// The answer for one row.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PredictedRow)]
pub struct One<'a> {
    /// The model.
    model: &'a str,
    /// The version that answered.
    model_version: &'a str,
    #[serde(flatten)]
    row: Prediction<'a>,
}

/// The answer for a list of rows.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PredictedRows)]
pub struct Many<'a> {
    /// The model.
    model: &'a str,
    /// The version that answered, but for rows that name another.
    model_version: &'a str,
    /// For each row, in their order.
    predictions: Vec<Prediction<'a>>,
}

/// The answer for one row, or for a list of them. The list comes first: a client that takes the first form that fits finds that
/// the answer for one has no `predictions`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Predicted<'a> {
    /// For a list.
    Many(Many<'a>),
    /// For one.
    One(One<'a>),
}

/// Scores a row, as an object with a value for each field, or a list of rows. `GET /models/{name}/schema` shows the fields
/// and an example.
#[utoipa::path(
    post,
    path = "/models/{name}/predict",
    operation_id = "predict",
    tag = "models",
    params(("name" = String, Path, description = "The model"), PredictQuery),
    request_body = GivenRows,
    responses(
        (status = OK, description = "For one row; for a list `predictions` has one for each", body = Predicted),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, description = "Lists every field that is refused, and what it may be",
            body = Problem, content_type = "application/problem+json"),
        (status = PAYLOAD_TOO_LARGE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn post_predict(
    State(app): State<Arc<App>>,
    ServedModel(served): ServedModel,
    RawQuery(text): RawQuery,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let begin = Instant::now();
    let answered = answer(&app, &served, text.as_deref(), request).await;
    count(&app, &served, &answered, begin);
    answered
}

/// Measures a request, and counts it if it was refused; one that is answered is counted by the version that does.
pub fn count(app: &App, served: &Served, answered: &Result<Response, ApiError>, begin: Instant) {
    let (metrics, manifest) = (&app.metrics.models, served.manifest());
    metrics.time(&manifest.name, begin.elapsed());
    if answered.is_err() {
        metrics.count_refused(&manifest.name, &manifest.version);
    }
}

/// Answers for rows that were read, all of which must be accepted.
///
/// * `live`: what is known of their keys.
///
/// # Errors
/// [`ApiError`] when rows are refused.
pub fn score(app: &App, served: &Served, rows: &Rows, live: &Live, explain: Explain) -> Result<Vec<Answer>, ApiError> {
    check(app, served, rows, explain)?;
    let answers = served.answer(rows, live, explain);
    app.memory.note(served, rows);
    // A list that both answered counts for the champion.
    let by = if answers.iter().all(|answer| answer.by == By::Challenger) { By::Challenger } else { By::Champion };
    let manifest = served.answered(by);
    app.metrics.models.count_answered(&manifest.name, &manifest.version, answers.len());
    Ok(answers)
}

async fn answer(
    app: &Arc<App>,
    served: &Arc<Served>,
    text: Option<&str>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let PredictQuery { explain, id } = query::read(text)?;
    let explain = if explain { Explain::Yes } else { Explain::No };
    let bytes = body::read(request, app.settings.max_rows_bytes).await?;
    let mut rows = rows::read(served, &bytes, app.settings.max_rows)
        .map_err(|error| ApiError::Invalid { field: None, detail: error.to_string() })?;
    if let Some(id) = id {
        rows.name(&id);
    }
    let listed = rows.listed;
    let live = app.memory.of(served, &rows).await;
    let answers = if rows.rows < LONG && explain == Explain::No {
        score(app, served, &rows, &live, explain)?
    } else {
        // Held by the thread: it goes on when the client has gone.
        let turn = app.long_work.clone().acquire_owned().await;
        let (app, served) = (app.clone(), served.clone());
        let work = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            score(&app, &served, &rows, &live, explain)
        });
        work.await.map_err(|panic| ApiError::Internal(panic.to_string()))??
    };
    let model = served.manifest().name.as_str();
    let mut predictions: Vec<Prediction<'_>> = answers.iter().map(|answer| prediction(served, answer)).collect();
    let answer = match (listed, predictions.pop()) {
        (false, Some(row)) => {
            let model_version = row.by.unwrap_or(served.version());
            Predicted::One(One { model, model_version, row: Prediction { by: None, ..row } })
        }
        (_, last) => {
            predictions.extend(last);
            Predicted::Many(Many { model, model_version: served.version(), predictions })
        }
    };
    Ok(json(StatusCode::OK, &answer))
}

/// Refuses rows with values that the schema refuses, all of which are told; no rows, and too many to explain.
///
/// # Errors
/// [`ApiError`] for any of these.
fn check(app: &App, served: &Served, rows: &Rows, explain: Explain) -> Result<(), ApiError> {
    if rows.rows == 0 {
        return Err(ApiError::Invalid { field: None, detail: "the list has no rows".to_owned() });
    }
    let most = app.settings.max_explained_rows;
    if explain == Explain::Yes && rows.rows > most {
        let detail = format!(
            "at most {most} rows are explained in one request, not {}; ask in parts, or raise models.max_explained_rows",
            rows.rows
        );
        return Err(ApiError::invalid("explain", detail));
    }
    if rows.refusals.is_empty() {
        return Ok(());
    }
    for (field, count) in &rows.refusals {
        // Names that nobody declared would be labels without end.
        let known = served.place(field).is_some();
        app.metrics.models.count_refused_field(&served.manifest().name, if known { field } else { "unknown" }, *count);
    }
    let refusals = rows.refusals.values().sum();
    let problem =
        |refused: &rows::Refused| FieldProblem { field: refused.path.clone(), detail: refused.detail.clone() };
    Err(ApiError::Rows { refusals, errors: rows.refused.iter().map(problem).collect() })
}

/// The positives among the outputs of a row, the most probable first.
pub fn predicted<'a>(served: &'a Served, answer: &Answer) -> Vec<&'a str> {
    let mut positives: Vec<(&str, f64)> = (served.manifest().outputs.iter().zip(&answer.scored))
        .filter_map(|(output, scored)| scored.positive.then_some((output.label.as_str(), scored.probability)))
        .collect();
    positives.sort_by(|a, b| b.1.total_cmp(&a.1));
    positives.into_iter().map(|(label, _)| label).collect()
}

fn prediction<'a>(served: &'a Served, answer: &'a Answer) -> Prediction<'a> {
    let manifest = served.answered(answer.by);
    let label = |output: usize| manifest.outputs[output].label.as_str();
    let mut contributions =
        answer.explained.iter().map(|explained| (label(explained.output), contributions(answer, explained)));
    let said = match &answer.scored[..] {
        [scored] => Prediction {
            probability: Some(scored.probability),
            prediction: Some(u8::from(scored.positive)),
            contributions: contributions.next().map(|(_, own)| RowExplanation::One(own)),
            ..Prediction::default()
        },
        scored => Prediction {
            probabilities: Some(scored.iter().enumerate().map(|(at, own)| (label(at), own.probability)).collect()),
            predicted: Some(predicted(served, answer)),
            contributions: (!answer.explained.is_empty()).then(|| RowExplanation::Several(contributions.collect())),
            ..Prediction::default()
        },
    };
    Prediction {
        unseen: answer.unseen.iter().map(|&field| manifest.schema[field].name.as_str()).collect(),
        by: (answer.by == By::Challenger).then_some(&manifest.version),
        ..said
    }
}

fn contributions<'a>(answer: &Answer, explained: &'a Explained) -> Contributions<'a> {
    Contributions {
        base: explained.base,
        log_odds: f64::from(answer.scored[explained.output].log_odds),
        fields: explained.fields.iter().map(|(field, log_odds)| Contribution { field, log_odds: *log_odds }).collect(),
    }
}
