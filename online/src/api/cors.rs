//! Which pages of other origins may call from a browser: those that `server.cors_origins` lists.
//!
//! In: the origins. Out: a layer that answers preflights, which carry no key, and marks answers. Without origins there is
//! no layer, and browsers let no page of another origin read an answer.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::CorsLayer;

use crate::auth::API_KEY;

/// How long a browser may remember the answer to a preflight.
const MAX_AGE: Duration = Duration::from_secs(600);

/// The layer for some origins; `None` for none.
#[must_use]
pub fn layer(origins: &[HeaderValue]) -> Option<CorsLayer> {
    let request_id = HeaderName::from_static("x-request-id");
    (!origins.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(origins.to_vec())
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
            .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, API_KEY, request_id.clone()])
            .expose_headers([header::RETRY_AFTER, header::WWW_AUTHENTICATE, request_id])
            .max_age(MAX_AGE)
    })
}
