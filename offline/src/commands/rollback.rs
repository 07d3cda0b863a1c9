//! `offline rollback`: makes an earlier version the champion again.

use clap::Args;

use super::options::{ArtifactsOptions, RedisOptions, SettingsOptions};
use super::recorded::Recorder;
use crate::progress::Progress;
use crate::publish::loss::Accept;
use crate::publish::{self, Complete, Move};

/// Makes an earlier version the champion again.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    #[command(flatten)]
    settings: SettingsOptions,
    #[command(flatten)]
    output: ArtifactsOptions,
    #[command(flatten)]
    redis: RedisOptions,
    /// The version; if absent, the one that was the champion before.
    #[arg(long)]
    to: Option<String>,
}

/// Promotes the version however small its log is, and reports how it compares with the champion's. Nothing is removed, and a
/// batch that builds is not waited for.
pub fn rollback(args: &RollbackArgs, recorder: &Recorder, progress: &mut Progress) -> anyhow::Result<()> {
    let settings = args.settings.load()?;
    // Before the wait for the lock: it is this one that is to be left.
    let seen = publish::champion(&args.output.artifacts)?;
    let pointers = args.output.pointers("offline rollback")?;
    let version = match &args.to {
        Some(version) => Complete::find(&pointers, version)?,
        None => {
            publish::unmoved(&pointers, seen.as_deref())?;
            publish::before(&pointers)?
        }
    };
    let config = args.redis.over(&settings.run.publish);
    if let Some(comparison) = publish::promote(&pointers, &version, Move::Back, Accept::Anything, &config, progress)? {
        println!("{comparison}");
    }
    println!("champion: {}", version.version());
    drop(pointers);
    recorder.leave_champions(&args.output.artifacts, &settings.run.mlflow);
    Ok(())
}
