//! Requests to the service: queries in URL and body, paths, headers and refusals.

mod rules;

use serde_json::json;

use crate::common::collector::Collector;
use crate::common::{Running, config, event, folder};

#[test]
fn get_and_post_with_and_without_a_slash_answer_alike() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let body = json!({"user_id": "known", "k": 5, "item_id": "i01", "exclude": ["i02", "nowhere"]}).to_string();
    let expected = service.client.get("/recommendations?user_id=known&k=5&item_id=i01&exclude=i02,nowhere").items();
    assert_eq!(expected.len(), 5);
    assert!(!expected.contains(&"i02".to_owned()) && !expected.contains(&"i01".to_owned()));
    assert_eq!(service.client.post("/recommendations", &body).items(), expected);
    assert_eq!(service.client.post("/recommendations/", &body).items(), expected);
    let slash = "/recommendations/?user_id=known&k=5&item_id=i01&exclude=i02,nowhere";
    assert_eq!(service.client.get(slash).items(), expected);
    service.stop();
}

#[test]
fn a_post_with_an_empty_body_answers_as_its_get() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    let expected = client.get("/recommendations?user_id=known&k=5").items();
    assert_eq!(expected.len(), 5);
    let lengths = ["content-length: 0\r\n", "transfer-encoding: chunked\r\n", ""];
    let types = ["", "content-type: application/json\r\n", "content-type: application/x-www-form-urlencoded\r\n"];
    for path in ["/recommendations", "/recommendations/"] {
        for (length, kind) in lengths.iter().flat_map(|length| types.map(|kind| (length, kind))) {
            let body: &[u8] = if length.contains("chunked") { b"0\r\n\r\n" } else { b"" };
            let (target, headers) = (format!("{path}?user_id=known&k=5"), format!("{length}{kind}"));
            let answer = client.send_head("POST", &target, &headers, body).expect("an answer");
            assert_eq!(answer.status, 200, "{target} {headers:?}");
            assert_eq!(answer.items(), expected);
        }
    }
    service.stop();
}

#[test]
fn a_post_takes_each_field_from_the_url_or_the_body_but_not_two_values_of_it() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    let expected = client.get("/recommendations?user_id=known&k=3&exclude=i04").items();
    for (query, body) in [
        ("", json!({"user_id": "known", "k": 3, "exclude": ["i04"]})),
        ("?user_id=known&k=3", json!({"exclude": ["i04"]})),
        ("?user_id=known&k=3&exclude=i04", json!({"user_id": "known", "k": 3, "exclude": ["i04"]})),
        ("?user_id=known&k=3&exclude=i04", json!({})),
    ] {
        assert_eq!(client.post(&format!("/recommendations{query}"), &body.to_string()).items(), expected, "{query}");
    }
    let refused = |query: &str, body: &str, field: &str| {
        client.post(&format!("/recommendations{query}"), body).assert_problem(400, Some(field));
    };
    refused("?user_id=known&k=3", r#"{"k": 4}"#, "k");
    refused("?user_id=known", r#"{"user_id": "u"}"#, "user_id");
    refused("?k=3", "", "user_id");
    refused("", "{}", "user_id");
    refused("?user_id=known&colour=red", "{}", "colour");
    let answer = client.send("POST", "/recommendations?user_id=known", "", b"k=3").expect("an answer");
    answer.assert_problem(415, None);
    service.stop();
}

#[test]
fn a_category_that_nobody_knows_is_refused_with_the_nearest_ones() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    for wrong in ["Even", "evne", "nowhere", "%C3%84"] {
        for path in ["/popular?", "/recommendations?user_id=known&"] {
            let answer = service.client.get(&format!("{path}category={wrong}"));
            answer.assert_problem(404, Some("category"));
            let detail = answer.json()["detail"].as_str().expect("a detail").to_owned();
            assert!(detail.contains(r#""even""#) && detail.contains(r#""odd""#), "{detail}");
        }
    }
    let nearest = service.client.get("/popular?category=Even").json();
    let expected = r#"the served model has no category "Even"; the nearest are "even", "odd""#;
    assert_eq!(nearest["detail"], expected);
    assert!(service.client.metric("recommendation_requests_total{outcome=\"bad_request\"}") >= 4.0);
    service.stop();
}

#[test]
fn no_answer_may_be_stored_by_a_cache() {
    let folder = folder();
    let mut config = config(folder.path());
    config.server.request_timeout_ms = 200;
    let service = Running::start(&config);
    let client = service.client;
    let get = [
        "/",
        "/recommendations?user_id=u",
        "/popular",
        "/items/i01/similar",
        "/items/i01/together",
        "/users/u/history",
        "/health",
        "/ready",
    ];
    let more = [
        "/metrics",
        "/model/metadata",
        "/openapi.json",
        "/docs",
        "/docs/",
        "/docs/index.css",
        "/nowhere",
        "/popular?k=0",
    ];
    let mut answers: Vec<_> = get.iter().chain(&more).map(|target| client.get(target)).collect();
    answers.push(client.post("/recommendations", r#"{"user_id":"u"}"#));
    answers.push(client.post("/events", &event("u", "i01", "e")));
    answers.push(client.send("DELETE", "/popular", "", b"").expect("an answer"));
    answers.push(
        client.send("PUT", "/items/i01", "content-type: application/json\r\n", b"{\"price\":5}").expect("an answer"),
    );
    // A body that never comes: the answer of the deadline.
    answers.push(client.send_head("POST", "/events", "content-length: 9\r\n", b"").expect("an answer"));
    let statuses: std::collections::BTreeSet<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 303, 307, 400, 404, 405, 503].into());
    for answer in &answers {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
    }
    service.stop();
}

#[test]
fn the_root_leads_to_the_documentation() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let answer = service.client.get("/");
    assert_eq!((answer.status, answer.header("location")), (307, Some("/docs")));
    service.stop();
}

#[test]
fn every_path_answers_with_a_slash_at_its_end() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    assert_eq!(client.post("/events/", &event("u", "i01", "e")).status, 200);
    let description = client.get("/openapi.json/").json();
    for (path, calls) in description["paths"].as_object().expect("paths") {
        let path = path.replace("{item_id}", "i01").replace("{id}", "u");
        let query = match path.as_str() {
            "/recommendations" | "/recommendations/why" => "?user_id=u",
            "/segments" => "?user_id=u&of=category",
            _ => "",
        };
        if calls.get("get").is_some() && path != "/" {
            // Of models of rows the shop has none.
            let expected = if path.contains("{name}") { 404 } else { 200 };
            assert_eq!(client.get(&format!("{path}/{query}")).status, expected, "{path}/");
        }
    }
    service.stop();
}

