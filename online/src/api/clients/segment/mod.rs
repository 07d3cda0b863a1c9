//! `POST /v1/batch`, `/v1/track` and the other calls of Segment and RudderStack: events of a shop as their e-commerce
//! specification has them, and who users are (`identity`).
//!
//! A client sends whatever its pages do, most of which is no event of ours, and drops a batch that is refused. So a
//! message that says nothing to a recommender, or is broken, is passed over, counted by reason in the answer and in the
//! metrics, and the others are taken. In their order: what was told of somebody anonymous is theirs who are identified by a
//! later message.

mod identity;
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
use shared::contract::event::Event;
use shared::contract::id::UserId;
use shared::engine::snapshot::Snapshot;

use self::identity::Identity;
use self::message::{Ignored, Message};
use crate::api::error::ApiError;
use crate::api::events::{Batch, take};
use crate::api::{App, body, json, people};
use crate::events::kinds::kinds_of;
use crate::events::now_ms;
use crate::lookup::describe_user;

/// What is answered of messages that are taken.
#[derive(Serialize)]
struct Taken {
    success: bool,
    /// How many events were made of them; all are on disk.
    accepted: usize,
    /// Of how many users it was said who they are.
    #[serde(skip_serializing_if = "is_zero")]
    identified: usize,
    /// How many pasts became another's.
    #[serde(skip_serializing_if = "is_zero")]
    merged: usize,
    /// How many messages, or products of one, were passed over, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    ignored: BTreeMap<&'static str, u64>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// What a message asks to be done.
enum Step {
    /// To take events.
    Take(Vec<Event>),
    /// To say who somebody is.
    Say(Identity),
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
    let (steps, ignored) = steps(app, &messages);
    for (reason, count) in &ignored {
        app.metrics.messages_ignored.with_label_values(&[reason]).inc_by(*count);
    }
    let mut taken = Taken { success: true, accepted: 0, identified: 0, merged: 0, ignored };
    let (mut waiting, mut said) = (Vec::new(), Vec::new());
    for step in steps {
        match step {
            Step::Take(events) => waiting.extend(events),
            Step::Say(Identity { user, fields, was, .. }) => {
                // A past is merged as far as it is accepted.
                for was in was {
                    taken.accepted += accept(app, std::mem::take(&mut waiting)).await?;
                    taken.merged += usize::from(merge(app, was, user.clone()).await?);
                }
                if !fields.is_empty() {
                    said.push((user, fields));
                }
            }
        }
    }
    taken.accepted += accept(app, waiting).await?;
    taken.identified = said.len();
    if !said.is_empty() {
        people::say(app, said).await.map_err(|(_, error)| error)?;
    }
    Ok(taken)
}

/// What messages ask to be done, and how much of them is passed over, by reason.
fn steps(app: &App, messages: &[Message]) -> (Vec<Step>, BTreeMap<&'static str, u64>) {
    let snapshot = app.recommender.snapshot().ok();
    let (kinds, profiles) = (kinds_of(snapshot.as_deref()), snapshot.as_deref().and_then(Snapshot::profiles));
    let mut ignored: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut ignore = |reason: Ignored, count: u64| *ignored.entry(reason.as_str()).or_default() += count;
    let mut steps = Vec::new();
    for message in messages {
        match message.identity(now_ms(), profiles) {
            Ok(identity) => {
                if identity.ignored > 0 {
                    ignore(Ignored::Trait, identity.ignored as u64);
                }
                steps.push(Step::Say(identity));
                continue;
            }
            Err(Ignored::Type) => {}
            Err(reason) => {
                ignore(reason, 1);
                continue;
            }
        }
        match message.events(now_ms(), kinds) {
            Err(reason) => ignore(reason, 1),
            Ok(made) => {
                let (events, wrong): (Vec<_>, Vec<_>) = made.into_iter().partition(Result::is_ok);
                wrong.into_iter().filter_map(Result::err).for_each(|reason| ignore(reason, 1));
                steps.push(Step::Take(events.into_iter().flatten().collect()));
            }
        }
    }
    (steps, ignored)
}

/// Takes events; returns how many.
async fn accept(app: &App, events: Vec<Event>) -> Result<usize, ApiError> {
    let count = events.len();
    if count > 0 {
        take(app, Batch { events, impressions: Vec::new() }).await?;
    }
    Ok(count)
}

/// Merges a past into a user's, if there is one: clients say with every message who somebody was. What was said of somebody is
/// no past: it stays theirs.
async fn merge(app: &App, was: UserId, user: UserId) -> Result<bool, ApiError> {
    let live = app.recommender.history(&was, now_ms()).await?;
    let of_version = app.recommender.snapshot().ok().and_then(|snapshot| describe_user(&snapshot, was.as_str(), &live));
    let has_past =
        !live.recent.is_empty() || of_version.is_some_and(|known| known.in_version || known.first_event.is_some());
    if has_past {
        app.events.merge(was, user).await?;
    }
    Ok(has_past)
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
