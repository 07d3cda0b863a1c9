//! The service on its embedded store, over HTTP: slates, swaps, overload, failures, inspection.

mod connections;
mod empty;
mod lists;

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use online::events::Ended;
use online::service::Failure;
use online::store::{
    Added, Answer, Arrival, Bounds, Departure, Embedded, Mark, Moved, Position, Retention, StoreError, Stored, Told,
    UserStore,
};
use serde_json::json;
use shared::contract::artifact::manifest::write_champion;
use shared::contract::event_log::Coverage;
use shared::contract::id::UserId;
use shared::engine::state::LiveHistory;

use crate::common::http::Client;
use crate::common::proxy::{Fault, Proxy};
use crate::common::{self, Running, config, event, eventually, folder, shop};

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

/// A store that panics when it is to apply an event of the user `fault`, never answers for `silent`, and holds the thread
/// for `late` longer than a deadline of 100 ms.
struct Faulty(Embedded);

impl UserStore for Faulty {
    fn read_until<'a>(
        &'a self,
        until: Option<Instant>,
        user: &'a UserId,
        version: &'a str,
        now_ms: i64,
    ) -> Answer<'a, Stored> {
        match (user.as_str(), until) {
            ("silent", Some(until)) => {
                return Box::pin(async move {
                    tokio::time::sleep_until(until.into()).await;
                    Err(StoreError::Late(80))
                });
            }
            ("late", _) => std::thread::sleep(Duration::from_millis(150)),
            _ => {}
        }
        self.0.read_until(until, user, version, now_ms)
    }
    fn apply<'a>(&'a self, arrivals: &'a [Arrival], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>> {
        assert!(arrivals.iter().all(|arrival| arrival.user.as_str() != "fault"), "a fault");
        self.0.apply(arrivals, bounds)
    }
    fn erase<'a>(&'a self, departures: &'a [Departure], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>> {
        self.0.erase(departures, bounds)
    }
    fn merge<'a>(&'a self, moved: &'a [Moved], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>> {
        self.0.merge(moved, bounds)
    }
    fn say<'a>(&'a self, told: &'a [Told], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>> {
        self.0.say(told, bounds)
    }
    fn named<'a>(&'a self, from: Bound<&'a str>, most: usize) -> Answer<'a, Vec<UserId>> {
        self.0.named(from, most)
    }
    fn let_go<'a>(&'a self, from: Bound<&'a str>, covered: &'a Coverage) -> Answer<'a, Option<UserId>> {
        self.0.let_go(from, covered)
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
    assert!(matches!(failure.expect("at once"), Failure::Shop(online::shop::Failure::Log(Ended::Applier))));
    eventually("not ready", || (client.get("/ready").status == 503).then_some(()));
    client.post("/events", &event("u", "i01", "e3")).assert_problem(503, None);
    assert_eq!(client.get("/recommendations?user_id=u").status, 200);
    runtime.block_on(service.stop(std::future::ready(())));
}

#[test]
fn near_the_deadline_a_slate_is_made_of_what_there_is() {
    let folder = folder();
    let mut config = config(folder.path());
    config.server.deadline_ms = 100;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let store = Faulty(Embedded::new(Retention { max_events: 10, max_older: 10, ttl_ms: 1 << 40 }));
    let service = runtime.block_on(online::service::start_on_store(&config, Arc::new(store))).expect("starts");
    let client = Client::new(service.address());
    let ask = |user: &str| {
        let answer = client.get(&format!("/recommendations?user_id={user}&k=2&item_id=i05&exclude=i00"));
        assert_eq!(answer.status, 200);
        answer.items()
    };
    let fallbacks = |reason: &str| client.metric(&format!("tandem_fallbacks_total{{reason=\"{reason}\"}}"));
    // Without the store the page still counts.
    assert_eq!(ask("silent")[0], "i06");
    assert_eq!((fallbacks("timeout"), fallbacks("deadline")), (1.0, 0.0));
    // Without time for the engine, only what is asked for is left.
    assert_eq!(ask("late"), ["i01", "i02"]);
    assert_eq!((fallbacks("timeout"), fallbacks("deadline")), (1.0, 1.0));
    assert_eq!(client.metric("recommendation_requests_total{outcome=\"fallback\"}"), 2.0);
    runtime.block_on(service.stop(std::future::ready(())));
    let logged = crate::outcomes::logged(folder.path());
    assert!(logged.len() == 2 && logged.iter().all(|slate| slate.fallback), "and the log says so: {logged:?}");
}

