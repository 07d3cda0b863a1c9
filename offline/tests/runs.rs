//! What the batch records of its runs: how each began and ended, and two of them side by side.

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::support::{CLOCK, SMALL, command, eventually, sample, text, write_shop};

/// Runs `offline` with records in `runs` of a folder.
fn offline(folder: &Path, arguments: &[&str]) -> Output {
    let runs = folder.join("runs");
    command().args(arguments).envs(CLOCK).envs(SMALL).env("TANDEM_RUNS", runs).output().expect("the binary runs")
}

/// What a command printed, which must have succeeded.
fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = offline(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// All records, oldest first.
fn recorded(folder: &Path) -> Vec<Value> {
    serde_json::from_str(&printed(folder, &["runs", "list", "--last", "0", "--json"])).expect("JSON")
}

/// Trains on a small shop into `artifacts` of a folder.
fn train(folder: &Path, flags: &[&str]) -> Output {
    let events = folder.join("events.csv");
    if !events.exists() {
        write_shop(&events, 0..20, 0..10);
    }
    let artifacts = folder.join("artifacts");
    offline(folder, &[&["run", "--events", text(&events), "--artifacts", text(&artifacts)], flags].concat())
}

#[test]
fn a_run_leaves_what_it_did_and_one_that_comes_to_the_same_is_recognised() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let folder = folder.path();
    assert!(train(folder, &["--run-id", "first"]).status.success());
    let second = train(folder, &["--redis", "redis://me:secret-word@127.0.0.1:1/0"]);
    assert!(!second.status.success(), "nobody answers there");
    let third = train(folder, &[]);
    let said = String::from_utf8_lossy(&third.stderr).into_owned();
    assert!(said.contains("the same data and settings as first, which made v000001-"), "{said}");

    let runs = recorded(folder);
    let of = |field: &str| runs.iter().map(|run| run[field].clone()).collect::<Vec<_>>();
    assert_eq!(of("status"), [json!("succeeded"), json!("failed"), json!("succeeded")]);
    assert_eq!(of("champion"), [json!(true), Value::Null, json!(true)]);
    assert_eq!((&runs[0]["id"], &runs[0]["identity"]), (&json!("first"), &runs[2]["identity"]));
    assert_eq!(runs[0]["data"]["counts"]["events"], 200);
    assert!(runs[0]["stages"].as_array().expect("stages").len() > 5 && runs[0]["config"]["als"]["factors"] == 4);
    assert!(!json!(runs).to_string().contains("secret-word"));

    let again = train(folder, &["--run-id", "first"]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("there is a run first already"));
    let listed = printed(folder, &["runs", "list"]);
    assert_eq!(listed.lines().count(), 4, "{listed}");
    assert!(listed.lines().nth(3).is_some_and(|line| line.ends_with("promoted = first")), "{listed}");
    let shown = printed(folder, &["runs", "show", "first"]);
    assert!(shown.contains("which became the champion") && shown.contains("200 events"), "{shown}");
    let compared = printed(folder, &["runs", "compare", "first", "last"]);
    assert!(compared.contains("the same data, settings and seeds"), "{compared}");
}

#[test]
fn runs_that_are_refused_or_killed_are_told_from_those_that_failed() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let folder = folder.path();
    assert!(train(folder, &[]).status.success());
    write_shop(&folder.join("events.csv"), 0..2, 0..10);
    assert!(!train(folder, &[]).status.success(), "most of the log is gone");
    // Waits for a search of an hour that has begun, and kills it.
    let (events, out) = (folder.join("events.csv"), folder.join("tuning"));
    write_shop(&events, 0..50, 0..40);
    let mut search = command();
    search.args(["tune", "--events", text(&events), "--out", text(&out), "--budget", "60"]).envs(CLOCK);
    search.env("TANDEM_RUNS", folder.join("runs")).stderr(Stdio::null()).stdout(Stdio::null());
    let mut search = search.spawn().expect("the binary runs");
    let status = |at: usize| recorded(folder).get(at).map(|run| run["status"].clone());
    eventually("it runs", || status(2) == Some(json!("running")));
    search.kill().expect("own child");
    search.wait().expect("own child");
    assert_eq!([status(1), status(2)], [Some(json!("refused")), Some(json!("killed"))]);
    let reason = recorded(folder)[1]["reason"].as_str().expect("a reason").to_owned();
    assert!(reason.contains("--allow-shrink"), "{reason}");
}

#[test]
fn evaluations_that_asked_the_same_are_compared_in_pairs_as_if_they_had_run_together() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let folder = folder.path();
    // The first weeks of the sample: enough for slates to differ.
    let all = fs::read_to_string(sample().0).expect("reads");
    let events = folder.join("events.csv");
    fs::write(&events, all.lines().take(4000).map(|line| format!("{line}\n")).collect::<String>()).expect("writes");
    let config = |name: &str, text: &str| {
        fs::write(folder.join(name), text).expect("writes");
        folder.join(name)
    };
    let (a, b) = (config("a.toml", ""), config("b.toml", "[blend]\noff = [\"session_knn\"]\n"));
    let measure = ["evaluate", "--task", "next-item", "--k", "20", "--events", text(&events)];
    printed(folder, &[&measure[..], &["--config", text(&a)]].concat());
    printed(folder, &[&measure[..], &["--config", text(&b)]].concat());
    let together = printed(folder, &[&measure[..], &["--format", "json", "--compare", text(&a), text(&b)]].concat());
    let together: Value = serde_json::from_str(&together).expect("JSON");
    let apart = printed(folder, &["runs", "compare", "last-2", "last-1", "--json"]);
    let apart: Value = serde_json::from_str(&apart).expect("JSON");
    assert_eq!(apart["settings"], json!({ "blend.off": [[], ["session_knn"]] }));
    for figure in ["hr@20", "mrr@20", "ndcg@20"] {
        let (one, other) =
            (&together["comparisons"][0]["differences"][figure], &apart["differences"][format!("tandem {figure}")]);
        for value in ["/mean", "/interval/low", "/interval/high", "/p"] {
            let [one, other] = [one, other].map(|own| own.pointer(value).and_then(Value::as_f64).expect(value));
            assert!((one - other).abs() < 1e-6, "{figure}{value}: {one} and {other}");
        }
    }
    printed(folder, &[&measure[..], &["--seen", "exclude_all"]].concat());
    let compared = printed(folder, &["runs", "compare", "last-1", "last"]);
    assert!(compared.contains("not compared in pairs: they were asked different questions"), "{compared}");
}

#[test]
fn a_command_whose_reader_is_gone_ends_without_a_word() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = command().args(["schedule", "--defaults"]).stdout(writer).output().expect("the binary runs");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(141), ""));
}
