//! A job: when it runs, what it runs, and what becomes of it when that fails.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::durations;
use crate::mirrored::mirrored;
use crate::notices::Kind;
use crate::schedule::times::Times;

/// What becomes of a run that is due while the one before goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It does not take place.
    Skip,
    /// It begins after; one waits at most.
    Queue,
    /// The one before is ended.
    Kill,
}

/// What becomes of runs that were due while no scheduler ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// The last of them is made up for.
    Once,
    /// None of them takes place.
    Skip,
}

/// A job as the file has it. See `schedule.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct JobConfig {
    pub name: String,
    #[serde(default)]
    pub cron: String,
    pub after: Vec<String>,
    pub time_zone: String,
    pub command: Vec<String>,
    #[serde(deserialize_with = "durations::read")]
    pub timeout: Duration,
    #[serde(deserialize_with = "durations::read")]
    pub kill_grace: Duration,
    pub retries: u32,
    #[serde(deserialize_with = "durations::read")]
    pub backoff: Duration,
    #[serde(deserialize_with = "durations::read")]
    pub backoff_cap: Duration,
    pub overlap: Overlap,
    pub missed: Missed,
    pub environment: Vec<String>,
    #[serde(deserialize_with = "durations::read")]
    pub stale_after: Duration,
    #[serde(default)]
    pub on: Option<Vec<Kind>>,
}

/// What makes a job run.
#[derive(Debug, Clone)]
pub enum Trigger {
    /// The clock.
    Times(Box<Times>),
    /// The success of all these jobs.
    After(Vec<String>),
}

/// A job, checked.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its settings.
    pub config: JobConfig,
    /// What makes it run.
    pub trigger: Trigger,
}

/// Names of variables that every job gets.
const ALWAYS: [&str; 6] = ["PATH", "HOME", "TMPDIR", "TZ", "LANG", "RUST_LOG"];

impl Job {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// What its times are reckoned by: where this changes, nothing that was due before is missed.
    #[must_use]
    pub fn rhythm(&self) -> String {
        match &self.trigger {
            Trigger::Times(_) => format!("{} {}", self.config.cron.trim(), self.config.time_zone),
            Trigger::After(names) => format!("after {}", names.join(" ")),
        }
    }

    /// Whether a variable of the environment is passed on.
    #[must_use]
    pub fn passes(&self, variable: &str) -> bool {
        let fits = |name: &String| match name.strip_suffix('*') {
            Some(prefix) => variable.starts_with(prefix),
            None => variable == name,
        };
        ALWAYS.contains(&variable) || self.config.environment.iter().any(fits)
    }

    /// What its command gives for an option.
    pub fn values(&self, option: &str) -> impl Iterator<Item = String> {
        let command = &self.config.command;
        command.iter().enumerate().filter_map(move |(at, word)| match word.strip_prefix(option) {
            Some("") => command.get(at + 1).cloned(),
            Some(rest) => rest.strip_prefix('=').map(ToOwned::to_owned),
            None => None,
        })
    }

    /// The folder that its runs leave their records in: of `--runs`, else `runs` in that of `--artifacts`, which for an
    /// object store is its mirror on this machine; either may come from the environment that is passed on.
    #[must_use]
    pub fn records(&self) -> PathBuf {
        let passed = |variable: &str| std::env::var_os(variable).filter(|_| self.passes(variable));
        let given =
            |option: &str, variable: &str| self.values(option).next().or_else(|| passed(variable)?.into_string().ok());
        given("--runs", "TANDEM_RUNS").map_or_else(
            || {
                let artifacts = given("--artifacts", "TANDEM_ARTIFACTS__PATH");
                let artifacts = artifacts.unwrap_or_else(|| "artifacts".to_owned());
                // A URL that is none is for the run to complain of: it leaves no record.
                mirrored(&artifacts, passed).unwrap_or_else(|_| PathBuf::from(artifacts)).join("runs")
            },
            PathBuf::from,
        )
    }
}
