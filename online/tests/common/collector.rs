//! A collector of traces on a free port: keeps the spans that are sent to it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use serde_json::Value;

use super::PATIENCE;

/// A running collector.
pub struct Collector {
    address: SocketAddr,
    spans: Receiver<Value>,
}

impl Collector {
    /// Starts it.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (sender, spans) = channel();
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                for span in take(stream) {
                    if sender.send(span).is_err() {
                        return;
                    }
                }
            }
        });
        Self { address, spans }
    }

    /// Where traces are to be sent.
    pub fn endpoint(&self) -> String {
        format!("http://{}/v1/traces", self.address)
    }

    /// The spans of a trace, once the one that comes last among them is there.
    pub fn trace(&self, id: &str, last: &str) -> BTreeMap<String, Value> {
        let (deadline, mut found) = (Instant::now() + PATIENCE, BTreeMap::new());
        while !found.contains_key(last) {
            let left = deadline.saturating_duration_since(Instant::now());
            let span = self.spans.recv_timeout(left).unwrap_or_else(|_| panic!("no span {last} among {found:?}"));
            if span["traceId"] == id {
                found.insert(span["name"].as_str().expect("a name").to_owned(), span);
            }
        }
        found
    }
}

/// Answers a POST, and returns its spans.
fn take(mut stream: TcpStream) -> Vec<Value> {
    let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
    let (mut line, mut head) = (String::new(), BTreeMap::new());
    reader.read_line(&mut line).expect("a request");
    assert_eq!(line.trim_end(), "POST /v1/traces HTTP/1.1");
    loop {
        line.clear();
        reader.read_line(&mut line).expect("a header");
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        head.insert(name.to_lowercase(), value.to_owned());
    }
    assert_eq!(head["content-type"], "application/json");
    let mut body = vec![0; head["content-length"].parse().expect("a length")];
    reader.read_exact(&mut body).expect("a body");
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").expect("answers");
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    let scopes = body["resourceSpans"][0]["scopeSpans"].as_array().expect("scopes");
    scopes.iter().flat_map(|scope| scope["spans"].as_array().expect("spans").clone()).collect()
}
