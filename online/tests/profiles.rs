//! Profiles of users: stored ones, those that a request gives, and the refusal of bad ones.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use shared::contract::artifact::Manifest;
use shared::contract::artifact::manifest::write_champion;

use crate::common::{Running, config, folder};

/// Publishes the golden artifact with profiles: `newcomer`, a sailor of 31, has no events.
pub fn publish(folder: &Path) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tests/golden/format_2_profiles");
    let version = Manifest::read(&golden).expect("the golden manifest").version;
    let artifacts = folder.join("artifacts");
    fs::create_dir_all(artifacts.join(&version)).expect("a folder");
    for file in fs::read_dir(golden).expect("the golden version") {
        let file = file.expect("an entry");
        fs::copy(file.path(), artifacts.join(&version).join(file.file_name())).expect("copies");
    }
    write_champion(&artifacts, &version).expect("pointer");
}

/// A service over it.
fn shop() -> (tempfile::TempDir, Running) {
    let folder = tempfile::tempdir().expect("temporary folder");
    publish(folder.path());
    let service = Running::start(&config(folder.path()));
    (folder, service)
}

fn asked(user: &str, profile: Value) -> String {
    json!({"user_id": user, "k": 5, "profile": profile}).to_string()
}

#[test]
fn a_given_profile_answers_as_the_stored_one_and_takes_its_place() {
    let (_folder, service) = shop();
    let client = &service.client;
    let stored = client.get("/recommendations?user_id=newcomer&k=5");
    let given = client.post("/recommendations", &asked("nobody", json!({"age": 31, "segment": "sailor"})));
    assert_eq!(given.items(), stored.items());
    assert!(stored.json()["items"][0]["sources"].to_string().contains("profile"));
    let other = asked("newcomer", json!({"segment": "clerk", "age": null}));
    assert_ne!(client.post("/recommendations", &other).items(), stored.items());
    // Nobody without a profile gets what is popular.
    let popular = client.get("/recommendations?user_id=nobody&k=5").json();
    assert!(!popular["items"].to_string().contains("\"profile\""));
    service.stop();
}

#[test]
fn missing_values_and_levels_that_nobody_had_are_taken() {
    let (_folder, service) = shop();
    for profile in
        [json!({}), json!({"segment": "astronaut"}), json!({"age": 31.5}), json!({"age": null, "segment": ""})]
    {
        let answer = service.client.post("/recommendations", &asked("nobody", profile.clone()));
        assert_eq!((answer.status, answer.items().len()), (200, 5), "{profile}");
    }
    service.stop();
}

#[test]
fn every_value_that_is_refused_is_told_at_once() {
    let (_folder, service) = shop();
    let told = |profile: &str| -> Vec<String> {
        let body = format!(r#"{{"user_id": "nobody", "profile": {profile}}}"#);
        let answer = service.client.post("/recommendations", &body);
        answer.assert_problem(422, None);
        let errors = answer.json()["errors"].as_array().expect("a list").clone();
        let words = |error: &Value, name: &str| error[name].as_str().expect("words").to_owned();
        errors.iter().map(|error| format!("{}: {}", words(error, "field"), words(error, "detail"))).collect()
    };
    assert_eq!(
        told(r#"{"age": "old", "segment": ["sailor"], "shoe": 44}"#),
        [
            "profile.shoe: unknown field; there are: age, segment",
            "profile.age: \"old\"; expected a number, or null",
            "profile.segment: a list; expected a text, or null",
        ]
    );
    assert_eq!(told(r#"{"age": 1, "age": 2}"#), ["profile.age: it is given twice"]);
    assert_eq!(told(r#"{"age": true}"#), ["profile.age: true or false; expected a number, or null"]);
    let no_object = |body: &str| service.client.post("/recommendations", body).assert_problem(400, Some("profile"));
    no_object(r#"{"user_id": "nobody", "profile": [31]}"#);
    no_object(r#"{"user_id": "nobody", "profile": "sailor"}"#);
    service.client.get("/recommendations?user_id=nobody&profile=sailor").assert_problem(400, Some("profile"));
    service.stop();
}

#[test]
fn a_version_without_profiles_refuses_every_value_of_one() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let answer = service.client.post("/recommendations", &asked("known", json!({"age": 31})));
    answer.assert_problem(422, None);
    assert!(answer.json()["errors"][0]["detail"].as_str().expect("words").contains("`offline run --users`"));
    assert_eq!(service.client.post("/recommendations", &asked("known", json!({}))).status, 200);
    service.stop();
}

#[test]
fn a_user_with_a_history_is_asked_with_history_and_profile() {
    let (_folder, service) = shop();
    let client = &service.client;
    let answer = client.get("/recommendations?user_id=u0&k=5&explain=true").json();
    assert!(!answer["history"].as_array().expect("a history").is_empty());
    assert!(answer["items"].to_string().contains("\"profile\""), "{answer}");
    service.stop();
}
