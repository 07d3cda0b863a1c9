//! `offline score promote`: makes a version of a model the champion.

use clap::Args;

use crate::commands::options::{ArtifactsOptions, MlflowOptions};
use crate::commands::recorded::Recorder;
use crate::score::registry::{self, Promoted, Schema};

/// Makes a version of a model the champion.
#[derive(Debug, Args)]
pub struct PromoteArgs {
    /// The model's name.
    #[arg(long)]
    model: String,
    /// The version; the newest if absent.
    #[arg(long)]
    version: Option<String>,
    #[command(flatten)]
    artifacts: ArtifactsOptions,
    /// Promotes the version even if it expects other fields than the champion.
    #[arg(long)]
    allow_schema_change: bool,
}

/// Promotes.
pub fn promote(args: &PromoteArgs, recorder: &Recorder) -> anyhow::Result<()> {
    let schema = if args.allow_schema_change { Schema::Any } else { Schema::Same };
    let (folder, patience) = (&args.artifacts.artifacts, args.artifacts.moments());
    let mlflow = MlflowOptions::of_environment()?;
    tell(&args.model, &registry::promote(folder, &args.model, args.version.as_deref(), schema, patience)?);
    recorder.leave_champions(folder, &mlflow);
    Ok(())
}

/// Prints which version is the champion, and what became of a challenge.
pub(super) fn tell(model: &str, promoted: &Promoted) {
    println!("champion: {model} {}", promoted.version);
    if let Some(became) = &promoted.challenge {
        println!("{became}");
    }
}
