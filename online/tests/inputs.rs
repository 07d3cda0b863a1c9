//! What clients send as times, ids and fields: read as it was meant, or refused with the field and the reason.

#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

use online::events::{now_ms, reader};
use online::store::Position;
use serde_json::{Value, json};
use shared::contract::event::Event;

use crate::common::http::Client;
use crate::common::{Running, config, folder};

const HOUR_MS: i64 = 3_600_000;

fn view(user: impl Into<Value>, item: impl Into<Value>) -> Value {
    json!({"visitorid": user.into(), "itemid": item.into(), "event": "view"})
}

fn with(mut event: Value, field: &str, value: impl Into<Value>) -> Value {
    event[field] = value.into();
    event
}

fn post(client: &Client, body: &Value) -> Value {
    let answer = client.post("/events", &body.to_string());
    assert_eq!(answer.status, 200, "{body}: {}", answer.json());
    answer.json()
}

/// Refuses a body with a status of 400, the field, and a detail that contains `part`.
fn refused(client: &Client, body: &str, field: Option<&str>, part: &str) {
    let answer = client.post("/events", body);
    answer.assert_problem(400, field);
    let detail = answer.json()["detail"].as_str().expect("a detail").to_owned();
    assert!(detail.contains(part), "{body}: {detail}");
}

/// The items and times of a history.
fn history(client: &Client, user: &str) -> Vec<(String, i64)> {
    let history = client.get(&format!("/users/{user}/history")).json();
    let events = history["events"].as_array().unwrap_or_else(|| panic!("{history}"));
    let text = |event: &Value| event["item_id"].as_str().expect("an id").to_owned();
    events.iter().map(|event| (text(event), event["timestamp"].as_i64().expect("a time"))).collect()
}

#[test]
fn a_time_in_any_unit_is_the_time_that_was_meant() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    let time_ms = now_ms() / 1000 * 1000 - HOUR_MS;
    let before = client.get("/recommendations?user_id=u&k=5").items();
    for (at, time) in [
        json!(time_ms / 1000),
        json!(time_ms as f64 / 1000.0),
        json!(time_ms),
        json!(time_ms.to_string()),
        json!(time_ms * 1000),
        json!(time_ms * 1_000_000),
    ]
    .into_iter()
    .enumerate()
    {
        post(&client, &with(view("u", format!("i{at:02}")), "timestamp", time));
    }
    assert_eq!(history(&client, "u"), (0..6).map(|at| (format!("i{at:02}"), time_ms)).collect::<Vec<_>>());
    assert_ne!(client.get("/recommendations?user_id=u&k=5").items(), before, "the next answer knows of them");
    post(&client, &with(view("v", "i01"), "timestamp", "2020-09-13T14:26:40+02:00"));
    assert_eq!(history(&client, "v"), [("i01".to_owned(), 1_600_000_000_000)]);
    for (time, reason) in [
        (json!(0), "no time from 1990"),
        (json!(435_890_000), "no time from 1990"),
        (json!(20_240_131), "a date written as digits"),
        (json!("1989-12-31T00:00:00Z"), "before 1990"),
        (json!("2024-01-31T12:00:00"), "with its offset"),
        (json!("null"), "neither a number nor a time"),
        (json!(now_ms() + 25 * HOUR_MS), "more than a day ahead"),
        (json!(true), "expected a time"),
        (json!([1]), "expected a time"),
        (json!({"$date": 1}), "expected a time"),
    ] {
        let event = with(view("w", "i01"), "timestamp", time);
        refused(&client, &event.to_string(), Some("timestamp"), reason);
        refused(&client, &json!([view("w", "i01"), event]).to_string(), Some("[1].timestamp"), reason);
    }
    assert!(history(&client, "w").is_empty());
    service.stop();
}

#[test]
fn an_event_of_a_clock_that_is_ahead_does_not_stay_the_latest() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    let before = now_ms();
    post(&client, &with(view("u", "i01"), "timestamp", before + 23 * HOUR_MS));
    post(&client, &view("u", "i05"));
    post(&client, &with(view("u", "i09"), "timestamp", now_ms()));
    let events = history(&client, "u");
    assert_eq!(events.iter().map(|(item, _)| item.as_str()).collect::<Vec<_>>(), ["i01", "i05", "i09"]);
    assert!(events.iter().all(|(_, time_ms)| (before..=now_ms()).contains(time_ms)), "{events:?}");
    let slate = client.get("/recommendations?user_id=u&explain=true").json();
    assert_eq!(slate["history"][2]["item_id"], "i09");
    service.stop();
}

