//! `offline train`: a version that stands beside the champion.

use clap::Args;
use serde_json::Value;

use super::build::build;
use super::options::{ArtifactsOptions, Input, SettingsOptions, time_ms};
use super::read::{read, until};
use crate::progress::Progress;

/// Builds a version without making it the champion.
#[derive(Debug, Args)]
pub struct TrainArgs {
    #[command(flatten)]
    settings: SettingsOptions,
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    output: ArtifactsOptions,
    /// Fit on the events before this time only: milliseconds since the epoch, or a date.
    #[arg(long, value_parser = time_ms)]
    until: Option<i64>,
}

/// Builds it and says its name.
pub fn train(args: &TrainArgs, progress: &mut Progress) -> anyhow::Result<()> {
    let config = args.settings.load_config()?;
    let artifacts = args.output.hold("offline train")?;
    let rejects = artifacts.path().join("rejects.jsonl");
    let log = read(&args.input.events, args.input.items.as_deref(), &config, &rejects, progress)?;
    let log = until(log, args.until)?;
    let version = build(&artifacts, &log, &config, Value::Null, progress)?;
    let version = version.version();
    println!("built: {version}; serve it with `offline publish --version {version}`");
    Ok(())
}
