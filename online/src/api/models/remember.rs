//! `POST /models/{name}/rows`: rows that a model is to remember, such as what customers have this month.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, Value, json as value};
use shared::contract::api::{FieldProblem, Problem};
use shared::engine::tabular::live::{Absent, Followed, Kept, Origin};
use shared::engine::tabular::schema::Field;
use shared::engine::tabular::value::truth;
use utoipa::ToSchema;

use super::shapes::Remembers;
use super::{GivenRows, ServedModel};
use crate::api::error::ApiError;
use crate::api::{App, body, json};
use crate::events::now_ms;
use crate::models::{Served, Version};
use crate::remember::Told;

/// How far the clocks of others may be ahead.
const DAY_MS: i64 = 86_400_000;
/// The most refused values that are told of.
const TOLD: usize = 100;
/// From so many bytes on the work is done on a thread of its own, so that short requests don't wait for it.
const LONG: usize = 1 << 16;

/// The acknowledgement of rows: every one is on disk.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RowsAccepted)]
pub struct Remembered<'a> {
    /// The model.
    model: &'a str,
    /// How many rows are durable in the model's log.
    accepted: usize,
    /// Whether the next prediction takes them into account (status 200); if not (202), one does once the store is back.
    applied: bool,
}

/// Takes rows that the model is to remember: a row, as an object with its key, its time and the values that are
/// remembered, or a list of rows. Other fields are logged with them. All are on disk before this answers; predictions of
/// later times take them into account.
#[utoipa::path(
    post,
    path = "/models/{name}/rows",
    operation_id = "sendRows",
    tag = "models",
    params(("name" = String, Path, description = "The model")),
    request_body = GivenRows,
    responses(
        (status = OK, body = Remembered),
        (status = ACCEPTED, body = Remembered),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, description = "Lists every field that is refused, and what it may be",
            body = Problem, content_type = "application/problem+json"),
        (status = PAYLOAD_TOO_LARGE, body = Problem, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, body = Problem, content_type = "application/problem+json"),
        (status = INSUFFICIENT_STORAGE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn post_rows(
    State(app): State<Arc<App>>,
    ServedModel(served): ServedModel,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let bytes = body::read(request, app.settings.max_rows_bytes).await?;
    let most = app.settings.max_rows;
    let (lines, rows) = if bytes.len() < LONG {
        lines(&served, &bytes, most)?
    } else {
        let served = served.clone();
        let work = tokio::task::spawn_blocking(move || lines(&served, &bytes, most));
        work.await.map_err(|panic| ApiError::Internal(panic.to_string()))??
    };
    let applied = app.memory.accept(&served, lines, rows).await.map_err(ApiError::of_rows)? == Told::Now;
    let status = if applied { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok(json(status, &Remembered { model: &served.manifest().name, accepted: rows, applied }))
}

/// The lines of the rows of a body, and how many they are.
fn lines(served: &Served, bytes: &[u8], most: usize) -> Result<(Vec<u8>, usize), ApiError> {
    let (rows, listed) = read(bytes)?;
    if !(1..=most).contains(&rows.len()) {
        let detail = format!("a list has 1 to {most} rows, this one has {}", rows.len());
        return Err(ApiError::Invalid { field: None, detail });
    }
    check(served, &rows, listed)?;
    let mut lines = Vec::with_capacity(bytes.len() + rows.len());
    for row in &rows {
        serde_json::to_writer(&mut lines, row).map_err(|error| ApiError::Internal(error.to_string()))?;
        lines.push(b'\n');
    }
    Ok((lines, rows.len()))
}

/// The rows of a body, and whether they are a list.
fn read(bytes: &[u8]) -> Result<(Vec<Map<String, Value>>, bool), ApiError> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'[') { Ok((body::parse(bytes)?, true)) } else { Ok((vec![body::parse(bytes)?], false)) }
}

