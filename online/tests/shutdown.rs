//! The end of the service: drain, requests in flight, signals, a listener that breaks.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use online::events::reader;
use online::service::{self, Failure};
use online::store::Position;
use serde_json::json;
use shared::contract::event::Event;
use socket2::Socket;

use crate::common::http::{self, Client};
use crate::common::process::{await_end, await_health, folder, free_address, online, signal, start, with_settings};
use crate::common::{config, eventually};

const EVENT: &str = r#"{"visitorid":"u","itemid":"i01","event":"view"}"#;

fn start_with_drain(folder: &std::path::Path, address: std::net::SocketAddr, drain_ms: u64) -> Child {
    let mut command = online();
    let command = with_settings(&mut command, folder, address, "").env("TANDEM_SERVER__DRAIN_MS", drain_ms.to_string());
    let child = command.spawn().expect("starts");
    await_health(address);
    child
}

fn logged(folder: &std::path::Path) -> usize {
    reader::read::<Event>(&folder.join("log"), "7", Position::START, None, 0, u64::MAX).expect("reads").events.len()
}

#[test]
fn while_it_drains_the_service_is_not_ready_but_answers_until_a_second_signal() {
    for second in ["TERM", "INT"] {
        let (folder, address) = (folder(), free_address());
        let client = Client::new(address);
        let child = start_with_drain(folder.path(), address, 3_600_000);
        assert_eq!(client.get("/ready").status, 200);
        signal(&child, "TERM");
        let answer = eventually("not ready", || Some(client.get("/ready")).filter(|answer| answer.status == 503));
        assert_eq!(answer.json()["ready"], json!(false));
        assert_eq!(client.get("/health").status, 200);
        assert_eq!(client.get("/recommendations?user_id=known").status, 200);
        assert_eq!(client.post("/events", EVENT).status, 200);
        signal(&child, second);
        assert!(await_end(child).success());
        assert_eq!(logged(folder.path()), 1);
    }
}

#[test]
fn a_drain_lasts_as_long_as_the_setting_says() {
    let (folder, address) = (folder(), free_address());
    let child = start_with_drain(folder.path(), address, 300);
    let told = Instant::now();
    signal(&child, "TERM");
    assert!(await_end(child).success());
    assert!(told.elapsed() >= Duration::from_millis(300), "ended after {:?}", told.elapsed());
}

#[test]
fn a_request_in_flight_is_answered_though_nobody_can_connect_any_more() {
    let (folder, address) = (folder(), free_address());
    let client = Client::new(address);
    let child = start(folder.path(), address, "");
    let mut stream = client.connect().expect("connects");
    let length = EVENT.len();
    let head = format!(
        "POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("writes");
    eventually("in flight beside the question", || (client.metric("http_requests_in_flight") >= 2.0).then_some(()));
    signal(&child, "INT");
    eventually("nobody can connect", || TcpStream::connect(address).err());
    stream.write_all(EVENT.as_bytes()).expect("writes");
    assert_eq!(http::read(&mut BufReader::new(stream)).expect("an answer").status, 200);
    assert!(await_end(child).success());
    assert_eq!(logged(folder.path()), 1);
}

#[test]
fn a_lack_of_file_descriptors_is_waited_out() {
    let (folder, address) = (folder(), free_address());
    let script = format!("ulimit -n 64; exec {}", env!("CARGO_BIN_EXE_online"));
    let mut shell = Command::new("sh");
    let command = with_settings(shell.args(["-c", &script]), folder.path(), address, "").stderr(Stdio::piped());
    let mut child = command.spawn().expect("starts");
    await_health(address);
    let client = Client::new(address);
    let streams: Vec<TcpStream> = (0..80).map(|_| client.connect().expect("the system queues it")).collect();
    let mut said = BufReader::new(child.stderr.take().expect("piped")).lines();
    assert!(said.any(|line| line.expect("text").contains("can't be accepted for the moment")), "it ended");
    drop(streams);
    assert_eq!(client.get("/health").status, 200);
    signal(&child, "TERM");
    assert!(await_end(child).success());
}

#[test]
fn a_service_whose_listener_breaks_is_not_ready_and_says_why_it_fails() {
    let folder = folder();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let other_end = Socket::from(listener.try_clone().expect("a socket"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let config = config(folder.path());
    let bound = async { tokio::net::TcpListener::from_std(listener) };
    let mut service = runtime.block_on(service::start_on(&config, bound)).expect("starts");
    let stream = Client::new(service.address()).connect().expect("connects");
    let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
    let mut ready = || {
        (&stream).write_all(b"GET /ready HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("writes");
        http::read(&mut reader).expect("an answer").status
    };
    assert_eq!(ready(), 200);
    other_end.shutdown(std::net::Shutdown::Both).expect("a listener");
    let failure = runtime.block_on(service.failed());
    assert!(matches!(failure, Failure::Accept(_)), "{failure}");
    assert_eq!(ready(), 503);
    runtime.block_on(service.stop(std::future::ready(())));
}
