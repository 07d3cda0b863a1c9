//! The service on its embedded store, over HTTP: answers, refusals, read-your-writes, swaps, restarts.

mod common;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use online::events::{Ended, reader};
use online::service::Failure;
use online::store::{Added, Answer, Arrival, Bounds, Embedded, Mark, Position, Retention, Stored, UserStore};
use serde_json::json;
use shared::contract::artifact::manifest::write_champion;
use shared::contract::event_log::{CoveredFile, FileId};
use shared::contract::id::UserId;
use shared::engine::state::LiveHistory;

use common::http::Client;
use common::{Running, config, eventually, shop};

/// A folder with the published shop.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    shop::publish(&folder.path().join("artifacts"), "v1");
    folder
}

fn event(user: &str, item: &str, id: &str) -> String {
    json!({"visitorid": user, "itemid": item, "event": "view", "event_id": id}).to_string()
}

#[test]
fn a_slate_has_the_contract_s_shape() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let answer = service.client.get("/recommendations?user_id=known&k=3&explain=true");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let slate: shared::contract::api::Recommendations =
        serde_json::from_slice(&answer.body).expect("the contract's type");
    assert_eq!((slate.user_id.as_str(), slate.model_version.as_str()), ("known", "v1"));
    assert_eq!(slate.items.len(), 3);
    assert_eq!(slate.recommendation_id.len(), 36);
    let history = slate.history.expect("explained");
    assert_eq!(history.iter().map(|event| event.item_id.as_str()).collect::<Vec<_>>(), ["i03"]);
    for item in &slate.items {
        assert!(item.name.as_deref().is_some_and(|name| name.starts_with("Item ")));
        assert!(!item.sources.is_empty());
        assert_ne!(item.item_id.as_str(), "i03", "bought already");
    }
    let next = slate.items.iter().find(|item| item.item_id.as_str() == "i04").expect("what follows i03");
    assert_eq!(next.because.as_ref().map(shared::contract::id::ItemId::as_str), Some("i03"));
    assert!(service.client.get("/recommendations?user_id=known").json().get("history").is_none());
    service.stop();
}

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
    refused("?user_id=known", r#"{"campaignArn": "arn:x", "userId": "u"}"#, "campaignArn");
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
    let get =
        ["/", "/recommendations?user_id=u", "/popular", "/items/i01/similar", "/users/u/history", "/health", "/ready"];
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
    let description = client.get("/openapi.json/").json();
    for (path, calls) in description["paths"].as_object().expect("paths") {
        let path = path.replace("{item_id}", "i01").replace("{id}", "u");
        let query = if path == "/recommendations" { "?user_id=u" } else { "" };
        if calls.get("get").is_some() && path != "/" {
            assert_eq!(client.get(&format!("{path}/{query}")).status, 200, "{path}/");
        }
    }
    assert_eq!(client.post("/events/", &event("u", "i01", "e")).status, 200);
    service.stop();
}

#[test]
fn every_admissible_item_is_there_when_k_asks_for_it() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let count = |query: &str| service.client.get(&format!("/recommendations?user_id=known&k=500{query}")).items().len();
    assert_eq!(count(""), 11);
    assert_eq!(count("&seen=allow"), 12);
    assert_eq!(count("&category=even"), 6);
    assert_eq!(count("&category=odd"), 5);
    service.stop();
}

#[test]
fn lists_without_a_user_answer() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    assert_eq!(service.client.get("/popular?k=2").items(), ["i00", "i01"]);
    assert_eq!(service.client.get("/popular?k=2&category=odd").items(), ["i01", "i03"]);
    assert_eq!(service.client.get("/items/i05/similar?k=1").items(), ["i06"]);
    service.client.get("/items/nowhere/similar").assert_problem(404, None);
    service.client.get("/items/%ff/similar").assert_problem(400, Some("item_id"));
    service.stop();
}

#[test]
fn an_acknowledged_event_is_in_the_very_next_answer() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let cold = service.client.get("/recommendations?user_id=new").items();
    assert_eq!(cold, service.client.get("/popular").items());
    for at in 0..200 {
        let (user, item) = (format!("user{}", at % 7), format!("i{:02}", at % 12));
        let answer = service.client.post("/events", &event(&user, &item, &format!("e{at}")));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json(), json!({"accepted": 1, "applied": true, "new": 1, "event_ids": [format!("e{at}")]}));
        let target = format!("/recommendations?user_id={user}&k=500&seen=allow&explain=true");
        let slate = service.client.get(&target).json();
        let last = slate["history"].as_array().and_then(|history| history.last()).expect("a history");
        assert_eq!(last["item_id"], item.as_str());
        let items = slate["items"].as_array().expect("items");
        assert!(items.iter().any(|other| other["because"] == item.as_str()), "nothing because of {item}");
    }
    service.stop();
}

