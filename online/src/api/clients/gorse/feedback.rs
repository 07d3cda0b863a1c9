//! Feedback: events of users, told, shown, and taken back by the kinds of events that do so.
//!
//! ```text
//! {"FeedbackType":"star","UserId":"u1","ItemId":"i7","Timestamp":"2024-01-31"}   ─▶ like of i7 by u1
//! DELETE /api/feedback/cart/u1/i7                                               ─▶ remove_from_cart of i7 by u1
//! ```
//!
//! The id of an event is made of type, item and time, so that what is sent twice counts once.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json as value};
use sha2::{Digest, Sha256};
use shared::contract::api::{GivenTime, NewEvent};
use shared::contract::event::Event;
use shared::contract::id::{ItemId, UserId};
use shared::contract::kind::{KindName, Kinds};

use super::error::Answer;
use super::{InPath, Parts, affected, time};
use crate::api::body::Object;
use crate::api::clients::kinds::{OtherKinds, kind};
use crate::api::error::ApiError;
use crate::api::events::{Batch, take};
use crate::api::{App, body, json, query};
use crate::events::check::check;
use crate::events::kinds::kinds_of;
use crate::events::now_ms;
use crate::lookup::{Did, past, taken_back_by};

/// What is told of a user and an item. Values, labels and comments do nothing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GivenFeedback {
    /// The kind of event, by their name.
    pub feedback_type: String,
    /// Who did it.
    pub user_id: String,
    /// With which item.
    pub item_id: String,
    /// When; now if absent.
    #[serde(default)]
    pub timestamp: Option<String>,
}

impl GivenFeedback {
    /// What kind of event it is, with which item and when.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] names the field.
    pub fn read(&self, names: &OtherKinds, kinds: &Kinds) -> Result<(KindName, ItemId, Option<i64>), ApiError> {
        let of = kind(&self.feedback_type, names, kinds).map_err(|why| ApiError::invalid("FeedbackType", why))?;
        let item = query::id("ItemId", &self.item_id, ItemId::from_outside)?;
        let time_ms = self.timestamp.as_deref().map_or(Ok(None), time::read);
        Ok((of, item, time_ms.map_err(|why| ApiError::invalid("Timestamp", why))?))
    }

    fn event(&self, now_ms: i64, names: &OtherKinds, kinds: &Kinds) -> Result<Event, ApiError> {
        let (kind, item, time_ms) = self.read(names, kinds)?;
        let event = NewEvent {
            user: Some(query::id("UserId", &self.user_id, UserId::from_outside)?),
            session: None,
            event_id: time_ms.map(|time_ms| event_id(&kind, &item, time_ms)),
            item,
            kind,
            timestamp: time_ms.map(GivenTime::ms),
            transaction_id: None,
            recommendation_id: None,
        };
        check(event, now_ms).map_err(|refusal| ApiError::invalid("Timestamp", refusal.to_string()))
    }
}

/// The id of an event, of its user alone.
fn event_id(kind: &KindName, item: &ItemId, time_ms: i64) -> String {
    let text = format!("{kind}\n{time_ms}\n{item}");
    hex::encode(&Sha256::digest(text.as_bytes())[..16])
}

/// Takes feedback: all of it, or nothing.
pub async fn post_feedback(State(app): State<Arc<App>>, request: Request<Body>) -> Answer {
    let refused = |_: &ApiError| app.metrics.events_refused.with_label_values(&["invalid"]).inc();
    let bytes = body::read(request, app.settings.max_body_bytes).await.inspect_err(refused)?;
    let given: Vec<Object<GivenFeedback>> = body::parse(&bytes).inspect_err(refused)?;
    let snapshot = app.recommender.snapshot().ok();
    let (kinds, names, now_ms) = (kinds_of(snapshot.as_deref()), &app.settings.kinds, now_ms());
    let event = |(place, Object(given)): (usize, Object<GivenFeedback>)| {
        given.event(now_ms, names, kinds).map_err(|error| error.at(place))
    };
    let events: Result<Vec<Event>, ApiError> = given.into_iter().enumerate().map(event).collect();
    let events = events.inspect_err(refused)?;
    drop(snapshot);
    let count = events.len();
    if count > 0 {
        take(&app, Batch { events, impressions: Vec::new() }).await?;
    }
    Ok(affected(count))
}

/// The feedback of all users: it is not kept so that it could be listed.
pub async fn get_all() -> Answer {
    Err(ApiError::Unsupported(
        "feedback is listed user by user, GET /api/user/{user-id}/feedback; that of all is in the event log",
    )
    .into())
}

/// The feedback about an item: it is not kept so that it could be listed.
pub async fn get_of_item() -> Answer {
    Err(ApiError::Unsupported("feedback is listed user by user, GET /api/user/{user-id}/feedback, and not by item")
        .into())
}

/// Shows what a user did, the latest first.
pub async fn get_of_user(State(app): State<Arc<App>>, path: InPath) -> Answer {
    let parts = Parts::of(path)?;
    let told = told(&app, parts.get("id"), parts.find("kind"), None).await?;
    Ok(json(StatusCode::OK, &told))
}

/// Shows what a user did with an item.
pub async fn get_pair(State(app): State<Arc<App>>, path: InPath) -> Answer {
    let parts = Parts::of(path)?;
    let told = told(&app, parts.get("kind"), None, parts.find("item")).await?;
    Ok(json(StatusCode::OK, &told))
}

/// Shows the last time that a user did this with an item; an empty object if they did not.
pub async fn get_one(State(app): State<Arc<App>>, path: InPath) -> Answer {
    let parts = Parts::of(path)?;
    let told = told(&app, parts.get("user"), parts.find("kind"), parts.find("item")).await?;
    Ok(match told.first() {
        Some(told) => json(StatusCode::OK, told),
        None => json(StatusCode::OK, &value!({})),
    })
}

