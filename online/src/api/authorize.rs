//! The middleware that lets a request through to the [gate](super::gate), or refuses it.
//!
//! In: a request whose route is known, its key in a header, or in a cookie for the [pages](super::page). Out: the handler's answer, or 401, 403 or 429 before a byte of the body is read.
//! Without keys every request is let through: [`crate::service`] sees to it that only this machine can send one then.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{MatchedPath, State};
use axum::http::{HeaderMap, HeaderValue, Request, header};
use axum::middleware::Next;
use axum::response::Response;
use prometheus::IntCounterVec;

use super::access::{self, Access, Need, Place};
use super::error::ApiError;
use super::page::guard::Hosts;
use super::page::{guard, login};
use super::root::wants_html;
use crate::auth::keys::KeyFile;
use crate::auth::scopes::Scope;
use crate::auth::{self, Refusal};

/// What an address answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Everything: the only address, or the admin one.
    Everything,
    /// Not what is for operators, since there is an admin address.
    Public,
}

/// What lets the requests of an address through.
#[derive(Clone)]
pub struct Gate {
    /// What the address answers.
    pub door: Door,
    /// By which names it may be called.
    pub hosts: Hosts,
    /// The other origins whose pages may call it.
    pub origins: Arc<[String]>,
    /// The keys; `None` if everybody may call.
    pub keys: Option<Arc<KeyFile>>,
    /// Counts refusals, by reason.
    pub refused: IntCounterVec,
}

/// Lets a request through if its key allows it.
///
/// # Errors
/// [`ApiError::Refused`], and [`ApiError::NotFound`] for what another address answers.
pub async fn authorize(
    State(gate): State<Arc<Gate>>,
    mut request: Request<Body>,
    next: Next,
) -> Result<Response, ApiError> {
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map(MatchedPath::as_str);
    let is_page = route.is_some_and(guard::is_page);
    let Access { need, place, .. } = access::of(request.method(), route);
    if place == Place::Admin && gate.door == Door::Public {
        let detail = format!("{} is answered at the admin address (server.admin_listen)", request.uri().path());
        return Err(ApiError::NotFound { field: None, detail });
    }
    let refused = |refusal: &Refusal| gate.refused.with_label_values(&[refusal.reason()]).inc();
    if is_page {
        guard::check_origin(request.method(), request.headers(), gate.hosts).inspect_err(refused)?;
        guard::take_cookie(&mut request);
    }
    if matches!(need, Need::Scope(_)) {
        guard::check_page(request.method(), request.headers(), gate.hosts, &gate.origins).inspect_err(refused)?;
    }
    if let (Some(keys), Need::Scope(scope)) = (&gate.keys, need) {
        let keys = keys.current();
        match auth::admit(&keys, request.headers(), scope).inspect_err(refused) {
            // The log says who called. The path, which may name a user, stays out of it.
            Ok(key) if scope == Scope::Admin => {
                tracing::info!(key = key.name, method = %request.method(), route, "an admin call");
            }
            Ok(_) => {}
            Err(refusal) if is_page && wants_html(request.headers()) => {
                return Ok(login::refused(refusal, ApiError::from(refusal).status()));
            }
            Err(refusal) => return Err(refusal.into()),
        }
    }
    // No handler needs them, so that none can log them.
    request.headers_mut().remove(header::AUTHORIZATION);
    request.headers_mut().remove(auth::API_KEY);
    Ok(next.run(request).await)
}

/// Adds what clients go by to the answer of a refusal.
pub(super) fn explain(refusal: Refusal, headers: &mut HeaderMap) {
    let (name, value) = match refusal {
        Refusal::NoKey => (header::WWW_AUTHENTICATE, HeaderValue::from_static(r#"Bearer realm="tandem""#)),
        Refusal::UnknownKey | Refusal::SharedKey => {
            let value = HeaderValue::from_static(r#"Bearer realm="tandem", error="invalid_token""#);
            (header::WWW_AUTHENTICATE, value)
        }
        Refusal::Scope(scope) => {
            let value = format!(r#"Bearer realm="tandem", error="insufficient_scope", scope="{scope}""#);
            (header::WWW_AUTHENTICATE, HeaderValue::try_from(value).expect("a scope is a word"))
        }
        Refusal::Rate(seconds) => (header::RETRY_AFTER, HeaderValue::from(seconds)),
        Refusal::Elsewhere | Refusal::Foreign => return,
    };
    headers.insert(name, value);
}
