//! `offline train`: builds a version beside the champion, without publishing it.

use clap::Args;
use serde_json::Value;

use super::build::build;
use super::options::{ArtifactsOptions, Input, SettingsOptions, time_ms};
use super::read::{read, until};
use crate::progress::Progress;

/// Builds a version without making it the champion; `offline publish` does that.
#[derive(Debug, Args)]
pub struct TrainArgs {
    #[command(flatten)]
    settings: SettingsOptions,
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    output: ArtifactsOptions,
    /// Trains only on the events before this time: milliseconds since the epoch, or a date.
    #[arg(long, value_parser = time_ms)]
    until: Option<i64>,
}

/// Builds the version and prints its name.
pub fn train(args: &TrainArgs, progress: &mut Progress) -> anyhow::Result<()> {
    let config = args.settings.load_config()?;
    let artifacts = args.output.hold("offline train")?;
    let rejects = artifacts.path().join("rejects.jsonl");
    let log = read(&args.input.events, args.input.beside(), &config, &rejects, progress)?;
    let log = until(log, args.until)?;
    let version = build(&artifacts, &log, &log.fingerprint(), &config, Value::Null, progress)?;
    let version = version.version();
    println!("built: {version}; serve it with `offline publish --version {version}`");
    Ok(())
}
