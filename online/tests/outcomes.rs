//! What becomes of slates: the slate log on disk, and what users do put down to slates in the metrics.

use std::fs::{self, File};
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use online::outcomes::Sample;
use serde_json::{Value, json};
use shared::contract::event_log::Log;
use shared::contract::id::{ItemId, UserId};
use shared::contract::slate_log::LoggedSlate;
use shared::engine::attribution::Shown;

use crate::common::http::Client;
use crate::common::{Running, config, eventually, folder};

/// The slates in the log, in the order they were written.
pub fn logged(folder: &Path) -> Vec<LoggedSlate> {
    let mut slates = Vec::new();
    for file in Log::Slates.list(&folder.join("slates")).expect("lists") {
        for line in file.open_at(0).expect("opens").split(b'\n') {
            slates.push(LoggedSlate::read(&line.expect("reads")).expect("every line is a slate"));
        }
    }
    slates
}

/// Asks for a slate of a user.
fn ask(client: &Client, user: &str) -> Value {
    let answer = client.get(&format!("/recommendations?user_id={user}&k=12&seen=allow"));
    assert_eq!(answer.status, 200);
    answer.json()
}

fn item(slate: &Value, position: usize) -> &str {
    slate["items"][position]["item_id"].as_str().expect("an id")
}

fn id(slate: &Value) -> &str {
    slate["recommendation_id"].as_str().expect("an id")
}

/// Posts one event or impression, or several.
fn post(client: &Client, body: &Value) -> Value {
    let answer = client.post("/events", &body.to_string());
    assert_eq!(answer.status, 200, "{body}");
    answer.json()
}

/// Waits until a counter has a value; the counters follow the requests by some microseconds.
fn counts(client: &Client, metric: &str, value: f64) {
    eventually(&format!("{metric} is {value}"), || (client.metric(metric) == value).then_some(()));
}

/// A counter of a position.
fn at(position: &str, outcome: &str) -> String {
    format!("tandem_outcomes_by_position_total{{outcome=\"{outcome}\",position=\"{position}\"}}")
}

fn unattributed(outcome: &str, reason: &str) -> String {
    format!("tandem_outcomes_unattributed_total{{outcome=\"{outcome}\",reason=\"{reason}\"}}")
}

#[test]
fn a_slate_is_logged_as_it_was_answered_within_a_second_or_two() {
    let folder = folder();
    let mut config = config(folder.path());
    config.scenarios = toml::from_str("[home]\npin = [{ item = \"i07\", position = 2 }]").expect("scenarios");
    let service = Running::start(&config);
    let answer = service.client.get("/recommendations?user_id=known&k=3&scenario=home").json();
    // It is there while the service runs: a crash costs the last second.
    let slate = eventually("logged", || logged(folder.path()).pop());
    assert_eq!((&*slate.recommendation_id, slate.user.as_str()), (id(&answer), "known"));
    assert_eq!((&*slate.version, slate.scenario.as_deref()), ("v1", Some("home")));
    let items: Vec<Value> = slate
        .items
        .iter()
        .map(|item| json!({"item_id": item.item.as_str(), "score": item.score, "sources": item.sources}))
        .collect();
    let mut answered = answer["items"].clone();
    for item in answered.as_array_mut().expect("items") {
        item["score"] = json!(item["score"].as_f64().expect("a score") as f32);
        item.as_object_mut()
            .expect("an object")
            .retain(|name, _| ["item_id", "score", "sources"].contains(&name.as_str()));
    }
    assert_eq!(Value::from(items), answered);
    assert_eq!((slate.items[1].item.as_str(), slate.items[1].sources.last().map(AsRef::as_ref)), ("i07", Some("pin")));
    counts(&service.client, "tandem_slates_logged_total", 1.0);
    service.client.get("/recommendations?user_id=known&k=3&item_id=i05&category=even").json();
    service.stop();
    let slates = logged(folder.path());
    assert_eq!(slates.len(), 2, "the last ones are written at the stop");
    let asked = slates.iter().map(|slate| (slate.page.as_ref().map(ItemId::as_str), slate.category.as_deref()));
    assert_eq!(asked.collect::<Vec<_>>(), [(None, None), (Some("i05"), Some("even"))]);
    assert!(slates.iter().all(|slate| !slate.fallback));
}

