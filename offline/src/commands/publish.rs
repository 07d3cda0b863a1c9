//! `offline publish`: makes a version that `offline train` built the champion.

use anyhow::Context;
use clap::Args;

use super::options::{ArtifactsOptions, RedisOptions, SettingsOptions};
use super::recorded::Recorder;
use crate::progress::Progress;
use crate::publish::loss::Accept;
use crate::publish::{self, Complete, Move, versions};

/// Makes a version that `train` built the champion.
#[derive(Debug, Args)]
pub struct PublishArgs {
    #[command(flatten)]
    settings: SettingsOptions,
    #[command(flatten)]
    output: ArtifactsOptions,
    #[command(flatten)]
    redis: RedisOptions,
    /// The version; the newest if absent.
    #[arg(long)]
    version: Option<String>,
    /// Promotes the version even if its log lost more than gate.max_loss of the champion's events, users or users with a
    /// profile, or ends earlier.
    #[arg(long)]
    allow_shrink: bool,
}

/// Promotes the version.
pub fn publish(args: &PublishArgs, recorder: &Recorder, progress: &mut Progress) -> anyhow::Result<()> {
    let settings = args.settings.load()?;
    let artifacts = args.output.hold_existing("offline publish")?;
    let newest = versions::list(artifacts.path())?.pop();
    let version = args.version.clone().or(newest);
    let version = version.with_context(|| {
        format!("{}: no version is there; build one with `offline train`", artifacts.path().display())
    })?;
    let version = Complete::find(&artifacts, &version)?;
    let accept = if args.allow_shrink { Accept::Anything } else { Accept::Share(settings.run.gate.max_loss) };
    let config = args.redis.over(&settings.run.publish);
    if let Some(comparison) = publish::promote(&artifacts, &version, Move::Forward, accept, &config, progress)? {
        eprintln!("{comparison}");
    }
    println!("champion: {}", version.version());
    publish::prune(&artifacts, &config, progress)?;
    recorder.tell_champions(artifacts.path());
    Ok(())
}
