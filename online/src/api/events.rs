//! `POST /events`: accepts one event or a batch.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use shared::contract::api::{Accepted, MAX_EVENTS_PER_REQUEST, NewEvent, NewEvents, Problem};
use shared::contract::event::Event;
use shared::contract::kind::{KindName, Kinds};

use super::body::Object;
use super::error::ApiError;
use super::{App, body, json};
use crate::events::check::check;
use crate::events::kinds::{self, check_kind};
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
        (status = INSUFFICIENT_STORAGE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn post_events(State(app): State<Arc<App>>, request: Request<Body>) -> Result<Response, ApiError> {
    let refused = |_: &ApiError| app.metrics.events_refused.with_label_values(&["invalid"]).inc();
    let bytes = body::read(request, app.settings.max_body_bytes).await.inspect_err(refused)?;
    let snapshot = app.recommender.snapshot()?;
    let events = parse(&bytes, now_ms(), &snapshot.params().kinds).inspect_err(refused)?;
    let event_ids: Vec<String> = events.iter().map(|event| event.event_id.clone()).collect();
    let accepted = events.len();
    let mut of_kinds: BTreeMap<KindName, u64> = BTreeMap::new();
    events.iter().for_each(|event| *of_kinds.entry(event.kind.clone()).or_default() += 1);
    let (status, new) = match app.events.accept(events).await? {
        Visible::Now { new } => (StatusCode::OK, Some(new)),
        Visible::Later => (StatusCode::ACCEPTED, None),
    };
    for (kind, count) in of_kinds {
        app.metrics.events_by_kind.with_label_values(&[kind.as_str()]).inc_by(count);
    }
    Ok(json(status, &Accepted { accepted, applied: new.is_some(), new, event_ids }))
}

/// Parses one event or a batch that arrived at `now_ms`. If one of them is invalid, none is accepted.
///
/// * `kinds`: those of the served version.
///
/// # Errors
/// [`ApiError::Invalid`] names the field.
pub fn parse(bytes: &[u8], now_ms: i64, kinds: &Kinds) -> Result<Vec<Event>, ApiError> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'[') {
        let Object(event): Object<NewEvent> = body::parse(bytes).map_err(|error| with_kinds(error, kinds))?;
        check_kind(&event.kind, kinds).map_err(|unknown| ApiError::invalid(KIND, unknown.to_string()))?;
        let event = check(event, now_ms).map_err(|refusal| ApiError::invalid(refusal.field(), refusal.to_string()))?;
        return Ok(vec![event]);
    }
    let events: Vec<Object<NewEvent>> = body::parse(bytes).map_err(|error| with_kinds(error, kinds))?;
    if !(1..=MAX_EVENTS_PER_REQUEST).contains(&events.len()) {
        let detail = format!("a batch has 1 to {MAX_EVENTS_PER_REQUEST} events, this one has {}", events.len());
        return Err(ApiError::Invalid { field: None, detail });
    }
    let check_at = |(at, Object(event)): (usize, Object<NewEvent>)| {
        let unknown = check_kind(&event.kind, kinds);
        unknown.map_err(|unknown| ApiError::invalid(format!("[{at}].{KIND}"), unknown.to_string()))?;
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

/// The field of an event's kind.
const KIND: &str = "event";

/// Adds the kinds that there are to an error about the kind of an event.
fn with_kinds(error: ApiError, kinds: &Kinds) -> ApiError {
    match error {
        ApiError::Invalid { field: Some(field), detail } if field.rsplit('.').next() == Some(KIND) => {
            let given = detail.split('"').nth(1).unwrap_or_default();
            let detail = format!("{detail}; {}", kinds::others(given, kinds));
            ApiError::invalid(field, detail)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8], now_ms: i64) -> Result<Vec<Event>, ApiError> {
        super::parse(bytes, now_ms, &Kinds::default())
    }

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

    #[test]
    fn a_kind_that_there_is_not_is_refused_with_those_that_there_are() {
        let of_kind = |kind: &str| EVENT.replace("\"view\"", kind);
        assert!(parse(of_kind("\"refund\"").as_bytes(), 5).is_ok());
        let told = |text: &str| match parse(text.as_bytes(), 5) {
            Err(ApiError::Invalid { field: Some(field), detail }) => (field, detail),
            other => panic!("{other:?}"),
        };
        for (wrong, nearest) in [("\"refunds\"", "`refund`"), ("\"Wishlist!\"", "`wishlist`")] {
            let (field, detail) = told(&of_kind(wrong));
            assert_eq!(field, "event");
            assert!(detail.contains(&format!("the nearest is {nearest}; there are `addtocart`, ")), "{detail}");
        }
        assert_eq!(told(&format!("[{EVENT},{}]", of_kind("\"looks\""))).0, "[1].event");
        let (field, detail) = told(&of_kind("7"));
        assert!(field == "event" && detail.contains("there are `addtocart`"), "{detail}");
    }
}