#[test]
fn the_same_event_id_twice_is_one_event() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let post = |events: &str| {
        let answer = service.client.post("/events", events);
        assert_eq!(answer.status, 200);
        let answer = answer.json();
        (answer["accepted"].as_u64(), answer["new"].as_u64())
    };
    let same = event("u", "i01", "same");
    assert_eq!(post(&format!("[{same},{same}]")), (Some(2), Some(1)));
    assert_eq!(post(&same), (Some(1), Some(0)));
    let events = service.client.get("/users/u/history").json();
    assert_eq!(events["events"].as_array().map(Vec::len), Some(1), "{events}");
    // An id identifies within one user, whatever else the event says.
    let (of_another, of_another_item) = (event("v", "i01", "same"), event("v", "i02", "same"));
    assert_eq!(post(&format!("[{of_another},{same},{of_another_item}]")), (Some(3), Some(1)));
    service.stop();
}

#[test]
fn a_history_is_shown_by_the_time_of_its_events_and_equal_times_as_they_came() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    for (item, timestamp) in [("i01", 30), ("i02", 10), ("i03", 30), ("i04", 20), ("i05", 10)] {
        let event = json!({"visitorid": "u", "itemid": item, "event": "view", "timestamp": timestamp}).to_string();
        assert_eq!(service.client.post("/events", &event).status, 200);
    }
    let history = service.client.get("/users/u/history").json();
    let events: Vec<(&str, i64)> = history["events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|event| (event["item_id"].as_str().expect("an id"), event["timestamp"].as_i64().expect("a time")))
        .collect();
    assert_eq!(events, [("i02", 10), ("i05", 10), ("i04", 20), ("i01", 30), ("i03", 30)]);
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
    client.post("/recommendations", r#"{"user_id":7.5}"#).assert_problem(400, Some("user_id"));
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
fn a_restart_finds_the_history_in_the_log() {
    let folder = folder();
    let config = config(folder.path());
    let service = Running::start(&config);
    for at in 0..5 {
        assert_eq!(service.client.post("/events", &event("u", &format!("i{at:02}"), &format!("e{at}"))).status, 200);
    }
    let before = service.client.get("/users/u/history").json();
    assert_eq!(before["events"].as_array().map(Vec::len), Some(5));
    service.stop();
    let service = Running::start(&config);
    assert_eq!(service.client.get("/users/u/history").json(), before);
    service.stop();
}

#[test]
fn swaps_and_rollbacks_under_load_fail_no_request() {
    let folder = folder();
    let artifacts = folder.path().join("artifacts");
    shop::write(&artifacts, "v2");
    let service = Running::start(&config(folder.path()));
    let (done, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let answer = service.client.get("/recommendations?user_id=known&k=5");
                    assert_eq!((answer.status, answer.items().len()), (200, 5));
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for swap in 1..=20 {
            write_champion(&artifacts, if swap % 2 == 1 { "v2" } else { "v1" }).expect("pointer");
            eventually("swapped", || {
                (service.client.metric("tandem_snapshot_swaps_total") >= f64::from(swap)).then_some(())
            });
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(answered.load(Ordering::Relaxed) > 20);
    assert!(service.client.metric("tandem_snapshot_info{version=\"v1\"}") > 0.0);
    service.stop();
}

#[test]
fn a_torn_version_leaves_the_old_one_serving() {
    let folder = folder();
    let artifacts = folder.path().join("artifacts");
    shop::write(&artifacts, "v2");
    let users = artifacts.join("v2/users.safetensors");
    let bytes = std::fs::read(&users).expect("users");
    std::fs::write(&users, &bytes[..bytes.len() - 1]).expect("torn");
    let service = Running::start(&config(folder.path()));
    write_champion(&artifacts, "v2").expect("pointer");
    eventually("refused", || (service.client.metric("tandem_snapshot_swap_failures_total") > 0.0).then_some(()));
    assert_eq!(service.client.get("/recommendations?user_id=u").json()["model_version"], "v1");
    std::fs::write(&users, &bytes).expect("whole again");
    write_champion(&artifacts, "v1").expect("pointer");
    service.stop();
    write_champion(&artifacts, "v2").expect("pointer");
    std::fs::write(&users, &bytes[..bytes.len() - 1]).expect("torn");
    let error = Running::try_start(&config(folder.path())).err().expect("no start").to_string();
    assert!(error.contains("users.safetensors") && error.contains("offline rollback"), "{error}");
}

/// The files of the event log up to and including the event with this id.
fn covered_up_to(folder: &Path, event_id: &str) -> Vec<CoveredFile> {
    let log = folder.join("log");
    let chunk = reader::read(&log, "0", Position::START, None, 0, u64::MAX).expect("reads");
    let logged = chunk.events.iter().find(|logged| logged.event.event_id == event_id).expect("in the log");
    vec![CoveredFile { replica: "0".to_owned(), number: 1, id: logged.place.file, bytes: logged.place.end }]
}

fn buy(client: &Client, item: &str) {
    let event = json!({"visitorid": "u", "itemid": item, "event": "transaction", "event_id": item}).to_string();
    assert_eq!(client.post("/events", &event).status, 200);
}

/// Looks at five other items, so that a history of two events has forgotten what was before.
fn look_around(client: &Client, round: usize) {
    for at in 6..11 {
        assert_eq!(client.post("/events", &event("u", &format!("i{at:02}"), &format!("v{at}-{round}"))).status, 200);
    }
}

/// Serves a version, and waits until it is served.
fn swap_to(client: &Client, artifacts: &Path, version: &str) {
    write_champion(artifacts, version).expect("pointer");
    eventually("swapped", || (client.get("/popular").json()["model_version"] == version).then_some(()));
}

/// Which of these items the user may be recommended.
fn admissible(client: &Client, items: &[&str]) -> Vec<bool> {
    let found = client.get("/recommendations?user_id=u&k=500").items();
    items.iter().map(|item| found.contains(&(*item).to_owned())).collect()
}

#[test]
fn a_purchase_beyond_the_history_stays_excluded_until_all_versions_cover_it() {
    let folder = folder();
    let artifacts = folder.path().join("artifacts");
    let mut config = config(folder.path());
    config.history.max_events = 2;
    let service = Running::start(&config);
    buy(&service.client, "i00");
    // A newer version covers the purchase, but the older one, whose manifest says nothing, may come back.
    shop::write_covering(&artifacts, "v2", covered_up_to(folder.path(), "i00"));
    swap_to(&service.client, &artifacts, "v2");
    look_around(&service.client, 0);
    swap_to(&service.client, &artifacts, "v1");
    assert_eq!(admissible(&service.client, &["i00"]), [false]);
    service.stop();
}

#[test]
fn what_a_version_covers_is_told_by_places_in_the_log_and_comes_back_when_a_version_covers_less() {
    let folder = folder();
    let artifacts = folder.path().join("artifacts");
    let mut config = config(folder.path());
    config.history.max_events = 2;
    let service = Running::start(&config);
    let client = service.client;
    let items = ["i00", "i01", "i02"];
    items.iter().for_each(|item| buy(&client, item));
    look_around(&client, 0);
    assert_eq!(admissible(&client, &items), [false; 3]);
    // The batch read the log just before the second purchase; no other version is left. (This one knows no purchase at
    // all, so that what the history remembers can be told.)
    shop::write_covering(&artifacts, "v2", covered_up_to(folder.path(), "i00"));
    std::fs::remove_dir_all(artifacts.join("v1")).expect("pruned");
    swap_to(&client, &artifacts, "v2");
    look_around(&client, 1);
    assert_eq!(admissible(&client, &items), [true, false, false]);
    shop::write_covering(&artifacts, "v3", covered_up_to(folder.path(), "i01"));
    std::fs::remove_dir_all(artifacts.join("v2")).expect("pruned");
    swap_to(&client, &artifacts, "v3");
    look_around(&client, 2);
    assert_eq!(admissible(&client, &items), [true, true, false]);
    // A version of another log covers nothing of this one.
    let mut of_another = covered_up_to(folder.path(), "v10-2");
    of_another[0].id = FileId::of("0", 1, b"another first line\n");
    shop::write_covering(&artifacts, "v4", of_another);
    swap_to(&client, &artifacts, "v4");
    eventually("remembered again", || (admissible(&client, &items) == [false; 3]).then_some(()));
    service.stop();
}

#[test]
fn a_measured_version_and_a_log_file_that_is_gone_do_not_apply_the_log_again() {
    let folder = folder();
    let artifacts = folder.path().join("artifacts");
    let mut config = config(folder.path());
    config.history.max_events = 2;
    let service = Running::start(&config);
    let client = service.client;
    ["i00", "i01"].iter().for_each(|item| buy(&client, item));
    look_around(&client, 0);
    let mut covered = covered_up_to(folder.path(), "i01");
    covered.push(CoveredFile { id: FileId::of("0", 9, b"moved away\n"), number: 9, ..covered[0].clone() });
    shop::write_covering(&artifacts, "v2", covered);
    std::fs::remove_dir_all(artifacts.join("v1")).expect("pruned");
    shop::write_covering(&artifacts, "evaluated-000001-aa", Vec::new());
    swap_to(&client, &artifacts, "v2");
    look_around(&client, 1);
    assert_eq!(admissible(&client, &["i00", "i01"]), [true; 2], "covered, and so forgotten");
    shop::write_covering(&artifacts, "v3", covered_up_to(folder.path(), "v10-1"));
    std::fs::remove_dir_all(artifacts.join("v2")).expect("pruned");
    swap_to(&client, &artifacts, "v3");
    look_around(&client, 2);
    assert_eq!(admissible(&client, &["i00", "i01"]), [true; 2]);
    let metrics = String::from_utf8(client.get("/metrics").body).expect("text");
    assert!(metrics.contains("tandem_events_reapplied_total 0\n"), "{metrics}");
    service.stop();
}

#[test]
fn beyond_their_bound_the_newest_purchases_stay_excluded() {
    let folder = folder();
    let mut config = config(folder.path());
    (config.history.max_events, config.history.max_older) = (2, 2);
    let service = Running::start(&config);
    let items = ["i00", "i01", "i02"];
    items.iter().for_each(|item| buy(&service.client, item));
    look_around(&service.client, 0);
    assert_eq!(admissible(&service.client, &items), [true, false, false]);
    service.stop();
}

/// A store that panics when it is to apply an event of the user `fault`.
struct Faulty(Embedded);

impl UserStore for Faulty {
    fn read<'a>(&'a self, user: &'a UserId, version: &'a str, now_ms: i64) -> Answer<'a, Stored> {
        self.0.read(user, version, now_ms)
    }
    fn apply<'a>(&'a self, arrivals: &'a [Arrival], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>> {
        assert!(arrivals.iter().all(|arrival| arrival.user.as_str() != "fault"), "a fault");
        self.0.apply(arrivals, bounds)
    }
    fn damaged(&self, most: usize) -> Vec<UserId> {
        self.0.damaged(most)
    }
    fn waits_for_upgrade(&self) -> bool {
        self.0.waits_for_upgrade()
    }
    fn rebuild<'a>(&'a self, histories: &'a BTreeMap<UserId, LiveHistory>, bounds: Bounds<'a>) -> Answer<'a, ()> {
        self.0.rebuild(histories, bounds)
    }
    fn applied(&self) -> Answer<'_, Option<Position>> {
        self.0.applied()
    }
    fn advance(&self, from: Option<Position>, to: Position) -> Answer<'_, Mark> {
        self.0.advance(from, to)
    }
}

