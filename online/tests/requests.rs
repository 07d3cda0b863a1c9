//! Requests to the service: queries in URL and body, paths, headers and refusals.

use std::path::Path;

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

/// A service with scenarios, in replay mode.
fn with_scenarios(folder: &Path, scenarios: &str) -> Running {
    let mut config = config(folder);
    config.server.replay = true;
    config.scenarios = toml::from_str(scenarios).expect("scenarios");
    Running::start(&config)
}

#[test]
fn the_rules_of_a_scenario_hold_beside_what_the_query_says() {
    let folder = folder();
    let service = with_scenarios(
        folder.path(),
        r#"
        [home]
        filter = "price >= 2"
        exclude = ["i04"]
        boost = [{ filter = "category = 'odd'", factor = 100, until = "2030-01-01T00:00:00Z" }]
        bury = [{ filter = "id = 'i02'" }]
        pin = [{ item = "i11", position = 1 }]
        [basket]
        max_per = { category = 1, brand = 1 }
        "#,
    );
    let slate = |query: &str| {
        let answer = service.client.get(&format!("/recommendations?user_id=u&k=5&{query}"));
        (answer.items().join(" "), answer.json())
    };
    let (plain, _) = slate("");
    assert_eq!(plain, "i00 i01 i02 i03 i04");
    let (ruled, answer) = slate("scenario=home");
    assert_eq!(ruled, "i11 i03 i05 i07 i09");
    assert_eq!(answer["items"][0]["sources"], json!(["pin"]));
    assert!(answer["items"][1].get("propensity").is_none(), "nothing is explored");
    assert_eq!(slate("scenario=home&filter=price%3C8").0, "i03 i05 i07 i06 i02");
    assert_eq!(slate("scenario=home&exclude=i03,i11").0, "i05 i07 i09 i06 i08");
    assert_eq!(slate("scenario=home&now=1893456000000").0, "i11 i03 i05 i06 i07", "the boost is over");
    assert_eq!(slate("scenario=basket").0, "i00 i01 i02 i03 i04", "nothing else is left for the third place");
    let wrong = service.client.get("/recommendations?user_id=u&scenario=Baskets");
    wrong.assert_problem(400, Some("scenario"));
    let said = r#"the service has no scenario "Baskets"; the nearest are "basket", "home""#;
    assert_eq!(wrong.json()["detail"], said);
    // The shop has no brands.
    assert_eq!(service.client.metric("tandem_scenario_lacks{scenario=\"basket\"}"), 1.0);
    assert_eq!(service.client.metric("tandem_scenario_lacks{scenario=\"home\"}"), 0.0);
    service.stop();
}

#[test]
fn a_query_bounds_how_many_items_are_alike_beside_its_scenario() {
    let folder = folder();
    // Items with even numbers are of one category, those with odd ones of another.
    let service = with_scenarios(folder.path(), "[one]\nmax_per = { category = 1 }");
    let slate = |query: &str| {
        service.client.get(&format!("/recommendations?user_id=u&k=4&exclude=i01&{query}")).items().join(" ")
    };
    assert_eq!(slate(""), "i00 i02 i03 i04");
    assert_eq!(slate("max_per=category:1"), "i00 i03 i02 i04", "the slate is full all the same");
    assert_eq!(slate("max_per=category:3"), "i00 i02 i03 i04");
    assert_eq!(slate("scenario=one&max_per=category:3"), "i00 i03 i02 i04", "the smaller holds");
    let why = "/recommendations/why?user_id=u&k=2&exclude=i01&max_per=category:1&of_items=i02,i04";
    let told = service.client.get(why).json();
    let reasons = [0, 1].map(|at| told["items"][at]["absent"]["reason"].clone());
    assert_eq!(reasons, ["held_back", "below"]);
    assert_eq!(told["trail"]["held_back"], 1);
    let body = json!({"user_id": "u", "k": 4, "exclude": ["i01"], "max_per": ["category:1"]}).to_string();
    assert_eq!(service.client.post("/recommendations", &body).items().join(" "), "i00 i03 i02 i04");
    for (wrong, said) in [("brand:1", "no property"), ("category:0", "1 to 500"), ("category", "1 to 500")] {
        let answer = service.client.get(&format!("/recommendations?user_id=u&max_per={wrong}"));
        answer.assert_problem(400, Some("max_per"));
        assert!(answer.json()["detail"].as_str().is_some_and(|detail| detail.contains(said)), "{wrong}");
    }
    service.stop();
}

