//! Configs measured on the same questions: two of them, or one with and without each of its sources.

use std::path::PathBuf;

use shared::contract::source::Source;

use crate::support::{self, offline, offline_fails, offline_with, text};

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

/// Measures a small shop with some sources on, and without each of them.
fn leave_one_out(on: &[Source], format: &str) -> String {
    let folder = tempfile::tempdir().expect("temporary folder");
    offline(&["generate", "--events", "3000", "--users", "150", "--items", "100", "--out", text(folder.path())]);
    let (events, [config, _]) = (folder.path().join("events.csv"), write(&folder, ["", ""]));
    let off = Source::ALL.into_iter().filter(|source| !on.contains(source)).map(Source::as_str);
    let off = format!("{:?}", off.collect::<Vec<_>>());
    let asked = ["evaluate", "--task", "next-item", "--k", "20", "--format", format, "--leave-one-out"];
    let input = ["--events", text(&events), "--config", text(&config)];
    let output = offline_with(&[&asked[..], &input].concat(), &[("TANDEM_BLEND__OFF", &off)]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn each_source_that_is_on_is_left_out_once_and_what_is_then_served_is_the_other() {
    let printed = leave_one_out(&[Source::ItemKnnSession, Source::Popularity], "json");
    let figures: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    let comparisons = figures["comparisons"].as_array().expect("comparisons");
    let names: Vec<&str> = comparisons.iter().filter_map(|comparison| comparison["name"].as_str()).collect();
    assert_eq!(names, ["without item_knn_session", "without popularity"]);
    let results = figures["results"].as_array().expect("results");
    let ndcg = |model: &str| {
        let result = results.iter().find(|result| result["model"] == model);
        result.and_then(|result| result["ndcg@20"].as_f64()).expect("a figure")
    };
    for comparison in comparisons {
        assert_eq!(comparison["cases"], results[0]["cases"]);
        let difference = &comparison["differences"]["ndcg@20"];
        let [low, mean, high] = [&difference["interval"]["low"], &difference["mean"], &difference["interval"]["high"]]
            .map(|figure| figure.as_f64().expect("a figure"));
        assert!(low <= mean && mean <= high, "{comparison}");
    }
    let difference = &comparisons[0]["differences"]["ndcg@20"];
    let loss = difference["mean"].as_f64().expect("a figure");
    assert!((loss - (ndcg("popularity") - ndcg("tandem"))).abs() < 1e-9, "{difference}");
    assert!(difference["interval"]["high"].as_f64() < Some(0.0), "{difference}");
}

#[test]
fn without_the_only_source_what_is_popular_fills_the_slate_all_the_same() {
    let printed = leave_one_out(&[Source::Popularity], "text");
    let lines: Vec<&str> = printed.lines().skip_while(|line| !line.starts_with("without ")).collect();
    let names: Vec<&&str> = lines.iter().filter(|line| line.starts_with("without ")).collect();
    assert_eq!(names, [&"without popularity"], "{printed}");
    let ndcg = lines.iter().find(|line| line.starts_with("ndcg@20")).expect("a figure");
    let words: Vec<&str> = ndcg.split_whitespace().collect();
    assert_eq!(words.join(" "), "ndcg@20 +0.0000 95% +0.0000 to +0.0000 p 1.000");
}