/// Takes back all that a user did with an item.
pub async fn delete_pair(State(app): State<Arc<App>>, path: InPath) -> Answer {
    let parts = Parts::of(path)?;
    take_back(&app, parts.get("kind"), None, parts.get("item")).await
}

/// Takes back what a user did with an item of one kind.
pub async fn delete_one(State(app): State<Arc<App>>, path: InPath) -> Answer {
    let parts = Parts::of(path)?;
    take_back(&app, parts.get("user"), parts.find("kind"), parts.get("item")).await
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct FeedbackBody {
    feedback_type: String,
    user_id: String,
    item_id: String,
    value: f64,
    timestamp: String,
    labels: Value,
    comment: &'static str,
}

/// What a user did, the latest first, as feedback. The type is what was asked for, else the name of the kind.
async fn told(app: &App, user: &str, of: Option<&str>, item: Option<&str>) -> Result<Vec<FeedbackBody>, ApiError> {
    let user = query::id("user-id", user, UserId::from_outside)?;
    let body = |did: Did| FeedbackBody {
        feedback_type: of.map_or_else(|| did.kind.to_string(), str::to_owned),
        user_id: user.as_str().to_owned(),
        item_id: did.item,
        value: 0.0,
        timestamp: time::write(Some(did.timestamp_ms)),
        labels: Value::Null,
        comment: "",
    };
    Ok(did(app, &user, of, item).await?.into_iter().rev().map(body).collect())
}

/// What a user did, oldest first: of one type, with one item.
async fn did(app: &App, user: &UserId, of: Option<&str>, item: Option<&str>) -> Result<Vec<Did>, ApiError> {
    let item = item.map(|item| query::id("item-id", item, ItemId::from_outside)).transpose()?;
    let live = app.recommender.history(user, now_ms()).await?;
    let snapshot = app.recommender.snapshot()?;
    let of = of.map(|of| kind(of, &app.settings.kinds, &snapshot.params().kinds)).transpose();
    let of = of.map_err(|why| ApiError::invalid("feedback-type", why))?;
    let mut all = past(&snapshot, user.as_str(), &live);
    all.retain(|did| {
        of.as_ref().is_none_or(|of| did.kind == *of) && item.as_ref().is_none_or(|item| did.item == item.as_str())
    });
    Ok(all)
}

/// Takes back what a user did with an item, by an event for each of those that stand.
async fn take_back(app: &App, user: &str, of: Option<&str>, item: &str) -> Answer {
    let user = query::id("user-id", user, UserId::from_outside)?;
    let mut counts: BTreeMap<KindName, usize> = BTreeMap::new();
    for did in did(app, &user, of, Some(item)).await? {
        *counts.entry(did.kind).or_default() += 1;
    }
    let item = query::id("item-id", item, ItemId::from_outside)?;
    let snapshot = app.recommender.snapshot()?;
    let mut events = Vec::new();
    for (kind, count) in counts {
        let by = taken_back_by(&kind, &snapshot.params().kinds).ok_or(ApiError::Unsupported(
            "no kind of event takes back what the user did with the item; of a cart, a wishlist, a purchase and what is hidden \
             there is one",
        ))?;
        for _ in 0..count {
            let event = NewEvent {
                user: Some(user.clone()),
                session: None,
                item: item.clone(),
                kind: by.clone(),
                timestamp: None,
                transaction_id: None,
                event_id: None,
                recommendation_id: None,
            };
            events.push(check(event, now_ms()).map_err(|refusal| ApiError::Internal(refusal.to_string()))?);
        }
    }
    drop(snapshot);
    let count = events.len();
    if count > 0 {
        take(app, Batch { events, impressions: Vec::new() }).await?;
    }
    Ok(affected(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(given: Value) -> Result<Event, String> {
        let given: GivenFeedback = serde_json::from_value(given).expect("feedback");
        let names = OtherKinds::from([("star".to_owned(), KindName::new("like").expect("a name"))]);
        given.event(1_800_000_000_000, &names, &Kinds::default()).map_err(|error| match error {
            ApiError::Invalid { field: Some(field), .. } => field,
            other => other.to_string(),
        })
    }

    #[test]
    fn what_is_sent_twice_is_one_event() {
        let star = |time: &str| {
            event(value!({"FeedbackType": "star", "UserId": "u", "ItemId": "i", "Timestamp": time, "Value": 1}))
                .expect("valid")
        };
        let first = star("2024-01-31");
        assert_eq!((first.kind.as_str(), first.timestamp_ms), ("like", 1_706_659_200_000));
        assert_eq!(first, star("2024-01-31T00:00:00Z"));
        assert_ne!(first.event_id, star("2024-02-01").event_id);
        // Without a time each is one of its own.
        assert_ne!(star("").event_id, star("").event_id);
        assert_eq!(star("").timestamp_ms, 1_800_000_000_000);
    }

    #[test]
    fn what_is_wrong_is_told_by_their_names() {
        let with = |field: &str, text: &str| {
            let mut given = value!({"FeedbackType": "view", "UserId": "u", "ItemId": "i"});
            given[field] = text.into();
            event(given).expect_err(text)
        };
        for (field, text) in [("FeedbackType", "gaze"), ("UserId", ""), ("ItemId", ""), ("Timestamp", "soon")] {
            assert_eq!(with(field, text), field);
        }
        assert_eq!(with("Timestamp", "2099-01-01"), "Timestamp");
    }
}
