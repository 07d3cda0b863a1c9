//! One snapshot per kind of answer: status, content type and body over the golden artifact, in `tests/golden/`.
//!
//! `UPDATE_GOLDEN=1` writes them anew. What differs from run to run is replaced: ids that the service makes up become
//! `<id>`, times in microseconds are 0, and scores, which depend on the processor in their last digits, are rounded.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use shared::contract::artifact::Manifest;
use shared::contract::artifact::manifest::write_champion;
use shared::engine::tabular::manifest::ModelManifest;

use crate::common::http::Answer;
use crate::common::{Running, config};

/// A request and the name of its snapshot. They are sent in this order; two of one name must be answered alike.
struct Case {
    name: &'static str,
    method: &'static str,
    target: &'static str,
    headers: &'static str,
    body: Vec<u8>,
}

fn get(name: &'static str, target: &'static str) -> Case {
    Case { name, method: "GET", target, headers: "", body: Vec::new() }
}

fn post(name: &'static str, target: &'static str, body: impl Into<Vec<u8>>) -> Case {
    Case { name, method: "POST", target, headers: "content-type: application/json\r\n", body: body.into() }
}

fn cases() -> Vec<Case> {
    let filtered = r#"{"user_id":"u4","k":3,"item_id":"ink","category":"fruit","exclude":["apple"]}"#;
    let filter = r#"{"user_id":"u0","seen":"allow","filter":"(category = 'fruit') and price > 0"}"#;
    let scenario = r#"{"user_id":"u0","seen":"allow","scenario":"home"}"#;
    let rank = r#"{"user_id":"u0","items":["rope","nothing","pear","ink","pear"],"explain":true}"#;
    let rank_scenario = r#"{"user_id":"u0","k":3,"items":["hook","rope","pear","ink"],"scenario":"home"}"#;
    let events = r#"[{"visitorid":"shopper","itemid":"rope","event":"view","timestamp":1600000890000,"event_id":"e1"},
        {"user_id":"shopper","item_id":"knot","event":"addtocart","timestamp":1600000891000}]"#;
    let bought = r#"{"visitorid":"shopper","itemid":"rope","event":"transaction","transactionid":"o1","timestamp":1600000892000}"#;
    let look = r#"{"visitorid":"shopper","itemid":"rope","event":"look"}"#;
    let changed = r#"{"name":"Novelty","categories":["fruit"],"price":7.5,"colour":["red","blue"]}"#;
    let listed = r#"[{"item_id":"pear","price":2.5},{"item_id":"plum","name":"Plum","categories":["fruit"]}]"#;
    let row = r#"{"id":"c1","income":20.5,"colour":"red","grade":"low","at":"2026-03-01T03:00:00","note":null}"#;
    let rows = format!(r#"[{row},{{"income":90,"colour":"mauve","at":"2026-03-01T12:00:00","note":"long"}}]"#);
    let bad = r#"[{"income":1001,"colour":["red"],"grade":"none","at":"soon","not":"long"},{}]"#;
    let many = format!("[{}]", vec![row; 1001].join(","));
    let seen = r#"[{"event":"impression","visitorid":"looker","recommendation_id":"r1","items":["rope",52.0]},
        {"visitorid":"looker","itemid":"rope","event":"view","event_id":"e2","recommendation_id":"r1"}]"#;
    let unseen = r#"[{"event":"impression","visitorid":"looker","recommendation_id":"r1","itemid":"rope"}]"#;
    let incomplete = r#"[{"visitorid":"shopper","itemid":"rope","event":"view"},{"event":"view"}]"#;
    vec![
        get("recommendations", "/recommendations?user_id=u0"),
        get("recommendations_explained", "/recommendations?user_id=u0&k=4&seen=exclude_all&explain=true"),
        get("recommendations_unknown_user", "/recommendations?user_id=nobody&k=2"),
        get("recommendations_filtered", "/recommendations?user_id=u4&k=3&item_id=ink&category=fruit&exclude=apple"),
        post("recommendations_filtered", "/recommendations", filtered),
        get(
            "recommendations_filter",
            "/recommendations?user_id=u0&seen=allow&filter=category%20=%20'fruit'%20and%20price%20%3E%200",
        ),
        post("recommendations_filter", "/recommendations", filter),
        get("recommendations_scenario", "/recommendations?user_id=u0&k=5&seen=allow&scenario=home"),
        post("recommendations_scenario", "/recommendations?k=5", scenario),
        post("home", "/home", r#"{"user_id":"u0","k":2,"seen":"allow"}"#),
        get("segments", "/segments?user_id=u0&of=category&k=2&each=1"),
        get("recommendations_max_per", "/recommendations?user_id=u0&k=4&seen=allow&max_per=category:1"),
        get(
            "why",
            "/recommendations/why?user_id=u0&k=3&seen=exclude_purchased&scenario=home&of_items=ink,rope,nothing",
        ),
        get("why_slate", "/recommendations/why?user_id=u4&k=2&item_id=ink"),
        get("problem_max_per", "/recommendations?user_id=u0&max_per=brand:0"),
        get("problem_max_per_property", "/recommendations?user_id=u0&max_per=categroy:1"),
        get("problem_why", "/recommendations/why?user_id=u0&k=101"),
        get("recommendations_inspired", "/recommendations?user_id=u0&k=3&item_ids=rope,pear&item_id=ink"),
        post("rank", "/rank", rank),
        post("rank_scenario", "/rank", rank_scenario),
        get("recommendations_feed", "/recommendations?user_id=u0&k=2&cursor=start"),
        get("recommendations_skip", "/recommendations?user_id=u0&k=9&served=skip"),
        get("recommendations_basket", "/recommendations?user_id=u0&k=3&basket=rope,pear"),
        get("together", "/items/pear/together?k=3"),
        get("similar", "/items/pear/similar?k=3"),
        get("similar_filter", "/items/pear/similar?k=3&filter=price%20is%20missing%20or%20events%3E12"),
        get("popular_filter", "/popular?k=3&filter=not%20category%20in%20('fruit','sailing')"),
        get("popular", "/popular?k=3"),
        get("popular_category", "/popular?category=office"),
        post("events", "/events", events),
        post("events_one", "/events", bought),
        post("events_impression", "/events", seen),
        get("history", "/users/shopper/history"),
        get("history_unknown_user", "/users/nobody/history"),
        get("recommendations_live", "/recommendations?user_id=shopper&k=3&explain=true"),
        Case { method: "DELETE", ..get("erased", "/users/shopper") },
        post("merged", "/users/customer/merge", r#"{"session_id":"S"}"#),
        post("merge_undone", "/users/customer/merge/undo", r#"{"session_id":"S"}"#),
        post("problem_undone", "/users/customer/merge/undo", r#"{"session_id":"S"}"#),
        post("problem_not_merged", "/users/customer/merge/undo", r#"{"user_id":"anon-7"}"#),
        post("problem_merge", "/users/customer/merge", r#"{"user_id":"customer"}"#),
        get("health", "/health"),
        get("ready", "/ready"),
        get("model_metadata", "/model/metadata"),
        get("model_params", "/model/params"),
        get("model_metrics", "/model/metrics"),
        get("reports", "/reports"),
        get("problem_report", "/reports/v9"),
        get("models", "/models"),
        get("models_one", "/models/loans"),
        get("models_metadata", "/models/loans/metadata"),
        get("models_params", "/models/loans/params"),
        get("models_metrics", "/models/loans/metrics"),
        get("models_schema", "/models/loans/schema"),
        post("models_predict", "/models/loans/predict", row),
        post("models_predict", "/models/loans/predict?id=7", row),
        post("models_predict_list", "/models/loans/predict", rows),
        post("models_predict_explained", "/models/loans/predict?explain=true", row),
        get("models_drift", "/models/loans/drift"),
        post("problem_rows", "/models/loans/predict", bad),
        post("problem_rows_none", "/models/loans/predict", "[]"),
        post("problem_rows_explained", "/models/loans/predict?explain=true", many),
        get("problem_unknown_model", "/models/other/drift"),
        get("problem_k_too_small", "/recommendations?user_id=u0&k=0"),
        get("problem_k_too_large", "/recommendations?user_id=u0&k=501"),
        get("problem_k_no_number", "/recommendations?user_id=u0&k=abc"),
        get("problem_user_empty", "/recommendations?user_id="),
        get("problem_user_missing", "/recommendations"),
        post("problem_rank_empty", "/rank", r#"{"user_id":"u0","items":[]}"#),
        post("problem_rank_many", "/rank", format!(r#"{{"user_id":"u0","items":[{}]}}"#, vec!["1"; 1001].join(","))),
        post("problem_rank_scenario", "/rank", r#"{"user_id":"u0","items":["ink"],"scenario":"Home"}"#),
        get("problem_seen", "/recommendations?user_id=u0&seen=never"),
        get("problem_seen_kind", "/recommendations?user_id=u0&seen=transation:30"),
        get("problem_served", "/recommendations?user_id=u0&served=never"),
        get("problem_cursor", "/recommendations?user_id=u0&cursor=next"),
        get("problem_cursor_gone", "/recommendations?user_id=u0&cursor=019353a1-0000-7000-8000-000000000000"),
        get("problem_scenario", "/recommendations?user_id=u0&scenario=Home"),
        get("problem_filter", "/recommendations?user_id=u0&filter=price%20%3C%20cheap"),
        get("problem_filter_property", "/popular?filter=prise%20%3C%203"),
        get("problem_segments", "/segments?user_id=u0&of=brnd"),
        get("problem_filter_kind", "/items/pear/similar?filter=category%20%3E%203"),
        get("problem_unknown_parameter", "/recommendations?user_id=u0&colour=red"),
        get("problem_utf8_parameter", "/recommendations?user_id=%ff"),
        post("problem_utf8_body", "/recommendations", *b"{\"user_id\":\"\xff\"}"),
        post("problem_json", "/recommendations", "{\"user_id\":"),
        post("problem_event_kind", "/events", look),
        post("problem_event_missing_field", "/events", incomplete),
        post("problem_impression", "/events", unseen),
        post("problem_body_too_large", "/events", vec![b' '; 2 << 20]),
        Case { headers: "", ..post("problem_content_type", "/events", bought) },
        get("problem_unknown_category", "/popular?category=Office"),
        get("problem_unknown_item", "/items/nothing/similar"),
        get("problem_unknown_path", "/nowhere"),
        Case { method: "DELETE", ..get("problem_method", "/popular") },
        Case { method: "PUT", ..post("item_changed", "/items/novelty", changed) },
        get("popular_changed", "/popular?k=3&filter=colour%20=%20'red'"),
        Case { method: "PUT", ..post("problem_item", "/items/novelty", r#"{"price":"7,50"}"#) },
        get("item", "/items/novelty"),
        get("item_learnt", "/items/pear"),
        get("problem_item_unknown", "/items/nothing"),
        Case { method: "PUT", ..post("items_changed", "/items", listed) },
        Case {
            method: "PUT",
            ..post("problem_items", "/items", r#"[{"item_id":"pear"},{"item_id":"fig","price":-1}]"#)
        },
        Case { method: "DELETE", ..get("item_withdrawn", "/items/novelty") },
        get("items", "/items?limit=2"),
        get("items_found", "/items?q=NOV%20&filter=price%20%3E%207"),
        Case {
            method: "PUT",
            ..post("user_said", "/users/guest", r#"{"age":34,"city":null,"timestamp":1600000000000}"#)
        },
        Case {
            method: "PUT",
            ..post("users_said", "/users", r#"[{"user_id":"guest","vip":true,"timestamp":1600000001000}]"#)
        },
        get("user", "/users/guest"),
        get("users", "/users?q=guest"),
        get("problem_user_unknown", "/users/stranger"),
        Case { method: "PUT", ..post("problem_users", "/users", r#"[{"user_id":"guest","age":[1]}]"#) },
        get("problem_cursor_of_list", "/items?cursor=pear"),
        get("problem_limit", "/items?limit=501"),
    ]
}

/// A scenario whose one explored place shows the one new item, so that nothing is left to chance.
const SCENARIOS: &str = r#"
    [home]
    filter = "price is missing or price < 9"
    boost = [{ filter = "category = 'fruit'", factor = 10 }]
    pin = [{ item = "ink", position = 2 }]
    max_per = { category = 2 }
    explore = 1.0
    explore_below_events = 1
    [basket]
"#;

/// Requests to a version with profiles of users.
fn cases_of_profiles() -> Vec<Case> {
    let given = r#"{"user_id":"nobody","k":2,"profile":{"age":31,"segment":"sailor"}}"#;
    let bad = r#"{"user_id":"nobody","k":2,"profile":{"age":"old","segment":["sailor"],"shoe":44}}"#;
    vec![
        get("recommendations_profile", "/recommendations?user_id=newcomer&k=2"),
        post("recommendations_profile_given", "/recommendations", given),
        post("problem_profile", "/recommendations", bad),
    ]
}

/// A golden artifact and the golden model, published in a folder.
pub fn publish(folder: &Path, artifact: &str) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tests/golden");
    let (artifact, model) = (golden.join(artifact), golden.join("model_1"));
    let artifacts = folder.join("artifacts");
    place(&artifact, &artifacts, &Manifest::read(&artifact).expect("the golden manifest").version);
    let manifest = ModelManifest::read(&model).expect("the golden model's manifest");
    place(&model, &artifacts.join("models").join(&manifest.name), &manifest.version);
}

/// Makes a copy of a version the champion of a folder.
fn place(golden: &Path, folder: &Path, version: &str) {
    fs::create_dir_all(folder.join(version)).expect("a folder");
    for file in fs::read_dir(golden).expect("the golden version") {
        let file = file.expect("an entry");
        fs::copy(file.path(), folder.join(version).join(file.file_name())).expect("copies");
    }
    write_champion(folder, version).expect("pointer");
}

/// What depends on the processor in its last digits.
const SCORES: [&str; 6] = ["score", "probability", "log_odds", "base", "adds", "blended"];
/// The same in explanations, whose parts have words.
const TOLD: [&str; 2] = ["share", "value"];

/// The answers as they are kept, with the methods and targets of their requests.
pub fn answers() -> impl Iterator<Item = (&'static str, &'static str, Value)> {
    cases().into_iter().chain(cases_of_profiles()).map(|Case { name, method, target, .. }| {
        let golden = fs::read(file(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        (method, target, serde_json::from_slice(&golden).expect("JSON"))
    })
}

/// Replaces what differs from run to run.
fn normalise(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let is_told = fields.contains_key("words");
            for (name, value) in fields {
                let is_score = SCORES.contains(&name.as_str()) || is_told && TOLD.contains(&name.as_str());
                match value.as_f64() {
                    Some(score) if is_score => *value = json!((score * 1e4).round() / 1e4),
                    Some(_) if name == "micros" => *value = json!(0),
                    _ => normalise(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(normalise),
        Value::String(text) if uuid::Uuid::parse_str(text).is_ok() => "<id>".clone_into(text),
        _ => {}
    }
}

fn snapshot(answer: &Answer) -> Value {
    let mut body = answer.json();
    normalise(&mut body);
    json!({"status": answer.status, "content_type": answer.header("content-type"), "body": body})
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.json"))
}

/// Asks a service over a golden artifact; returns where its answers differ from the snapshots.
fn differences(artifact: &str, cases: &[Case]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("temporary folder");
    publish(folder.path(), artifact);
    let mut config = config(folder.path());
    config.scenarios = toml::from_str(SCENARIOS).expect("scenarios");
    let service = Running::start(&config);
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut written = BTreeSet::new();
    let mut differences = Vec::new();
    for Case { name, method, target, headers, body } in cases {
        let answer =
            service.client.send(method, target, headers, body).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found = snapshot(&answer);
        let text = serde_json::to_string_pretty(&found).expect("JSON") + "\n";
        if update && written.insert(*name) {
            fs::write(file(name), &text).expect("writes");
        }
        let golden = fs::read(file(name)).unwrap_or_else(|error| panic!("{name}: {error}; run with UPDATE_GOLDEN=1"));
        let golden: Value = serde_json::from_slice(&golden).expect("JSON");
        if found != golden {
            differences
                .push(format!("{method} {target}\ntests/golden/{name}.json has {golden:#}\nthe answer is {text}"));
        }
    }
    service.stop();
    differences
}

#[test]
fn every_kind_of_answer_is_as_it_was() {
    let mut differing = differences("format_2", &cases());
    differing.extend(differences("format_2_profiles", &cases_of_profiles()));
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    let folder = file("any").with_file_name("");
    let files: BTreeSet<PathBuf> =
        fs::read_dir(folder).expect("snapshots").map(|file| file.expect("an entry").path()).collect();
    let named = cases().into_iter().chain(cases_of_profiles()).map(|case| file(case.name));
    assert_eq!(files, named.collect(), "snapshots and cases differ");
}

#[test]
fn only_made_up_ids_are_replaced_and_only_scores_rounded() {
    let mut body =
        json!({"id": "0190a2b4-7c2e-7d8b-9d3c-0a1b2c3d4e5f", "own": "e1", "score": 1.234_56, "alpha": 1.234_56});
    normalise(&mut body);
    assert_eq!(body, json!({"id": "<id>", "own": "e1", "score": 1.2346, "alpha": 1.234_56}));
}