#[test]
fn when_the_applier_ends_the_service_is_out_of_use_and_says_why() {
    let folder = folder();
    let config = config(folder.path());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let store = Faulty(Embedded::new(Retention { max_events: 10, max_older: 10, ttl_ms: 1 << 40 }));
    let mut service = runtime.block_on(online::service::start_on_store(&config, Arc::new(store))).expect("starts");
    let client = Client::new(service.address());
    assert_eq!(client.post("/events", &event("u", "i01", "e1")).status, 200);
    assert_eq!(client.get("/ready").status, 200);
    client.post("/events", &event("fault", "i01", "e2")).assert_problem(503, None);
    let failure = runtime.block_on(async { tokio::time::timeout(common::PATIENCE, service.failed()).await });
    assert!(matches!(failure.expect("at once"), Failure::Log(Ended::Applier)));
    eventually("not ready", || (client.get("/ready").status == 503).then_some(()));
    client.post("/events", &event("u", "i01", "e3")).assert_problem(503, None);
    assert_eq!(client.get("/recommendations?user_id=u").status, 200);
    runtime.block_on(service.stop(std::future::ready(())));
}

#[test]
fn too_many_requests_at_once_are_sent_away_but_probes_answer() {
    let folder = folder();
    let mut config = config(folder.path());
    config.server.max_in_flight = 1;
    let service = Running::start(&config);
    let client = service.client;
    // A request whose body has not come yet is in flight; one that meets another is refused itself, so there are more.
    let head = "POST /events HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n";
    let mut slow = Vec::new();
    let refused = eventually("refused", || {
        let mut stream = std::net::TcpStream::connect(client.address()).expect("connects");
        stream.write_all(head.as_bytes()).expect("writes");
        slow.push(stream);
        let answer = client.get("/popular");
        (answer.status == 503).then_some(answer)
    });
    refused.assert_problem(503, None);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(client.get("/health").status, 200);
    drop(slow);
    eventually("free again", || (client.get("/popular").status == 200).then_some(()));
    service.stop();
}

