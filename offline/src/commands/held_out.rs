//! Options and reading of a log in two parts: the training part, and the part that is held out to measure on.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::options::{Beside, time_ms};
use super::read::read;
use crate::config::Config;
use crate::log::cuts::{Parts, last_part};
use crate::log::ingest::Log;
use crate::log::split::{self, Cut};
use crate::progress::Progress;

/// The share of the events that is held out if no split is given.
const HELD_OUT_SHARE: f64 = 0.1;

/// The input of a measurement: one log that is split in time, or two logs.
#[derive(Debug, Args)]
pub struct HeldOutInput {
    /// Event logs, to be split in time: files, folders or patterns.
    #[arg(long, num_args = 1.., required_unless_present = "train", conflicts_with_all = ["train", "test"])]
    events: Vec<PathBuf>,
    /// The item table.
    #[arg(long)]
    items: Option<PathBuf>,
    /// Tables of users: files, folders or patterns; a row a user, or a row a user and time.
    #[arg(long, num_args = 1..)]
    users: Vec<PathBuf>,
    /// The time at which the held-out part begins: milliseconds since the epoch, or a date; if absent, the last tenth
    /// of the events is held out.
    #[arg(long, value_parser = time_ms, conflicts_with = "train")]
    split: Option<i64>,
    /// Holds out the last event of each user instead of a part in time, for `--task next-item`.
    #[arg(long, conflicts_with_all = ["split", "train", "test"])]
    pub leave_last_out: bool,
    /// Event logs to train on.
    #[arg(long, num_args = 1.., requires = "test")]
    train: Vec<PathBuf>,
    /// Event logs to measure on.
    #[arg(long, num_args = 1.., requires = "train")]
    test: Vec<PathBuf>,
}

impl HeldOutInput {
    /// All files.
    pub fn paths(&self) -> impl Iterator<Item = PathBuf> {
        let logs = self.events.iter().chain(&self.train).chain(&self.test);
        logs.chain(&self.items).chain(&self.users).cloned()
    }
}

/// Reads the training part and the held-out part: two logs, or one that is cut as the options say.
///
/// * `rejects`: maps the stem of a file name to the file for the bad rows of a log.
pub fn read_parts(
    config: &Config,
    input: &HeldOutInput,
    rejects: impl Fn(&str) -> PathBuf,
    progress: &mut Progress,
) -> anyhow::Result<Parts> {
    let beside = Beside { items: input.items.as_deref(), users: &input.users, ..Beside::default() };
    if !input.train.is_empty() {
        let train = read(&input.train, beside, config, &rejects("rejects"), progress)?;
        // What became known later is not known at the questions.
        let train = Log { profiles: train.profiles.until(train.last_ms()), ..train };
        let test = read(&input.test, Beside::default(), config, &rejects("rejects_test"), progress)?;
        return Ok(Parts::in_time(train, test));
    }
    let log = read(&input.events, beside, config, &rejects("rejects"), progress)?;
    let cut = match input.split {
        _ if input.leave_last_out => {
            anyhow::ensure!(
                !split::of_users(&log, 0.0, 1).is_empty(),
                "no user of the log has two events, so none has a last one to hold out: give --train and --test logs"
            );
            Cut::LAST_EVENTS
        }
        Some(split_ms) => {
            let at = log.events.partition_point(|event| event.timestamp_ms < split_ms);
            anyhow::ensure!(
                at > 0 && at < log.events.len(),
                "--split {split_ms}: no events on one side; the log reaches from {} to {} (milliseconds since the epoch)",
                log.first_ms(),
                log.last_ms()
            );
            Cut::Time(at..log.events.len())
        }
        None => {
            let cut = last_part(&log, HELD_OUT_SHARE);
            cut.context("nothing can be held out: all events are of one time, and no user has two")?
        }
    };
    if matches!((&cut, input.leave_last_out), (Cut::Users { .. }, false)) {
        eprintln!("held out: the last tenth of each user's events, as times say too little to cut the log in time");
    }
    Ok(Parts::of(&log, &cut))
}
