//! The last event of each user: what is asked, of what is learnt, in evaluation and in validation windows.

use crate::support::{self, offline_with, text};

/// Users with the pasts 0 1 2 3 … of one of two shelves; and one with a single event. Times say nothing.
fn log() -> String {
    let mut csv = "visitorid,itemid,place\nonce,a0,0\n".to_owned();
    for user in 0..120 {
        let shelf = if user % 2 == 0 { "a" } else { "b" };
        let first = user % 7;
        for place in 0..6 {
            csv.push_str(&format!("u{user},{shelf}{},{place}\n", first + place));
        }
    }
    csv
}

const SETTINGS: [(&str, &str); 7] = [
    ("TANDEM_INGEST__DEFAULT_EVENT", "view"),
    ("TANDEM_INGEST__MISSING_TIMESTAMPS", "allow"),
    ("TANDEM_INGEST__COLUMNS__ORDER", "place"),
    ("TANDEM_BLEND__OBJECTIVE", "last-item"),
    ("TANDEM_BLEND__SEEN", "exclude_all"),
    ("TANDEM_ALS__FACTORS", "8"),
    ("TANDEM_TREES__TREES", "10"),
];

#[test]
fn every_user_with_a_past_is_asked_for_the_last_item_from_all_that_came_before() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (file, held_out) = (folder.path().join("log.csv"), folder.path().join("held_out.jsonl"));
    std::fs::write(&file, log()).expect("writes");
    let arguments = ["evaluate", "--task", "next-item", "--leave-last-out", "--k", "1,3", "--format", "json"];
    let input = ["--events", text(&file), "--test-events", text(&held_out)];
    let output = offline_with(&[&arguments[..], &input].concat(), &SETTINGS);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("window 2: cached"), "the ranker's windows are cut by last events: {told}");
    let figures: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(figures["task"], "last-item");
    let results = figures["results"].as_array().expect("results");
    let result = |model: &str| results.iter().find(|result| result["model"] == model).expect("a model");
    assert_eq!(result("tandem")["cases"], 120, "all but the user with one event");
    // What comes next on the shelf is known from the users who began later; 17 pasts end with an item that nobody had before.
    assert!(result("tandem")["hr@3"].as_f64() > Some(0.7), "{}", result("tandem"));
    assert!(result("repeat")["hr@3"].as_f64().is_some_and(|rate| rate < 0.01), "seen items are excluded");
    let held_out = std::fs::read_to_string(&held_out).expect("reads");
    assert_eq!(held_out.lines().count(), 120);
    assert!(held_out.lines().all(|line| !line.contains("once")));
}

#[test]
fn a_part_in_time_cannot_be_held_out_as_well_and_top_k_asks_for_more_than_one_item() {
    let file = support::sample().0;
    for other in [&["--split", "2026-01-01", "--task", "next-item"][..], &["--task", "top-k"]] {
        let told =
            support::offline_fails(&[&["evaluate", "--leave-last-out", "--events", text(&file)], other].concat());
        assert!(told.contains("--leave-last-out"), "{told}");
    }
}
