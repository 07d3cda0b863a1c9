//! `offline publish`: makes a version that `offline train` built the champion.

use anyhow::Context;
use clap::Args;

use super::options::{ArtifactsOptions, RedisOptions, SettingsOptions};
use super::recorded::Recorder;
use crate::config::PublishConfig;
use crate::progress::Progress;
use crate::publish::loss::Accept;
use crate::publish::{self, Complete, Move, PublishError, versions};

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
    let pointers = args.output.pointers("offline publish")?;
    let newest = versions::list(pointers.path())?.pop();
    let version = args.version.clone().or(newest);
    let version = version.with_context(|| {
        format!("{}: no version is there; build one with `offline train`", pointers.path().display())
    })?;
    let version = Complete::find(&pointers, &version)?;
    let accept = if args.allow_shrink { Accept::Anything } else { Accept::Share(settings.run.gate.max_loss) };
    let config = args.redis.over(&settings.run.publish);
    if let Some(comparison) = publish::promote(&pointers, &version, Move::Forward, accept, &config, progress)? {
        eprintln!("{comparison}");
    }
    println!("champion: {}", version.version());
    drop(pointers);
    prune(args, &config, progress)?;
    recorder.leave_champions(&args.output.artifacts, &settings.run.mlflow);
    Ok(())
}

/// Removes old versions, unless a batch has the folder: it does so itself after its own promotion.
fn prune(args: &PublishArgs, config: &PublishConfig, progress: &mut Progress) -> Result<(), PublishError> {
    match args.output.hold_existing("offline publish") {
        Ok(artifacts) => publish::prune(&artifacts, &artifacts.pointers()?, config, progress),
        Err(PublishError::Held { holder, .. }) => {
            eprintln!("no old version was removed, for the folder is held by {holder}");
            Ok(())
        }
        Err(error) => Err(error),
    }
}
