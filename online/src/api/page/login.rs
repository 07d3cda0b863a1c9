//! The form that asks for a key, and what keeps it: `GET` and `POST /ui/login`, `POST /ui/logout`.
//!
//! A key that is pasted is put into the cookie as it is; whether it is good is found where every key is looked at, with
//! the page that comes next.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRef, State};
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use maud::{Markup, html};
use serde::Deserialize;

use super::frame::{Tab, page};
use super::visit::{Session, Visit, scheme};
use super::{assets, event, guard};
use crate::api::App;
use crate::api::error::ApiError;
use crate::auth::Refusal;

/// The form, as it is posted.
#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    key: String,
}

/// What the service speaks: `http`, or `https` where it has a certificate.
#[derive(Debug, Clone, Copy)]
pub struct Scheme(pub &'static str);

impl FromRef<Arc<App>> for Scheme {
    fn from_ref(app: &Arc<App>) -> Self {
        Self(app.settings.scheme)
    }
}

/// The routes of the form, and of the files that it needs.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S>
where
    Scheme: FromRef<S>,
{
    Router::new()
        .route("/ui/login", get(get_login).post(post_login))
        .route("/ui/logout", post(post_logout))
        .route(assets::PATH, get(assets::get_asset))
}

/// Asks for a key.
async fn get_login(State(Scheme(own)): State<Scheme>, request: Request<Body>) -> Response {
    let visit = Visit::of(&request, own);
    page(StatusCode::OK, &visit, Tab::Other, "Sign in", &form(None))
}

/// Keeps a key, and goes on to the first page.
///
/// # Errors
/// [`ApiError`] for a body that is no form.
async fn post_login(State(Scheme(own)): State<Scheme>, request: Request<Body>) -> Result<Response, ApiError> {
    let (visit, scheme) = (Visit::of(&request, own), scheme(request.headers(), own));
    let Form { key } = event::read_form(request).await?;
    match guard::keep(key.trim(), scheme) {
        Some(cookie) => Ok(to_first_page(cookie)),
        None => Ok(page(StatusCode::BAD_REQUEST, &visit, Tab::Other, "Sign in", &form(Some(NO_KEY)))),
    }
}

/// Forgets the key.
async fn post_logout() -> Response {
    to_first_page(guard::forget())
}

fn to_first_page(cookie: HeaderValue) -> Response {
    let headers = [(header::SET_COOKIE, cookie), (header::LOCATION, HeaderValue::from_static("/"))];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// What a browser is shown in place of a page that its key does not open.
pub fn refused(refusal: Refusal, status: StatusCode) -> Response {
    let told = match refusal {
        Refusal::NoKey => None,
        Refusal::UnknownKey => Some("This key is not known: it is mistyped, or was withdrawn."),
        Refusal::SharedKey => Some("This key is that of several shops, and so opens none."),
        Refusal::Scope(_) => Some("This key may not open this page: it lacks a scope. Paste one that has it."),
        Refusal::Rate(_) => Some("This key has sent more requests than it may. Try again in a moment."),
        Refusal::Foreign => Some("Without keys this service answers this machine alone: open it by localhost."),
        Refusal::Elsewhere => {
            Some("This form was not sent by a page of this service. Open the page here, and try again.")
        }
    };
    let visit = Visit { origin: String::new(), session: Session::Open };
    page(status, &visit, Tab::Other, "Sign in", &form(told))
}

const NO_KEY: &str = "This is no key: a key has letters, digits, and _ - . alone.";

fn form(told: Option<&str>) -> Markup {
    html! {
        section.narrow {
            h1 { "Sign in" }
            p.lead { "This service answers those who have a key. Paste yours; the browser keeps it until it is closed." }
            @if let Some(told) = told { p.alert role="alert" { (told) } }
            form.stack method="post" action="/ui/login" {
                label for="key" { "API key" }
                input #key name="key" type="password" autocomplete="current-password" required spellcheck="false";
                button.primary type="submit" { "Open" }
            }
            p.hint {
                "It needs the scopes " code { "read" } " and " code { "admin" } ", and " code { "write" }
                " for the buttons of items. " code { "online keys new" } " makes one."
            }
        }
    }
}
