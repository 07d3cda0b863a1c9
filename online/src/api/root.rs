//! `GET /`: the page for people, or a redirect to the documentation for who reads no HTML.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::App;
use super::error::ApiError;
use super::observe::Arrived;
use super::page::{Pages, try_it};

/// Shows the page for people where HTML is asked for, as browsers do; redirects to the documentation otherwise, and where there
/// is no page (`page.enabled`).
pub async fn get_root(
    State(app): State<Arc<App>>,
    Extension(arrived): Extension<Arrived>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    if app.settings.pages == Pages::Off || !wants_html(request.headers()) {
        return Ok(Redirect::temporary("/docs").into_response());
    }
    try_it::show(&app, arrived, request).await
}

/// Whether somebody asks for HTML by its name.
#[must_use]
pub fn wants_html(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT).iter().any(|value| value.to_str().is_ok_and(|value| value.contains("text/html")))
}
