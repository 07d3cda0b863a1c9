//! `offline evaluate`: measures the served model, and what it is made of, on held-out events.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde_json::Value;
use shared::contract::source::Source;
use shared::engine::snapshot::Snapshot;

use super::build::seal;
use super::compare::compare;
use super::create;
use super::held_out::{HeldOutInput, read_parts};
use super::measure::{MeasureOptions, Questions};
use super::mirrors::{local, mirrored};
use super::options::{SettingsOptions, rejects_of};
use super::outputs::apart;
use super::recorded::{Recorder, Recording, data_of};
use crate::config::Config;
use crate::log::export;
use crate::log::ingest::Log;
use crate::measure::evaluate::{ServedSlate, Which};
use crate::progress::Progress;
use crate::publish::{EVALUATING, in_use, place_evaluated};
use crate::train::train;

/// Measures the served model, the blend, every source and the baselines on held-out events. Nothing is published.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    #[command(flatten)]
    pub settings: SettingsOptions,
    #[command(flatten)]
    pub held_out: HeldOutInput,
    #[command(flatten)]
    pub measure: MeasureOptions,
    /// Keeps the measured version in this artifacts folder, as `evaluated-...`. It was not trained on the held-out
    /// events: it never becomes the champion by itself, and no command removes it.
    #[arg(long, value_parser = mirrored)]
    artifacts: Option<PathBuf>,
    /// A file for the slates of the served model, as JSON lines.
    #[arg(long, value_parser = local)]
    slates: Option<PathBuf>,
    /// A file for the held-out events, as JSON lines in the native schema.
    #[arg(long)]
    test_events: Option<PathBuf>,
    /// Also trains and measures without each source in turn.
    #[arg(long)]
    leave_one_out: bool,
    /// Measures two versions (folders) or two configs (files) on the same questions, and their differences.
    #[arg(long, num_args = 2, value_names = ["A", "B"])]
    #[arg(conflicts_with_all = ["config", "artifacts", "slates", "test_events", "leave_one_out"])]
    pub compare: Vec<PathBuf>,
}

/// Trains on one part of the log, measures on the other, and prints the figures.
pub fn evaluate(args: &EvaluateArgs, recorder: &Recorder, progress: &mut Progress) -> anyhow::Result<()> {
    let outputs = [("--slates", args.slates.as_deref()), ("--test-events", args.test_events.as_deref())];
    apart(args.held_out.paths(), &outputs)?;
    let settings = args.settings.load()?;
    let (kept, mlflow) = (args.artifacts.as_deref(), &settings.run.mlflow);
    recorder.record("evaluate", kept, mlflow, progress, |recording, progress| match &args.compare[..] {
        [first, second] => compare(args, [first, second], recording, progress),
        _ => alone(args, recording, progress),
    })
}

/// Measures one config.
fn alone(args: &EvaluateArgs, recording: &mut Recording, progress: &mut Progress) -> anyhow::Result<()> {
    let config = args.settings.load_config()?;
    let parts = read_parts(&config, &args.held_out, rejects_of, progress)?;
    let questions = Questions::new(&args.measure, args.held_out.leave_last_out, &parts, &config)?;
    let data = data_of(&parts.train);
    let fingerprint = data.fingerprint.clone();
    recording.learns(data, serde_json::to_value(&config)?, &questions.asked());
    if let Some(path) = &args.test_events {
        let mut out = create(path)?;
        export::events(&parts.held, &mut out)?;
        out.flush()?;
    }
    let snapshot = match &args.artifacts {
        Some(artifacts) => {
            let kept = keep(artifacts, &parts.train, &fingerprint, &config, progress)?;
            recording.run.version = Some(kept.manifest().version.clone());
            kept
        }
        None => train(&parts.train, &config, progress)?,
    };
    let mut slates = args.slates.as_deref().map(create).transpose()?;
    let mut write = |slate: &ServedSlate| match &mut slates {
        Some(out) => Ok(writeln!(out, "{}", serde_json::to_string(slate)?)?),
        None => Ok(()),
    };
    let evaluation = questions.ask(&config, &snapshot, Which::All, &mut write, progress)?;
    slates.as_mut().map_or(Ok(()), Write::flush)?;
    let mut comparisons = Vec::new();
    let left_out = if args.leave_one_out { &Source::ALL[..] } else { &[] };
    let is_on = |source: &&Source| {
        !config.blend.off.contains(source) && (!source.is_profile() || snapshot.profiles().is_some())
    };
    for &source in left_out.iter().filter(is_on) {
        let mut without = config.clone();
        without.blend.off.push(source);
        let name = format!("without {}", source.as_str());
        let other = progress.group(&name, |progress| questions.train_and_ask(&without, progress))?;
        comparisons.push(questions.compare(name, &evaluation, &other));
    }
    questions.note(recording, &evaluation, &comparisons);
    questions.print(&evaluation, &comparisons)
}

/// Trains a version and keeps it in an artifacts folder, without taking the folder's lock.
fn keep(
    artifacts: &Path,
    log: &Log,
    fingerprint: &str,
    config: &Config,
    progress: &mut Progress,
) -> anyhow::Result<Snapshot> {
    fs::create_dir_all(artifacts).with_context(|| artifacts.display().to_string())?;
    // The service may run as another user.
    let mut working = tempfile::Builder::new();
    let working = working.prefix(EVALUATING).permissions(Permissions::from_mode(0o755)).tempdir_in(artifacts)?;
    let _in_use = in_use(working.path())?;
    let manifest = seal(log, fingerprint, config, "evaluated", Value::Null, working.path(), progress)?;
    let version = place_evaluated(artifacts, working.path(), manifest)?;
    let folder = artifacts.join(&version);
    eprintln!(
        "kept: {}, which is not the champion; `offline publish --artifacts {} --version {version}` serves it",
        folder.display(),
        artifacts.display()
    );
    Ok(Snapshot::load(&folder)?)
}
