//! `offline runs`: what the batch did before, one run by itself, and two side by side.

mod compare;
mod list;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};

use super::recorded::Recorder;
use crate::commands::mirrors::mirrored;
use crate::runs::Run;
use crate::runs::record::{Figure, Status};

/// Shows the records that `run`, `evaluate`, `tune` and `score` leave.
#[derive(Debug, Args)]
pub struct RunsArgs {
    #[command(subcommand)]
    command: RunsCommand,
    /// The artifacts folder, which holds the records.
    #[arg(long, global = true, env = "TANDEM_ARTIFACTS__PATH", default_value = "artifacts", value_parser = mirrored)]
    artifacts: PathBuf,
    /// Prints JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum RunsCommand {
    List(list::ListArgs),
    Show(show::ShowArgs),
    Compare(compare::CompareArgs),
}

/// Shows records.
pub fn runs(args: &RunsArgs, recorder: &Recorder) -> anyhow::Result<()> {
    let folder = recorder.folder(Some(&args.artifacts));
    match &args.command {
        RunsCommand::List(own) => list::list(own, &folder, args.json),
        RunsCommand::Show(own) => show::show(own, &folder, args.json),
        RunsCommand::Compare(own) => compare::compare(own, &folder, args.json),
    }
}

/// A time to the minute, UTC.
fn minute(ms: i64) -> String {
    Timestamp::from_millisecond(ms).unwrap_or_default().strftime("%F %H:%M").to_string()
}

/// How long a run took, or has taken so far; of one that was killed nobody knows.
fn took(run: &Run) -> String {
    if run.status == Status::Killed && run.ended_ms.is_none() {
        return "-".to_owned();
    }
    let seconds = run.seconds(Timestamp::now().as_millisecond());
    if seconds < 10.0 {
        return format!("{seconds:.1}s");
    }
    format!("{:#}", SignedDuration::from_secs(seconds.round() as i64))
}

/// A figure with half the width of its interval.
fn figure(own: &Figure) -> String {
    let digits = if own.value.abs() >= 100.0 { 0 } else { 4 };
    match (own.low, own.high) {
        (Some(low), Some(high)) => format!("{:.digits$} ±{:.digits$}", own.value, (high - low) / 2.0),
        _ => format!("{:.digits$}", own.value),
    }
}
