//! The middleware around every request, whatever its route, and whoever sent it.
//!
//! A request gets an id (the client's `x-request-id`, or a new one). Its outcome is counted, and logged if it failed;
//! requests that were refused at the [gate](super::gate) are counted alone, since an overload would fill the log.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, State};
use axum::http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::gate::{Class, Refused};
use super::{App, access, calls};
use crate::traces::Trace;

/// The header with a request's id, of requests and of answers.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The maximum length of a client's id; a longer one is replaced.
const MAX_REQUEST_ID: usize = 128;
/// The metric label of unknown paths and methods.
const OTHER: &str = "other";

/// The prefix of the ids that this process makes.
static PROCESS: LazyLock<String> = LazyLock::new(|| uuid::Uuid::now_v7().simple().to_string());
static REQUESTS: AtomicU64 = AtomicU64::new(0);

/// What handlers that have to answer within a time are told of a request.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// When it arrived.
    pub at: Instant,
    /// Its trace, if it was let in and is traced.
    pub trace: Option<Trace>,
}

/// Wraps the handling of a request.
pub async fn observe(State(app): State<Arc<App>>, mut request: Request<Body>, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(&request);
    let method = method_label(request.method());
    // Cheap: the path is behind an `Arc`.
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let path = request.uri().path();
    let declared = matched.is_none().then(|| calls::find(&app.models, path).map(|_| path.to_owned())).flatten();
    let route = matched.as_ref().map(MatchedPath::as_str).or(declared.as_deref()).map_or(OTHER, label);
    let is_probe = access::of(request.method(), matched.as_ref().map(MatchedPath::as_str)).class == Class::Probe;
    request.extensions_mut().insert(Arrived { at: started, trace: None });
    let mut response = next.run(request).await;
    let elapsed = started.elapsed();
    let status = response.status();
    let labels = [route, method, status.as_str()];
    app.metrics.http_requests.with_label_values(&labels).inc();
    app.metrics.http_seconds.with_label_values(&labels).observe(elapsed.as_secs_f64());
    // A probe is told that the service is not ready as often as it asks: that is an answer, not a failure. So is a 501.
    let is_failure = status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED;
    if is_failure && response.extensions().get::<Refused>().is_none() && !is_probe {
        tracing::warn!(request_id = ?id, method, route, status = status.as_u16(), ?elapsed, "request failed");
    } else {
        tracing::debug!(request_id = ?id, method, route, status = status.as_u16(), ?elapsed, "request");
    }
    if let Some(trace) = response.extensions_mut().remove::<Trace>() {
        app.traces.end(trace, method, route, status.as_u16());
    }
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// The client's id of a request if it is short and readable, else a new one.
fn request_id(request: &Request<Body>) -> HeaderValue {
    let given = request.headers().get(&REQUEST_ID);
    let fits = |id: &&HeaderValue| (1..=MAX_REQUEST_ID).contains(&id.len()) && id.to_str().is_ok();
    given.filter(fits).cloned().unwrap_or_else(|| {
        let mut id = String::with_capacity(PROCESS.len() + 12);
        // Writing to a string can't fail.
        let _ = write!(id, "{}-{:x}", *PROCESS, REQUESTS.fetch_add(1, Ordering::Relaxed));
        HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static(OTHER))
    })
}

/// The route as a metric label: all files of the documentation pages share one.
fn label(route: &str) -> &str {
    if route.starts_with("/docs") { "/docs" } else { route }
}

fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => OTHER,
    }
}