#[test]
fn every_place_of_a_slate_and_every_absence_is_explained() {
    let folder = folder();
    let service = with_scenarios(folder.path(), "[home]\nexclude = ['i04']\npin = [{ item = 'i11', position = 1 }]");
    let client = &service.client;
    for (item, kind) in [("i01", "transaction"), ("i06", "view")] {
        let event = json!({"visitorid": "u", "itemid": item, "event": kind, "timestamp": 1_700_000_000_000_i64});
        assert_eq!(client.post("/events", &event.to_string()).status, 200);
    }
    let asked = "user_id=u&k=4&scenario=home&exclude=i02";
    let slate = client.get(&format!("/recommendations?{asked}")).items();
    let told = client.get(&format!("/recommendations/why?{asked}")).json();
    let places: Vec<(&str, u64)> = told["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| (item["item_id"].as_str().expect("an id"), item["place"].as_u64().expect("a place")))
        .collect();
    let expected: Vec<(&str, u64)> = slate.iter().map(String::as_str).zip(1..).collect();
    assert_eq!(places, expected);
    assert_eq!(told["items"][0]["rules"][0]["rule"], "pin");
    let reason = |item: &str| {
        let answer = client.get(&format!("/recommendations/why?{asked}&of_items={item}")).json();
        let absent = &answer["items"][0]["absent"];
        (absent["reason"].as_str().map(str::to_owned), absent["sentence"].as_str().unwrap_or_default().to_owned())
    };
    let expected = [
        ("i01", "seen", "on 2023-11-14"),
        ("i02", "excluded", "the query"),
        ("i04", "excluded", "the scenario"),
        ("nothing", "unknown", "does not know"),
    ];
    for (item, why, said) in expected {
        let (reason, sentence) = reason(item);
        assert_eq!(reason.as_deref(), Some(why), "{item}");
        assert!(sentence.contains(said), "{item}: {sentence}");
    }
    let known: Vec<String> = (0..12).map(|item| format!("i{item:02}")).collect();
    let rest = known.iter().filter(|item| !slate.contains(item));
    assert!(rest.clone().all(|item| reason(item).0.is_some()), "none is left unexplained");
    let steps = told["trail"]["steps"].as_array().expect("steps");
    assert_eq!(steps[0]["items_in"], 12);
    assert_eq!(steps.last().expect("a step")["items_out"], 4);
    client.get("/recommendations/why?user_id=u&k=101").assert_problem(400, Some("of_items"));
    client.get("/recommendations/why?user_id=u&off=i01").assert_problem(400, Some("off"));
    service.stop();
}

#[test]
fn what_was_bought_comes_back_after_the_days_of_the_scenario_or_of_the_query() {
    const DAY: i64 = 24 * 3600 * 1000;
    let folder = folder();
    let service =
        with_scenarios(folder.path(), "[home]\nseen = { transaction = 30 }\n[basket]\nseen = \"exclude_all\"");
    let client = &service.client;
    let now = 1_700_000_000_000;
    for (item, kind, at) in
        [("i00", "transaction", now - 40 * DAY), ("i01", "transaction", now - DAY), ("i02", "view", now)]
    {
        let event = json!({"visitorid": "u", "itemid": item, "event": kind, "timestamp": at});
        assert_eq!(client.post("/events", &event.to_string()).status, 200);
    }
    let left_out = |query: &str| {
        let items = client.get(&format!("/recommendations?user_id=u&k=12&now={now}&{query}")).items();
        (0..12).map(|item| format!("i{item:02}")).filter(|item| !items.contains(item)).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(left_out(""), "i00 i01");
    assert_eq!(left_out("scenario=home"), "i01");
    assert_eq!(left_out("scenario=basket"), "i00 i01 i02");
    assert_eq!(left_out("scenario=home&seen=exclude_purchased"), "i00 i01", "the query wins");
    assert_eq!(left_out("scenario=basket&seen=transaction:41"), "i00 i01");
    assert_eq!(left_out("seen=view:1,transaction:2"), "i01 i02");
    let body = json!({"user_id": "u", "k": 12, "now": now, "seen": {"view": 1}}).to_string();
    assert!(!client.post("/recommendations", &body).items().contains(&"i02".to_owned()));
    service.stop();
}

#[test]
fn explored_items_are_marked_with_their_propensity_and_a_replay_repeats_them() {
    let folder = folder();
    let service = with_scenarios(folder.path(), "[home]\nexplore = 0.5\nexplore_below_events = 1");
    let slate = |query: &str| {
        service.client.get(&format!("/recommendations?scenario=home&k=3&{query}")).json()["items"].clone()
    };
    let mut explored = 0;
    for user in 0..60 {
        for (place, item) in slate(&format!("user_id=u{user}")).as_array().expect("items").iter().enumerate() {
            let id = item["item_id"].as_str().expect("an id");
            // Of the twelve new items three are in the slate anyway.
            let expected = if item["sources"] == json!(["explore"]) {
                explored += 1;
                assert!(id > "i02", "{id}");
                0.5 / 9.0
            } else {
                assert_eq!(id, format!("i{place:02}"));
                0.5
            };
            assert!((item["propensity"].as_f64().expect("a propensity") - expected).abs() < 1e-6, "{item}");
        }
    }
    // Of 180 places half, with a standard deviation of 7.
    assert!((50..130).contains(&explored), "{explored}");
    let replayed: Vec<_> = (0..20).map(|now| slate(&format!("user_id=u&now={now}"))).collect();
    assert_eq!(replayed, (0..20).map(|now| slate(&format!("user_id=u&now={now}"))).collect::<Vec<_>>());
    assert!(replayed.iter().any(|slate| slate != &replayed[0]));
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
