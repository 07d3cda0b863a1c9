//! `POST /events`: accepts one event or a batch.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use shared::contract::api::{Accepted, MAX_EVENTS_PER_REQUEST, NewEvent, NewEvents, Problem};
use shared::contract::event::Event;

use super::body::Object;
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
        let Object(event): Object<NewEvent> = body::parse(bytes)?;
        let event = check(event, now_ms).map_err(|refusal| ApiError::invalid(refusal.field(), refusal.to_string()))?;
        return Ok(vec![event]);
    }
    let events: Vec<Object<NewEvent>> = body::parse(bytes)?;
    if !(1..=MAX_EVENTS_PER_REQUEST).contains(&events.len()) {
        let detail = format!("a batch has 1 to {MAX_EVENTS_PER_REQUEST} events, this one has {}", events.len());
        return Err(ApiError::Invalid { field: None, detail });
    }
    let check_at = |(at, Object(event))| {
        check(event, now_ms)
            .map_err(|refusal| ApiError::invalid(format!("[{at}].{}", refusal.field()), refusal.to_string()))
    };
    let events: Vec<Event> = events.into_iter().enumerate().map(check_at).collect::<Result<_, _>>()?;
    refuse_ids_of_two(&events)?;
    Ok(events)
}

/// Refuses two different events of one user under one id: the second would be taken for the first, and be lost. Twice
/// the same event is a duplicate.
fn refuse_ids_of_two(events: &[Event]) -> Result<(), ApiError> {
    let mut places = HashMap::with_capacity(events.len());
    for (at, event) in events.iter().enumerate() {
        match places.entry((&event.user, event.event_id.as_str())) {
            Entry::Vacant(place) => {
                place.insert(at);
            }
            Entry::Occupied(first) if events[*first.get()] == *event => {}
            Entry::Occupied(first) => {
                let Event { event_id, user, .. } = event;
                let detail = format!(
                    "event_id {event_id:?} of user {user:?} stands at [{}] too, with other fields, and an event_id is of \
                     one event; give each line of an order its own, such as <order>-<line>",
                    first.get(),
                    user = user.as_str()
                );
                return Err(ApiError::invalid(format!("[{at}].event_id"), detail));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"visitorid":"u","itemid":7,"event":"view","event_id":"e"}"#;

    fn wrong_field(body: &str) -> Option<String> {
        match parse(body.as_bytes(), 5) {
            Err(ApiError::Invalid { field, .. }) => field,
            other => panic!("{body}: {other:?}"),
        }
    }

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
        let early = r#"{"visitorid":"u","itemid":7,"event":"view","timestamp":-3}"#;
        assert_eq!(wrong_field(&format!("[{EVENT},{early}]")).as_deref(), Some("[1].timestamp"));
    }

    #[test]
    fn one_id_of_two_events_of_a_user_is_refused_and_twice_the_same_event_is_not() {
        let of = |user: &str, item: &str| {
            format!(r#"{{"visitorid":{user},"itemid":{item},"event":"view","event_id":"o1"}}"#)
        };
        let same = format!("[{},{}]", of("1", "7"), of("\"1.0\"", "7.0"));
        assert_eq!(parse(same.as_bytes(), 5).expect("a duplicate").len(), 2);
        let of_two_users = format!("[{},{}]", of("1", "7"), of("2", "8"));
        assert_eq!(parse(of_two_users.as_bytes(), 5).expect("two").len(), 2);
        let lines = format!("[{EVENT},{},{}]", of("1", "7"), of("1", "8"));
        assert_eq!(wrong_field(&lines).as_deref(), Some("[2].event_id"));
        match parse(lines.as_bytes(), 5) {
            Err(ApiError::Invalid { detail, .. }) => assert!(detail.contains(r#""o1" of user "1" stands at [1] too"#)),
            other => panic!("{other:?}"),
        }
    }
}
