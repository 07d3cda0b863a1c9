//! A try of a run: a folder of its own, and a process that watches over it.
//!
//! ```text
//! scheduler: folder, order.json ▶ state.json ▶ starts the supervisor of the folder (again and again, if need be)
//! supervisor: takes `lock` ▶ makes `begun.json`, which fails if it is there ▶ starts the job ▶ ended.json
//! job: has `lock` as its standard input, so that it is held as long as the supervisor or the job lives
//! ```
//!
//! `begun.json` is what keeps a run from being done twice, whoever is killed when: of two supervisors one makes it, and
//! the other goes. The state is written before the first is started, so that no run is forgotten. The supervisor is no
//! part of the scheduler: that may be killed and started anew, and finds the run by its lock, or its end in the folder.

mod look;
mod output;
mod process;
pub mod supervise;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};
use shared::contract::artifact::ArtifactError;
use shared::contract::artifact::manifest::replace;

use std::os::unix::process::CommandExt;

pub use look::{Seen, kill, look, stop};
pub use output::tail;
pub use process::boot;

/// The files of a run.
const ORDER: &str = "order.json";
const LOCK: &str = "lock";
const BEGUN: &str = "begun.json";
const CHILD: &str = "child.json";
const ENDED: &str = "ended.json";
/// What the job printed.
pub const STDOUT: &str = "stdout.log";
/// What the job complained of.
pub const STDERR: &str = "stderr.log";

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The name of the job.
    pub job: String,
    /// When it was due, milliseconds since the epoch.
    pub due_ms: i64,
    /// The number of the try, from 1.
    pub attempt: u32,
    /// The arguments of `offline`.
    pub command: Vec<String>,
    /// How long it may take, in milliseconds.
    pub timeout_ms: u64,
    /// How long it has to end after SIGTERM, in milliseconds.
    pub kill_grace_ms: u64,
    /// The most that is kept of each stream, in KiB.
    pub output_kib: u64,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// By itself, with this exit code.
    Exited(i32),
    /// By a signal that the supervisor did not send.
    Killed(i32),
    /// It took too long.
    TimedOut,
    /// The scheduler ended it.
    Stopped,
    /// It could not be started.
    NotStarted(String),
    /// Nobody knows: its supervisor was killed, or the machine went down.
    Vanished,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// How it ended.
    pub how: How,
    /// When it began, milliseconds since the epoch.
    pub begun_ms: i64,
    /// When it ended.
    pub ended_ms: i64,
}

/// The folder of a run.
#[must_use]
pub fn folder(state: &Path, id: &str) -> PathBuf {
    state.join("runs").join(id)
}

/// Makes the folder of a run with its order.
///
/// # Errors
/// [`ArtifactError::Io`].
pub fn order(state: &Path, id: &str, order: &Order) -> Result<(), ArtifactError> {
    let folder = folder(state, id);
    fs::create_dir_all(&folder).map_err(ArtifactError::io(&folder))?;
    let text = serde_json::to_string_pretty(order).map_err(|error| ArtifactError::shape(&folder, error.to_string()))?;
    replace(&folder, ORDER, &text)
}

/// Starts a supervisor for a run that was decided on. Where one is there already, the new one goes by itself.
///
/// * `passes`: which variables of the environment the job gets.
///
/// # Errors
/// That of the system, which has no process to give.
pub fn begin(state: &Path, id: &str, passes: impl Fn(&str) -> bool) -> std::io::Result<()> {
    let mut command = Command::new(process::program()?);
    command.args(["schedule", "--supervise"]).arg(folder(state, id));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // A terminal's Ctrl-C is for the scheduler, which ends its runs in order.
    command.process_group(0).env_clear();
    command.envs(std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(&passes)));
    // Whoever started it collects it: this process, else the system's first.
    let mut child = command.spawn()?;
    std::thread::spawn(move || child.wait());
    Ok(())
}

/// Removes the folders of a job's runs but for the last ones, and of runs that were never decided on.
///
/// * `keep`: how many of each job stay.
/// * `in_use`: ids of runs that are not over, which stay in any case.
pub fn prune(state: &Path, keep: usize, in_use: &[&str]) {
    let Ok(entries) = fs::read_dir(state.join("runs")) else { return };
    let mut by_job: std::collections::BTreeMap<String, Vec<(String, PathBuf)>> = Default::default();
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let Some(id) = path.file_name().and_then(|name| name.to_str()).map(ToOwned::to_owned) else { continue };
        let order = fs::read(path.join(ORDER)).ok().and_then(|text| serde_json::from_slice::<Order>(&text).ok());
        if let Some(order) = order.filter(|_| !in_use.contains(&id.as_str())) {
            by_job.entry(order.job).or_default().push((id, path));
        }
    }
    for mut runs in by_job.into_values() {
        // Ids begin with the time.
        runs.sort();
        runs.truncate(runs.len().saturating_sub(keep));
        for (_, path) in runs {
            // What can't be removed now is removed another time.
            let _ = fs::remove_dir_all(path);
        }
    }
}
