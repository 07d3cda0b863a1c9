//! Jobs that run, wait, take too long and go on without their scheduler.

use std::fs;
use std::path::Path;
use std::time::Duration;

use offline::publish::Artifacts;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::scheduler::{Place, QUICK, Scheduler};
use crate::support::{eventually, text};

/// A job that waits for the artifacts folder `held`, which a test holds, and then fails at once.
fn waiting(place: &Place, keys: &str) -> (String, Artifacts) {
    let folder = place.path("held");
    let held = Artifacts::hold(&folder, "a test", Duration::ZERO).expect("is free");
    let command = format!("['backup', '--wait', '--artifacts', '{}', '--events', 'none', '--to', 'b']", text(&folder));
    (format!("[[job]]\nname = 'waits'\ncron = '@yearly'\ncommand = {command}\nretries = 0\n{keys}\n"), held)
}

/// The process of the job of the only run.
fn process(place: &Place, file: &str) -> i32 {
    let runs = place.runs();
    let path = runs[0].0.join(file);
    eventually(file, || path.is_file());
    let process: Value = serde_json::from_slice(&fs::read(path).expect("reads")).expect("JSON");
    i32::try_from(process["pid"].as_i64().expect("a number")).expect("a pid")
}

fn begins(place: &Place) {
    eventually("the job waits", || {
        place.runs().first().is_some_and(|(path, _)| {
            fs::read_to_string(path.join("stderr.log")).is_ok_and(|text| text.contains("waiting for"))
        })
    });
}

fn lives(pid: i32) -> bool {
    // A zombie is no process any more.
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

#[test]
fn jobs_run_at_their_times_and_after_each_other_and_tell_of_it() {
    let place = Place::new(&format!(
        "listen = '127.0.0.1:0'\n---\n[[job]]\nname = 'often'\ncron = '* * * * * *'\ncommand = {QUICK}\n\
         [[job]]\nname = 'after'\nafter = ['often']\ncommand = {QUICK}\n"
    ));
    let scheduler = place.start("log", &[]);
    eventually("both ran", || place.ended("often", "success") >= 2 && place.ended("after", "success") >= 1);
    let address = address(&scheduler);
    let get = |path: &str| get(&address, path);
    assert!(get("/health").contains("\"status\":\"leader\""));
    let metrics = get("/metrics");
    assert!(metrics.contains("tandem_job_runs_total{job=\"often\",outcome=\"success\"}"), "{metrics}");
    assert!(get("/jobs").contains("\"name\":\"after\""));
    assert!(scheduler.stop());
    let (done, table) = place.run(&["--status"]);
    assert!(done && table.contains("after often") && table.contains("success"), "{table}");
    assert!(table.starts_with("no scheduler runs: "), "{table}");
    let (_, json) = place.run(&["--status", "--json"]);
    let status: Value = serde_json::from_str(&json).expect("JSON");
    assert!(status["scheduler"].is_null(), "{json}");
    let jobs = &status["jobs"];
    assert_eq!((&jobs[0]["name"], &jobs[0]["last"]["outcome"]), (&"often".into(), &"success".into()));
    let (path, _) = &place.runs()[0];
    assert!(fs::read_to_string(path.join("stdout.log")).expect("printed").contains("[trees]"));
}

pub fn address(scheduler: &Scheduler) -> String {
    scheduler.says("listening address=");
    let log = scheduler.log();
    let rest = log.split("address=\"").nth(1).or(log.split("address=").nth(1)).expect("an address");
    rest.split(['"', '\n', ' ']).next().expect("an address").to_owned()
}

pub fn get(address: &str, path: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).expect("connects");
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").expect("writes");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("reads");
    text
}

#[test]
fn a_run_that_takes_too_long_is_ended_and_not_tried_for_ever() {
    let place = Place::new("");
    let (job, _held) = waiting(&place, "timeout = '200ms'\nkill_grace = '200ms'");
    place.configure(&job);
    let scheduler = place.start("log", &["--now", "waits"]);
    eventually("it is ended", || place.ended("waits", "timeout") == 1);
    assert!(!lives(process(&place, "child.json")));
    assert!(scheduler.stop());
}