#[test]
fn a_connection_without_a_whole_request_head_is_closed() {
    let folder = folder();
    let mut config = config(folder.path());
    config.server.idle_timeout_ms = 200;
    let service = Running::start(&config);
    let whole = "GET /health HTTP/1.1\r\nhost: test\r\n\r\n";
    // One that sends nothing, one that stops half way, one that stays after its answer.
    for (sent, answers) in [("", 0), (&whole[..30], 0), (whole, 1)] {
        let mut stream = std::net::TcpStream::connect(service.client.address()).expect("connects");
        stream.set_read_timeout(Some(common::PATIENCE)).expect("a timeout");
        stream.write_all(sent.as_bytes()).expect("writes");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("closed by the service");
        assert_eq!(answer.matches("HTTP/1.1 200").count(), answers, "{answer}");
    }
    assert_eq!(service.client.get("/health").status, 200);
    service.stop();
}

#[test]
fn what_is_served_can_be_inspected() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    assert_eq!(client.get("/health").json(), json!({"status": "ok"}));
    assert_eq!(client.get("/ready").json(), json!({"ready": true, "model_version": "v1", "store_up": true}));
    let metadata = client.get("/model/metadata").json();
    assert_eq!((&metadata["version"], &metadata["items"], &metadata["users"]), (&json!("v1"), &json!(12), &json!(1)));
    assert_eq!(client.get("/model/params").json()["config"]["als"]["factors"], 2);
    assert_eq!(client.get("/model/metrics").json(), json!({"ndcg@10": 0.5}));
    client.get("/recommendations?user_id=known");
    client.get("/recommendations?user_id=nobody");
    assert!(client.metric("recommendation_requests_total{outcome=\"personal\"}") > 0.0);
    assert!(client.metric("recommendation_requests_total{outcome=\"non_personal\"}") > 0.0);
    assert!(client.metric("tandem_candidates_total{source=\"cached\"}") > 0.0);
    assert!(client.metric("tandem_slate_score_count") > 0.0);
    assert!(client.metric("http_requests_in_flight") >= 1.0, "this request is one");
    let requests = "http_requests_total{method=\"GET\",route=\"/recommendations\",status=\"200\"}";
    assert!(client.metric(requests) >= 2.0);
    service.stop();
}

