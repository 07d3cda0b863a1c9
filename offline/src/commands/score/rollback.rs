//! `offline score rollback`: puts the version back that was the champion before.

use clap::Args;

use super::promote::tell;
use crate::commands::options::{ArtifactsOptions, MlflowOptions};
use crate::commands::recorded::Recorder;
use crate::score::registry;

/// Makes the version that was the champion before the champion again.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The model's name.
    #[arg(long)]
    model: String,
    #[command(flatten)]
    artifacts: ArtifactsOptions,
}

/// Goes back.
pub fn rollback(args: &RollbackArgs, recorder: &Recorder) -> anyhow::Result<()> {
    let mlflow = MlflowOptions::of_environment()?;
    let promoted = registry::rollback(&args.artifacts.artifacts, &args.model, args.artifacts.moments())?;
    tell(&args.model, &promoted);
    recorder.leave_champions(&args.artifacts.artifacts, &mlflow);
    Ok(())
}
