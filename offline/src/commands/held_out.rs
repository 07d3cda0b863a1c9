//! A log in two parts: what is learnt from, and what is held out.

use std::path::PathBuf;

use clap::Args;

use super::options::time_ms;
use super::read::read;
use crate::config::Config;
use crate::ingest::Log;
use crate::progress::Progress;
use crate::split::Cut;

/// The share of the events that is held out where no split is given.
const HELD_OUT_SHARE: f64 = 0.1;

/// What is read to measure: one log that is split in time, or two.
#[derive(Debug, Args)]
pub struct HeldOutInput {
    /// Event logs, split in time.
    #[arg(long, num_args = 1.., required_unless_present = "train", conflicts_with_all = ["train", "test"])]
    events: Vec<PathBuf>,
    /// The item table.
    #[arg(long)]
    items: Option<PathBuf>,
    /// Where the held-out part begins: milliseconds since the epoch, or a date; the last tenth of the events where
    /// absent.
    #[arg(long, value_parser = time_ms, conflicts_with = "train")]
    split: Option<i64>,
    /// Holds out the last event of each user instead of a part in time, for `--task next-item`.
    #[arg(long, conflicts_with_all = ["split", "train", "test"])]
    pub leave_last_out: bool,
    /// Train on these logs.
    #[arg(long, num_args = 1.., requires = "test")]
    train: Vec<PathBuf>,
    /// Test on these logs.
    #[arg(long, num_args = 1.., requires = "train")]
    test: Vec<PathBuf>,
}

/// Reads the log, or both, and cuts it. Neither part is empty.
///
/// * `rejects`: the file for the bad rows of a log, by the name of the file without its ending.
pub fn split(
    config: &Config,
    input: &HeldOutInput,
    rejects: impl Fn(&str) -> PathBuf,
    progress: &mut Progress,
) -> anyhow::Result<(Log, Log)> {
    let items = input.items.as_deref();
    if !input.train.is_empty() {
        let train = read(&input.train, items, config, &rejects("rejects"), progress)?;
        let test = read(&input.test, None, config, &rejects("rejects_test"), progress)?;
        return Ok((train, test));
    }
    let log = read(&input.events, items, config, &rejects("rejects"), progress)?;
    if input.leave_last_out {
        let (train, test) = Cut::LAST_EVENTS.apply(&log);
        anyhow::ensure!(
            !test.events.is_empty(),
            "no user of the log has two events, so none has a last one to hold out: give --train and --test logs"
        );
        return Ok((train, test));
    }
    let split_ms = input.split.unwrap_or_else(|| {
        let at = (log.events.len() as f64 * (1.0 - HELD_OUT_SHARE)) as usize;
        log.events[at.min(log.events.len() - 1)].timestamp_ms
    });
    let at = log.events.partition_point(|event| event.timestamp_ms < split_ms);
    let (first_ms, last_ms) = (log.first_ms(), log.last_ms());
    anyhow::ensure!(
        at > 0 && at < log.events.len(),
        match input.split {
            Some(split_ms) => format!(
                "--split {split_ms}: no events on one side; the log reaches from {first_ms} to {last_ms} (milliseconds \
                 since the epoch)"
            ),
            None => format!(
                "the last tenth of the events begins with the log, at {first_ms} (milliseconds since the epoch): times \
                 don't tell what to hold out; hold out the last event of each user with --leave-last-out"
            ),
        }
    );
    Ok((log.part(0..at), log.part(at..log.events.len())))
}
