//! What the scheduler shows of itself: to `/health`, `/metrics` and `/jobs`, and to `--status`.

use std::time::Instant;

use serde::Serialize;

use crate::schedule::config::Plan;
use crate::schedule::state::{JobState, Last, Phase, State};

/// Whether this scheduler runs the jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It does.
    Leader,
    /// Another one does; this one waits until it is gone.
    Standby,
    /// It begins nothing more, and ends.
    Stopping,
    /// It can't: the reason.
    Failing(String),
}

/// A moment of the scheduler.
#[derive(Debug, Clone)]
pub struct View {
    /// Whether it runs the jobs.
    pub role: Role,
    /// When the loop last came by.
    pub seen: Instant,
    /// What is known of the jobs; that of a standby is as it was found.
    pub state: State,
    /// The names of the jobs that the config has, in its order.
    pub jobs: Vec<String>,
}

impl View {
    /// A moment.
    #[must_use]
    pub fn new(role: Role, plan: &Plan, state: State) -> Self {
        let jobs = plan.jobs.iter().map(|job| job.name().to_owned()).collect();
        Self { role, seen: Instant::now(), state, jobs }
    }

    /// The jobs by name, with what is known of them.
    pub fn known(&self) -> impl Iterator<Item = (&str, &JobState)> {
        self.jobs.iter().filter_map(|name| Some((name.as_str(), self.state.jobs.get(name)?)))
    }
}

/// A job, as `/jobs` and `--status --json` show it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobView {
    /// Its name.
    pub name: String,
    /// When it is due next, milliseconds since the epoch; null for one that follows others.
    pub next_run_ms: Option<i64>,
    /// Since when it runs; null if it does not.
    pub running_since_ms: Option<i64>,
    /// The id of the try that runs, or ran last.
    pub run: Option<String>,
    /// The number of the try that runs or waits.
    pub attempt: Option<u32>,
    /// When a failed run is tried again.
    pub retry_ms: Option<i64>,
    /// How the last run ended.
    pub last: Option<Last>,
    /// When a run last succeeded.
    pub last_success_ms: Option<i64>,
    /// Runs since then that did not.
    pub failures: u32,
    /// The time of the newest event that a run read.
    pub data_ms: Option<i64>,
}

impl JobView {
    /// Shows a job.
    #[must_use]
    pub fn new(name: &str, own: &JobState) -> Self {
        let active = own.active.as_ref();
        let (running_since_ms, retry_ms) = match active.map(|active| &active.phase) {
            Some(Phase::Running { since_ms, .. }) => (Some(*since_ms), None),
            Some(Phase::Waiting { until_ms }) => (None, Some(*until_ms)),
            None => (None, None),
        };
        Self {
            name: name.to_owned(),
            next_run_ms: own.next_ms,
            running_since_ms,
            run: active.map(|active| &active.id).or(own.last.as_ref().map(|last| &last.id)).cloned(),
            attempt: active.map(|active| active.attempt),
            retry_ms,
            last: own.last.clone(),
            last_success_ms: own.last_success_ms,
            failures: own.failures,
            data_ms: own.data_ms,
        }
    }
}
