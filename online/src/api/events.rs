//! `POST /events`: accepts one event or a batch.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use shared::contract::api::{Accepted, MAX_EVENTS_PER_REQUEST, NewEvent, NewEvents, Problem};
use shared::contract::event::Event;

use super::error::ApiError;
use super::{App, body, json};
use crate::events::check::check;
use crate::events::{Visible, now_ms};

/// Accepts events: all of them are on disk before this answers. After 200 the user's very next slate takes them into
/// account, and `new` is the number of them that are no duplicates. After 202 slates do so once the store is back, or
/// the user's history is readable again.
#[utoipa::path(
    post,
    path = "/events",
    tag = "events",
    request_body = NewEvents,
    responses(
        (status = OK, body = Accepted),
        (status = ACCEPTED, body = Accepted),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn post_events(State(app): State<Arc<App>>, request: Request<Body>) -> Result<Response, ApiError> {
    let refused = |_: &ApiError| app.metrics.events_refused.with_label_values(&["invalid"]).inc();
    let bytes = body::read(request, app.settings.max_body_bytes).await.inspect_err(refused)?;
    let events = parse(&bytes, now_ms()).inspect_err(refused)?;
    let event_ids: Vec<String> = events.iter().map(|event| event.event_id.clone()).collect();
    let accepted = events.len();
    let (status, new) = match app.events.accept(events).await? {
        Visible::Now { new } => (StatusCode::OK, Some(new)),
        Visible::Later => (StatusCode::ACCEPTED, None),
    };
    Ok(json(status, &Accepted { accepted, applied: new.is_some(), new, event_ids }))
}

/// Parses one event or a batch that arrived at `now_ms`. If one of them is invalid, none is accepted.
fn parse(bytes: &[u8], now_ms: i64) -> Result<Vec<Event>, ApiError> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'[') {
        let event: NewEvent = body::parse(bytes)?;
        let event = check(event, now_ms).map_err(|refusal| ApiError::invalid(refusal.field(), refusal.to_string()))?;
        return Ok(vec![event]);
    }
    let events: Vec<NewEvent> = body::parse(bytes)?;
    if !(1..=MAX_EVENTS_PER_REQUEST).contains(&events.len()) {
        let detail = format!("a batch has 1 to {MAX_EVENTS_PER_REQUEST} events, this one has {}", events.len());
        return Err(ApiError::Invalid { field: None, detail });
    }
    let check_at = |(at, event)| {
        check(event, now_ms)
            .map_err(|refusal| ApiError::invalid(format!("[{at}].{}", refusal.field()), refusal.to_string()))
    };
    events.into_iter().enumerate().map(check_at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"visitorid":"u","itemid":7,"event":"view","event_id":"e"}"#;

    #[test]
    fn one_event_and_a_batch_of_one_are_alike() {
        let one = parse(EVENT.as_bytes(), 5).expect("one");
        let batch = parse(format!(" [{EVENT}]").as_bytes(), 5).expect("a batch");
        assert_eq!(one, batch);
        assert_eq!(one[0].item.as_str(), "7");
    }

    #[test]
    fn a_batch_is_refused_as_a_whole() {
        assert!(parse(b"[]", 5).is_err());
        let many = vec![EVENT; MAX_EVENTS_PER_REQUEST + 1].join(",");
        assert!(parse(format!("[{many}]").as_bytes(), 5).is_err());
        let late = r#"{"visitorid":"u","itemid":7,"event":"view","timestamp":-3}"#;
        match parse(format!("[{EVENT},{late}]").as_bytes(), 5) {
            Err(ApiError::Invalid { field, .. }) => assert_eq!(field.as_deref(), Some("[1].timestamp")),
            other => panic!("{other:?}"),
        }
    }
}
