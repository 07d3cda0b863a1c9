//! A scheduler of a test's own, in a folder of its own.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use offline::schedule::runs::Order;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{command, eventually};

/// A job that ends well in a moment.
pub const QUICK: &str = "['score', 'defaults']";

/// A folder with a config and a state.
pub struct Place {
    pub folder: tempfile::TempDir,
}

impl Place {
    /// A folder with a config, whose state is `state` and which listens nowhere if it does not say so.
    pub fn new(config: &str) -> Self {
        let place = Self { folder: tempfile::tempdir().expect("a folder") };
        place.configure(config);
        place
    }

    pub fn configure(&self, config: &str) {
        let (schedule, rest) = config.split_once("---").unwrap_or(("", config));
        let state = self.path("state");
        let listen = if schedule.contains("listen") { "" } else { "listen = ''" };
        let text = format!("[schedule]\nstate = '{}'\n{listen}\n{schedule}\n{rest}", state.display());
        fs::write(self.path("schedule.toml"), text).expect("writes");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `offline schedule --config` with more arguments.
    pub fn command(&self, more: &[&str]) -> Command {
        let mut command = command();
        command.arg("schedule").arg("--config").arg(self.path("schedule.toml")).args(more);
        command.current_dir(self.folder.path()).env("RUST_LOG", "info");
        command
    }

    /// Runs it to its end; what it printed, with whether it succeeded.
    pub fn run(&self, more: &[&str]) -> (bool, String) {
        let output = self.command(more).output().expect("the binary runs");
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }

    /// Starts a scheduler, whose log goes to a file of this name.
    pub fn start(&self, log: &str, more: &[&str]) -> Scheduler {
        self.start_with(log, more, |_| {})
    }

    /// The same, with more in its environment.
    pub fn start_with(&self, log: &str, more: &[&str], change: impl FnOnce(&mut Command)) -> Scheduler {
        let file = File::options().create(true).append(true).open(self.path(log)).expect("a file");
        let mut command = self.command(more);
        change(&mut command);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        Scheduler { child: command.spawn().expect("the binary runs"), log: self.path(log) }
    }

    /// The state as it is on disk; null before there is one.
    pub fn state(&self) -> Value {
        let text = fs::read(self.path("state/state.json")).unwrap_or_else(|_| b"null".to_vec());
        serde_json::from_slice(&text).expect("a state is whole at any moment")
    }

    pub fn job(&self, name: &str) -> Value {
        self.state()["jobs"][name].clone()
    }

    /// How many runs of a job ended so.
    pub fn ended(&self, job: &str, outcome: &str) -> u64 {
        self.job(job)["runs"][outcome].as_u64().unwrap_or_default()
    }

    /// The folders of runs with their orders, those first that were decided on first.
    pub fn runs(&self) -> Vec<(PathBuf, Order)> {
        let Ok(entries) = fs::read_dir(self.path("state/runs")) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        let order = |path: PathBuf| {
            let order = serde_json::from_slice(&fs::read(path.join("order.json")).ok()?).ok()?;
            Some((path, order))
        };
        paths.into_iter().filter_map(order).collect()
    }
}

/// A running scheduler, which ends with this.
pub struct Scheduler {
    child: Child,
    log: PathBuf,
}

impl Scheduler {
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("a log")
    }

    pub fn says(&self, what: &str) {
        eventually(what, || self.log().contains(what));
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it lives");
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().expect("it lives");
        self.child.wait().expect("own child");
    }

    /// SIGTERM, and waits; whether it ended well.
    pub fn stop(mut self) -> bool {
        self.signal(Signal::TERM);
        self.child.wait().expect("own child").success()
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
