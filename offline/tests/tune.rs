//! The search for settings: the table of its trials, how it goes on with it, what it finds, and what it refuses.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};
use shared::contract::source::Source;

use crate::support::{contents, offline, offline_with, text, write_log};

/// The studies; all other sources are off.
const STUDIES: [Source; 3] = [Source::ItemKnnSession, Source::ItemKnnUser, Source::Popularity];
/// Minutes.
const BUDGET: &str = "0.2";
/// What an interruption leaves of a line.
const TORN: &str = "{\"study\":\"popul";
/// The settings of the trials that [`interrupt`] adds, as they are found.
const FOUND: &str = "
[engine]
position_decay = 1.5

[item_knn_session]
window = 3

[item_knn_user]
weighting = \"bm25\"

[popularity]
half_life_days = 33.5
";

/// Runs `offline` with settings under which the windows take a moment.
fn run(arguments: &[&str], more: &[(&str, &str)]) -> Output {
    let off = Source::ALL.into_iter().filter(|source| !STUDIES.contains(source)).map(Source::as_str);
    let off = format!("{:?}", off.collect::<Vec<_>>());
    let settings = [
        ("TANDEM_BLEND__OFF", off.as_str()),
        ("TANDEM_RANKER__KIND", "none"),
        ("TANDEM_ALS__FACTORS", "4"),
        ("TANDEM_EMBEDDING__FACTORS", "8"),
    ];
    offline_with(arguments, &[&settings[..], more].concat())
}

