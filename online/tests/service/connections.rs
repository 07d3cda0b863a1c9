//! How long connections are kept, and how many.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::common::{PATIENCE, Running, config, event, eventually, folder};

/// Writes the texts one after the other, and reads until an answer ends so.
fn talk(stream: &mut TcpStream, parts: &[&str], ends: &str) -> String {
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_nodelay(true).expect("an option");
    parts.iter().for_each(|part| stream.write_all(part.as_bytes()).expect("writes"));
    let (mut answer, mut byte) = (String::new(), [0]);
    while !answer.ends_with(ends) && stream.read(&mut byte).expect("an answer") > 0 {
        answer.push(char::from(byte[0]));
    }
    answer.to_lowercase()
}

#[test]
fn what_is_refused_before_its_body_came_leaves_the_connection_to_the_next_request() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let head = "POST /nowhere HTTP/1.1\r\nhost: localhost\r\n";
    let health = "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let connect = || TcpStream::connect(service.client.address()).expect("connects");
    let mut stream = connect();
    for (length, body) in [("content-length: 5", "12345"), ("transfer-encoding: chunked", "5\r\n12345\r\n0\r\n\r\n")] {
        let refused = talk(&mut stream, &[head, length, "\r\n\r\n", body], "}");
        assert!(refused.starts_with("http/1.1 404") && !refused.contains("connection: close"), "{refused}");
        assert!(talk(&mut stream, &[health], "}").starts_with("http/1.1 200"));
    }
    // What does not come, or waits to be asked for: the answer says that the connection ends.
    for length in ["content-length: 5", "expect: 100-continue\r\ncontent-length: 5"] {
        let refused = talk(&mut connect(), &[head, length, "\r\n\r\n"], "}");
        assert!(refused.starts_with("http/1.1 404") && refused.contains("connection: close"), "{length}: {refused}");
    }
    service.stop();
}

#[test]
fn a_connection_without_a_whole_request_head_is_closed() {
    let folder = folder();
    let mut config = config(folder.path());
    config.server.idle_timeout_ms = 200;
    let service = Running::start(&config);
    let whole = "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
    // One that sends nothing, one that stops half way, one that stays after its answer.
    for (sent, answers) in [("", 0), (&whole[..30], 0), (whole, 1)] {
        let mut stream = TcpStream::connect(service.client.address()).expect("connects");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.write_all(sent.as_bytes()).expect("writes");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("closed by the service");
        assert_eq!(answer.matches("HTTP/1.1 200").count(), answers, "{answer}");
    }
    assert_eq!(service.client.get("/health").status, 200);
    service.stop();
}

#[test]
fn a_client_that_reads_no_answer_is_given_up() {
    let folder = folder();
    let mut config = config(folder.path());
    config.server.idle_timeout_ms = 300;
    let service = Running::start(&config);
    let mut stream = TcpStream::connect(service.client.address()).expect("connects");
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    let many = "GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(100);
    // It fills what the system keeps for both, and is broken off then.
    let error = (0..10_000).find_map(|_| stream.write_all(many.as_bytes()).err()).expect("broken off");
    assert!(!matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    eventually("gone", || (service.client.metric("tandem_http_connections") == 1.0).then_some(()));
    service.stop();
}

#[test]
fn more_connections_than_there_may_be_wait_until_one_ends() {
    let folder = folder();
    let mut config = config(folder.path());
    config.server.max_connections = 2;
    let service = Running::start(&config);
    let client = service.client;
    let hold = || {
        let mut stream = client.connect().expect("connects");
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("writes");
        stream
    };
    let answered = |mut stream: &std::net::TcpStream| {
        stream.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
        stream.read(&mut [0; 16]).is_ok()
    };
    let (first, second) = (hold(), hold());
    assert!(answered(&first) && answered(&second));
    let third = hold();
    assert!(!answered(&third));
    drop(first);
    eventually("its turn", || answered(&third).then_some(()));
    drop((second, third));
    eventually("room", || client.try_post("/events", &event("u", "i01", "e")).ok());
    service.stop();
}
