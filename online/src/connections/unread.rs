//! What a handler leaves of a request's body, because it refuses the request or needs no body.
//!
//! Where it is short it is read and dropped, so that the connection can go on: clients often send it after the head, and one that
//! comes to find the connection closed takes that for a failure of its next request. Of any other the answer says that the
//! connection ends with it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::timeout;
use tower::ServiceExt;

use crate::api::slash::Api;

/// How many bytes are read and dropped at most.
const MOST: usize = 1 << 20;
/// How long the answer waits for them.
const LONGEST: Duration = Duration::from_millis(500);

/// Answers a request.
pub async fn answer(api: Api, request: Request<Incoming>) -> Response {
    if request.body().is_end_stream() {
        let Ok(response) = api.oneshot(request.map(Body::new)).await;
        return response;
    }
    // Such a client sends nothing until somebody reads.
    let waits = request.headers().contains_key(header::EXPECT);
    let (head, body) = request.into_parts();
    let mut body = Shared(Arc::new(Mutex::new(body)));
    let Ok(mut response) = api.oneshot(Request::from_parts(head, Body::new(body.clone()))).await;
    if !body.is_end_stream() && (waits || !timeout(LONGEST, drop_rest(&mut body)).await.unwrap_or(false)) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Reads what is left; returns whether that was all of it.
async fn drop_rest(body: &mut Shared) -> bool {
    let mut dropped = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        dropped += frame.into_data().map_or(0, |data| data.len());
        if dropped > MOST {
            return false;
        }
    }
    true
}

/// A body that can be read on when its handler is done.
#[derive(Clone)]
struct Shared(Arc<Mutex<Incoming>>);

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
    }
}