#[test]
fn an_id_is_the_same_however_it_is_written_and_wherever_it_stands() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    for user in [json!(10), json!(10.0), json!("10"), json!("10.0"), json!(" 10 ")] {
        let event = view(user, 52.0);
        post(&client, &event);
        let (user, item) = (&event["visitorid"], &event["itemid"]);
        post(&client, &json!({"user_id": user, "item_id": item, "event": "view"}));
        let slate = client.post("/recommendations", &json!({"user_id": user, "item_id": "52.0"}).to_string());
        assert_eq!(slate.json()["user_id"], "10");
    }
    for user in ["10", "10.0", "%2010", "10.00%20"] {
        let events = history(&client, user);
        assert_eq!(events.len(), 10);
        assert!(events.iter().all(|(item, _)| item == "52"), "{events:?}");
        let slate = client.get(&format!("/recommendations?user_id={user}&explain=true")).json();
        assert_eq!(slate["user_id"], "10");
    }
    let similar = client.get("/items/i01/similar?k=3").items();
    assert_eq!(client.get("/items/%20i01%20/similar?k=3").items(), similar);
    let without = client.get("/recommendations?user_id=known&k=5&item_id=i01&exclude=i02,i04").items();
    let blanks = "/recommendations?user_id=%20known&k=5&item_id=i01+&exclude=+i02,i04%20";
    assert_eq!(client.get(blanks).items(), without);
    let body = json!({"user_id": "known ", "k": 5, "item_id": "\ti01", "exclude": [" i02", "i04\n"]}).to_string();
    assert_eq!(client.post("/recommendations", &body).items(), without);
    // The log has what was read.
    let log =
        reader::read::<Event>(&folder.path().join("log"), "0", Position::START, None, 0, u64::MAX).expect("reads");
    assert!(log.events.iter().all(|logged| logged.event.user.as_str() == "10" && logged.event.item.as_str() == "52"));
    service.stop();
}

#[test]
fn ids_with_any_characters_go_in_and_come_back() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    let escape = |id: &str| id.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    for id in [
        "a/b",
        "50%",
        "a+b",
        "?a",
        "#a",
        "a&b=c",
        "🧶",
        "e\u{301}",
        "\"quoted\"",
        "it's",
        "..",
        "a b",
        "007",
        "1e3",
        "52.5",
    ] {
        post(&client, &view(id, "i01"));
        assert_eq!(history(&client, &escape(id)).len(), 1, "{id}");
        for slate in [
            client.get(&format!("/recommendations?user_id={}&exclude={}&k=3", escape(id), escape(id))),
            client.post("/recommendations", &json!({"user_id": id, "k": 3, "exclude": [id, "a,b"]}).to_string()),
        ] {
            assert_eq!((slate.status, &slate.json()["user_id"]), (200, &json!(id)));
        }
    }
    service.stop();
}

#[test]
fn what_is_no_id_is_refused_with_its_field() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    for word in ["null", "NULL", "NaN", "nan", "None", "none", "N/A", " null "] {
        let missing = "is what programs write for a missing value";
        refused(&client, &view(word, "i01").to_string(), Some("visitorid"), missing);
        refused(&client, &view("u", word).to_string(), Some("itemid"), missing);
        refused(&client, &with(view("u", "i01"), "event_id", word).to_string(), Some("event_id"), missing);
        refused(&client, &with(view("u", "i01"), "transactionid", word).to_string(), Some("transactionid"), missing);
        let escaped = word.replace('/', "%2F").replace(' ', "%20");
        client.get(&format!("/recommendations?user_id={escaped}")).assert_problem(400, Some("user_id"));
        client.get(&format!("/recommendations?user_id=u&item_id={escaped}")).assert_problem(400, Some("item_id"));
        client.get(&format!("/recommendations?user_id=u&exclude=i01,{escaped}")).assert_problem(400, Some("exclude"));
        client.get(&format!("/users/{escaped}/history")).assert_problem(400, Some("id"));
        client.get(&format!("/items/{escaped}/similar")).assert_problem(400, Some("item_id"));
        let body = json!({"user_id": "u", "exclude": ["i01", word]}).to_string();
        client.post("/recommendations", &body).assert_problem(400, Some("exclude[1]"));
    }
    for wrong in [json!(true), json!([1]), json!({"id": 1}), json!(null)] {
        let expected = "expected a text or a number";
        // A user that is null is none, and a session may stand for them.
        let of_user = if wrong.is_null() { "missing field `visitorid`, or `sessionid`" } else { expected };
        refused(&client, &view(wrong.clone(), "i01").to_string(), Some("visitorid"), of_user);
        refused(&client, &json!([view("u", "i01"), view("u", wrong)]).to_string(), Some("[1].itemid"), expected);
    }
    refused(&client, &view("  ", "i01").to_string(), Some("visitorid"), "must not be empty");
    refused(&client, &view("u", 1e300).to_string(), Some("itemid"), "give it as a text");
    for wrong in [json!(true), json!([1]), json!({"id": 1})] {
        let body = json!({"user_id": wrong}).to_string();
        client.post("/recommendations", &body).assert_problem(400, Some("user_id"));
    }
    client.post("/recommendations", r#"{"user_id": null}"#).assert_problem(400, Some("user_id"));
    assert!(history(&client, "u").is_empty());
    service.stop();
}

