//! `PutEvents`.
//!
//! ```text
//! {"trackingId":"t","userId":"u1","sessionId":"s","eventList":[{"eventType":"Purchase","itemId":"i1","sentAt":1764223441,
//!     "recommendationId":"…","impression":["i1","i2"]}]}   ─▶ transaction of i1 by u1, impression of i1 and i2
//! ```

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;
use shared::contract::api::{GivenTime, ImpressionWord, NewEvent, NewImpression};
use shared::contract::id::{ItemId, UserId};
use shared::contract::kind::Kinds;
use shared::contract::time::Number;

use super::error;
use crate::api::clients::kinds::{OtherKinds, kind};
use crate::api::error::ApiError;
use crate::api::events::{Batch, take};
use crate::api::{App, body, query};
use crate::events::check::{Refusal, check, check_impression};
use crate::events::kinds::kinds_of;
use crate::events::now_ms;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutEvents {
    user_id: Option<String>,
    session_id: String,
    event_list: Vec<PutEvent>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutEvent {
    event_id: Option<String>,
    event_type: String,
    item_id: Option<String>,
    /// JSON in a text; older clients have the item in it.
    properties: Option<String>,
    /// Seconds since the epoch.
    sent_at: Option<f64>,
    recommendation_id: Option<String>,
    #[serde(default)]
    impression: Vec<String>,
}

/// Answers `PutEvents`.
pub async fn events(app: &App, bytes: &[u8]) -> Response {
    put(app, bytes).await.unwrap_or_else(error::response)
}

async fn put(app: &App, bytes: &[u8]) -> Result<Response, ApiError> {
    let refused = |_: &ApiError| app.metrics.events_refused.with_label_values(&["invalid"]).inc();
    let snapshot = app.recommender.snapshot().ok();
    let (kinds, names) = (kinds_of(snapshot.as_deref()), &app.settings.kinds);
    let batch = body::parse(bytes).and_then(|put| checked(put, now_ms(), kinds, names)).inspect_err(refused)?;
    drop(snapshot);
    take(app, batch).await?;
    Ok(StatusCode::OK.into_response())
}

fn checked(put: PutEvents, now_ms: i64, kinds: &Kinds, names: &OtherKinds) -> Result<Batch, ApiError> {
    let PutEvents { user_id, session_id, event_list } = put;
    let user = match user_id {
        Some(user) => query::id("userId", &user, UserId::from_outside)?,
        None => query::id("sessionId", &session_id, UserId::of_session)?,
    };
    if event_list.is_empty() {
        return Err(ApiError::invalid("eventList", "it must have an event"));
    }
    let mut batch = Batch::default();
    for (at, event) in event_list.into_iter().enumerate() {
        let of = |field: &str| format!("eventList[{at}].{field}");
        let refuse = |refusal: Refusal| match refusal.field() {
            "timestamp" => ApiError::invalid(of("sentAt"), refusal.to_string()),
            "event_id" => ApiError::invalid(of("eventId"), refusal.to_string()),
            field => ApiError::invalid(of(field), refusal.to_string()),
        };
        let timestamp = event.sent_at.and_then(Number::decimal).map(GivenTime::Number);
        if let (Some(id), false) = (&event.recommendation_id, event.impression.is_empty()) {
            let items = event.impression.iter().map(|item| query::id(&of("impression"), item, ItemId::from_outside));
            let seen = NewImpression {
                event: ImpressionWord::Impression,
                user: Some(user.clone()),
                session: None,
                recommendation_id: id.clone(),
                items: items.collect::<Result<_, _>>()?,
                timestamp: timestamp.clone(),
            };
            batch.impressions.push(check_impression(seen, now_ms).map_err(refuse)?);
        }
        let in_properties = || {
            let properties: Value = serde_json::from_str(event.properties.as_deref()?).ok()?;
            Some(properties["itemId"].as_str()?.to_owned())
        };
        let Some(item) = event.item_id.clone().or_else(in_properties) else {
            // An event of no item may be there for its impression alone.
            if event.impression.is_empty() {
                return Err(ApiError::invalid(of("itemId"), "itemId is required"));
            }
            continue;
        };
        let kind = kind(&event.event_type, names, kinds).map_err(|why| ApiError::invalid(of("eventType"), why))?;
        let event = NewEvent {
            user: Some(user.clone()),
            session: None,
            item: query::id(&of("itemId"), &item, ItemId::from_outside)?,
            kind,
            timestamp,
            transaction_id: None,
            event_id: event.event_id,
            recommendation_id: event.recommendation_id,
        };
        batch.events.push(check(event, now_ms).map_err(refuse)?);
    }
    Ok(batch)
}