#[test]
fn a_run_goes_on_without_its_scheduler_and_the_next_one_takes_it_over() {
    let place = Place::new("");
    let (job, held) = waiting(&place, "");
    place.configure(&job);
    let first = place.start("log", &["--now", "waits"]);
    begins(&place);
    first.kill();
    let child = process(&place, "child.json");
    assert!(lives(child));
    let second = place.start("log", &[]);
    second.says("runs the jobs");
    assert_eq!(place.job("waits")["active"]["attempt"], 1);
    drop(held);
    // The folder has no event log: the exit code was kept by the supervisor.
    eventually("it is over", || place.ended("waits", "failure") == 1);
    assert_eq!(place.job("waits")["last"]["reason"], "it ended with exit code 1");
    assert_eq!(place.runs().len(), 1);
    assert!(second.stop());
}

#[test]
fn a_job_whose_supervisor_was_killed_is_not_begun_again_while_it_lives() {
    let place = Place::new("");
    let (job, _held) = waiting(&place, "");
    place.configure(&job);
    let scheduler = place.start("log", &["--now", "waits"]);
    begins(&place);
    let (supervisor, child) = (process(&place, "begun.json"), process(&place, "child.json"));
    let kill = |pid| kill_process(Pid::from_raw(pid).expect("a pid"), Signal::KILL).expect("it lives");
    kill(supervisor);
    eventually("the supervisor is gone", || !lives(supervisor));
    let (done, said) = place.run(&["--now", "waits", "--no-wait"]);
    assert!(done && said.contains("was asked to run waits"), "{said}");
    // The default is to skip a run that meets another one.
    eventually("the request is taken up", || place.ended("waits", "skipped") == 1);
    assert!(lives(child) && place.runs().len() == 1);
    kill(child);
    eventually("it is over", || place.ended("waits", "failure") == 1);
    assert!(place.job("waits")["last"]["reason"].as_str().expect("text").starts_with("it came to no end"));
    assert!(scheduler.stop());
}

