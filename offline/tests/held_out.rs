//! What is held out where nothing is said of it, and what is said where there is nothing to measure.

use std::path::Path;

use serde_json::Value;

use crate::support::{self, offline_fails, offline_with, text, write_log};

/// Settings under which a training takes a second.
const QUICK: [(&str, &str); 6] = [
    ("TANDEM_ALS__FACTORS", "8"),
    ("TANDEM_ALS__SWEEPS", "3"),
    ("TANDEM_EMBEDDING__FACTORS", "8"),
    ("TANDEM_TREES__TREES", "20"),
    ("TANDEM_TREES__DEPTH", "4"),
    ("TANDEM_BLEND__MIN_CASES", "100"),
];

/// Users with twelve events each along one of two shelves; `time` of an event's place in its user's past.
fn shelves(path: &Path, time: impl Fn(usize) -> i64) {
    let names: Vec<String> = (0..120).map(|user| format!("u{user:03}")).collect();
    let items: Vec<[String; 2]> = (0..20).map(|item| ["a", "b"].map(|shelf| format!("{shelf}{item:02}"))).collect();
    let mut rows = Vec::new();
    for (user, name) in names.iter().enumerate() {
        let place_of = |place: usize| (time(place), &**name, "view", &*items[(user * 7 + place) % 20][user % 2]);
        rows.extend((0..12).map(place_of));
    }
    write_log(path, &rows);
}

/// Evaluates a log of which nothing is said; returns what was printed, what was told, and the manifest.
fn evaluated(log: &Path, artifacts: &Path) -> (Value, String, Value) {
    let arguments = ["evaluate", "--task", "next-item", "--k", "1,5", "--format", "json", "--events", text(log)];
    let output = offline_with(&[&arguments[..], &["--artifacts", text(artifacts)]].concat(), &QUICK);
    let told = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(output.status.success(), "{told}");
    let manifest = std::fs::read(support::evaluated(artifacts).join("manifest.json")).expect("a manifest");
    let [printed, manifest] = [output.stdout, manifest].map(|json| serde_json::from_slice(&json).expect("JSON"));
    (printed, told, manifest)
}

#[test]
fn where_times_say_nothing_the_end_of_each_users_past_is_held_out_and_weights_are_fitted() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let log = folder.path().join("log.csv");
    // One time for all, and the times of two imports.
    for time in [|_: usize| 1_700_000_000_000, |place: usize| 1_700_000_000_000 + (place / 6) as i64 * 86_400_000] {
        shelves(&log, time);
        let (printed, told, manifest) = evaluated(&log, folder.path());
        assert!(told.contains("held out: the last tenth of each user's events"), "{told}");
        assert!(told.contains("windows are the ends of the users' pasts"), "{told}");
        assert!(told.contains("window 2: cached"), "the ranker has its windows: {told}");
        let served = &printed["results"][0];
        // A tenth of twelve events is one: each user is asked for the last, with eleven before it.
        assert_eq!((&served["cases"], &printed["asked_ms"]), (&120.into(), &Value::Null));
        assert!(served["hr@5"].as_f64() > Some(0.9), "{served}");
        let fit = &manifest["metrics"]["fit"];
        assert_eq!((&manifest["config"]["blend"]["windows"], &fit["windows"]), (&"auto".into(), &"users".into()));
        assert!(fit["questions"].as_u64() >= Some(100), "{fit}");
    }
}

#[test]
fn where_times_tell_the_end_of_the_log_is_held_out() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let log = folder.path().join("log.csv");
    shelves(&log, |place| 1_700_000_000_000 + place as i64 * 60_000);
    let (printed, told, manifest) = evaluated(&log, folder.path());
    assert!(!told.contains("held out:") && !told.contains("users' pasts"), "{told}");
    assert_eq!(printed["asked_ms"].as_i64(), Some(1_700_000_000_000 + 10 * 60_000));
    assert_eq!(manifest["metrics"]["fit"]["windows"], "time");
}

#[test]
fn without_a_question_nothing_is_trained_and_the_filter_that_left_none_is_named() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let log = folder.path().join("log.csv");
    let told = |task: &str, more: &[&str]| {
        let told = offline_fails(&[&["evaluate", "--task", task, "--events", text(&log)], more].concat());
        assert!(!told.contains("item_knn_session"), "nothing is trained: {told}");
        told
    };
    // Each user comes once an hour, always for the same item.
    let hours: Vec<i64> = (0..40).map(|hour| hour * 3_600_000).collect();
    let users: Vec<String> = (0..40).map(|user| format!("u{user}")).collect();
    let rows = |count: usize| {
        let user_of = |at: usize| &*users[at % count];
        hours.iter().enumerate().map(|(at, &time)| (time, user_of(at), "view", "a")).collect::<Vec<_>>()
    };
    write_log(&log, &rows(2));
    let no_session = told("next-item", &[]);
    assert!(no_session.contains("nothing to measure") && no_session.contains("30 minutes"), "{no_session}");
    assert!(!no_session.contains("--split"), "an option that was not given is not named: {no_session}");
    let ruled_out = told("top-k", &[]);
    assert!(ruled_out.contains("items of that past, which the seen policy exclude_all leaves out"), "{ruled_out}");
    write_log(&log, &rows(40));
    let no_past = told("top-k", &["--seen", "allow"]);
    assert!(no_past.contains("none of the 4 held-out users has an event in the part that is trained on"), "{no_past}");
    // One time, and nobody has two events.
    let at_once: Vec<_> = rows(40).into_iter().map(|(_, user, kind, item)| (0, user, kind, item)).collect();
    write_log(&log, &at_once);
    let one_time = told("top-k", &[]);
    assert!(one_time.contains("nothing can be held out") && !one_time.contains("--"), "{one_time}");
    let split = told("top-k", &["--split", "0"]);
    assert!(split.contains("--split 0: no events on one side"), "{split}");
}
