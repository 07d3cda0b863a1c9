//! What outlives the scheduler: what every job did last and does now, and the notices that wait.
//!
//! One file, `state.json`, replaced whole and synced before what it says is done. So a scheduler that is killed at any
//! moment is followed by one that knows as much: a run that stands here was decided on and is begun once (`runs::begin`);
//! one that does not was never begun.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shared::contract::artifact::ArtifactError;
use shared::contract::artifact::manifest::replace;

use crate::notices::outbox::Outbox;

/// The name of the file.
const FILE: &str = "state.json";
/// The version of its format.
const FORMAT: u32 = 1;

/// Why the state can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file is none of this build's.
    #[error("{}: {reason}; move it away to begin anew: what was running is then not known", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The system says no.
    #[error(transparent)]
    Io(#[from] ArtifactError),
}

/// How a run ended, or that it did not take place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It did what it should.
    Success,
    /// It did not, and is not tried again.
    Failure,
    /// The gate or the loss check kept what was published.
    Refused,
    /// It took longer than it may.
    Timeout,
    /// It did not take place, because the one before went on.
    Skipped,
}

impl Outcome {
    /// All of them, with their names in metrics.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Success, "success"),
        (Self::Failure, "failure"),
        (Self::Refused, "refused"),
        (Self::Timeout, "timeout"),
        (Self::Skipped, "skipped"),
    ];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// What a try of a run is doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It was decided on, and begins or goes on.
    Running {
        /// When it was decided on.
        since_ms: i64,
        /// When it is surely over.
        deadline_ms: i64,
        /// The machine's boot: on another one, its locks say nothing.
        boot: String,
    },
    /// It failed, and is tried again.
    Waiting {
        /// When.
        until_ms: i64,
    },
}

/// A run that is not over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Active {
    /// When it was due.
    pub due_ms: i64,
    /// When its first try was decided on.
    pub begun_ms: i64,
    /// The number of the try, from 1.
    pub attempt: u32,
    /// The id of the try, which names its folder and the batch's record.
    pub id: String,
    /// What it is doing.
    pub phase: Phase,
    /// Whether it is being ended for the next run.
    pub overtaken: bool,
}

/// A run that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Last {
    /// How it ended.
    pub outcome: Outcome,
    /// The id of its last try.
    pub id: String,
    /// When it was due.
    pub due_ms: i64,
    /// When its last try began.
    pub begun_ms: i64,
    /// When it ended.
    pub ended_ms: i64,
    /// How long the last try took.
    pub seconds: f64,
    /// How many tries it took.
    pub attempts: u32,
    /// Why it failed or was refused; empty for a success.
    pub reason: String,
    /// The seconds of each stage, where the record has them.
    pub stages: Vec<(String, f64)>,
}

/// What is known of a job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct JobState {
    /// What its times are reckoned by.
    pub rhythm: String,
    /// The last due time that was taken up, or when the job was first seen.
    pub since_ms: i64,
    /// The last request of `--now` that was taken up.
    pub asked: Option<String>,
    /// When it is due next.
    pub next_ms: Option<i64>,
    /// The run that is not over.
    pub active: Option<Active>,
    /// The due time of a run that begins after.
    pub queued_ms: Option<i64>,
    /// The last run that is over.
    pub last: Option<Last>,
    /// When a run last succeeded.
    pub last_success_ms: Option<i64>,
    /// Runs since then that did not, in a row.
    pub failures: u32,
    /// Runs by how they ended.
    pub runs: BTreeMap<Outcome, u64>,
    /// Tries after the first.
    pub retries: u64,
    /// Due times that nothing came of, because no scheduler ran.
    pub missed: u64,
    /// The time of the newest event that a run read.
    pub data_ms: Option<i64>,
    /// Whether that was too old.
    pub stale: bool,
}

/// All that is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The version of the format.
    format: u32,
    /// The jobs by name, those among them that the config no longer has.
    pub jobs: BTreeMap<String, JobState>,
    /// The notices that wait.
    pub outbox: Outbox,
}

impl Default for State {
    fn default() -> Self {
        Self { format: FORMAT, jobs: BTreeMap::new(), outbox: Outbox::default() }
    }
}

impl State {
    /// Reads the state of a folder; a folder without one has an empty one.
    ///
    /// # Errors
    /// [`StateError`] for a file that is none.
    pub fn read(folder: &Path) -> Result<Self, StateError> {
        let path = folder.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(ArtifactError::io(&path)(error).into()),
        };
        let unreadable = |reason: String| StateError::Unreadable { path: path.clone(), reason };
        let state: Self = serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
        match state.format {
            FORMAT => Ok(state),
            other => Err(unreadable(format!("format {other}, this build reads {FORMAT}"))),
        }
    }

    /// Replaces the state of a folder, atomically and durably.
    ///
    /// # Errors
    /// [`StateError::Io`].
    pub fn write(&self, folder: &Path) -> Result<(), StateError> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| StateError::Unreadable { path: folder.join(FILE), reason: error.to_string() })?;
        Ok(replace(folder, FILE, &text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_no_state_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(State::read(folder.path()).expect("none yet"), State::default());
        let mut state = State::default();
        let runs = BTreeMap::from([(Outcome::Success, 3), (Outcome::Timeout, 1)]);
        state.jobs.insert("nightly".to_owned(), JobState { since_ms: 7, runs, ..JobState::default() });
        state.write(folder.path()).expect("writes");
        assert_eq!(State::read(folder.path()).expect("reads"), state);
        fs::write(folder.path().join(FILE), "{\"format\": 9, \"jobs\": {}, \"outbox\": {}}").expect("writes");
        assert!(State::read(folder.path()).expect_err("another format").to_string().contains("format 9"));
        fs::write(folder.path().join(FILE), "{").expect("writes");
        assert!(State::read(folder.path()).expect_err("torn").to_string().contains("move it away"));
    }

    #[test]
    fn outcomes_are_in_the_order_of_their_names() {
        assert!(Outcome::ALL.into_iter().all(|(outcome, name)| outcome.as_str() == name));
    }
}
