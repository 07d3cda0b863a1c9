//! The middleware that lets a request in to its handler, or refuses it: there is more to do than can be done in time.
//!
//! In: a request whose key is good ([`authorize`](super::authorize)), so that strangers neither stand in line nor ask
//! for traces. Out: the handler's answer with the request's trace, if it is traced, for [`observe`](super::observe) to
//! end; or 503, if the [`gate`](super::gate) refuses it or it takes too long.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{MatchedPath, State};
use axum::http::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::observe::Arrived;
use super::{App, access};

/// Lets a request in.
pub async fn admit(
    State(app): State<Arc<App>>,
    Extension(arrived): Extension<Arrived>,
    mut request: Request<Body>,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let class = access::of(request.method(), route).class;
    let _pass = match app.gate.enter(class, arrived.at).await {
        Ok(pass) => pass,
        Err(refused) => {
            app.metrics.http_refused.with_label_values(&[refused.label()]).inc();
            let mut response = ApiError::Busy("too many requests at once").into_response();
            response.extensions_mut().insert(refused);
            return response;
        }
    };
    let trace = app.traces.begin(request.headers(), arrived.at);
    request.extensions_mut().insert(Arrived { at: arrived.at, trace: trace.clone() });
    let mut response = match tokio::time::timeout(app.settings.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::Busy("the request took too long").into_response(),
    };
    if let Some(trace) = trace {
        response.extensions_mut().insert(trace);
    }
    response
}
