//! `POST /v1/batch`, `/v1/track` and the other calls of Segment and RudderStack: events of a shop as their e-commerce
//! specification has them.
//!
//! A client sends whatever its pages do, most of which is no event of ours, and drops a batch that is refused. So a
//! message that says nothing to a recommender, or is broken, is passed over, counted by reason in the answer and in the
//! metrics, and the others are taken.

mod message;
mod shop;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use self::message::{Ignored, Message};
use crate::api::error::ApiError;
use crate::api::events::{Batch, take};
use crate::api::{App, body, json};
use crate::events::now_ms;

/// What is answered of messages that are taken.
#[derive(Serialize)]
struct Taken {
    success: bool,
    /// How many events were made of them; all are on disk.
    accepted: usize,
    /// How many messages, or products of one, were passed over, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    ignored: BTreeMap<&'static str, u64>,
}

/// Takes a batch of messages.
pub async fn post_batch(state: State<Arc<App>>, request: Request<Body>) -> Response {
    let State(app) = state;
    let messages = |body: Value| -> Result<Vec<Message>, ApiError> {
        let sent_at = body["sentAt"].as_str().map(str::to_owned);
        match body {
            Value::Object(mut fields) => match fields.remove("batch") {
                Some(Value::Array(batch)) => {
                    Ok(batch.into_iter().map(|message| Message { message, sent_at: sent_at.clone() }).collect())
                }
                _ => Err(ApiError::invalid("batch", "a list of messages is required")),
            },
            _ => Err(ApiError::Invalid { field: None, detail: "expected an object with a `batch`".to_owned() }),
        }
    };
    answered(handle(&app, request, messages).await)
}

/// Takes one message; the last part of the path says its type.
pub async fn post_message(state: State<Arc<App>>, request: Request<Body>) -> Response {
    let State(app) = state;
    let kind = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    let one = move |body: Value| -> Result<Vec<Message>, ApiError> {
        let sent_at = body["sentAt"].as_str().map(str::to_owned);
        let Value::Object(mut fields) = body else {
            return Err(ApiError::Invalid { field: None, detail: "expected an object: one message".to_owned() });
        };
        fields.insert("type".to_owned(), kind.into());
        Ok(vec![Message { message: Value::Object(fields), sent_at }])
    };
    answered(handle(&app, request, one).await)
}

async fn handle(
    app: &App,
    request: Request<Body>,
    messages: impl FnOnce(Value) -> Result<Vec<Message>, ApiError>,
) -> Result<Taken, ApiError> {
    let refused = |_: &ApiError| app.metrics.events_refused.with_label_values(&["invalid"]).inc();
    let bytes = body::read_untyped(request, app.settings.max_body_bytes).await.inspect_err(refused)?;
    let messages = body::parse(&bytes).and_then(messages).inspect_err(refused)?;
    let snapshot = app.recommender.snapshot()?;
    let mut ignored: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut ignore = |reason: Ignored| *ignored.entry(reason.as_str()).or_default() += 1;
    let mut events = Vec::new();
    for message in &messages {
        match message.events(now_ms(), &snapshot.params().kinds) {
            Err(reason) => ignore(reason),
            Ok(made) => made.into_iter().for_each(|made| match made {
                Ok(event) => events.push(event),
                Err(reason) => ignore(reason),
            }),
        }
    }
    drop(snapshot);
    for (reason, count) in &ignored {
        app.metrics.messages_ignored.with_label_values(&[reason]).inc_by(*count);
    }
    let accepted = events.len();
    if accepted > 0 {
        take(app, Batch { events, impressions: Vec::new() }).await?;
    }
    Ok(Taken { success: true, accepted, ignored })
}

/// The answer in the shape that their clients read: `code` and `message` of an error, with the status, and the time to wait.
fn answered(result: Result<Taken, ApiError>) -> Response {
    let error = match result {
        Ok(taken) => return json(StatusCode::OK, &taken),
        Err(error) => error,
    };
    let message = match &error {
        ApiError::Invalid { field: Some(field), detail } => format!("{field}: {detail}"),
        error => error.to_string(),
    };
    let (mut parts, _) = error.into_response().into_parts();
    let code = parts.status.canonical_reason().unwrap_or("Error").to_lowercase().replace(' ', "_");
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    parts.headers.remove(header::CONTENT_LENGTH);
    let body = json!({"success": false, "code": code, "message": message}).to_string();
    (parts, body).into_response()
}
