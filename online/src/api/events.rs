//! `POST /events`: accepts one event or impression, or a batch of them.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::value::RawValue;
use shared::contract::api::{
    Accepted, ImpressionWord, MAX_EVENTS_PER_REQUEST, NewEvent, NewEvents, NewImpression, Posted, Problem,
};
use shared::contract::event::Event;
use shared::contract::impression::Impression;
use shared::contract::kind::{KindName, Kinds};

use super::body::Object;
use super::clients::personalize;
use super::error::ApiError;
use super::{App, body, json};
use crate::events::check::{Refusal, check, check_impression};
use crate::events::kinds::kinds_of;
use crate::events::kinds::{self, check_kind};
use crate::events::{Visible, now_ms};

/// Accepts events and impressions: all of them are on disk before this answers. After 200 the user's very next slate
/// takes the events into account, and `new` is the number of them that are no duplicates. After 202 slates do so once the
/// store is back, or the user's history is readable again. Impressions change no slate.
#[utoipa::path(
    post,
    path = "/events",
    operation_id = "sendEvents",
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
    if personalize::tells(&bytes) {
        return Ok(personalize::intake::events(&app, &bytes).await);
    }
    let snapshot = app.recommender.snapshot().ok();
    let kinds = kinds_of(snapshot.as_deref());
    let Batch { events, impressions: seen } = parse(&bytes, now_ms(), kinds).inspect_err(refused)?;
    let event_ids: Vec<String> = events.iter().map(|event| event.event_id.clone()).collect();
    let (accepted, impressions) = (events.len() + seen.len(), seen.len());
    let (status, new) = match take(&app, Batch { events, impressions: seen }).await? {
        Visible::Now { new } => (StatusCode::OK, Some(new)),
        Visible::Later => (StatusCode::ACCEPTED, None),
    };
    Ok(json(status, &Accepted { accepted, impressions, applied: new.is_some(), new, event_ids }))
}

/// Accepts what was posted, in whatever form, once it is checked.
///
/// # Errors
/// [`ApiError::Events`] and [`ApiError::NoRoom`] when it can't be made durable.
pub async fn take(app: &App, Batch { events, impressions }: Batch) -> Result<Visible, ApiError> {
    let mut of_kinds: BTreeMap<KindName, u64> = BTreeMap::new();
    events.iter().for_each(|event| *of_kinds.entry(event.kind.clone()).or_default() += 1);
    let reported = app.outcomes.report_of(&events, &impressions);
    let visible = app.events.accept(events, impressions).await?;
    app.outcomes.report(reported);
    for (kind, count) in of_kinds {
        app.metrics.events_by_kind.with_label_values(&[kind.as_str()]).inc_by(count);
    }
    Ok(visible)
}

/// What a request posts, checked.
#[derive(Debug, Default, PartialEq)]
pub struct Batch {
    /// The events, in the order given.
    pub events: Vec<Event>,
    /// The impressions, in the order given.
    pub impressions: Vec<Impression>,
}

/// Parses one event or impression, or a batch, that arrived at `now_ms`. If one of them is invalid, none is accepted.
///
/// * `kinds`: those of the served version.
///
/// # Errors
/// [`ApiError::Invalid`] names the field.
pub fn parse(bytes: &[u8], now_ms: i64, kinds: &Kinds) -> Result<Batch, ApiError> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let is_list = first == Some(&b'[');
    let posted = if is_list { list(bytes, kinds)? } else { vec![one(bytes, kinds)?] };
    let (mut events, mut impressions) = (Vec::new(), Vec::new());
    for (at, posted) in posted.into_iter().enumerate() {
        let invalid = |field: &str, detail: String| {
            ApiError::invalid(if is_list { format!("[{at}].{field}") } else { field.to_owned() }, detail)
        };
        let refuse = |refusal: Refusal| invalid(refusal.field(), refusal.to_string());
        match posted {
            Posted::Event(event) => {
                check_kind(&event.kind, kinds).map_err(|unknown| invalid(KIND, unknown.to_string()))?;
                events.push((at, check(event, now_ms).map_err(refuse)?));
            }
            Posted::Impression(seen) => impressions.push(check_impression(seen, now_ms).map_err(refuse)?),
        }
    }
    refuse_ids_of_two(&events)?;
    Ok(Batch { events: events.into_iter().map(|(_, event)| event).collect(), impressions })
}

