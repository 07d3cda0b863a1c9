//! Which pages may call from a browser.

use std::io::{Read, Write};

use online::auth::scopes::Scope;

use super::{new_key, with_keys};
use crate::common::http::Client;
use crate::common::{Running, config, folder};

#[test]
fn without_keys_no_page_of_somebody_else_s_calls_through_a_browser_of_this_machine() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let status = |method: &str, target: &str, headers: &str| {
        let mut stream = service.client.connect().expect("connects");
        let head = format!("{method} {target} HTTP/1.1\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("writes");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok()).unwrap_or_else(|| panic!("{answer}"))
    };
    for (target, ours) in [("/users/u/history", 200), ("/", 200), ("/popular", 200), ("/health", 200)] {
        assert_eq!(status("GET", target, "host: localhost:1\r\naccept: text/html\r\n"), ours, "{target}");
        // DNS rebinding: a name of theirs leads here.
        let foreign = if target == "/health" { 200 } else { 403 };
        assert_eq!(status("GET", target, "host: evil.example\r\naccept: text/html\r\n"), foreign, "{target}");
    }
    // A form of theirs needs no preflight.
    for target in ["/v1/track", "/events", "/users/u/merge"] {
        assert_eq!(status("POST", target, "host: 127.0.0.1:1\r\norigin: https://evil.example\r\n"), 403, "{target}");
        assert_eq!(status("POST", target, "host: 127.0.0.1:1\r\norigin: http://127.0.0.1:1\r\n"), 400, "{target}");
    }
    assert_eq!(status("DELETE", "/users/u", "host: evil.example\r\n"), 403);
    service.stop();
}

#[test]
fn pages_of_listed_origins_may_call_and_no_others() {
    let folder = folder();
    let (key, entry) = new_key("shop", &[Scope::Read], None);
    let mut config = with_keys(folder.path(), &entry);
    let preflight = |client: &Client, origin: &str| {
        let asked = "access-control-request-method: POST\r\naccess-control-request-headers: authorization\r\n";
        client.send("OPTIONS", "/events", &format!("origin: {origin}\r\n{asked}"), b"").expect("an answer")
    };
    let closed = Running::start(&config);
    assert_eq!(preflight(&closed.client, "https://shop.example").header("access-control-allow-origin"), None);
    closed.stop();
    config.server.cors_origins = vec!["https://shop.example".to_owned()];
    let service = Running::start(&config);
    let client = service.client;
    let answer = preflight(&client, "https://shop.example");
    assert_eq!(answer.status, 200, "without a key");
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://shop.example"));
    let headers = answer.header("access-control-allow-headers").expect("headers");
    assert!(headers.contains("authorization") && headers.contains("x-api-key"), "{headers}");
    assert_eq!(preflight(&client, "https://other.example").header("access-control-allow-origin"), None);
    let asked = |key: &str| {
        let headers = format!("origin: https://shop.example\r\nx-api-key: {key}\r\n");
        client.send("GET", "/popular", &headers, b"").expect("an answer")
    };
    for (key, status) in [(key.as_str(), 200), ("tandem_00", 401)] {
        let answer = asked(key);
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://shop.example"), "the page is told");
    }
    service.stop();
}
