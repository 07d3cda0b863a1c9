//! Models that go on with what they remember: rows that are sent, and rows that are scored.

use std::fmt::Write as _;
use std::fs;

use crate::support::clicks::{COUNTED, await_rows, impression, impressions, probability};
use crate::support::loans::{Bank, drawn};
use crate::support::service::Running;
use crate::support::{eventually, offline_with};
use serde_json::{Value, json};

#[test]
fn scored_rows_count_and_counts_outlive_the_service() {
    let bank = Bank::new(&impressions(), COUNTED);
    bank.train(&[]);
    let service = Running::start(bank.folder.path());
    // A device that nobody knows: its fourth impression is a click.
    let expected = |seen: u32| if seen >= 3 { 0.9..=1.0 } else { 0.0..=0.2 };
    for seen in 0..3 {
        let told = probability(&service, "new", seen);
        assert!(expected(seen).contains(&told), "{seen}: {told}");
        await_rows(&service, "scored", u64::from(seen) + 1);
    }
    drop(service);
    let service = Running::start(bank.folder.path());
    let told = probability(&service, "new", 3);
    assert!(expected(3).contains(&told), "{told}");
    // A row of the time of others does not count them.
    let earlier = probability(&service, "new", 1);
    assert!(expected(1).contains(&earlier), "{earlier}");
    // A new version, which remembers the same, goes on with them.
    let before = bank.champion();
    let config = fs::read_to_string(bank.path("model.toml")).expect("reads");
    fs::write(bank.path("model.toml"), config.replace("members = 2", "members = 3")).expect("writes");
    bank.train(&[]);
    let after = bank.champion();
    assert_ne!(before, after);
    eventually("the new version", || service.client.get("/models/loans").json()["model_version"] == json!(after));
    let told = probability(&service, "new", 9);
    assert!(expected(9).contains(&told), "{told}");
    // What is refused is not counted.
    service.client.post("/models/loans/predict", "[{\"device\": 7}]").assert_problem(422, None);
    let lines = fs::read_to_string(bank.path("rows/loans/scored/events-0-00000001.jsonl")).expect("reads");
    assert_eq!(lines.lines().next(), Some(r#"{"device":"new","hour":"2026-03-02T00:00:00Z"}"#));
    let sent = service.client.post("/models/loans/rows", &impression("new", 9));
    sent.assert_problem(400, None);
}

#[test]
fn rows_of_a_list_count_for_later_ones_of_it() {
    let bank = Bank::new(&impressions(), COUNTED);
    bank.train(&[]);
    let service = Running::start(bank.folder.path());
    let list: Vec<String> = [2, 0, 3, 1].map(|minute| impression("listed", minute)).into();
    let answer = service.client.post("/models/loans/predict", &format!("[{}]", list.join(","))).json();
    let told = |at: usize| answer["predictions"][at]["probability"].as_f64().expect("a probability");
    assert!(told(2) > 0.9, "three before it: {answer}");
    assert!([0, 1, 3].iter().all(|&at| told(at) < 0.2), "{answer}");
}

#[test]
fn a_version_that_was_trained_on_scored_rows_counts_them_once() {
    let bank = Bank::new(&impressions(), COUNTED);
    bank.train(&[]);
    let service = Running::start(bank.folder.path());
    for minute in 0..2 {
        probability(&service, "twice", minute);
    }
    await_rows(&service, "scored", 2);
    let mut rows = fs::read_to_string(bank.path("rows.csv")).expect("reads");
    for minute in 0..2 {
        let _ = writeln!(rows, "t{minute},twice,2026-03-02T00:0{minute}:00Z,3,0");
    }
    fs::write(bank.path("rows.csv"), rows).expect("writes");
    bank.train(&[]);
    let after = bank.champion();
    eventually("the new version", || service.client.get("/models/loans").json()["model_version"] == json!(after));
    let told = probability(&service, "twice", 5);
    assert!(told < 0.2, "two before it, not four: {told}");
}

#[test]
fn a_copy_of_a_models_folder_is_no_model() {
    let bank = Bank::new(&impressions(), COUNTED);
    bank.train(&[]);
    let (own, copy) = (bank.path("artifacts/models/loans"), bank.path("artifacts/models/loans-old"));
    let version = bank.champion();
    fs::create_dir_all(copy.join(&version)).expect("a folder");
    fs::copy(own.join("champion"), copy.join("champion")).expect("copies");
    for file in fs::read_dir(own.join(&version)).expect("a version") {
        let file = file.expect("a file");
        fs::copy(file.path(), copy.join(&version).join(file.file_name())).expect("copies");
    }
    let service = Running::start(bank.folder.path());
    assert_eq!(service.client.get("/models").json().as_array().map(Vec::len), Some(1));
}

#[test]
fn a_training_row_that_is_to_come_is_told() {
    let bank = Bank::new(&(impressions() + "l,d1,2205-01-07T00:00:00Z,3,0\n"), COUNTED);
    let output = offline_with(&bank.arguments(&bank.paths(), &[]), &[]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("a row is of 2205-01-07T00:00:00Z, which is to come"), "{told}");
}

const MONTHS: [&str; 5] = ["2015-01-28", "2015-02-28", "2015-03-28", "2015-04-28", "2015-05-28"];
const CUSTOMERS: u64 = 400;

/// Customers each month: who has a card takes a loan the month after.
fn months() -> String {
    let mut text = "month,customer,age,card,default\n".to_owned();
    for customer in 0..CUSTOMERS {
        let (mut card, mut before) = (false, false);
        for (at, month) in MONTHS.iter().enumerate() {
            card |= drawn(customer * 31 + at as u64) < 0.2;
            let loan = if before { drawn(customer + 9000) < 0.97 } else { drawn(customer + 5000) < 0.02 };
            let age = 20 + customer % 50;
            let _ = writeln!(text, "{month},c{customer},{age},{},{}", u8::from(card), u8::from(loan));
            before = card;
        }
    }
    text
}

const REMEMBERED: &str = r#"
time = "month"
remember = "sent"
[columns]
month = "time"
card = "ignored"
[panel]
key = "customer"
previous = ["card"]
"#;

fn customer(name: &str, month: &str) -> Value {
    json!({ "customer": name, "month": month, "age": 30 })
}

fn holds(name: &str, month: &str, card: Value) -> Value {
    json!({ "customer": name, "month": month, "card": card, "branch": "north" })
}

fn loan(service: &Running, name: &str, month: &str) -> f64 {
    let answer = service.client.post("/models/loans/predict", &customer(name, month).to_string()).json();
    answer["probability"].as_f64().unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn rows_that_are_sent_tell_what_was_before() {
    let bank = Bank::new(&months(), REMEMBERED);
    bank.train(&[]);
    let service = Running::start(bank.folder.path());
    assert!(loan(&service, "new", "2015-07-28") < 0.2);
    let rows = json!([holds("new", "2015-06-28", json!(1)), holds("other", "2015-06-28", json!("no"))]);
    let told = service.client.post("/models/loans/rows", &rows.to_string());
    assert_eq!((told.status, told.json()), (200, json!({ "model": "loans", "accepted": 2, "applied": true })));
    assert!(loan(&service, "new", "2015-07-28") > 0.8);
    assert!(loan(&service, "other", "2015-07-28") < 0.2);
    assert!(loan(&service, "new", "2015-06-28") < 0.2, "what was at a time is not before it");
    // The last row of a month counts.
    service.client.post("/models/loans/rows", &holds("new", "2015-06-28", json!(false)).to_string());
    assert!(loan(&service, "new", "2015-07-28") < 0.2);
    let schema = service.client.get("/models/loans/schema").json();
    let remembers = json!([{ "rows": "sent", "key": "customer", "time": "month", "values": ["card"] }]);
    assert_eq!(schema["remembers"], remembers);
    let described = service.client.get("/openapi.json").json();
    let example =
        &described["paths"]["/models/loans/rows"]["post"]["requestBody"]["content"]["application/json"]["example"];
    assert_eq!(service.client.post("/models/loans/rows", &example.to_string()).status, 200, "{example}");
    // Every bad field of every row is told, and none of the rows is taken.
    let bad = json!([holds("c1", "2015-06-28", json!(1)), holds("c1", "soon", json!("maybe")), {"customer": "c1"}]);
    let refused = service.client.post("/models/loans/rows", &bad.to_string());
    refused.assert_problem(422, None);
    let fields: Vec<String> = refused.json()["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|error| error["field"].as_str().expect("a field").to_owned())
        .collect();
    assert_eq!(fields, ["[1].card", "[1].month", "[2].card", "[2].month"]);
    for (body, status) in [("[]", 400), ("7", 400), ("{", 400), ("[[1]]", 400)] {
        assert_eq!(service.client.post("/models/loans/rows", body).status, status, "{body}");
    }
    assert_eq!(service.client.post("/models/none/rows", "{}").status, 404);
    // A list that is added in parts.
    let many: Vec<Value> = (0..20_000).map(|at| holds(&format!("m{at}"), "2015-06-28", json!(at % 2))).collect();
    let told = service.client.post("/models/loans/rows", &json!(many).to_string());
    assert_eq!((told.status, told.json()["accepted"].as_u64()), (200, Some(20_000)));
    assert!(loan(&service, "m1", "2015-07-28") > 0.8 && loan(&service, "m19999", "2015-07-28") > 0.8);
    assert!(loan(&service, "m19998", "2015-07-28") < 0.2);
    drop(service);
    let log = fs::read_to_string(bank.path("rows/loans/sent/events-0-00000001.jsonl")).expect("reads");
    assert_eq!(log.lines().count(), 20_004);
    assert!(log.lines().take(3).all(|line| line.contains("\"branch\":\"north\"")), "rows are logged whole: {log}");
    // A torn end is cut off, and the rest is there.
    fs::write(bank.path("rows/loans/sent/events-0-00000001.jsonl"), format!("{log}{{\"customer\"")).expect("writes");
    let service = Running::start(bank.folder.path());
    service.client.post("/models/loans/rows", &holds("third", "2015-06-28", json!(1)).to_string());
    assert!(loan(&service, "new", "2015-07-28") < 0.2 && loan(&service, "third", "2015-07-28") > 0.8);
}

#[test]
fn rows_that_were_sent_are_trained_on() {
    let bank = Bank::new(&months(), REMEMBERED);
    bank.train(&[]);
    let service = Running::start(bank.folder.path());
    let whole =
        |name: &str, month: &str| json!({ "customer": name, "month": month, "age": 30, "card": 1, "default": 0 });
    let rows = json!([whole("new", "2015-06-28"), whole("new", "2015-07-28")]);
    assert_eq!(service.client.post("/models/loans/rows", &rows.to_string()).status, 200);
    for (row, field) in [
        (whole("new", "2999-01-28"), "month"),
        (json!({ "customer": 1e30, "month": "2015-07-28", "card": 1 }), "customer"),
    ] {
        let refused = service.client.post("/models/loans/rows", &row.to_string());
        refused.assert_problem(422, None);
        assert_eq!(refused.json()["errors"][0]["field"], field);
    }
    // The log is taken away: what comes later is on disk all the same.
    let sent = bank.path("rows/loans/sent");
    fs::rename(&sent, bank.path("taken")).expect("renames");
    assert_eq!(service.client.post("/models/loans/rows", &whole("late", "2015-06-28").to_string()).status, 200);
    drop(service);
    for (folder, rows) in [("taken", 2), ("rows/loans/sent", 1)] {
        let folder = bank.path(folder);
        let told = bank.train(&["--json", "--data", folder.to_str().expect("a path")]);
        let told: Value = serde_json::from_str(&told).expect("JSON");
        let all: u64 = told["rows"].as_object().expect("rows").values().filter_map(Value::as_u64).sum();
        assert_eq!(all, CUSTOMERS * MONTHS.len() as u64 + rows, "{told}");
    }
    let service = Running::start(bank.folder.path());
    assert!(loan(&service, "late", "2015-07-28") > 0.8);
}

#[test]
fn a_label_that_is_sent_says_yes_or_no() {
    let config = REMEMBERED.replace("previous = [\"card\"]", "learn = \"additions\"");
    let bank = Bank::new(&months(), &config);
    bank.train(&[]);
    let service = Running::start(bank.folder.path());
    let row = |label: Value| json!({ "customer": "new", "month": "2015-06-28", "default": label }).to_string();
    for (label, status) in
        [(json!(1), 200), (json!("no"), 200), (json!(true), 200), (json!(2), 422), (json!(null), 422)]
    {
        assert_eq!(service.client.post("/models/loans/rows", &row(label.clone())).status, status, "{label}");
    }
}

#[test]
fn a_model_that_remembers_the_training_rows_alone_takes_none() {
    let bank = Bank::new(&months(), &REMEMBERED.replace("remember = \"sent\"", ""));
    bank.train(&[]);
    let service = Running::start(bank.folder.path());
    let refused = service.client.post("/models/loans/rows", &holds("new", "2015-06-28", json!(1)).to_string());
    refused.assert_problem(400, None);
}
