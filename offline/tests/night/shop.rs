//! The sample shop, as if it had lived until an hour ago.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;

use crate::support::objects::{ARTIFACTS, LOG};
use crate::support::{sample, text};

/// How many events it has.
pub const SAMPLE: usize = 20_000;
/// Settings under which the gate must keep those before: nothing but popularity and likeness is served.
pub const WORSE: &str = "[blend]\noff = ['cached', 'item_knn_session', 'item_knn_user', 'item_knn_walk', 'slim', \
                         'session_knn', 'als', 'repeat']\n[ranker]\nkind = 'none'\n";

/// What a batch is given of it: its event log, and the settings of the batch.
pub struct Shop {
    events: PathBuf,
    items: PathBuf,
    config: PathBuf,
    log: String,
}

impl Shop {
    /// Writes it to a folder, with settings as they are shipped.
    pub fn open(folder: &Path) -> Self {
        let (events, items) = sample();
        let log = moved(&fs::read_to_string(events).expect("the sample"));
        let shop = Self { events: folder.join("events.csv"), items, config: folder.join("night.toml"), log };
        shop.mends();
        shop.set("");
        shop
    }

    /// Puts other settings into the config of the batch.
    pub fn set(&self, settings: &str) {
        fs::write(&self.config, settings).expect("writes");
    }

    /// The next log has times that nobody can read.
    pub fn breaks(&self) {
        let broken = |(at, line): (usize, &str)| match line.split_once(',') {
            Some((_, rest)) if at % 2 == 1 => format!("tonight,{rest}\n"),
            _ => format!("{line}\n"),
        };
        let lines: String = self.log.lines().enumerate().map(broken).collect();
        fs::write(&self.events, lines).expect("writes");
    }

    /// The log is whole again.
    pub fn mends(&self) {
        fs::write(&self.events, &self.log).expect("writes");
    }

    /// The arguments of a run on its log, and on others.
    pub fn run<'a>(&'a self, logs: &[&'a str]) -> Vec<&'a str> {
        let events = ["run", "--config", text(&self.config), "--events", text(&self.events)];
        [&events[..], logs, &["--items", text(&self.items)]].concat()
    }

    /// The command of the nightly job.
    pub fn job(&self, mlflow: &str) -> Vec<String> {
        let told = ["--mlflow", mlflow, "--mlflow-timeout", "120"];
        let all = [&self.run(&[LOG])[..], &["--wait", "--artifacts", ARTIFACTS, "--report"], &told].concat();
        all.into_iter().map(ToOwned::to_owned).collect()
    }
}

/// The log with all times moved, so that the last is an hour ago.
fn moved(log: &str) -> String {
    let time = |line: &str| line.split(',').next().and_then(|time| time.parse::<i64>().ok());
    let last = log.lines().filter_map(time).max().expect("events");
    let by = Timestamp::now().as_millisecond() - 3_600_000 - last;
    let line = |line: &str| match (time(line), line.split_once(',')) {
        (Some(time), Some((_, rest))) => format!("{},{rest}\n", time + by),
        _ => format!("{line}\n"),
    };
    log.lines().map(line).collect()
}

/// The file of a key that may do everything, and the key.
pub fn keys(folder: &Path) -> (PathBuf, String) {
    let online = Path::new(env!("CARGO_BIN_EXE_offline")).with_file_name("online");
    let mut made = Command::new(online);
    made.args(["keys", "new", "--name", "night", "--scopes", "read,write,admin"]);
    let made = made.output().expect("the binary runs");
    let (file, said) = (folder.join("keys.toml"), String::from_utf8(made.stderr).expect("UTF-8"));
    fs::write(&file, made.stdout).expect("writes");
    let key = said.split_whitespace().last().expect("a key").to_owned();
    (file, key)
}