#[test]
fn what_users_do_is_put_down_to_the_slate_that_they_name_or_that_was_the_last() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    let (first, second) = (ask(&client, "u"), ask(&client, "u"));
    counts(&client, &at("1", "shown"), 2.0);
    counts(&client, &at("11-20", "shown"), 4.0);
    let event =
        |kind: &str, position: usize| json!({"visitorid": "u", "itemid": item(&first, position), "event": kind});
    let named = |kind: &str, position: usize, slate: &Value| {
        let mut event = event(kind, position);
        event["recommendation_id"] = slate["recommendation_id"].clone();
        event
    };
    // Both slates have the item; it counts once for each, whoever is named.
    post(&client, &json!([named("view", 0, &first), named("view", 0, &first), event("view", 0), event("view", 0)]));
    counts(&client, &at("1", "click"), 2.0);
    post(
        &client,
        &json!([named("addtocart", 4, &second), named("transaction", 4, &second), named("like", 4, &second)]),
    );
    counts(&client, &at("4-5", "purchase"), 1.0);
    counts(&client, &at("4-5", "cart"), 1.0);
    counts(&client, "tandem_outcomes_by_version_total{outcome=\"click\",version=\"v1\"}", 2.0);
    counts(&client, "tandem_outcomes_by_scenario_total{outcome=\"purchase\",scenario=\"(none)\"}", 1.0);
    let source = first["items"][0]["sources"][0].as_str().expect("a source");
    counts(&client, &format!("tandem_outcomes_by_source_total{{outcome=\"click\",source=\"{source}\"}}"), 2.0);
    // What no slate explains is counted apart, and so is a name that is none here.
    let mut stranger = event("view", 0);
    stranger["visitorid"] = "stranger".into();
    let mut elsewhere = event("addtocart", 1);
    elsewhere["recommendation_id"] = "of another replica".into();
    post(&client, &json!([stranger, elsewhere]));
    counts(&client, &unattributed("click", "no_slate"), 1.0);
    counts(&client, &unattributed("cart", "unknown_slate"), 1.0);
    counts(&client, &unattributed("cart", "no_slate"), 0.0);
    service.stop();
    // What was named is in the event log, and what was not is as it was.
    let text = log_of_events(folder.path());
    let with_id = format!("\"recommendation_id\":\"{}\"", id(&second));
    assert_eq!(text.lines().filter(|line| line.contains(&with_id)).count(), 3, "{text}");
    assert_eq!(text.lines().filter(|line| !line.contains("recommendation_id")).count(), 3, "{text}");
}

/// The lines of the event log.
fn log_of_events(folder: &Path) -> String {
    let files = Log::Events.list(&folder.join("log")).expect("lists");
    files.iter().map(|file| fs::read_to_string(&file.path).expect("reads")).collect()
}

#[test]
fn impressions_are_durable_count_an_item_once_and_are_in_no_history() {
    let folder = folder();
    let mut config = config(folder.path());
    config.slates.shown = Shown::Reported;
    let service = Running::start(&config);
    let client = service.client;
    let slate = ask(&client, "u");
    let impression = |positions: &[usize]| {
        let items: Vec<&str> = positions.iter().map(|&position| item(&slate, position)).collect();
        json!({"event": "impression", "visitorid": "u", "recommendation_id": id(&slate), "items": items})
    };
    let answer = post(&client, &impression(&[0, 1]));
    assert_eq!(answer, json!({"accepted": 1, "impressions": 1, "applied": true, "new": 0, "event_ids": []}));
    let view = json!({"visitorid": "u", "itemid": item(&slate, 1), "event": "view", "event_id": "e1"});
    let answer = post(&client, &json!([impression(&[1, 2]), view]));
    assert_eq!(answer, json!({"accepted": 2, "impressions": 1, "applied": true, "new": 1, "event_ids": ["e1"]}));
    counts(&client, &at("2", "click"), 1.0);
    for (position, shown) in [("1", 1.0), ("2", 1.0), ("3", 1.0), ("4-5", 0.0)] {
        counts(&client, &at(position, "shown"), shown);
    }
    // An event that names the slate says that the item was seen.
    let named = json!({"visitorid": "u", "itemid": item(&slate, 3), "event": "view", "recommendation_id": id(&slate)});
    post(&client, &named);
    counts(&client, &at("4-5", "click"), 1.0);
    counts(&client, &at("4-5", "shown"), 1.0);
    let mut unknown = impression(&[0]);
    unknown["recommendation_id"] = "unheard of".into();
    post(&client, &unknown);
    counts(&client, &unattributed("shown", "unknown_slate"), 1.0);
    assert_eq!(client.metric("tandem_impressions_accepted_total"), 3.0);
    assert_eq!(client.metric("tandem_events_accepted_total"), 2.0);
    service.stop();
    let lines = log_of_events(folder.path());
    assert_eq!(lines.lines().filter(|line| line.starts_with("{\"impression\":[")).count(), 3, "{lines}");
    // Nor after a restart, which reads the log.
    let service = Running::start(&config);
    let history = service.client.get("/users/u/history").json();
    assert_eq!(history["events"].as_array().map(Vec::len), Some(2), "{history}");
    assert_eq!(service.client.metric("tandem_event_log_bad_lines_total"), 0.0);
    service.stop();
}

