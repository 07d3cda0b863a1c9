//! `POST /ui/event`: what the buttons of an item send. It is an event as any: on disk before this answers, and in the very
//! next slate, which the browser is sent on to.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use shared::contract::api::NewEvent;
use shared::contract::id::{ItemId, UserId};
use shared::contract::kind::KindName;

use super::asked::Asked;
use crate::api::error::ApiError;
use crate::api::events::{Batch, take};
use crate::api::{App, body, query};
use crate::events::check::check;
use crate::events::kinds::check_kind;
use crate::events::now_ms;

/// The largest form: an id and a word, or a key.
const MAX_FORM_BYTES: usize = 4096;

/// The form of an item, as it is posted. Whose event it is the URL says.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Form {
    item: String,
    event: String,
}

/// Takes the event and leads back to the page that it was sent from.
///
/// # Errors
/// [`ApiError`] for what is no event, or one that can't be taken.
pub async fn post_event(State(app): State<Arc<App>>, request: Request<Body>) -> Result<Response, ApiError> {
    let asked: Asked = query::read(request.uri().query())?;
    let Form { item, event } = read_form(request).await?;
    let kind = KindName::new(&event).map_err(|error| ApiError::invalid("event", error.to_string()))?;
    let snapshot = app.recommender.snapshot()?;
    check_kind(&kind, &snapshot.params().kinds).map_err(|unknown| ApiError::invalid("event", unknown.to_string()))?;
    drop(snapshot);
    let new = NewEvent {
        user: Some(query::id("user_id", &asked.user_id, UserId::from_outside)?),
        session: None,
        item: query::id("item", &item, ItemId::from_outside)?,
        kind,
        timestamp: None,
        transaction_id: None,
        event_id: None,
        recommendation_id: None,
    };
    let event = check(new, now_ms()).map_err(|refusal| ApiError::invalid(refusal.field(), refusal.to_string()))?;
    let back = Asked { did: event.kind.as_str().to_owned(), with: event.item.as_str().to_owned(), ..asked };
    take(&app, Batch { events: vec![event], impressions: Vec::new() }).await?;
    let to = HeaderValue::try_from(back.url()).expect("a URL's query is ASCII");
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response())
}

/// Reads a form.
///
/// # Errors
/// [`ApiError`] for a body that is too large, or none of the form's.
pub async fn read_form<T: DeserializeOwned>(request: Request<Body>) -> Result<T, ApiError> {
    let bytes = body::read_untyped(request, MAX_FORM_BYTES).await?;
    let text = String::from_utf8(bytes)
        .map_err(|_| ApiError::Invalid { field: None, detail: "the form is not UTF-8".to_owned() })?;
    query::read(Some(&text))
}
