//! One keep-alive connection to the service, and the requests that go over it.
//!
//! In: prebuilt [`Call`]s. Out: the status and, if wanted, the body. A broken connection is opened again at the next
//! call. [`Connection::send`] discards the body without reading it, so that the load generator, which shares the
//! machine with the service, takes little CPU; [`Connection::fetch`] and [`Connection::fetch_json`] keep it.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use shared::contract::api::Problem;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::target::Target;

/// The header with the API key.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Why a call has no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address does not accept connections.
    #[error("cannot connect to {address}: {source}; is the service running?")]
    Connect {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The connection broke before the answer was complete.
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
    /// No complete answer in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The service answered, but not with success.
    #[error("{path} was answered {status}: {detail}")]
    Refused {
        /// The path of the request.
        path: String,
        /// The status.
        status: StatusCode,
        /// The problem's detail, or the beginning of the body.
        detail: String,
    },
    /// The body is not what the contract says.
    #[error("{path} was answered with another JSON than expected: {source}")]
    Json {
        /// The path of the request.
        path: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// A request, built once and sent often.
#[derive(Debug, Clone)]
pub struct Call {
    method: Method,
    uri: Uri,
    body: Bytes,
}

impl Call {
    /// A GET of a path with its query, already percent-encoded (see [`encode`]).
    ///
    /// # Panics
    /// If the path has characters that [`encode`] would have replaced.
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self { method: Method::GET, uri: uri(path), body: Bytes::new() }
    }

    /// A POST of a JSON body.
    ///
    /// # Panics
    /// As [`Call::get`].
    #[must_use]
    pub fn post(path: &str, json: Vec<u8>) -> Self {
        Self { method: Method::POST, uri: uri(path), body: json.into() }
    }

    /// The body.
    #[cfg(test)]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The path with its query.
    #[must_use]
    pub fn path(&self) -> String {
        self.uri.to_string()
    }

    fn request(&self, target: &Target) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        request.headers_mut().insert(HOST, target.host.clone());
        if let Some(key) = &target.key {
            request.headers_mut().insert(API_KEY, key.clone());
        }
        if self.method == Method::POST {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        request
    }
}

fn uri(path: &str) -> Uri {
    Uri::try_from(path).expect("ids in a path are percent-encoded and at most 255 bytes long")
}

/// Percent-encodes a text for a path segment or a query value (RFC 3986: all but unreserved characters).
#[must_use]
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// An open socket with the task that drives it.
struct Wire {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<hyper::Result<()>>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A keep-alive connection; opened at the first call, and again after an error.
pub struct Connection {
    target: Target,
    timeout: Duration,
    wire: Option<Wire>,
}

impl Connection {
    /// A connection that is not open yet; every call must be answered completely within `timeout`.
    #[must_use]
    pub fn new(target: Target, timeout: Duration) -> Self {
        Self { target, timeout, wire: None }
    }

    /// Sends a call and drains the answer; returns the status and the length of the body.
    ///
    /// # Errors
    /// [`ClientError::Connect`], [`ClientError::Broken`] or [`ClientError::Timeout`]; any status is an answer.
    pub async fn send(&mut self, call: &Call) -> Result<(StatusCode, usize), ClientError> {
        let answer = tokio::time::timeout(self.timeout, async {
            let mut response = self.respond(call).await?;
            let mut length = 0;
            while let Some(frame) = response.body_mut().frame().await {
                length += frame?.data_ref().map_or(0, Bytes::len);
            }
            Ok((response.status(), length))
        })
        .await;
        self.settle(answer.unwrap_or(Err(ClientError::Timeout(self.timeout))))
    }

    /// Sends a call and keeps the body. If a reused connection turns out to be closed, the call is sent once more on a
    /// new one: every call of this program may be repeated (events have ids).
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub async fn fetch(&mut self, call: &Call) -> Result<(StatusCode, Bytes), ClientError> {
        let reused = self.wire.is_some();
        match self.fetch_once(call).await {
            Err(ClientError::Broken(_)) if reused => self.fetch_once(call).await,
            answer => answer,
        }
    }

    /// Sends a call that must succeed, and reads its JSON; returns the status too.
    ///
    /// # Errors
    /// As [`Connection::fetch`], [`ClientError::Refused`] for a status other than 2xx, [`ClientError::Json`].
    pub async fn fetch_json<T: DeserializeOwned>(&mut self, call: &Call) -> Result<(StatusCode, T), ClientError> {
        let (status, body) = self.fetch(call).await?;
        if !status.is_success() {
            let detail = serde_json::from_slice::<Problem>(&body).map_or_else(
                |_| String::from_utf8_lossy(&body).chars().take(200).collect(),
                |problem| format!("{}{}", problem.detail, problem.field.map_or(String::new(), |f| format!(" ({f})"))),
            );
            return Err(ClientError::Refused { path: call.path(), status, detail });
        }
        let json = serde_json::from_slice(&body).map_err(|source| ClientError::Json { path: call.path(), source })?;
        Ok((status, json))
    }

    async fn fetch_once(&mut self, call: &Call) -> Result<(StatusCode, Bytes), ClientError> {
        let answer = tokio::time::timeout(self.timeout, async {
            let (head, body) = self.respond(call).await?.into_parts();
            Ok((head.status, body.collect().await?.to_bytes()))
        })
        .await;
        self.settle(answer.unwrap_or(Err(ClientError::Timeout(self.timeout))))
    }

    /// Drops the socket after an error: half an answer may still be in it.
    fn settle<T>(&mut self, answer: Result<T, ClientError>) -> Result<T, ClientError> {
        if answer.is_err() {
            self.wire = None;
        }
        answer
    }

    async fn respond(&mut self, call: &Call) -> Result<Response<Incoming>, ClientError> {
        // A connection that the service closed between two calls is no error of either.
        if let Some(wire) = &mut self.wire
            && wire.sender.ready().await.is_err()
        {
            self.wire = None;
        }
        let wire = match &mut self.wire {
            Some(wire) => wire,
            closed => closed.insert(connect(self.target.address).await?),
        };
        Ok(wire.sender.send_request(call.request(&self.target)).await?)
    }
}

async fn connect(address: SocketAddr) -> Result<Wire, ClientError> {
    let failed = |source| ClientError::Connect { address, source };
    let stream = TcpStream::connect(address).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    sender.ready().await?;
    Ok(Wire { sender, driver })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stub;

    #[test]
    fn ids_are_percent_encoded() {
        assert_eq!(encode("a-Z_0.~"), "a-Z_0.~");
        assert_eq!(encode("a b/ü&"), "a%20b%2F%C3%BC%26");
        assert_eq!(Call::get(&format!("/users/{}/history", encode("a?b#c"))).path(), "/users/a%3Fb%23c/history");
    }

    #[tokio::test]
    async fn one_connection_serves_many_calls() {
        let stub = stub::serve(|_| stub::ok("{}")).await;
        let mut connection = Connection::new(stub.target(), Duration::from_secs(5));
        for _ in 0..10 {
            assert_eq!(connection.send(&Call::get("/health")).await.expect("answered"), (StatusCode::OK, 2));
        }
        assert_eq!((stub.connections(), stub.requests()), (1, 10));
    }

    #[tokio::test]
    async fn the_key_goes_with_every_request_and_is_not_printed() {
        let stub = stub::serve(|asked| stub::ok(asked.key.unwrap_or_default())).await;
        let mut key = HeaderValue::from_static("tandem_5e");
        key.set_sensitive(true);
        let target = Target { key: Some(key), ..stub.target() };
        assert!(!format!("{target} {target:?}").contains("tandem_5e"));
        let mut connection = Connection::new(target, Duration::from_secs(5));
        for call in [Call::get("/health"), Call::post("/events", b"{}".to_vec())] {
            assert_eq!(connection.fetch(&call).await.expect("answered").1, "tandem_5e");
        }
    }

    #[tokio::test]
    async fn a_connection_closed_after_an_answer_is_opened_again_without_an_error() {
        let stub = stub::serve(|_| stub::closing("{}")).await;
        let mut connection = Connection::new(stub.target(), Duration::from_secs(5));
        for _ in 0..3 {
            connection.fetch(&Call::get("/health")).await.expect("answered");
        }
        assert_eq!((stub.connections(), stub.requests()), (3, 3));
    }

    #[tokio::test]
    async fn errors_say_what_happened() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
        let nobody: Target = format!("http://{free}").parse().expect("loopback");
        let mut connection = Connection::new(nobody, Duration::from_secs(5));
        assert!(matches!(connection.send(&Call::get("/")).await, Err(ClientError::Connect { .. })));

        let stub = stub::serve(|_| stub::refuse(400, "k must be at least 1", "k")).await;
        let mut connection = Connection::new(stub.target(), Duration::from_secs(5));
        let refused = connection.fetch_json::<Problem>(&Call::get("/recommendations?k=0")).await;
        let text = refused.expect_err("a 400 is refused").to_string();
        assert_eq!(text, "/recommendations?k=0 was answered 400 Bad Request: k must be at least 1 (k)");
    }

    #[tokio::test]
    async fn a_call_without_an_answer_times_out() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let target: Target = format!("http://{}", silent.local_addr().expect("bound")).parse().expect("loopback");
        let mut connection = Connection::new(target, Duration::from_millis(30));
        assert!(matches!(connection.send(&Call::get("/")).await, Err(ClientError::Timeout(_))));
    }
}
