//! What the batch wrote down of a run, as far as the scheduler tells it on: `runs/<id>.json` of the artifacts folder.
//!
//! Every field may be missing: a run that failed early has few of them, and some commands keep no record.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// A figure with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Figure {
    /// The figure.
    pub value: f64,
    /// The lower end of its interval.
    #[serde(default)]
    pub low: Option<f64>,
    /// The upper end.
    #[serde(default)]
    pub high: Option<f64>,
}

/// How the batch says that a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It has not said yet.
    Running,
    /// Well.
    Succeeded,
    /// The gate or the loss check kept what was published.
    Refused,
    /// Not well, or in a way that this build does not know.
    #[serde(other)]
    Failed,
}

/// A stage and how long it took.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// Its seconds.
    pub seconds: f64,
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Data {
    /// The time of the newest event, milliseconds since the epoch.
    #[serde(default)]
    pub last_event_ms: Option<i64>,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Record {
    /// How it ended.
    pub status: Status,
    /// Why it failed or was refused.
    #[serde(default)]
    pub reason: Option<String>,
    /// What was read.
    #[serde(default)]
    pub data: Option<Data>,
    /// The stages, in order.
    #[serde(default)]
    pub stages: Vec<Stage>,
    /// The figures.
    #[serde(default)]
    pub metrics: BTreeMap<String, Figure>,
    /// The contest with the champion.
    #[serde(default)]
    pub gate: Option<Value>,
    /// The version that was made.
    #[serde(default)]
    pub version: Option<String>,
}

/// Reads the record of a run; `None` where there is none, or none that this build can read.
#[must_use]
pub fn read(records: &Path, id: &str) -> Option<Record> {
    let path = records.join(format!("{id}.json"));
    let text = fs::read(&path).ok()?;
    let record = serde_json::from_slice(&text);
    record.inspect_err(|error| tracing::warn!(path = %path.display(), %error, "a record that can't be read")).ok()
}