#[test]
fn a_client_behind_a_bad_network_is_answered_or_has_sent_nothing() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let proxy = Proxy::start(service.client.address());
    let client = Client::new(proxy.address());
    for (number, fault) in
        [Fault::SlowBytes(Duration::from_millis(1)), Fault::Delay(Duration::from_millis(50))].into_iter().enumerate()
    {
        proxy.set(fault);
        assert_eq!(client.post("/events", &event("u", "i01", &format!("e{number}"))).status, 200, "{fault:?}");
    }
    proxy.set(Fault::Cut);
    assert!(client.try_post("/events", &event("u", "i01", "e2")).is_err());
    let history = service.client.get("/users/u/history").json();
    assert_eq!(history["events"].as_array().map(Vec::len), Some(2), "{history}");
    eventually("nobody is inside but who asks", || {
        (service.client.metric("http_requests_in_flight") <= 1.0).then_some(())
    });
    service.stop();
}

#[test]
fn too_many_requests_at_once_are_sent_away_but_probes_answer() {
    let folder = folder();
    let mut config = config(folder.path());
    config.server.max_in_flight = 1;
    let service = Running::start(&config);
    let client = service.client;
    // A request whose body has not come yet is in flight; one that meets another is refused itself, so there are more.
    let head =
        "POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n";
    let mut slow = Vec::new();
    let refused = eventually("refused", || {
        let mut stream = std::net::TcpStream::connect(client.address()).expect("connects");
        stream.write_all(head.as_bytes()).expect("writes");
        slow.push(stream);
        let answer = client.post("/events", &event("u", "i01", "e"));
        (answer.status == 503).then_some(answer)
    });
    refused.assert_problem(503, None);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(client.get("/health").status, 200);
    assert_eq!(client.get("/popular").status, 200, "questions are counted by themselves");
    assert!(client.metric("http_requests_shed_total{reason=\"in_flight\"}") >= 1.0);
    drop(slow);
    eventually("free again", || (client.post("/events", &event("u", "i01", "e")).status == 200).then_some(()));
    // Changes of items keep no event out.
    let head = head.replace("POST /events", "PUT /items/i01");
    let mut slow = Vec::new();
    eventually("refused", || {
        let mut stream = std::net::TcpStream::connect(client.address()).expect("connects");
        stream.write_all(head.as_bytes()).expect("writes");
        slow.push(stream);
        let json = "content-type: application/json\r\n";
        let answer = client.send("PUT", "/items/i02", json, br#"{"price": 5}"#).expect("an answer");
        (answer.status == 503).then_some(())
    });
    assert_eq!(client.post("/events", &event("u", "i01", "e2")).status, 200);
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
fn a_report_is_shown_as_it_was_written_and_may_run_nothing() {
    let folder = folder();
    let reports = folder.path().join("artifacts/reports");
    std::fs::create_dir(&reports).expect("a folder");
    std::fs::write(reports.join("v1.html"), "<!DOCTYPE html><p>figures").expect("writes");
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    let listed = client.get("/reports").json();
    assert_eq!((&listed["reports"][0]["path"], &listed["reports"][0]["bytes"]), (&json!("/reports/v1"), &json!(25)));
    let page = client.get("/reports/v1");
    assert_eq!((page.status, &page.body[..]), (200, &b"<!DOCTYPE html><p>figures"[..]));
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'unsafe-inline';") && !policy.contains("script"));
    for other in ["/reports/v2", "/reports/..%2fchampion", "/reports/%2e%2e", "/reports/.v1", "/reports/v1.html"] {
        client.get(other).assert_problem(404, Some("name"));
    }
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
        "/events",
        "/health",
        "/home",
        "/items",
        "/items/{item_id}",
        "/items/{item_id}/similar",
        "/items/{item_id}/together",
        "/metrics",
        "/model/metadata",
        "/model/metrics",
        "/model/params",
        "/models",
        "/models/{name}",
        "/models/{name}/drift",
        "/models/{name}/metadata",
        "/models/{name}/metrics",
        "/models/{name}/params",
        "/models/{name}/predict",
        "/models/{name}/rows",
        "/models/{name}/schema",
        "/popular",
        "/rank",
        "/ready",
        "/recommendations",
        "/recommendations/why",
        "/reports",
        "/reports/{name}",
        "/segments",
        "/users",
        "/users/{id}",
        "/users/{id}/history",
        "/users/{id}/merge",
        "/users/{id}/merge/undo",
    ];
    assert_eq!(paths, expected);
    let calls = &description["paths"]["/recommendations"];
    let required = |call: &str| -> Vec<&str> {
        let parameters = calls[call]["parameters"].as_array().expect("parameters").iter();
        parameters.filter(|one| one["required"] == true).map(|one| one["name"].as_str().expect("a name")).collect()
    };
    assert!(required("get").is_empty(), "a user or a session");
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