#[test]
fn a_job_that_prints_goes_on_to_its_end_when_its_supervisor_was_killed() {
    let place = Place::new("");
    let (job, held) = waiting(&place, "");
    place.configure(&job);
    let scheduler = place.start("log", &["--now", "waits"]);
    begins(&place);
    let (supervisor, child) = (process(&place, "begun.json"), process(&place, "child.json"));
    kill_process(Pid::from_raw(supervisor).expect("a pid"), Signal::KILL).expect("it lives");
    eventually("the supervisor is gone", || !lives(supervisor));
    assert!(lives(child));
    drop(held);
    eventually("it is over", || place.ended("waits", "failure") == 1);
    // What it came to an end by is its own last word, and not that nobody listened.
    let said = fs::read_to_string(place.runs()[0].0.join("stderr.log")).expect("printed");
    assert!(said.contains("none"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(scheduler.stop());
}

#[test]
fn a_stop_ends_runs_after_their_grace_and_the_next_scheduler_begins_them_again() {
    let place = Place::new("");
    let (job, held) = waiting(&place, "");
    place.configure(&format!("stop_grace = '100ms'\n---\n{job}"));
    let first = place.start("log", &["--now", "waits"]);
    begins(&place);
    assert!(first.stop());
    assert!(!lives(process(&place, "child.json")));
    assert_eq!(place.job("waits")["active"]["attempt"], 0);
    let second = place.start("log", &[]);
    eventually("it begins again", || place.runs().len() == 2);
    drop(held);
    eventually("it is over", || place.ended("waits", "failure") == 1);
    assert!(second.stop());
}

#[test]
fn a_second_scheduler_stands_by_and_takes_over() {
    let place = Place::new(&format!("[[job]]\nname = 'often'\ncron = '* * * * * *'\ncommand = {QUICK}\n"));
    let first = place.start("first", &[]);
    first.says("runs the jobs");
    let (done, said) = place.run(&["--no-wait"]);
    assert!(!done && said.contains("the jobs are run by process "), "{said}");
    let second = place.start("second", &[]);
    second.says("standing by: the jobs are run by process ");
    first.kill();
    second.says("runs the jobs");
    let before = place.ended("often", "success");
    eventually("it runs them", || place.ended("often", "success") > before);
    assert!(second.stop());
}

#[test]
fn who_looks_or_asks_needs_no_secrets_and_is_told_that_no_scheduler_runs() {
    let job = format!("[[job]]\nname = 'often'\ncron = '* * * * * *'\ncommand = {QUICK}\n");
    let place = Place::new(&job);
    let scheduler = place.start("log", &[]);
    eventually("it runs them", || place.ended("often", "success") > 0);
    place.configure(&format!("{job}[[slack]]\nname = 'ops'\nurl_env = 'A_VARIABLE_THAT_IS_NOT_SET'\n"));
    let (done, table) = place.run(&["--status"]);
    assert!(done && table.starts_with("the jobs are run by process "), "{table}");
    let (done, said) = place.run(&["--now", "often", "--no-wait"]);
    assert!(done && said.contains("was asked to run often"), "{said}");
    scheduler.kill();
    let (done, table) = place.run(&["--status"]);
    assert!(done && table.starts_with("no scheduler runs: "), "{table}");
    let (done, said) = place.run(&["--now", "often", "--no-wait"]);
    assert!(!done && said.contains("no scheduler runs that could be asked"), "{said}");
}

#[test]
fn a_check_finds_what_the_start_would_fail_for() {
    let job = |command: &str| format!("[[job]]\nname = 'a'\ncron = '@daily'\ncommand = {command}\n");
    let without_file = job("['run', '--events', 'log.csv', '--config', 'none.toml']");
    let without_ca = format!("[notices]\nca = 'none.pem'\n{}", job(QUICK));
    for (config, said) in
        [(&without_file, "job a: `command`: none.toml: no such config file"), (&without_ca, "none.pem")]
    {
        let (done, told) = Place::new(config).run(&["--check"]);
        assert!(!done && told.contains(said), "{told}");
    }
}

#[test]
fn a_config_is_read_again_on_sighup_and_one_that_is_wrong_is_not_used() {
    let job = |name: &str| format!("[[job]]\nname = '{name}'\ncron = '* * * * * *'\ncommand = {QUICK}\n");
    let place = Place::new(&job("a"));
    let scheduler = place.start("log", &[]);
    scheduler.says("runs the jobs");
    place.configure("[[job]]\nname = 'b'\ncron = '* * * * * *'\ncommand = ['rum']\n");
    scheduler.signal(Signal::HUP);
    scheduler.says("the one before stays");
    assert!(scheduler.log().contains("job b: `command`: unrecognized subcommand 'rum'"), "{}", scheduler.log());
    let before = place.ended("a", "success");
    eventually("it goes on", || place.ended("a", "success") > before);
    place.configure(&job("c"));
    scheduler.signal(Signal::HUP);
    eventually("it has the new job", || place.ended("c", "success") > 0);
    assert!(scheduler.stop());
}

#[test]
fn a_config_that_is_wrong_names_the_job_and_what_to_do() {
    for (config, said) in [
        (
            "[[job]]\nname = 'a'\ncron = '@daily'\ncommand = ['schedule', '--config', 'x']",
            "job a: a scheduler is no job",
        ),
        ("[[job]]\nname = 'a'\ncron = '@daily'\ncommand = ['run', '--event', 'x']", "unexpected argument '--event'"),
        ("[[job]]\nname = 'a'\ncron = 'daily'\ncommand = ['run']", "write five fields"),
    ] {
        let (done, told) = Place::new(config).run(&["--check"]);
        assert!(!done && told.contains(said), "{told}");
    }
    let place = Place::new("");
    assert!(place.run(&["--check"]).1.contains("nothing wrong"));
    let (done, told) = place.run(&["--status"]);
    assert!(!done && told.contains("no scheduler has run here"), "{told}");
    assert!(!Path::new(&place.path("state")).exists());
}
