//! `offline run`: the whole batch, from logs to a published version.
//!
//! ```text
//! lock the folder ─▶ ingest ─▶ compare with the champion's log ─▶ contest ─▶ train ─▶ promote ─▶ prune ─▶ record
//! ```

use clap::Args;
use jiff::tz::TimeZone;
use serde_json::Value;
use shared::contract::artifact::ArtifactError;

use super::build::build;
use super::options::{ArtifactsOptions, Input, RedisOptions, SettingsOptions, time_ms, time_zone};
use super::read::{read, until};
use super::recorded::{Recorder, Recording, data_of};
use super::report::of_batch;
use crate::config::Settings;
use crate::measure::gate::{self, Verdict};
use crate::progress::Progress;
use crate::publish::loss::{Accept, Champion, Facts};
use crate::publish::{self, Artifacts, PublishError};
use crate::runs::record::Status;

/// Runs the whole batch: ingest, contest with the champion's configuration, train, publish.
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    settings: SettingsOptions,
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    output: ArtifactsOptions,
    #[command(flatten)]
    redis: RedisOptions,
    /// Trains only on the events before this time: milliseconds since the epoch, or a date.
    #[arg(long, value_parser = time_ms)]
    until: Option<i64>,
    /// Promotes without a contest between the champion's configuration and this one.
    #[arg(long)]
    no_gate: bool,
    /// Promotes even if the log lost more than gate.max_loss of the champion's events, users or users with a profile, or ends
    /// earlier.
    #[arg(long)]
    allow_shrink: bool,
    /// Does nothing if a champion is published that can be served.
    #[arg(long)]
    unless_published: bool,
    /// Writes a report on the new champion to `reports/VERSION.html` in the artifacts folder, without figures on unseen events;
    /// `offline report` measures them.
    #[arg(long)]
    report: bool,
    /// The time zone of the report, such as Europe/Berlin.
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = time_zone)]
    time_zone: TimeZone,
}

/// Runs the whole batch.
pub fn run(args: &RunArgs, recorder: &Recorder, progress: &mut Progress) -> anyhow::Result<()> {
    let settings = args.settings.load()?;
    // Before the lock is taken, so as not to wait for a batch whose result is not needed, and once more after.
    if nothing_to_do(args) {
        return Ok(());
    }
    let artifacts = args.output.hold("offline run")?;
    if nothing_to_do(args) {
        return Ok(());
    }
    // The folder is free when the work is done: a server that is told of the run may be slow.
    recorder.record("run", Some(&args.output.artifacts), &settings.run.mlflow, progress, |recording, progress| {
        recorded(args, &settings, artifacts, recording, progress)
    })
}

/// Runs the batch in a folder that is held until its end.
fn recorded(
    args: &RunArgs,
    settings: &Settings,
    artifacts: Artifacts,
    recording: &mut Recording,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let (config, publish_config) = (&settings.learn, args.redis.over(&settings.run.publish));
    if !publish_config.redis_url.is_empty() {
        publish::store::check(&publish_config).map_err(PublishError::from)?;
    }
    let rejects = artifacts.path().join("rejects.jsonl");
    let log = read(&args.input.events, args.input.beside(), config, &rejects, progress)?;
    let log = until(log, args.until)?;
    let data = data_of(&log);
    let fingerprint = data.fingerprint.clone();
    recording.learns(data, serde_json::to_value(config)?, &Value::Null);

    let champion = Champion::read(artifacts.path())?;
    let accept = accepted(args, champion.as_ref(), settings.run.gate.max_loss);
    if let Some(champion) = &champion {
        // Before an hour of training, and once more when it is promoted.
        let facts = Facts::of_log(&log, config);
        eprintln!("{}", champion.check(&facts, accept).map_err(PublishError::from)?);
    }
    let (winner, metrics) = if args.no_gate {
        (config.clone(), Value::Null)
    } else {
        let outcome = progress.group("gate", |progress| gate::contest(&log, settings, artifacts.path(), progress))?;
        println!("{outcome}");
        if outcome.verdict() == Some(Verdict::Challenger) {
            (recording.run.status, recording.run.reason) = (Status::Refused, Some(outcome.to_string()));
        }
        (outcome.winner(config).clone(), outcome.metrics())
    };
    let version = build(&artifacts, &log, &fingerprint, &winner, metrics, progress)?;
    recording.made(version.manifest());
    progress.group("publish", |progress| {
        let seen = champion.as_ref().map(|champion| champion.version.as_str());
        publish::succeed(&artifacts, &version, seen, accept, &publish_config, progress)?;
        println!("champion: {}", version.version());
        recording.run.champion = Some(true);
        publish::prune(&artifacts, &artifacts.pointers()?, &publish_config, progress)
    })?;
    if args.report {
        of_batch(artifacts.path(), version.version(), &log, &winner, &recording.run, &args.time_zone, progress);
    }
    Ok(())
}

/// Whether `--unless-published` is given and a champion can be served.
fn nothing_to_do(args: &RunArgs) -> bool {
    if !args.unless_published {
        return false;
    }
    match publish::servable(&args.output.artifacts) {
        Ok(champion) => println!("champion: {champion}, as it was"),
        Err(ArtifactError::NoChampion { .. }) => return false,
        Err(error) => {
            eprintln!("a champion is published, but can't be served: {error}");
            return false;
        }
    }
    true
}

/// How much the log may have lost. With `--until` before the end of the champion's log, a smaller log is intended.
fn accepted(args: &RunArgs, champion: Option<&Champion>, max_loss: f64) -> Accept {
    let goes_back = |until_ms| champion.is_some_and(|champion| champion.reaches(until_ms));
    if args.allow_shrink || args.until.is_some_and(goes_back) { Accept::Anything } else { Accept::Share(max_loss) }
}