/// Refuses rows of a model that remembers none, and fields that can't be remembered, all of which are told.
fn check(served: &Served, rows: &[Map<String, Value>], listed: bool) -> Result<(), ApiError> {
    // A challenger makes do with what the champion remembers.
    let of_champion: Vec<(&Followed, &[Field])> = told(&served.champion).collect();
    let followed = match of_champion.is_empty() {
        true => served.versions().flat_map(|version| told(version)).collect(),
        false => of_champion,
    };
    if followed.is_empty() {
        let detail =
            "this model remembers no rows that are sent; set remember = \"sent\" in its config, and train it again"
                .to_owned();
        return Err(ApiError::Invalid { field: None, detail });
    }
    let labels: Vec<&str> = served.manifest().outputs.iter().map(|output| output.label.as_str()).collect();
    let latest_ms = now_ms() + DAY_MS;
    let (mut refusals, mut errors) = (0, Vec::new());
    for (at, row) in rows.iter().enumerate() {
        let bad = bad_fields(row, &followed, &labels, latest_ms);
        refusals += bad.len() as u64;
        let path = |field: String| if listed { format!("[{at}].{field}") } else { field };
        let problems = bad.into_iter().map(|(field, detail)| FieldProblem { field: path(field), detail });
        errors.extend(problems.take(TOLD - errors.len().min(TOLD)));
    }
    if refusals == 0 { Ok(()) } else { Err(ApiError::Rows { refusals, errors }) }
}

/// The fields of a row that can't be remembered, or that a training on it would refuse.
fn bad_fields(
    row: &Map<String, Value>,
    followed: &[(&Followed, &[Field])],
    labels: &[&str],
    latest_ms: i64,
) -> BTreeSet<(String, String)> {
    // Two histories may have one key.
    let mut bad = BTreeSet::new();
    for (followed, schema) in followed {
        match followed.read(schema, row, Absent::Refused) {
            Err(fields) => bad.extend(fields.into_iter().map(|bad| (bad.name, bad.detail))),
            Ok(Some((_, live))) if live.time_ms > latest_ms => {
                let detail = "more than a day ahead; expected a time that has been".to_owned();
                bad.insert((schema[followed.columns[1]].name.clone(), detail));
            }
            Ok(_) => {}
        }
        let Kept::Values(names) = &followed.kept else { continue };
        for label in labels.iter().filter(|label| names.iter().any(|name| name == *label)) {
            if row.get(*label).is_some_and(|value| !is_truth(value)) {
                bad.insert(((*label).to_owned(), "expected yes or no: it is what the model learns".to_owned()));
            }
        }
    }
    bad
}

/// Whether a value says yes or no.
fn is_truth(value: &Value) -> bool {
    match value {
        Value::Bool(_) => true,
        Value::String(text) => truth(text.trim()).is_some(),
        Value::Number(number) => truth(&number.to_string()).is_some(),
        _ => false,
    }
}

/// What a version remembers of rows, for people and machines; nothing if it remembers the training rows alone.
pub fn remembers(version: &Version) -> Vec<Remembers<'_>> {
    let schema = &version.manifest().schema;
    let told = version.followed().iter().map(|followed| {
        let [key, time] = followed.columns.map(|column| schema[column].name.as_str());
        let values: &[String] = match &followed.kept {
            Kept::Count => &[],
            Kept::Values(names) => names,
        };
        Remembers { rows: followed.origin.as_str(), key, time, values }
    });
    told.collect()
}

/// A row that can be sent; `None` if the version remembers none.
pub fn example(version: &Version) -> Option<Value> {
    let mut row = Map::new();
    for (followed, schema) in told(version) {
        let fields = followed.columns.map(|column| &schema[column]);
        row.extend(fields.map(|field| (field.name.clone(), field.example.clone())));
        if let Kept::Values(names) = &followed.kept {
            row.extend(names.iter().map(|name| (name.clone(), value!(0))));
        }
    }
    (!row.is_empty()).then_some(Value::Object(row))
}

/// The histories of a version that are told of rows that are sent, with its fields.
fn told(version: &Version) -> impl Iterator<Item = (&Followed, &[Field])> {
    let schema = &version.manifest().schema[..];
    version.followed().iter().filter(|followed| followed.origin == Origin::Sent).map(move |followed| (followed, schema))
}