#[test]
fn bad_input_gets_a_problem_document_that_names_the_field() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    for k in ["0", "501", "abc", "", "-3"] {
        client.get(&format!("/recommendations?user_id=u&k={k}")).assert_problem(400, Some("k"));
        client.get(&format!("/popular?k={k}")).assert_problem(400, Some("k"));
        client.get(&format!("/items/i01/similar?k={k}")).assert_problem(400, Some("k"));
    }
    client.get("/recommendations").assert_problem(400, Some("user_id"));
    client.get("/recommendations?user_id=").assert_problem(400, Some("user_id"));
    client.get("/recommendations?user_id=%ff").assert_problem(400, Some("user_id"));
    client.get("/recommendations?user_id=u&user_id=u").assert_problem(400, Some("user_id"));
    client.get("/recommendations?user_id=u&color=red").assert_problem(400, Some("color"));
    client.get("/recommendations?user_id=u&now=5").assert_problem(400, Some("now"));
    client.get("/users/%0a/history").assert_problem(400, Some("id"));
    client.get("/nowhere").assert_problem(404, None);
    client.get("/events").assert_problem(405, None);
    client.send("DELETE", "/popular", "", b"").expect("an answer").assert_problem(405, None);
    client.post("/recommendations", r#"{"user_id":"u","k":501}"#).assert_problem(400, Some("k"));
    client.post("/recommendations", r#"{"user_id":true}"#).assert_problem(400, Some("user_id"));
    client.post("/rank", r#"{"items":["i01"]}"#).assert_problem(400, Some("user_id"));
    client.post("/rank", r#"{"user_id":"u"}"#).assert_problem(400, Some("items"));
    client.post("/rank", r#"{"user_id":"u","items":["i01",{}]}"#).assert_problem(400, Some("items[1]"));
    client.post("/rank", r#"{"user_id":"u","items":["i01"],"category":"odd"}"#).assert_problem(400, Some("category"));
    client.post("/rank?k=3", r#"{"user_id":"u","items":["i01"]}"#).assert_problem(400, Some("k"));
    client.get("/rank").assert_problem(405, None);
    client.post("/events", "[]").assert_problem(400, None);
    client.post("/events", "{").assert_problem(400, None);
    client.post("/events", r#"{"visitorid":"u","event":"view"}"#).assert_problem(400, Some("itemid"));
    client.post("/events", r#"{"visitorid":"","itemid":"i","event":"view"}"#).assert_problem(400, Some("visitorid"));
    client.post("/events", r#"{"visitorid":"u","itemid":"i","event":"look"}"#).assert_problem(400, Some("event"));
    let json = "content-type: application/json\r\n";
    client.send("POST", "/events", json, b"\"\xff\"").expect("an answer").assert_problem(400, None);
    let event = event("u", "i01", "e");
    client.send("POST", "/events", "", event.as_bytes()).expect("an answer").assert_problem(415, None);
    client.send("POST", "/events", "", b"").expect("an answer").assert_problem(400, None);
    let large = vec![b' '; 10 << 20];
    client.send("POST", "/events", json, &large).expect("an answer").assert_problem(413, None);
    assert!(client.metric("recommendation_requests_total{outcome=\"bad_request\"}") >= 12.0);
    assert!(client.get("/users/u/history").json()["events"].as_array().is_some_and(Vec::is_empty));
    service.stop();
}

#[test]
fn replay_mode_takes_the_time_from_the_query() {
    let folder = folder();
    let mut config = config(folder.path());
    config.server.replay = true;
    let service = Running::start(&config);
    let slate = service.client.get("/recommendations?user_id=u&item_id=i01&explain=true&now=77").json();
    assert_eq!(slate["history"][0]["timestamp"], 77);
    service.client.get("/recommendations?user_id=u&now=x").assert_problem(400, Some("now"));
    service.stop();
}

#[test]
fn request_ids_are_kept_or_made() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let answer = service.client.send("GET", "/health", "x-request-id: abc\r\n", b"").expect("an answer");
    assert_eq!(answer.header("x-request-id"), Some("abc"));
    let ids = [0, 1].map(|_| service.client.get("/health").header("x-request-id").expect("an id").to_owned());
    assert_ne!(ids[0], ids[1]);
    service.stop();
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[test]
fn a_request_whose_caller_is_traced_becomes_spans_of_the_same_trace() {
    let (folder, collector) = (folder(), Collector::start());
    let mut config = config(folder.path());
    config.traces.endpoint = collector.endpoint();
    // Nobody is traced who does not ask for it.
    config.traces.every = 1_000_000_000;
    let service = Running::start(&config);
    let client = service.client;
    let _first_is_drawn = client.get("/health");
    let traced = |target: &str, flags: &str| {
        let header = format!("traceparent: 00-{TRACE}-b7ad6b7169203331-{flags}\r\n");
        client.send("GET", target, &header, b"").expect("an answer").status
    };
    assert_eq!(traced("/recommendations?user_id=secretive&k=3", "00"), 200);
    assert_eq!(traced("/recommendations?user_id=secretive&k=0", "01"), 400);
    assert_eq!(traced("/recommendations?user_id=secretive&item_id=i01&k=3", "01"), 200);
    let spans = collector.trace(TRACE, "write");
    let text = |name: &str, field: &str| spans[name][field].as_str().expect(field).to_owned();
    let root = "GET /recommendations";
    assert_eq!((text(root, "parentSpanId"), spans[root]["kind"].as_u64()), ("b7ad6b7169203331".to_owned(), Some(2)));
    assert_eq!(spans[root]["attributes"][1]["value"]["stringValue"], "/recommendations");
    assert_eq!(spans[root]["attributes"][2]["value"]["intValue"], "200");
    for part in ["read", "join", "engine", "write"] {
        assert_eq!(text(part, "parentSpanId"), text(root, "spanId"), "{part}");
    }
    for stage in ["question", "retrieve", "slate"] {
        assert_eq!(text(stage, "parentSpanId"), text("engine", "spanId"), "{stage}");
    }
    let ns = |name: &str, field: &str| -> u128 { text(name, field).parse().expect("nanoseconds") };
    for name in spans.keys() {
        let (from, until) = (ns(name, "startTimeUnixNano"), ns(name, "endTimeUnixNano"));
        assert!(from <= until && ns(root, "startTimeUnixNano") <= from, "{name}");
        assert!(until <= ns(root, "endTimeUnixNano"), "{name}");
    }
    assert!(!format!("{spans:?}").contains("secretive"), "no trace names a user");
    assert_eq!(client.metric("tandem_traces_dropped_total"), 0.0);
    service.stop();
}

#[test]
fn the_last_traces_are_sent_before_the_service_stops() {
    let (folder, collector) = (folder(), Collector::start());
    let mut config = config(folder.path());
    config.traces.endpoint = collector.endpoint();
    let service = Running::start(&config);
    let header = format!("traceparent: 00-{TRACE}-b7ad6b7169203331-01\r\n");
    service.client.send("GET", "/popular?k=2", &header, b"").expect("an answer");
    service.stop();
    assert_eq!(collector.trace(TRACE, "GET /popular").len(), 1);
}
