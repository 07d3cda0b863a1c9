//! The record of a run: what ran, on what, with which settings, how it went, and its figures.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use shared::contract::artifact::manifest::hex;
use shared::contract::url::without_user_info;

use super::RunId;
use crate::progress::Stage;

/// How a run went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It has not ended.
    Running,
    /// It did what it was asked to.
    Succeeded,
    /// It ended as it should, and what it was asked to publish is not served: the gate or the comparison with the
    /// champion's log decided so.
    Refused,
    /// It ended with an error.
    Failed,
    /// Its process ended without a word.
    Killed,
}

impl Status {
    /// The status as it is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Killed => "killed",
        }
    }
}

/// A figure with its 95% interval, if one is known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Its value.
    pub value: f64,
    /// 2.5% of the replicates are below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// 2.5% of the replicates are above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
}

impl Figure {
    /// A figure of which no interval is known.
    #[must_use]
    pub fn plain(value: f64) -> Self {
        Self { value, low: None, high: None }
    }
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFile {
    /// Its path as it was given, or found in a folder; of one of an object store its URL.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
}

/// What a run learnt or measured from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Data {
    /// SHA-256 over what was read of it, in hexadecimal; of a log that is split, of the training part.
    pub fingerprint: String,
    /// The files.
    pub files: Vec<InputFile>,
    /// How many rows, events, users and so on.
    pub counts: BTreeMap<String, u64>,
    /// The time of the first event, milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_event_ms: Option<i64>,
    /// The time of the last event, milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_event_ms: Option<i64>,
}

/// The questions that a run was measured on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Questions {
    /// SHA-256 over the questions and their right answers, in hexadecimal: runs with the same one are compared in pairs.
    pub digest: String,
    /// How many.
    pub cases: u64,
}

/// What is known of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its name.
    pub id: RunId,
    /// The command: `run`, `evaluate`, `tune`, `score train` or `score tune`.
    pub command: String,
    /// Its arguments, without users and passwords of URLs.
    pub arguments: Vec<String>,
    /// The release of the program.
    pub program: String,
    /// The machine that it ran on.
    pub host: String,
    /// The number of its process there.
    pub process: u32,
    /// When it began, milliseconds since the epoch.
    pub started_ms: i64,
    /// When it ended, milliseconds since the epoch.
    pub ended_ms: Option<i64>,
    /// How it went.
    pub status: Status,
    /// Why it failed or was refused, in the words that it printed.
    pub reason: Option<String>,
    /// The model of rows; none for the recommender.
    pub model: Option<String>,
    /// SHA-256 over command, data and settings, seeds among these: the same of two runs that must come to the same.
    pub identity: Option<String>,
    /// What it learnt from.
    pub data: Option<Data>,
    /// Every setting that decides what is learnt.
    pub config: Value,
    /// Its stages, in order.
    pub stages: Vec<Stage>,
    /// Its figures by name, such as `tandem ndcg@20`.
    pub metrics: BTreeMap<String, Figure>,
    /// Figures that were taken again and again, such as those of the trials of a search, in order.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub series: BTreeMap<String, Vec<f64>>,
    /// What its figures were measured on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub questions: Option<Questions>,
    /// What the gate found, as the version's manifest has it.
    pub gate: Option<Value>,
    /// The version that it made.
    pub version: Option<String>,
    /// Whether that version became the champion.
    pub champion: Option<bool>,
}

impl Run {
    /// The record of a run of this process that begins.
    #[must_use]
    pub fn begins(id: RunId, command: &str, now: Timestamp) -> Self {
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self {
            id,
            command: command.to_owned(),
            arguments: std::env::args().skip(1).map(|argument| without_user_info(&argument)).collect(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            host: host.trim().to_owned(),
            process: std::process::id(),
            started_ms: now.as_millisecond(),
            ended_ms: None,
            status: Status::Running,
            reason: None,
            model: None,
            identity: None,
            data: None,
            config: Value::Null,
            stages: Vec::new(),
            metrics: BTreeMap::new(),
            series: BTreeMap::new(),
            questions: None,
            gate: None,
            version: None,
            champion: None,
        }
    }

    /// Notes what the run learns from and how; fills in [`Self::identity`].
    ///
    /// * `asked`: what else decides the outcome, such as the options of a measurement.
    pub fn learns(&mut self, data: Data, config: Value, asked: &Value) {
        let same = serde_json::json!([self.command, self.program, data.fingerprint, config, asked]);
        self.identity = Some(hex(&Sha256::digest(same.to_string().as_bytes())));
        self.data = Some(data);
        self.config = config;
    }

    /// How long it took, or has taken until `now_ms`, in seconds.
    #[must_use]
    pub fn seconds(&self, now_ms: i64) -> f64 {
        (self.ended_ms.unwrap_or(now_ms) - self.started_ms).max(0) as f64 / 1000.0
    }

    /// The most memory that a stage took, in MiB.
    #[must_use]
    pub fn peak_mib(&self) -> u64 {
        self.stages.iter().map(|stage| stage.peak_mib).max().unwrap_or(0)
    }
}
