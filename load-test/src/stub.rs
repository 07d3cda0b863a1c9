//! A stand-in for the service in unit tests: a closure that answers requests on a free loopback port.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use shared::contract::api::Problem;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::target::Target;

/// The answer of a test's closure.
pub type Answer = Response<Full<Bytes>>;

/// A request as a test sees it.
pub struct Asked {
    /// The path without the query.
    pub path: String,
    /// The query, still percent-encoded.
    pub query: String,
    /// The API key.
    pub key: Option<String>,
    /// The body.
    pub body: Bytes,
}

impl Asked {
    /// The value of a parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }
}

/// A running stub; it stops when it is dropped.
pub struct Stub {
    target: Target,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Stub {
    /// Where it listens.
    pub fn target(&self) -> Target {
        self.target.clone()
    }

    /// Its URL.
    pub fn url(&self) -> String {
        self.target.to_string()
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// How many requests were answered.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers every request with what `answer` returns.
pub async fn serve(answer: impl Fn(Asked) -> Answer + Send + Sync + 'static) -> Stub {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let target = format!("http://{}", listener.local_addr().expect("bound")).parse().expect("loopback");
    let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (accepted, answered, answer) = (connections.clone(), requests.clone(), Arc::new(answer));
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            accepted.fetch_add(1, Ordering::SeqCst);
            let (answer, answered) = (answer.clone(), answered.clone());
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let (answer, answered) = (answer.clone(), answered.clone());
                async move {
                    answered.fetch_add(1, Ordering::SeqCst);
                    let (path, query) =
                        (request.uri().path().to_owned(), request.uri().query().unwrap_or_default().to_owned());
                    let key = request.headers().get("x-api-key").map(|key| key.to_str().expect("text").to_owned());
                    let body = request.into_body().collect().await.expect("a whole body").to_bytes();
                    Ok::<_, Infallible>(answer(Asked { path, query, key, body }))
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Stub { target, connections, requests, task }
}

/// Status 200 with this body.
pub fn ok(body: impl Into<Bytes>) -> Answer {
    Response::new(Full::new(body.into()))
}

/// Status 200 with a value as JSON.
pub fn json(value: &impl serde::Serialize) -> Answer {
    ok(serde_json::to_vec(value).expect("serialises"))
}

/// Status 200, after which the connection is closed.
pub fn closing(body: impl Into<Bytes>) -> Answer {
    let mut answer = ok(body);
    answer.headers_mut().insert("connection", hyper::header::HeaderValue::from_static("close"));
    answer
}

/// A problem document.
pub fn refuse(status: u16, detail: &str, field: &str) -> Answer {
    let (kind, title) = ("about:blank".to_owned(), String::new());
    let mut answer = json(&Problem {
        kind,
        title,
        status,
        detail: detail.to_owned(),
        field: Some(field.to_owned()),
        errors: Vec::new(),
    });
    *answer.status_mut() = hyper::StatusCode::from_u16(status).expect("a status");
    answer
}