#[test]
fn the_description_lists_every_route_and_its_page_needs_no_network() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    let description = client.get("/openapi.json").json();
    let paths: Vec<&String> = description["paths"].as_object().expect("paths").keys().collect();
    let expected = [
        "/",
        "/events",
        "/health",
        "/items/{item_id}/similar",
        "/metrics",
        "/model/metadata",
        "/model/metrics",
        "/model/params",
        "/popular",
        "/ready",
        "/recommendations",
        "/users/{id}/history",
    ];
    assert_eq!(paths, expected);
    let calls = &description["paths"]["/recommendations"];
    let required = |call: &str| -> Vec<&str> {
        let parameters = calls[call]["parameters"].as_array().expect("parameters").iter();
        parameters.filter(|one| one["required"] == true).map(|one| one["name"].as_str().expect("a name")).collect()
    };
    assert_eq!(required("get"), ["user_id"]);
    assert!(required("post").is_empty(), "the body may have it");
    assert_ne!(calls["post"]["requestBody"]["required"], true);
    for call in [&calls["get"], &calls["post"], &description["paths"]["/popular"]["get"]] {
        assert!(
            call["responses"]["404"]["description"].as_str().is_some_and(|text| text.contains("category")),
            "{call}"
        );
    }
    let page = client.get("/docs/");
    assert_eq!(page.status, 200);
    let page = String::from_utf8(page.body).expect("text");
    assert!(page.contains("swagger-ui") && !page.contains("https://"), "{page}");
    assert_eq!(client.get("/docs/swagger-ui-bundle.js").status, 200);
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