/// Reads a list.
fn list(bytes: &[u8], kinds: &Kinds) -> Result<Vec<Posted>, ApiError> {
    if may_name_impressions(bytes) {
        let items: Vec<Box<RawValue>> = body::parse(bytes)?;
        check_length(items.len())?;
        let read = |(at, item): (usize, Box<RawValue>)| one(item.get().as_bytes(), kinds).map_err(|error| error.at(at));
        return items.into_iter().enumerate().map(read).collect();
    }
    let events: Vec<Object<NewEvent>> = body::parse(bytes).map_err(|error| with_kinds(error, kinds))?;
    check_length(events.len())?;
    Ok(events.into_iter().map(|Object(event)| event.into()).collect())
}

/// Checks how many a batch has.
fn check_length(length: usize) -> Result<(), ApiError> {
    if (1..=MAX_EVENTS_PER_REQUEST).contains(&length) {
        return Ok(());
    }
    let detail = format!("a batch has 1 to {MAX_EVENTS_PER_REQUEST} events, this one has {length}");
    Err(ApiError::Invalid { field: None, detail })
}

/// Reads one event or impression.
fn one(bytes: &[u8], kinds: &Kinds) -> Result<Posted, ApiError> {
    if may_name_impressions(bytes) && is_impression(bytes, kinds) {
        let Object(impression): Object<NewImpression> = body::parse(bytes)?;
        return Ok(Posted::Impression(impression));
    }
    let Object(event): Object<NewEvent> = body::parse(bytes).map_err(|error| with_kinds(error, kinds))?;
    Ok(event.into())
}

/// Whether there may be impressions in a body. Most bodies have none, and are read in one pass.
fn may_name_impressions(bytes: &[u8]) -> bool {
    // With an escape it may be written in many ways.
    std::str::from_utf8(bytes).is_ok_and(|text| text.contains(ImpressionWord::TEXT) || text.contains("\\u"))
}

/// Whether a text is that of an impression: it says so, and the served version has no kind of event of that name.
fn is_impression(bytes: &[u8], kinds: &Kinds) -> bool {
    #[derive(Deserialize)]
    struct Form<'a> {
        #[serde(borrow)]
        event: Cow<'a, str>,
    }
    kinds.index(ImpressionWord::TEXT).is_none()
        && serde_json::from_slice(bytes).is_ok_and(|form: Form<'_>| form.event == ImpressionWord::TEXT)
}

