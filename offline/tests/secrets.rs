//! No password reaches a file, a line or an error of the batch, wherever it was given.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::redis_server::RedisServer;
use crate::support::{SMALL, champion, offline_with, text, write_shop};

const PASSWORD: &str = "correct-horse-battery";

/// Panics for a file of a folder, or of a folder in it, that has the password in it.
fn assert_in_no_file(folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            assert_in_no_file(&path);
        } else {
            let bytes = fs::read(&path).expect("reads");
            let found = bytes.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes());
            assert!(!found, "the password is in {}", path.display());
        }
    }
}

fn assert_not_told(output: &Output) -> String {
    let told = [&output.stdout[..], &output.stderr].concat();
    let told = String::from_utf8_lossy(&told).into_owned();
    assert!(!told.contains(PASSWORD), "{told}");
    told
}

#[test]
fn a_password_is_used_and_is_nowhere_to_be_found_afterwards() {
    let redis = RedisServer::start_with_password(PASSWORD);
    let folder = tempfile::tempdir().expect("temporary folder");
    let (log, artifacts) = (folder.path().join("log.csv"), folder.path().join("artifacts"));
    write_shop(&log, 0..20, 0..30);
    let url = redis.url();
    let out = folder.path().join("out");
    let tell = |arguments: &[&str], environment: &[(&str, &str)]| {
        let settings = [&SMALL[..], &[("RUST_LOG", "trace")], environment].concat();
        let output = offline_with(&[arguments, &["--events", text(&log)]].concat(), &settings);
        (output.status.success(), assert_not_told(&output))
    };
    let run = |arguments: &[&str], environment: &[(&str, &str)]| {
        let (done, told) = tell(arguments, environment);
        assert!(done, "{told}");
    };
    let in_environment = [("TANDEM_PUBLISH__REDIS_URL", url.as_str()), ("TANDEM_STORE__REDIS_URL", &url)];
    let to = ["--artifacts", text(&artifacts)];
    run(&[&["run"][..], &to].concat(), &in_environment);
    // Other settings than the champion's: the gate writes down what differs.
    run(&[&["run"][..], &to, &["--redis", &url]].concat(), &[("TANDEM_SLIM__FEATURES", "7")]);
    run(&[&["train"][..], &to].concat(), &in_environment);
    run(&[&["evaluate", "--task", "top-k", "--seen", "allow", "--format", "json"][..], &to].concat(), &in_environment);
    // It writes down what it starts from before it finds the log too short.
    tell(&["tune", "--budget", "1", "--out", text(&out)], &in_environment);
    assert!(out.join("trials.jsonl").is_file());
    assert!(redis.command::<u64>(&["DBSIZE"]) >= 40, "records of both runs are there");
    assert_in_no_file(folder.path());
    let manifest = fs::read_to_string(champion(&artifacts).join("manifest.json")).expect("a manifest");
    let config = &serde_json::from_str::<Value>(&manifest).expect("JSON")["config"];
    assert!(config["als"].is_object() && config["publish"].is_null() && config["gate"].is_null(), "{config}");
}

#[test]
fn a_redis_that_does_not_answer_or_does_not_know_the_password_is_named_without_it() {
    let redis = RedisServer::start_with_password("another one");
    let folder = tempfile::tempdir().expect("temporary folder");
    let (log, artifacts) = (folder.path().join("log.csv"), folder.path().join("artifacts"));
    write_shop(&log, 0..20, 0..30);
    let place = redis.url().rsplit_once('@').expect("a password").1.to_owned();
    let urls = [
        (format!("redis://shop:{PASSWORD}@{place}"), format!("redis at redis://{place}: ")),
        (format!("redis://:{PASSWORD}@127.0.0.1:1/2"), "redis at redis://127.0.0.1:1/2: ".to_owned()),
        (format!("unix:///nowhere.sock?pass={PASSWORD}"), "redis at unix:///nowhere.sock: ".to_owned()),
        (format!("redis://:{PASSWORD}?@127.0.0.1:1"), "redis at redis://...: ".to_owned()),
        (format!("shop:{PASSWORD}@127.0.0.1:1"), "redis at (not a URL): ".to_owned()),
    ];
    let arguments = ["run", "--events", text(&log), "--artifacts", text(&artifacts)];
    for (url, named) in &urls {
        let given = offline_with(&[&arguments[..], &["--redis", url]].concat(), &SMALL);
        let set = offline_with(&arguments, &[&SMALL[..], &[("TANDEM_PUBLISH__REDIS_URL", url)]].concat());
        for output in [given, set] {
            let told = assert_not_told(&output);
            assert!(!output.status.success() && told.contains(named), "{named}: {told}");
            assert!(!told.contains("--redis"), "an option that was not given in one case: {told}");
        }
    }
    assert_in_no_file(folder.path());
}

#[test]
fn a_mistyped_command_line_or_setting_is_quoted_without_the_password() {
    let url = format!("redis://:{PASSWORD}@127.0.0.1:1");
    for arguments in [&["run", &url][..], &["export", "--table", &url], &["run", "--events", "x", "--config", &url]] {
        assert_not_told(&offline_with(arguments, &[]));
    }
    for key in ["TANDEM_PUBLISH__KEEP", "TANDEM_PUBLISH__URL", "TANDEM_ALS__FACTORS"] {
        let output = offline_with(&["run", "--events", "x"], &[(key, url.as_str())]);
        let told = assert_not_told(&output);
        assert!(!output.status.success() && told.contains("config.default.toml"), "{told}");
    }
}
