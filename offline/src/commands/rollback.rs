//! `offline rollback`: back to a version that was good.

use clap::Args;

use super::options::{ArtifactsOptions, RedisOptions, SettingsOptions};
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
    /// The version; the one that was the champion before where absent.
    #[arg(long)]
    to: Option<String>,
}

/// Promotes it, whatever it was learnt from, and says what that is. Nothing is removed.
pub fn rollback(args: &RollbackArgs, progress: &mut Progress) -> anyhow::Result<()> {
    let settings = args.settings.load()?;
    let artifacts = args.output.hold("offline rollback")?;
    let version = args.to.clone().map_or_else(|| publish::before(&artifacts), Ok)?;
    let version = Complete::find(&artifacts, &version)?;
    let config = args.redis.over(&settings.run.publish);
    if let Some(comparison) = publish::promote(&artifacts, &version, Move::Back, Accept::Anything, &config, progress)? {
        println!("{comparison}");
    }
    println!("champion: {}", version.version());
    Ok(())
}
