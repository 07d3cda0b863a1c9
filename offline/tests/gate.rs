//! The gate of `run`: what is worse stays a challenger, what is as good does not flap, what is the same is not asked.

use std::fs;
use std::path::Path;

use serde_json::Value;
use shared::contract::artifact::manifest::MANIFEST;

use crate::support::{QUICK, champion, offline_with, sample, text};

/// Nothing but popularity is served.
const WORSE: [(&str, &str); 2] = [
    (
        "blend",
        "off = ['cached', 'item_knn_session', 'item_knn_user', 'item_knn_walk', 'slim', 'session_knn', 'als', 'repeat']",
    ),
    ("ranker", "kind = 'none'"),
];

/// Runs the batch on the sample's events before a day of June 2026, with further settings by section.
fn run(artifacts: &Path, day: u32, settings: &[(&str, &str)], flags: &[&str]) -> String {
    fs::create_dir_all(artifacts).expect("a folder");
    let config = artifacts.join("config.toml");
    let sections: Vec<String> = settings.iter().map(|(section, lines)| format!("[{section}]\n{lines}\n")).collect();
    fs::write(&config, sections.concat()).expect("writes");
    let (events, _) = sample();
    let until = format!("2026-06-{day:02}");
    let mut arguments = vec!["run", "--events", text(&events), "--artifacts", text(artifacts), "--until", &until];
    arguments.extend(["--config", text(&config)].iter().chain(flags));
    let output = offline_with(&arguments, &QUICK);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn manifest(artifacts: &Path) -> Value {
    let text = fs::read(champion(artifacts).join(MANIFEST)).expect("a manifest");
    serde_json::from_slice(&text).expect("JSON")
}

#[test]
fn a_config_made_worse_on_purpose_stays_a_challenger_until_it_is_forced() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let first = run(folder.path(), 26, &[], &[]);
    assert!(first.contains("gate: no contest: there is no champion yet"), "{first}");
    let served = manifest(folder.path())["config"].clone();
    for day in [27, 28] {
        let before = champion(folder.path());
        let printed = run(folder.path(), day, &WORSE, &[]);
        assert!(printed.contains("gate: the new configuration stays a challenger: NDCG@20 0."), "{printed}");
        assert!(printed.contains("ranker.kind \"trees\" → \"none\""), "{printed}");
        let manifest = manifest(folder.path());
        assert_ne!(champion(folder.path()), before, "the night's events are learnt all the same");
        assert_eq!(manifest["config"], served, "with the champion's settings");
        let contest = &manifest["metrics"]["contest"];
        assert_eq!(contest["verdict"], "challenger");
        assert!(contest["cases"].as_u64() > Some(300), "{contest}");
        let loss = contest["new"].as_f64().expect("a figure") - contest["champion"].as_f64().expect("a figure");
        assert!((loss - contest["difference"]["mean"].as_f64().expect("a figure")).abs() < 1e-9, "{contest}");
        assert!(loss < -0.05, "{contest}");
    }
    let forced = run(folder.path(), 29, &WORSE, &["--no-gate"]);
    assert!(!forced.contains("gate:"), "{forced}");
    let worse = manifest(folder.path());
    assert_eq!((&worse["config"]["ranker"]["kind"], &worse["metrics"]["contest"]), (&"none".into(), &Value::Null));
    let better = run(folder.path(), 30, &[], &[]);
    assert!(better.contains("gate: the new configuration is promoted"), "{better}");
    assert_eq!(manifest(folder.path())["config"], served);
}

#[test]
fn another_seed_in_every_one_of_five_batches_does_not_flap() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut champions = Vec::new();
    for (day, seed) in (25..=30).zip([42, 43, 44, 43, 42, 45]) {
        let lines = format!("seed = {seed}");
        let printed = run(folder.path(), day, &[("als", &lines), ("trees", &lines)], &[]);
        assert_eq!(printed.contains("no contest: the configuration is that of the champion"), day > 25, "{printed}");
        let mut config = manifest(folder.path())["config"].clone();
        for section in ["als", "trees"] {
            assert_eq!(config[section]["seed"].take(), seed);
        }
        champions.push(config);
    }
    assert!(champions.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_config_that_differs_by_next_to_nothing_is_contested_once_in_five_batches_and_stays() {
    let folder = tempfile::tempdir().expect("temporary folder");
    run(folder.path(), 25, &[], &[]);
    for day in 26..=30 {
        let printed = run(folder.path(), day, &[("slim", "features = 99"), ("als", "seed = 8")], &[]);
        let expected = if day == 26 { "is promoted" } else { "no contest: the configuration is that of the champion" };
        assert!(printed.contains(expected), "{printed}");
        assert_eq!(manifest(folder.path())["config"]["slim"]["features"], 99);
    }
}

#[test]
fn without_a_contest_the_new_config_is_promoted_and_the_summary_says_why() {
    let folder = tempfile::tempdir().expect("temporary folder");
    run(folder.path(), 28, &[], &[]);
    let few = run(folder.path(), 28, &[("slim", "features = 7"), ("gate", "min_cases = 1000000")], &[]);
    assert!(few.contains("gate.min_cases = 1000000"), "{few}");
    assert_eq!(manifest(folder.path())["config"]["slim"]["features"], 7);

    let path = champion(folder.path()).join(MANIFEST);
    let mut foreign = manifest(folder.path());
    foreign["config"]["als"]["tempo"] = 3.into();
    fs::write(&path, foreign.to_string()).expect("writes");
    let unknown = run(folder.path(), 28, &[("slim", "features = 8")], &[]);
    assert!(unknown.contains("can't be learnt anew") && unknown.contains("tempo"), "{unknown}");
    assert_eq!(manifest(folder.path())["config"]["slim"]["features"], 8);

    fs::remove_dir_all(champion(folder.path())).expect("removes");
    let gone = run(folder.path(), 28, &[("slim", "features = 9")], &[]);
    assert!(gone.contains("can't be learnt anew") && gone.contains(MANIFEST), "{gone}");
}
