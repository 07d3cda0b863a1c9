//! Receivers of notices: one that speaks HTTP and does as it is told, and one that speaks enough of SMTP.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What a receiver does with the next request.
#[derive(Clone, Copy)]
pub enum Answer {
    Status(u16),
    /// 429 with this `Retry-After`, in seconds.
    Busy(u64),
    /// Never.
    Hang,
}

/// A request as it came.
#[derive(Clone)]
pub struct Received {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// Whether it was answered with 200.
    pub taken: bool,
}

impl Received {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// Checks what signs it, as a receiver of somebody else would.
    pub fn assert_signed(&self, secret: &str) {
        let signature = self.header("tandem-signature");
        let (time, digest) = signature.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")).expect("signed");
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
        mac.update(&[time.as_bytes(), &b"."[..], self.body.as_slice()].concat());
        let expected: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, expected);
        let age = jiff::Timestamp::now().as_second() - time.parse::<i64>().expect("seconds");
        assert!((0..60).contains(&age), "{age}");
    }
}

#[derive(Clone, Default)]
struct Shared {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    received: Arc<Mutex<Vec<Received>>>,
}

/// A receiver that speaks HTTP on a port of its own; what it was not told to do otherwise it answers with 200.
pub struct Http {
    shared: Shared,
    address: String,
    _runtime: tokio::runtime::Runtime,
}

impl Http {
    pub fn start(answers: &[Answer]) -> Self {
        let shared = Shared::default();
        shared.answers.lock().expect("a lock").extend(answers);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let router = Router::new().fallback(take).with_state(shared.clone());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { shared, address, _runtime: runtime }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().expect("a lock").clone()
    }
}

async fn take(State(shared): State<Shared>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let answer = shared.answers.lock().expect("a lock").pop_front().unwrap_or(Answer::Status(200));
    let taken = matches!(answer, Answer::Status(200));
    let request = Received { path: uri.path().to_owned(), headers, body: body.to_vec(), taken };
    shared.received.lock().expect("a lock").push(request);
    match answer {
        Answer::Status(status) => StatusCode::from_u16(status).expect("a status").into_response(),
        Answer::Busy(seconds) => {
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", seconds.to_string())]).into_response()
        }
        Answer::Hang => std::future::pending().await,
    }
}

/// A receiver that speaks enough of SMTP to take mails in the clear: the commands of RFC 5321 that a sender needs.
///
/// * `refuses`: the answer to `RCPT` of the first mail; 250 for none.
pub fn smtp(refuses: u16) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let mails = Arc::new(Mutex::new(Vec::new()));
    let taken = mails.clone();
    std::thread::spawn(move || {
        let mut refuses = Some(refuses).filter(|&code| code != 250);
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut lines = BufReader::new(stream.try_clone().expect("a stream")).lines();
            let mut say = |text: &str| stream.write_all(format!("{text}\r\n").as_bytes()).expect("writes");
            say("220 test ESMTP");
            while let Some(Ok(line)) = lines.next() {
                match line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase().as_str() {
                    "EHLO" => say("250-test\r\n250 8BITMIME"),
                    "RCPT" if refuses.is_some() => say(&format!("{} no", refuses.take().expect("a code"))),
                    "DATA" => {
                        say("354 go on");
                        let mail: Vec<String> =
                            lines.by_ref().map_while(Result::ok).take_while(|line| line != ".").collect();
                        taken.lock().expect("a lock").push(mail.join("\n"));
                        say("250 taken");
                    }
                    "QUIT" => {
                        say("221 bye");
                        break;
                    }
                    _ => say("250 well"),
                }
            }
        }
    });
    (port, mails)
}
