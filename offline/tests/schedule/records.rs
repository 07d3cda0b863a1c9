//! What the scheduler tells of real runs, of the records that these leave.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::receiver::{Http, Received};
use super::running::{address, get};
use super::scheduler::{Place, Scheduler};
use crate::support::{DAY_MS, eventually, text, versions, write_shop};

/// A config of the batch by which a small shop of 1970 is learnt in a moment.
const SMALL: &str = "[ingest]\ntimestamp_unit = 'ms'\nearliest = '1970-01-01'\n[blend]\nfit = false\n[ranker]\nkind = 'none'\n\
                     [als]\nfactors = 4\n[embedding]\nfactors = 4\n";

/// A scheduler whose job `nightly` learns from `log.csv`, and tells a receiver of it.
fn place(receiver: &Http) -> Place {
    let place = Place::new("");
    fs::write(place.path("url"), receiver.url("/hook")).expect("writes");
    fs::write(place.path("config.toml"), SMALL).expect("writes");
    let path = |name: &str| text(&place.path(name)).to_owned();
    let (config, log, artifacts, url) = (path("config.toml"), path("log.csv"), path("artifacts"), path("url"));
    let command = format!(
        "['run', '--config', '{config}', '--events', '{log}', '--artifacts', '{artifacts}', '--runs', '{artifacts}/runs']"
    );
    place.configure(&format!(
        "listen = '127.0.0.1:0'\n---\n[notices]\non = ['success', 'refused', 'stale']\n\
         report_url = 'https://reports.example/{{version}}'\n[[webhook]]\nname = 'ops'\nurl_file = '{url}'\n\
         [[job]]\nname = 'nightly'\ncron = '@yearly'\nretries = 0\nstale_after = '1h'\ncommand = {command}\n"
    ));
    place
}

/// What `/jobs` shows of the only job.
fn shown(scheduler: &Scheduler) -> Value {
    let answer = get(&address(scheduler), "/jobs");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let jobs: Value = serde_json::from_str(body).expect("JSON");
    jobs["jobs"][0].clone()
}

fn notices(receiver: &Http, kind: &str) -> Vec<Value> {
    receiver.received().iter().map(Received::json).filter(|notice| notice["kind"] == kind).collect()
}

#[test]
fn a_run_that_made_a_version_is_told_with_its_stages_its_version_and_how_old_its_data_is() {
    let receiver = Http::start(&[]);
    let place = place(&receiver);
    write_shop(&place.path("log.csv"), 0..20, 0..30);
    let scheduler = place.start("log", &["--now", "nightly"]);
    eventually("it is told", || !notices(&receiver, "stale").is_empty());

    let newest = 29 * DAY_MS + 19_000;
    let [version] = &versions(&place.path("artifacts"))[..] else { panic!("one version") };
    let job = shown(&scheduler);
    assert_eq!((&job["last"]["outcome"], &job["data_ms"]), (&"success".into(), &newest.into()));
    let stages = job["last"]["stages"].as_array().expect("stages");
    assert!(stages.iter().any(|stage| stage[0] == "ingest" && stage[1].is_f64()), "{stages:?}");
    let metrics = get(&address(&scheduler), "/metrics");
    assert!(metrics.contains("tandem_job_stage_seconds{job=\"nightly\",stage=\"ingest\"}"), "{metrics}");

    let told = &notices(&receiver, "success")[0];
    assert_eq!(told["version"].as_str(), Some(version.as_str()));
    assert_eq!(told["report"], format!("https://reports.example/{version}"));
    assert_eq!(told["run"], job["last"]["id"]);
    let record = place.path("artifacts/runs").join(format!("{}.json", told["run"].as_str().expect("an id")));
    assert!(record.is_file(), "the run has the id that the scheduler gave it");
    let stale = &notices(&receiver, "stale")[0];
    assert!(
        stale["reason"].as_str().expect("text").starts_with("the newest event is of 1970-01-30 00:00:19"),
        "{stale}"
    );

    assert!(scheduler.stop());
    let (done, table) = place.run(&["--status"]);
    assert!(done && table.contains("success"), "{table}");
}

#[test]
fn a_run_that_was_refused_is_told_in_its_own_words_and_with_the_way_out() {
    let receiver = Http::start(&[]);
    let place = place(&receiver);
    let run = |users: usize, outcome: &str| {
        write_shop(&place.path("log.csv"), 0..users, 0..30);
        let scheduler = place.start(outcome, &["--now", "nightly"]);
        eventually("it is over", || place.ended("nightly", outcome) == 1);
        scheduler
    };
    assert!(run(20, "success").stop());
    let scheduler = run(10, "refused");
    eventually("it is told", || !notices(&receiver, "refused").is_empty());
    let job = shown(&scheduler);
    assert_eq!(job["last"]["outcome"], "refused");
    let reason = job["last"]["reason"].as_str().expect("text");
    assert!(reason.contains("it lost 50.0% of its events"), "{reason}");

    let told = &notices(&receiver, "refused")[0];
    assert!(told["reason"].as_str().expect("text").contains("it lost 50.0% of its events"), "{told}");
    assert!(told["next_step"].as_str().expect("text").ends_with("--allow-shrink"), "{told}");
    assert!(told["version"].is_null() && Path::new(&place.path("artifacts/champion")).is_file());
    assert!(scheduler.stop());
    let (done, table) = place.run(&["--status"]);
    assert!(done && table.contains("refused") && table.contains("nightly: the log is less"), "{table}");
    let (_, json) = place.run(&["--status", "--json"]);
    let jobs = serde_json::from_str::<Value>(&json).expect("JSON")["jobs"].clone();
    assert_eq!((&jobs[0]["last"]["outcome"], &jobs[0]["failures"]), (&"refused".into(), &1.into()));
}
