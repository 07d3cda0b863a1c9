//! Files given to `offline ingest`, and what it made of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::support::{command, text};

pub use super::told::{Event, Reading};

/// The time of the first event of most logs here: 2025-06-15 15:06:40 UTC.
pub const BASE_MS: i64 = 1_750_000_000_000;

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// A file of `tests/inputs`.
pub fn input(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs").join(name)
}

/// Reads one file of this name and content with the default settings, but for rejects, of which any share is allowed.
pub fn read(name: &str, content: impl AsRef<[u8]>) -> Reading {
    read_with("", &[(name, content.as_ref())])
}

/// As [`read`], with a config and any number of files.
pub fn read_with(config: &str, files: &[(&str, &[u8])]) -> Reading {
    let (folder, paths) = written(files);
    let config = config_in(folder.path(), config);
    reading(&paths, config.as_deref(), None)
}

/// Reads a log of `tests/inputs` as [`read`] does.
pub fn read_input(name: &str) -> Reading {
    reading(&[input(name)], None, None)
}

/// Reads logs, which must work; rejects may have any share.
pub fn reading(events: &[PathBuf], config: Option<&Path>, items: Option<&Path>) -> Reading {
    let read = try_read(events, config, items, &[("TANDEM_INGEST__MAX_REJECT_SHARE", "1")]);
    read.unwrap_or_else(|said| panic!("{events:?} should be read:\n{said}"))
}

/// Reads logs with settings from the environment.
///
/// Asserts that every row is accounted for, and that no text was read in a wrong encoding.
///
/// # Errors
/// What was said, where the batch refuses them.
pub fn try_read(
    events: &[PathBuf],
    config: Option<&Path>,
    items: Option<&Path>,
    settings: &[(&str, &str)],
) -> Result<Reading, String> {
    let folder = tempfile::tempdir().expect("temporary folder");
    let output = ingest(folder.path(), events, config, items, settings);
    let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    assert!(!said.contains("panicked") && matches!(output.status.code(), Some(0 | 1)), "{said}");
    if !output.status.success() {
        return Err(said);
    }
    let lines = |name: &str| -> Vec<Value> {
        let text = fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let word = |event: &Value, field: &str| event[field].as_str().expect("text").to_owned();
    let event = |event: &Value| {
        let time = event["timestamp"].as_i64().expect("a time");
        (time, word(event, "visitorid"), word(event, "event"), word(event, "itemid"))
    };
    let report = fs::read_to_string(folder.path().join("report.json")).expect("a report");
    let report = serde_json::from_str(&report).expect("JSON");
    let events: Vec<Event> = lines("out.jsonl").iter().map(event).collect();
    let reading = Reading { said, report, events, rejects: lines("rejects.jsonl") };
    let (rows, events, rejected, skipped) = reading.counts();
    assert_eq!(rows, events + rejected + skipped, "{}", reading.report);
    let odd = reading.events.iter().find(|event| event.1.contains('\u{fffd}') || event.3.contains('\u{fffd}'));
    assert!(odd.is_none(), "{odd:?}");
    Ok(reading)
}

/// Reads one file with the default settings, which must end in an error; returns what was said.
pub fn refused(name: &str, content: impl AsRef<[u8]>) -> String {
    refused_with("", &[(name, content.as_ref())])
}

/// As [`refused`], with a config and any number of files.
pub fn refused_with(config: &str, files: &[(&str, &[u8])]) -> String {
    let (folder, paths) = written(files);
    let config = config_in(folder.path(), config);
    refused_paths(&paths, config.as_deref())
}

/// As [`refused`], for files and folders that are there.
pub fn refused_paths(events: &[PathBuf], config: Option<&Path>) -> String {
    let read = try_read(events, config, None, &[]);
    read.err().unwrap_or_else(|| panic!("{events:?} should be refused"))
}

/// A log in the native schema of `(milliseconds after BASE_MS, user, kind, item)`.
pub fn native(rows: &[(i64, &str, &str, &str)]) -> String {
    let row = |(ms, user, kind, item): &(i64, &str, &str, &str)| format!("{},{user},{kind},{item}\n", BASE_MS + ms);
    let rows: String = rows.iter().map(row).collect();
    format!("timestamp,visitorid,event,itemid\n{rows}")
}

/// Rows of the native schema: a view a minute of ten users and seven items, without the header.
pub fn views(minutes: std::ops::Range<i64>) -> String {
    minutes.map(|n| format!("{},u{},view,i{}\n", BASE_MS + n * 60_000, n % 10, n % 7)).collect()
}

/// The header of the native schema.
pub const HEADER: &str = "timestamp,visitorid,event,itemid\n";

/// Writes files to a new folder; returns their paths.
fn written(files: &[(&str, &[u8])]) -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let write = |(name, content): &(&str, &[u8])| {
        let path = folder.path().join(name);
        fs::write(&path, content).expect("writes");
        path
    };
    let paths = files.iter().map(write).collect();
    (folder, paths)
}

fn config_in(folder: &Path, config: &str) -> Option<PathBuf> {
    let path = folder.join("shop.toml");
    (!config.is_empty()).then(|| {
        fs::write(&path, config).expect("writes");
        path
    })
}

fn ingest(
    folder: &Path,
    events: &[PathBuf],
    config: Option<&Path>,
    items: Option<&Path>,
    settings: &[(&str, &str)],
) -> Output {
    let to = |name: &str| folder.join(name);
    let mut command = command();
    command.arg("ingest").arg("--events").args(events);
    for (option, path) in [("--config", config), ("--items", items)] {
        if let Some(path) = path {
            command.args([option, text(path)]);
        }
    }
    command.arg("--out").arg(to("out.jsonl")).arg("--rejects").arg(to("rejects.jsonl"));
    command.arg("--report").arg(to("report.json"));
    command.envs(settings.iter().copied()).output().expect("the binary runs")
}
