//! Two configs measured on the same questions.

mod support;

use std::path::PathBuf;

use support::{offline, offline_fails, text};

const SMALL: &str = "[ranker]\nkind = \"none\"\n[blend]\nfit = false\n[als]\nfactors = 4\n";

fn compare<'a>(events: &'a str, configs: &'a [PathBuf; 2]) -> Vec<&'a str> {
    let configs = ["--compare", text(&configs[0]), text(&configs[1])];
    [&["evaluate", "--task", "next-item", "--format", "json", "--events", events][..], &configs].concat()
}

fn write(folder: &tempfile::TempDir, settings: [&str; 2]) -> [PathBuf; 2] {
    let configs = ["one.toml", "other.toml"].map(|name| folder.path().join(name));
    for (path, more) in configs.iter().zip(settings) {
        std::fs::write(path, format!("{SMALL}{more}")).expect("writes");
    }
    configs
}

#[test]
fn without_what_comes_next_in_sessions_fewer_targets_are_hit() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let off = "[blend.weights]\nitem_knn_session = 0.0\nsession_knn = 0.0\nitem_knn_walk = 0.0\nembedding = 0.0\n";
    let configs = write(&folder, ["", off]);
    let (events, _) = support::sample();
    let printed: serde_json::Value = serde_json::from_str(&offline(&compare(text(&events), &configs))).expect("JSON");
    let difference = &printed["comparisons"][0]["differences"]["ndcg@20"];
    let high = difference["interval"]["high"].as_f64().expect("an interval");
    assert!(high < 0.0, "{}", printed["comparisons"]);
}

#[test]
fn configs_that_read_the_log_in_two_ways_have_no_questions_in_common() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let configs = write(&folder, ["", "[ingest]\nsession_gap_minutes = 5\n"]);
    let (events, _) = support::sample();
    let told = offline_fails(&compare(text(&events), &configs));
    assert!(told.contains("[ingest]") && told.contains("other.toml"), "{told}");
}

#[test]
fn a_version_that_saw_the_held_out_events_is_refused_and_one_that_did_not_is_measured() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let [config, _] = write(&folder, ["", ""]);
    let (events, _) = support::sample();
    let train = |name: &str, more: &[&str]| {
        let out = folder.path().join(name);
        let settings = ["train", "--config", text(&config), "--events", text(&events), "--artifacts", text(&out)];
        offline(&[&settings[..], more].concat());
        let mut versions = std::fs::read_dir(&out).expect("a folder").map(|entry| entry.expect("an entry").path());
        [versions.find(|path| path.join("manifest.json").exists()).expect("a version"), config.clone()]
    };
    let split = ["--split", "2026-06-15"];
    let whole = train("whole", &[]);
    let told = offline_fails(&[&compare(text(&events), &whole)[..], &split].concat());
    assert!(told.contains("--until"), "{told}");
    let before = train("before", &["--until", "2026-06-15"]);
    let printed = offline(&[&compare(text(&events), &before)[..], &split].concat());
    let printed: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    // The same log and the same settings: the same slates.
    assert_eq!(printed["comparisons"][0]["differences"]["ndcg@20"]["mean"], 0.0, "{}", printed["comparisons"]);
}