#[test]
fn of_a_sample_all_slates_are_logged_and_counted_and_of_others_none() {
    let folder = folder();
    let mut config = config(folder.path());
    config.slates.every = 3;
    let service = Running::start(&config);
    let users: Vec<String> = (0..60).map(|number| format!("u{number}")).collect();
    let is_in = |user: &str| Sample::one_of(3).has(&UserId::new(user).expect("an id"));
    let mut expected = Vec::new();
    for user in users.iter().chain(&users) {
        let slate = ask(&service.client, user);
        let click = json!({"visitorid": user, "itemid": item(&slate, 0), "event": "view"});
        post(&service.client, &click);
        expected.extend(is_in(user).then(|| id(&slate).to_owned()));
    }
    assert!((20..100).contains(&expected.len()), "{}", expected.len());
    let count = expected.len() as f64;
    counts(&service.client, &at("2", "shown"), count);
    // Each is the first of what was clicked in its slate.
    eventually("all clicks are counted", || {
        let places = ["1", "2", "3", "4-5", "6-10", "11-20"];
        let clicks: f64 = places.map(|place| service.client.metric(&at(place, "click"))).iter().sum();
        (clicks == count).then_some(())
    });
    counts(&service.client, &unattributed("click", "no_slate"), 0.0);
    // Somebody outside of the sample names a slate of nobody in it, and one of somebody, who logged in since.
    let (inside, outside) = (users.iter().find(|user| is_in(user)), users.iter().find(|user| !is_in(user)));
    let slate = ask(&service.client, inside.expect("one of three"));
    expected.push(id(&slate).to_owned());
    for named in ["another", id(&slate)] {
        let item = item(&slate, 0);
        post(
            &service.client,
            &json!({"visitorid": outside, "itemid": item, "event": "addtocart", "recommendation_id": named}),
        );
    }
    counts(&service.client, &at("1", "cart"), 1.0);
    counts(&service.client, &unattributed("cart", "unknown_slate"), 0.0);
    service.stop();
    let found: Vec<String> = logged(folder.path()).into_iter().map(|slate| slate.recommendation_id.into()).collect();
    assert_eq!(found, expected);
    config.slates.every = 0;
    let service = Running::start(&config);
    ask(&service.client, "u1");
    service.stop();
    assert_eq!(logged(folder.path()).len(), expected.len());
}

/// The files of the log as they lie on disk.
fn files(folder: &Path) -> Vec<PathBuf> {
    Log::Slates.list(&folder.join("slates")).expect("lists").into_iter().map(|file| file.path).collect()
}