/// Refuses two different events of one user under one id: the second would be taken for the first, and be lost. Twice
/// the same event is a duplicate.
///
/// * `events`: each with its place in the request.
fn refuse_ids_of_two(events: &[(usize, Event)]) -> Result<(), ApiError> {
    let mut known: HashMap<_, &(usize, Event)> = HashMap::with_capacity(events.len());
    for of_event in events {
        let (at, event) = of_event;
        match known.entry((&event.user, event.event_id.as_str())) {
            Entry::Vacant(place) => {
                place.insert(of_event);
            }
            Entry::Occupied(first) if first.get().1 == *event => {}
            Entry::Occupied(first) => {
                let Event { event_id, user, .. } = event;
                let detail = format!(
                    "event_id {event_id:?} of user {user:?} stands at [{}] too, with other fields, and an event_id is of \
                     one event; give each line of an order its own, such as <order>-<line>",
                    first.get().0,
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

/// The field that impressions have and events do not.
const ITEMS: &str = "items";

/// Adds the kinds that there are to an error about the kind of an event, and what an impression is called to one about
/// its items.
fn with_kinds(error: ApiError, kinds: &Kinds) -> ApiError {
    let told = |field: &str, detail: &str| match field.rsplit('.').next() {
        Some(KIND) => Some(kinds::others(detail.split('"').nth(1).unwrap_or_default(), kinds)),
        Some(ITEMS) if kinds.index(ImpressionWord::TEXT).is_none() => {
            Some(format!("`{ITEMS}` are those of an impression, whose `{KIND}` is `{}`", ImpressionWord::TEXT))
        }
        _ => None,
    };
    match error {
        ApiError::Invalid { field: Some(field), detail } => {
            let detail = told(&field, &detail).map_or(detail.clone(), |told| format!("{detail}; {told}"));
            ApiError::invalid(field, detail)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8], now_ms: i64) -> Result<Vec<Event>, ApiError> {
        let Batch { events, impressions } = super::parse(bytes, now_ms, &Kinds::default())?;
        assert!(impressions.is_empty());
        Ok(events)
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

    const SEEN: &str = r#"{"event":"impression","visitorid":"u","recommendation_id":"r","items":["a",7.0]}"#;

    #[test]
    fn impressions_stand_among_events_in_whatever_way_the_word_is_written() {
        let one = super::parse(SEEN.as_bytes(), 5, &Kinds::default()).expect("one").impressions;
        let items: Vec<String> = one[0].items.iter().map(ToString::to_string).collect();
        assert_eq!(items, ["a", "7"]);
        assert_eq!((one[0].user.as_str(), one[0].timestamp_ms, one[0].received_ms), ("u", 5, 5));
        let escaped = SEEN.replace("\"impression", "\"\\u0069mpression");
        for list in [format!("[{EVENT},{SEEN},{EVENT}]"), format!("[{EVENT},{escaped},{EVENT}]")] {
            let Batch { events, impressions } = super::parse(list.as_bytes(), 5, &Kinds::default()).expect("three");
            assert_eq!((events.len(), &impressions), (2, &one));
        }
    }

    #[test]
    fn a_batch_that_is_too_long_is_not_read_for_what_is_wrong_in_it() {
        let empty = vec![r#"{"event":"impression"}"#; MAX_EVENTS_PER_REQUEST + 1];
        assert_eq!(wrong_field(&format!("[{}]", empty.join(","))), None);
        assert!(wrong_field(&format!("[{}]", empty[1..].join(","))).is_some());
    }

    #[test]
    fn an_impression_that_is_misspelt_is_told_its_word() {
        for misspelt in ["impressions", "Impression", "imprssion"] {
            let body = SEEN.replace("impression", misspelt);
            for body in [body.clone(), format!("[{EVENT},{body}]")] {
                match parse(body.as_bytes(), 5) {
                    Err(ApiError::Invalid { detail, .. }) => {
                        let word = ["the nearest is `impression`", "whose `event` is `impression`"];
                        assert!(word.iter().any(|word| detail.contains(word)), "{detail}");
                    }
                    other => panic!("{body}: {other:?}"),
                }
            }
        }
    }

    #[test]
    fn an_impression_that_is_none_is_refused_with_its_field() {
        for (good, bad, field) in [
            (r#""r""#, r#""""#, "recommendation_id"),
            (r#""recommendation_id":"r","#, "", "recommendation_id"),
            (r#"["a",7.0]"#, "[]", "items"),
            (r#"["a",7.0]"#, r#"["a",true]"#, "items[1]"),
            (r#""items":["a",7.0]"#, r#""itemid":"a""#, "itemid"),
            (r#""u""#, "null", "visitorid"),
            (r#""items""#, r#""timestamp":1,"items""#, "timestamp"),
        ] {
            let bad = SEEN.replace(good, bad);
            assert_eq!(wrong_field(&bad).as_deref(), Some(field), "{bad}");
            assert_eq!(wrong_field(&format!("[{EVENT},{bad}]")), Some(format!("[1].{field}")));
        }
        let lines = format!("[{SEEN},{EVENT},{SEEN},{}]", EVENT.replace('7', "8"));
        assert_eq!(wrong_field(&lines).as_deref(), Some("[3].event_id"));
        let not_one = format!("[{SEEN},{}]", EVENT.replace("view", "look"));
        assert_eq!(wrong_field(&not_one).as_deref(), Some("[1].event"));
    }

    #[test]
    fn a_version_s_own_kind_of_that_name_stays_an_event() {
        use shared::contract::kind::{Definition, built_in};
        let own = KindName::new(ImpressionWord::TEXT).expect("a name");
        let own = Definition { name: own, weight: 0.1, undoes: None, buys: false };
        let kinds = Kinds::new(built_in().chain([own])).expect("a table");
        let event = EVENT.replace("view", ImpressionWord::TEXT);
        assert_eq!(super::parse(event.as_bytes(), 5, &kinds).expect("an event").events.len(), 1);
        assert!(super::parse(SEEN.as_bytes(), 5, &kinds).is_err());
    }
}
