//! Histories of the service over HTTP: read-your-writes, restarts, and what is forgotten once versions cover it.

use std::path::Path;

use online::events::reader;
use online::store::Position;
use serde_json::json;
use shared::contract::artifact::manifest::write_champion;
use shared::contract::event::Event;
use shared::contract::event_log::{CoveredFile, FileId};

use crate::common::http::Client;
use crate::common::{Running, config, event, eventually, folder, shop};

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
    // An id identifies within one user, and, from request to request, whatever else the event says.
    let (of_another, of_another_item) = (event("v", "i01", "same"), event("v", "i02", "same"));
    assert_eq!(post(&format!("[{of_another},{same}]")), (Some(2), Some(1)));
    assert_eq!(post(&of_another_item), (Some(1), Some(0)));
    service.stop();
}

#[test]
fn a_history_is_shown_by_the_time_of_its_events_and_equal_times_as_they_came() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let start = 1_600_000_000_000_i64;
    for (item, after) in [("i01", 30), ("i02", 10), ("i03", 30), ("i04", 20), ("i05", 10)] {
        let event = json!({"visitorid": "u", "itemid": item, "event": "view", "timestamp": start + after}).to_string();
        assert_eq!(service.client.post("/events", &event).status, 200);
    }
    let history = service.client.get("/users/u/history").json();
    let events: Vec<(&str, i64)> = history["events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|event| (event["item_id"].as_str().expect("an id"), event["timestamp"].as_i64().expect("a time") - start))
        .collect();
    assert_eq!(events, [("i02", 10), ("i05", 10), ("i04", 20), ("i01", 30), ("i03", 30)]);
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

/// The files of the event log up to and including the event with this id.
fn covered_up_to(folder: &Path, event_id: &str) -> Vec<CoveredFile> {
    let log = folder.join("log");
    let chunk = reader::read::<Event>(&log, "0", Position::START, None, 0, u64::MAX).expect("reads");
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

/// Posts an event of a kind.
fn act(client: &Client, kind: &str, item: &str) {
    let event = json!({"visitorid": "u", "itemid": item, "event": kind}).to_string();
    let answer = client.post("/events", &event);
    assert_eq!((answer.status, answer.json()["new"].as_u64()), (200, Some(1)));
}

/// The history that the last slate was made from.
fn used(client: &Client) -> Vec<String> {
    let slate = client.get("/recommendations?user_id=u&k=3&seen=allow&explain=true").json();
    let history = slate["history"].as_array().expect("a history").iter();
    let word = |event: &serde_json::Value| {
        format!("{} {}", event["event"].as_str().expect("a kind"), event["item_id"].as_str().expect("an id"))
    };
    history.map(word).collect()
}

#[test]
fn what_is_refunded_removed_or_disliked_is_so_in_the_very_next_answer() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    act(&client, "view", "i00");
    act(&client, "transaction", "i00");
    assert_eq!(admissible(&client, &["i00"]), [false]);
    act(&client, "refund", "i00");
    assert_eq!((admissible(&client, &["i00"]), used(&client)), (vec![true], vec!["view i00".to_owned()]));
    act(&client, "addtocart", "i01");
    act(&client, "remove_from_cart", "i01");
    assert_eq!(used(&client), ["view i00"]);
    act(&client, "view", "i02");
    act(&client, "dislike", "i02");
    let allowed = || client.get("/recommendations?user_id=u&k=500&seen=allow").items();
    assert!(!allowed().contains(&"i02".to_owned()) && used(&client) == ["view i00"]);
    act(&client, "like", "i02");
    assert!(allowed().contains(&"i02".to_owned()));
    assert_eq!(used(&client), ["view i00", "view i02", "like i02"]);
    act(&client, "hide", "i03");
    assert!(!allowed().contains(&"i03".to_owned()));
    act(&client, "unhide", "i03");
    assert!(allowed().contains(&"i03".to_owned()));
    // The history is shown as it was sent.
    let history = client.get("/users/u/history").json();
    assert_eq!(history["events"].as_array().map(Vec::len), Some(10));
    assert_eq!(history["events"][2]["event"], "refund");
    assert_eq!(client.metric("tandem_events_by_kind_total{kind=\"refund\"}"), 1.0);
    let unknown = client.post("/events", &json!({"visitorid": "u", "itemid": "i", "event": "refnud"}).to_string());
    unknown.assert_problem(400, Some("event"));
    assert!(unknown.json()["detail"].as_str().is_some_and(|detail| detail.contains("the nearest is `refund`")));
    service.stop();
}

#[test]
fn a_live_refund_frees_a_purchase_of_the_record_and_a_dislike_outlives_the_history() {
    let folder = folder();
    let mut config = config(folder.path());
    config.history.max_events = 2;
    let service = Running::start(&config);
    let client = service.client;
    // `known` bought `i03` before the version was built.
    let post = |kind: &str, item: &str| {
        let event = json!({"visitorid": "known", "itemid": item, "event": kind}).to_string();
        assert_eq!(client.post("/events", &event).status, 200);
    };
    let admissible = || {
        let found = client.get("/recommendations?user_id=known&k=500").items();
        ["i03", "i09"].map(|item| found.contains(&item.to_owned()))
    };
    assert_eq!(admissible(), [false, true]);
    post("refund", "i03");
    assert_eq!(admissible(), [true, true]);
    post("dislike", "i09");
    assert_eq!(admissible(), [true, false]);
    for item in ["i05", "i06", "i07", "i08"] {
        post("view", item);
    }
    assert_eq!(admissible(), [true, false], "both have left the recent events");
    service.stop();
}

/// Erases a user, which takes effect at once.
fn erase(client: &Client, user: &str) {
    let answer = client.send("DELETE", &format!("/users/{user}/"), "", b"").expect("an answer");
    assert_eq!((answer.status, answer.json()), (200, json!({"user_id": user, "applied": true})));
}

#[test]
fn an_erased_user_is_like_somebody_unknown_until_they_come_back_also_after_a_restart() {
    let folder = folder();
    let config = config(folder.path());
    let service = Running::start(&config);
    let ask = |client: &Client, user: &str| {
        let answer = client.get(&format!("/recommendations?user_id={user}&k=5&explain=true")).json();
        (answer["items"].clone(), answer["history"].clone())
    };
    assert_eq!(service.client.post("/events", &event("known", "i05", "e1")).status, 200);
    let unknown = ask(&service.client, "nobody");
    assert_ne!(ask(&service.client, "known"), unknown);
    erase(&service.client, "known");
    erase(&service.client, "nobody");
    assert_eq!(ask(&service.client, "known"), unknown, "neither events nor the version's record");
    service.stop();
    let service = Running::start(&config);
    assert_eq!(ask(&service.client, "known"), unknown, "the log says it");
    assert_eq!(service.client.metric("tandem_event_log_bad_lines_total"), 0.0);
    assert_eq!(service.client.post("/events", &event("known", "i05", "e1")).json()["new"], 1, "they are back");
    for bought in 0..2 {
        let (_, history) = ask(&service.client, "known");
        assert_eq!(history.as_array().map(Vec::len), Some(1), "{bought} {history}");
        assert_eq!(history[0]["item_id"], "i05");
    }
    service.client.get("/users/%0a").assert_problem(400, Some("id"));
    service.client.send("DELETE", "/users/%0a", "", b"").expect("an answer").assert_problem(400, Some("id"));
    service.stop();
}

#[test]
fn what_a_version_knows_of_an_erased_user_counts_again_when_it_covers_the_erasure() {
    let folder = folder();
    let artifacts = folder.path().join("artifacts");
    let service = Running::start(&config(folder.path()));
    let bought_is_missing =
        || !service.client.get("/recommendations?user_id=known&k=12").items().contains(&"i03".to_owned());
    assert!(bought_is_missing());
    erase(&service.client, "known");
    assert!(!bought_is_missing());
    assert_eq!(service.client.post("/events", &event("known", "i05", "e1")).status, 200);
    shop::write_covering(&artifacts, "v2", covered_up_to(folder.path(), "e1"));
    swap_to(&service.client, &artifacts, "v2");
    assert!(bought_is_missing(), "the record of v2 is of a user who came back");
    service.stop();
}
