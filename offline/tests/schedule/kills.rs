//! `kill -9` of the scheduler, and of what it started, at any moment: no run twice, none lost, and all told.
//!
//! `KILLS=20 cargo test -p offline --test main schedule::kills -- --nocapture` kills more often.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::receiver::{Answer, Http};
use super::scheduler::{Place, QUICK};
use crate::support::eventually;
use crate::support::loans::drawn;

const SECOND_MS: i64 = 1000;

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

/// Kills what a run that goes on consists of: its supervisor, its job or both.
fn kill_a_run(place: &Place, draw: f64) -> bool {
    let state = place.state();
    let ids = state["jobs"].as_object().into_iter().flatten().filter_map(|(_, job)| job["active"]["id"].as_str());
    let mut killed = false;
    for id in ids {
        for (file, wanted) in [("begun.json", draw < 0.7), ("child.json", draw > 0.3)] {
            let path = place.path("state/runs").join(id).join(file);
            let Some(process) = fs::read(path).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok()) else {
                continue;
            };
            let pid = i32::try_from(number(&process["pid"])).ok().and_then(Pid::from_raw);
            let start = fs::read_to_string(format!("/proc/{}/stat", number(&process["pid"]))).unwrap_or_default();
            // The number may be another process's by now.
            let is_it = start.rsplit_once(')').is_some_and(|(_, rest)| {
                rest.split_whitespace().nth(19).and_then(|ticks| ticks.parse().ok()) == process["start"].as_i64()
            });
            if let (Some(pid), true, true) = (pid, wanted, is_it) {
                killed |= kill_process(pid, Signal::KILL).is_ok();
            }
        }
    }
    killed
}

#[test]
fn whoever_is_killed_when_every_due_time_is_run_once_or_counted_and_told() {
    let kills: u64 = std::env::var("KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    // It fails at times, so that notices wait and are sent again.
    let answers: Vec<Answer> =
        (0..kills * 2).map(|at| Answer::Status(if drawn(at) < 0.3 { 500 } else { 200 })).collect();
    let receiver = Http::start(&answers);
    let place = Place::new("");
    let url = place.path("url");
    fs::write(&url, receiver.url("/hook")).expect("writes");
    let job =
        |name: &str, more: &str| format!("[[job]]\nname = '{name}'\ncron = '* * * * * *'\ncommand = {QUICK}\n{more}\n");
    place.configure(&format!(
        "keep_runs = 10000\n---\n[jobs]\nretries = 1\nbackoff = '50ms'\nbackoff_cap = '50ms'\n\
         [notices]\non = ['success', 'failure', 'recovery']\nqueue = 10000\nbackoff = '50ms'\nbackoff_cap = '100ms'\n\
         [[webhook]]\nname = 'hook'\nurl_file = '{}'\n{}{}",
        url.display(),
        job("a", ""),
        job("b", "overlap = 'queue'"),
    ));
    let mut first = BTreeMap::new();
    let mut killed = 0;
    for at in 0..kills {
        let scheduler = place.start("log", &[]);
        if at == 0 {
            eventually("both jobs are known", || place.state()["jobs"].as_object().is_some_and(|jobs| jobs.len() == 2));
            for name in ["a", "b"] {
                first.insert(name, number(&place.job(name)["next_ms"]));
            }
        }
        std::thread::sleep(Duration::from_secs_f64(1.2 * drawn(1000 + at)));
        if drawn(2000 + at) < 0.6 {
            let begin = Instant::now();
            while !kill_a_run(&place, drawn(3000 + at)) && begin.elapsed() < Duration::from_secs(1) {
                std::thread::sleep(Duration::from_millis(2));
            }
            killed += u64::from(begin.elapsed() < Duration::from_secs(1));
        }
        scheduler.kill();
    }
    let scheduler = place.start("log", &[]);
    scheduler.says("runs the jobs");
    let since = number(&place.job("a")["since_ms"]);
    eventually("it has caught up", || number(&place.job("a")["since_ms"]) > since);
    // What is due is still run; nothing new is, once the jobs are gone from the config.
    place.configure(&format!(
        "keep_runs = 10000\n---\n[jobs]\nretries = 1\nbackoff = '50ms'\nbackoff_cap = '50ms'\n\
         [notices]\non = ['success', 'failure', 'recovery']\nbackoff = '50ms'\nbackoff_cap = '100ms'\nqueue = 10000\n[[webhook]]\nname = 'hook'\nurl_file = '{}'\n\
         [[job]]\nname = 'a'\ncron = '@yearly'\ncommand = {QUICK}\n[[job]]\nname = 'b'\ncron = '@yearly'\ncommand = {QUICK}\n",
        url.display()
    ));
    scheduler.signal(Signal::HUP);
    scheduler.says("read again");
    eventually("all is over and told", || {
        let state = place.state();
        let jobs = state["jobs"].as_object().expect("jobs");
        jobs.values().all(|job| job["active"].is_null() && job["queued_ms"].is_null())
            && state["outbox"]["hook"]["waiting"].as_array().is_some_and(Vec::is_empty)
    });
    assert!(scheduler.stop());
    let taken = receiver.received().into_iter().filter(|request| request.taken);
    let notices: Vec<String> = taken.map(|request| request.header("tandem-notice").to_owned()).collect();
    let distinct: BTreeSet<&String> = notices.iter().collect();
    let (mut over, mut again) = (0, 0);
    for name in ["a", "b"] {
        let mut tries: BTreeMap<i64, BTreeMap<u32, Vec<String>>> = BTreeMap::new();
        for (path, order) in place.runs().into_iter().filter(|(_, order)| order.job == name) {
            // One that has no beginning was prepared and never decided on.
            if path.join("begun.json").exists() {
                let id = path.file_name().and_then(|id| id.to_str()).expect("an id").to_owned();
                tries.entry(order.due_ms).or_default().entry(order.attempt).or_default().push(id);
            }
        }
        for (due, tries) in &tries {
            assert!(tries.values().all(|ids| ids.len() == 1), "{name}: {due} was run twice: {tries:?}");
            let last = &tries.values().next_back().expect("a try")[0];
            let told = distinct.iter().filter(|notice| notice.starts_with(last.as_str())).count();
            assert_eq!(told, 1, "{name}: {due}: {last}");
        }
        let job = place.job(name);
        let ended: i64 = job["runs"].as_object().into_iter().flatten().map(|(_, count)| number(count)).sum();
        let skipped = number(&job["runs"]["skipped"]);
        let missed = number(&job["missed"]);
        // Since the config was changed, what was due before has been taken up, but for what came due in that moment.
        let until = number(&job["since_ms"]) / SECOND_MS * SECOND_MS;
        let from = tries.keys().copied().min().unwrap_or_default().min(first[name]);
        let due = (until - from) / SECOND_MS + 1;
        assert_eq!(ended - skipped, i64::try_from(tries.len()).expect("few"), "{name}: a record is lost");
        assert!((due - 1..=due).contains(&(ended + missed)), "{name}: {due} due times, {ended} over, {missed} missed");
        over += ended - skipped;
        again += tries.values().filter(|tries| tries.len() > 1).count() as u64;
    }
    assert_eq!(i64::try_from(distinct.len()).expect("few"), over, "every run is told of, and no other");
    // A kill takes a run of each job at most.
    assert!(again <= 2 * killed, "{again} runs were tried again, and {killed} times some were killed");
    println!(
        "{kills} kills of the scheduler, {killed} of runs: {over} runs, {} notices, {} of them twice",
        distinct.len(),
        notices.len() - distinct.len()
    );
}