#[test]
fn event_ids_that_count_per_user_are_kept_for_each_user() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    for at in 0..3 {
        let events: Vec<Value> =
            (0..5).map(|user| with(view(format!("u{user}"), format!("i{at:02}")), "event_id", at)).collect();
        assert_eq!(post(&client, &json!(events))["new"], 5);
    }
    for user in 0..5 {
        assert_eq!(history(&client, &format!("u{user}")).len(), 3);
    }
    service.stop();
}

#[test]
fn lines_of_an_order_under_one_event_id_are_refused_and_not_lost() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    let line = |item: &str, id: &str| json!({"visitorid": "u", "itemid": item, "event": "transaction", "transactionid": 77, "event_id": id});
    let order = json!([line("i01", "77"), line("i02", "77"), line("i03", "77")]).to_string();
    refused(&client, &order, Some("[1].event_id"), "give each line of an order its own");
    assert!(history(&client, "u").is_empty(), "none of them was taken");
    let order = json!([line("i01", "77-1"), line("i02", "77-2"), line("i03", "77-3")]);
    let answer = post(&client, &order);
    assert_eq!((&answer["accepted"], &answer["new"]), (&json!(3), &json!(3)));
    assert_eq!(history(&client, "u").len(), 3);
    // Sent again, twice in one request: each time the same event.
    let again = json!([line("i01", "77-1"), line("i01", "77-1"), line("i04", "77-4")]);
    let answer = post(&client, &again);
    assert_eq!((&answer["accepted"], &answer["new"]), (&json!(3), &json!(1)));
    let log =
        reader::read::<Event>(&folder.path().join("log"), "0", Position::START, None, 0, u64::MAX).expect("reads");
    assert!(log.events.iter().all(|logged| logged.event.transaction_id.as_deref() == Some("77")));
    service.stop();
}

#[test]
fn bodies_of_other_shapes_are_refused_with_what_is_right() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    let event = view("u", "i01").to_string();
    let sequence = "expected an object with names and values";
    refused(&client, r#"[["u","i01","view"]]"#, Some("[0]"), sequence);
    refused(&client, r#"["u","i01","view"]"#, Some("[0]"), sequence);
    refused(&client, "7", None, sequence);
    refused(&client, "null", None, sequence);
    refused(&client, &format!("{event}\n{event}"), None, "a JSON array");
    for (unknown, nearest) in [("userid", "user_id"), ("itemID", "itemid"), ("time", "timestamp"), ("order", "")] {
        let body = with(view("u", "i01"), unknown, 1).to_string();
        let near = if nearest.is_empty() { "expected one of" } else { &format!("; the nearest is `{nearest}`") };
        refused(&client, &body, Some(unknown), near);
        refused(&client, &format!("[{event},{body}]"), Some(&format!("[1].{unknown}")), "`visitorid`");
    }
    client.post("/recommendations", r#"["u", 5]"#).assert_problem(400, None);
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    client.send("POST", "/events", form, b"visitorid=u").expect("an answer").assert_problem(415, None);
    assert!(history(&client, "u").is_empty());
    service.stop();
}

/// As many bytes of a seed are changed one at a time.
const CHANGED: usize = 24;

#[test]
fn what_is_nearly_right_is_read_or_refused_by_every_decoder() {
    for target in fuzz::TARGETS {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{}", target.name);
        for seed in seeds {
            (target.run)(&seed);
            for at in (0..seed.len()).step_by(seed.len().div_ceil(CHANGED).max(1)) {
                let mut changed = seed.clone();
                changed[at] ^= 1 << (at % 8);
                (target.run)(&changed);
                (target.run)(&seed[..at]);
            }
        }
    }
}