#[test]
fn a_torn_end_is_cut_off_at_the_next_start_and_the_log_goes_on_in_a_new_file() {
    let folder = folder();
    let config = config(folder.path());
    for user in ["a", "b"] {
        let service = Running::start(&config);
        ask(&service.client, user);
        service.stop();
        let last = files(folder.path()).pop().expect("a file");
        let mut torn = File::options().append(true).open(last).expect("opens");
        torn.write_all(b"{\"slate\":\"half").expect("writes");
    }
    let service = Running::start(&config);
    service.stop();
    let users: Vec<String> = logged(folder.path()).into_iter().map(|slate| slate.user.to_string()).collect();
    assert_eq!((users, files(folder.path()).len()), (vec!["a".to_owned(), "b".to_owned()], 2));
    let names = fs::read_dir(folder.path().join("slates")).expect("lists");
    let mut names = names.map(|entry| entry.expect("an entry").file_name().into_string().expect("text"));
    assert!(names.all(|name| !name.contains(".torn-")), "nothing is kept of what was cut off");
}

#[test]
fn the_oldest_slates_leave_at_the_bound_and_closed_files_are_packed() {
    let folder = folder();
    let mut config = config(folder.path());
    config.slates.max_file_bytes = 65_536;
    config.slates.max_disk_bytes = 4 * 65_536;
    let service = Running::start(&config);
    let mut ids = Vec::new();
    let removed = || service.client.metric("tandem_slate_log_files_removed_total");
    while removed() < 2.0 {
        ids.push(id(&ask(&service.client, &format!("u{}", ids.len()))).to_owned());
        assert!(ids.len() < 50_000, "the bound was never met");
    }
    service.stop();
    let files = files(folder.path());
    let bytes: u64 = files.iter().map(|path| path.metadata().expect("a file").len()).sum();
    assert!(bytes <= config.slates.max_disk_bytes, "{bytes}");
    let (last, closed) = files.split_last().expect("files");
    let is_packed = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "zst");
    assert!(!is_packed(last) && closed.len() > 3 && closed.iter().all(is_packed), "{files:?}");
    let found: Vec<String> = logged(folder.path()).into_iter().map(|slate| slate.recommendation_id.into()).collect();
    assert!(found.len() < ids.len());
    assert_eq!(found[..], ids[ids.len() - found.len()..], "the last ones, without a gap");
}

#[test]
fn a_log_that_can_t_be_written_costs_slates_of_the_log_alone_until_it_can() {
    let folder = folder();
    let config = config(folder.path());
    fs::write(folder.path().join("slates"), "no folder").expect("writes");
    let service = Running::start(&config);
    let dropped = "tandem_slates_dropped_total{reason=\"disk\"}";
    let slate = ask(&service.client, "u");
    post(&service.client, &json!({"visitorid": "u", "itemid": item(&slate, 0), "event": "view"}));
    counts(&service.client, &at("1", "click"), 1.0);
    counts(&service.client, dropped, 1.0);
    fs::remove_file(folder.path().join("slates")).expect("removes");
    ask(&service.client, "u");
    counts(&service.client, "tandem_slates_logged_total", 1.0);
    assert_eq!(service.client.metric(dropped), 1.0);
    service.stop();
    assert_eq!(logged(folder.path()).len(), 1);
}

#[test]
fn an_erased_user_is_forgotten_at_once_and_others_are_not() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    let slates = ["u", "v", "u"].map(|user| (user, ask(&client, user)));
    counts(&client, "tandem_slate_items_remembered", 36.0);
    assert_eq!(client.send("DELETE", "/users/u", "", b"").expect("an answer").status, 200);
    counts(&client, "tandem_slate_items_remembered", 12.0);
    for (user, slate) in &slates {
        post(
            &client,
            &json!({"visitorid": user, "itemid": item(slate, 0), "event": "view", "recommendation_id": id(slate)}),
        );
    }
    post(&client, &json!({"visitorid": "u", "itemid": item(&slates[0].1, 1), "event": "view"}));
    counts(&client, &unattributed("click", "no_slate"), 1.0);
    counts(&client, &unattributed("click", "unknown_slate"), 2.0);
    counts(&client, &at("1", "click"), 1.0);
    service.stop();
}

#[test]
fn of_more_items_than_may_be_remembered_the_oldest_slates_are_forgotten_and_counted() {
    let folder = folder();
    let mut config = config(folder.path());
    config.slates.max_remembered_items = 26;
    let service = Running::start(&config);
    for user in ["a", "b", "c"] {
        ask(&service.client, user);
    }
    counts(&service.client, "tandem_slates_forgotten_total", 1.0);
    counts(&service.client, "tandem_slate_items_remembered", 24.0);
    service.stop();
}