fn printed(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn complaint(output: Output) -> String {
    assert!(!output.status.success(), "should have failed");
    String::from_utf8(output.stderr).expect("UTF-8")
}

fn tune(log: &Path, out: &Path, budget: &str) -> Output {
    run(&["tune", "--events", text(log), &format!("--budget={budget}"), "--out", text(out)], &[])
}

/// The log of a small shop.
fn shop(folder: &Path) -> PathBuf {
    offline(&["generate", "--events", "2000", "--users", "150", "--items", "40", "--out", text(folder)]);
    folder.join("events.csv")
}

fn table(out: &Path) -> String {
    fs::read_to_string(out.join("trials.jsonl")).expect("a table of trials")
}

fn trials(table: &str) -> Vec<Value> {
    let whole = table.lines().skip(1).filter(|line| !line.is_empty() && *line != TORN);
    whole.map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn of(trials: &[Value], study: Source) -> Vec<&Value> {
    trials.iter().filter(|trial| trial["study"] == study.as_str()).collect()
}

/// Adds a trial of each study that is better than any can be, and what an interruption leaves of a line.
fn interrupt(out: &Path, seconds: f64) {
    let settings = [
        json!({"engine.position_decay": 1.5, "item_knn_session.window": 3}),
        json!({"item_knn_user.weighting": "bm25"}),
        json!({"popularity.half_life_days": 33.5}),
    ];
    let mut file = OpenOptions::new().append(true).open(out.join("trials.jsonl")).expect("a table of trials");
    for (study, settings) in STUDIES.iter().zip(settings) {
        let trial = json!({"study": study.as_str(), "settings": settings, "ndcg": 2.0, "seconds": seconds});
        writeln!(file, "{trial}").expect("writes");
    }
    write!(file, "{TORN}").expect("writes");
}

fn assert_found(out: &Path) {
    let tuned = fs::read_to_string(out.join("tuned.toml")).expect("settings");
    assert_eq!(tuned.split_once('\n').expect("a comment, and the settings").1, FOUND);
}

/// Every study begins with the settings of the config, others are tried after it, and each trial has a figure.
fn assert_tried(table: &str) {
    let head: Value = serde_json::from_str(table.lines().next().expect("a head")).expect("JSON");
    let trials = trials(table);
    let settings = |trial: &Value| trial["settings"].as_object().expect("settings").clone();
    let tried = of(&trials, STUDIES[0]);
    assert!(tried.iter().any(|trial| settings(trial) != settings(tried[0])), "{tried:?}");
    for study in STUDIES {
        let trials = of(&trials, study);
        let start = settings(trials[0]);
        for (path, value) in &start {
            assert_eq!(head["config"].pointer(&format!("/{}", path.replace('.', "/"))), Some(value), "{path}");
        }
        for trial in trials {
            assert!(settings(trial).keys().eq(start.keys()), "{trial}");
            assert!(trial["figure"].as_f64().is_some_and(|figure| figure > 0.0 && figure <= 1.0), "{trial}");
            assert!(trial["seconds"].as_f64() > Some(0.0), "{trial}");
        }
    }
}

#[test]
fn an_interrupted_search_goes_on_with_all_of_its_trials() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (log, out) = (shop(folder.path()), folder.path().join("tuning"));
    printed(tune(&log, &out, BUDGET));
    assert_tried(&table(&out));
    interrupt(&out, 0.0);
    let interrupted = table(&out);
    let told = printed(tune(&log, &out, "0.4"));
    assert!(told.contains(text(&out.join("tuned.toml"))), "{told}");
    let gone_on = table(&out);
    assert!(gone_on.starts_with(&format!("{interrupted}\n")), "the lines before are as they were");
    let (before, after) = (trials(&interrupted), trials(&gone_on));
    for study in STUDIES {
        let (before, after) = (of(&before, study).len(), of(&after, study));
        assert!(after.len() > before, "{}: {before} trials before, {} after", study.as_str(), after.len());
        let row = told.lines().find(|line| line.starts_with(study.as_str())).expect("a row of the study");
        let start = after[0]["figure"].as_f64().expect("a figure");
        let row: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(row[1..4], [after.len().to_string(), format!("{start:.4}"), "2.0000".to_owned()], "{told}");
    }
    assert_found(&out);
}

/// The table of a source that is fitted alone.
fn fitted(log: &Path, source: Source, config: &[&str], settings: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    let out = tempfile::tempdir().expect("temporary folder");
    let arguments = ["fit", "--events", text(log), "--source", source.as_str(), "--out", text(out.path())];
    printed(run(&[&arguments[..], config].concat(), settings));
    contents(out.path())
}

#[test]
fn where_the_budget_is_used_up_the_best_settings_so_far_are_found_and_another_log_or_config_is_refused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (log, out) = (shop(folder.path()), folder.path().join("tuning"));
    printed(tune(&log, &out, BUDGET));
    interrupt(&out, 1e6);
    let used_up = table(&out);
    printed(tune(&log, &out, BUDGET));
    let after = table(&out);
    assert_eq!(trials(&after).len(), trials(&used_up).len(), "there is no time for another trial");
    assert_found(&out);

    for (source, setting) in [
        (Source::ItemKnnUser, ("TANDEM_ITEM_KNN_USER__WEIGHTING", "bm25")),
        (Source::Popularity, ("TANDEM_POPULARITY__HALF_LIFE_DAYS", "33.5")),
    ] {
        let with_tuned = fitted(&log, source, &["--config", text(&out.join("tuned.toml"))], &[]);
        assert!(with_tuned == fitted(&log, source, &[], &[setting]), "{setting:?}");
        assert!(with_tuned != fitted(&log, source, &[], &[]), "{setting:?} changes nothing");
    }

    let arguments = ["tune", "--events", text(&log), "--budget", BUDGET, "--out", text(&out)];
    let config = run(&arguments, &[("TANDEM_POPULARITY__HALF_LIFE_DAYS", "8.0")]);
    let log = run(&[&arguments[..], &["--until", "2026-06-01"]].concat(), &[]);
    for told in [config, log].map(complaint) {
        assert!(told.contains("other data or from other settings; choose another --out"), "{told}");
    }
    assert_eq!(table(&out), after);
}

#[test]
fn what_cannot_be_searched_says_why() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (log, one) = (shop(folder.path()), folder.path().join("one.csv"));
    write_log(&one, &[(5, "a", "view", "x")]);
    let out = |name: &str| folder.path().join(name);
    for budget in ["0", "-1", "inf", "soon"] {
        let told = complaint(tune(&log, &out("no time"), budget));
        assert!(told.contains(&format!("'{budget}' for '--budget <MINUTES>'")), "{told}");
    }
    assert!(!out("no time").exists(), "nothing was begun");
    let off = format!("{:?}", Source::ALL.map(Source::as_str));
    let none = ["tune", "--events", text(&log), "--budget", BUDGET, "--out", text(folder.path())];
    let told = complaint(offline_with(&none, &[("TANDEM_BLEND__OFF", &off), ("TANDEM_RANKER__KIND", "none")]));
    assert!(told.contains("all that could be searched is off"), "{told}");
    let told = complaint(tune(&one, &out("one event"), BUDGET));
    assert!(told.contains("hold no questions"), "{told}");
    let early = ["tune", "--events", text(&log), "--budget", BUDGET, "--until", "1", "--out", text(folder.path())];
    let told = complaint(run(&early, &[]));
    assert!(told.contains("--until 1: the log has no events before"), "{told}");
}
