//! What the tests of the batch share: the binary, small logs, and folders compared byte by byte.
#![allow(dead_code)]

pub mod clicks;
pub mod loans;
pub mod mlflow;
pub mod objects;
pub mod service;
pub mod slates;

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Settings under which a small log is learnt in a moment.
pub const SMALL: [(&str, &str); 4] = [
    ("TANDEM_BLEND__FIT", "false"),
    ("TANDEM_RANKER__KIND", "none"),
    ("TANDEM_ALS__FACTORS", "4"),
    ("TANDEM_EMBEDDING__FACTORS", "4"),
];

/// Settings under which all that is learnt of the sample is, from fewer cases.
pub const QUICK: [(&str, &str); 10] = [
    ("TANDEM_ALS__FACTORS", "8"),
    ("TANDEM_ALS__SWEEPS", "3"),
    ("TANDEM_REPEAT__MAX_CASES", "2000"),
    ("TANDEM_REPEAT__TREES", "20"),
    ("TANDEM_REPEAT__DEPTH", "4"),
    ("TANDEM_BLEND__MAX_CASES", "200"),
    ("TANDEM_RANKER__MAX_CASES", "1000"),
    ("TANDEM_RANKER__WINDOWS", "1"),
    ("TANDEM_TREES__TREES", "20"),
    ("TANDEM_TREES__DEPTH", "4"),
];

/// The command `offline`, to be given arguments and more. What it records of runs goes to a folder of the tests, unless a
/// test says where to.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_offline"));
    command.env("TANDEM_RUNS", concat!(env!("CARGO_TARGET_TMPDIR"), "/runs"));
    command
}

/// Runs `offline` with arguments and environment, with the settings as they are shipped.
pub fn as_shipped(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    command().args(arguments).envs(environment.iter().copied()).output().expect("the binary runs")
}

/// The clock of made-up logs: milliseconds from 1970 on, small enough to be read.
pub const CLOCK: [(&str, &str); 2] =
    [("TANDEM_INGEST__TIMESTAMP_UNIT", "ms"), ("TANDEM_INGEST__EARLIEST", "1970-01-01")];

/// Runs `offline` with arguments and environment, on logs whose times may be small.
pub fn offline_with(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    command().args(arguments).envs(CLOCK).envs(environment.iter().copied()).output().expect("the binary runs")
}

/// Runs `offline`, which must succeed; returns what it printed.
pub fn offline(arguments: &[&str]) -> String {
    succeeds(arguments, &[])
}

/// Runs `offline` under the settings of [`SMALL`], which must succeed; returns what it printed.
pub fn offline_small(arguments: &[&str]) -> String {
    succeeds(arguments, &SMALL)
}

/// Runs `offline` with arguments and environment, which must succeed; returns what it printed.
pub fn succeeds(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = offline_with(arguments, environment);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "offline {arguments:?} failed:\n{errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Runs `offline`, which must fail; returns what it complained of.
pub fn offline_fails(arguments: &[&str]) -> String {
    let output = offline_with(arguments, &[]);
    assert!(!output.status.success(), "offline {arguments:?} should have failed");
    String::from_utf8(output.stderr).expect("UTF-8")
}

/// Waits until something is so.
pub fn eventually(what: &str, is_so: impl FnMut() -> bool) {
    within(Duration::from_secs(30), what, is_so);
}

/// Waits until something is so that may take long.
pub fn within(most: Duration, what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < most, "{what}: not within {most:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The committed sample's events and items.
pub fn sample() -> (PathBuf, PathBuf) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/sample");
    (folder.join("events.csv"), folder.join("items.csv"))
}

/// The path as text.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Writes a log in the native schema from `(timestamp, visitorid, event, itemid)`.
pub fn write_log(path: &Path, rows: &[(i64, &str, &str, &str)]) {
    let mut csv = "timestamp,visitorid,event,itemid,transactionid\n".to_owned();
    for (time, user, kind, item) in rows {
        csv.push_str(&format!("{time},{user},{kind},{item},\n"));
    }
    fs::write(path, csv).expect("writes");
}

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// Writes the log of a shop in which each user looks at one item a day. `users` and days are numbers from 0.
pub fn write_shop(path: &Path, users: Range<usize>, days: Range<i64>) {
    let names: Vec<String> = users.map(|user| format!("u{user:03}")).collect();
    let items: Vec<String> = (0..12).map(|item| format!("i{item:02}")).collect();
    let rows = days.flat_map(|day| names.iter().enumerate().map(move |(at, user)| (day, at as i64, user)));
    let rows: Vec<(i64, &str, &str, &str)> = rows
        .map(|(day, at, user)| {
            (day * DAY_MS + at * 1000, user.as_str(), "view", items[(day + at) as usize % 12].as_str())
        })
        .collect();
    write_log(path, &rows);
}

/// The versions of a folder, oldest first.
pub fn versions(artifacts: &Path) -> Vec<String> {
    offline::publish::versions::list(artifacts).expect("lists")
}

/// The champion's folder.
pub fn champion(artifacts: &Path) -> PathBuf {
    let version = fs::read_to_string(artifacts.join("champion")).expect("a champion");
    artifacts.join(version.trim())
}

/// The folder of the version that an evaluation kept last.
pub fn evaluated(artifacts: &Path) -> PathBuf {
    let names = fs::read_dir(artifacts).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let names = names.filter_map(|name| name.into_string().ok()).filter(|name| name.starts_with("evaluated-"));
    artifacts.join(names.max().expect("an evaluated version"))
}

/// Every file of a version by name, the manifest without the time of its build.
pub fn contents(version: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(version).expect("a version") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let mut bytes = fs::read(&path).expect("reads");
        if name == "manifest.json" {
            let mut manifest: serde_json::Value = serde_json::from_slice(&bytes).expect("a manifest");
            manifest["built_ms"] = 0.into();
            bytes = serde_json::to_vec(&manifest).expect("serialises");
        }
        files.insert(name, bytes);
    }
    files
}

/// Asserts that two versions have the same files with the same bytes.
pub fn assert_same(a: &Path, b: &Path) {
    let (a, b) = (contents(a), contents(b));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, bytes) in &a {
        assert!(*bytes == b[name], "{name} differs");
    }
}
