//! `offline score challenge`: a version scores a share of the rows beside the champion.

use clap::{Args, ValueEnum};
use shared::engine::tabular::challenge::Mode;

use crate::commands::options::ArtifactsOptions;
use crate::score::challenge;

/// Lets a version score a share of the served rows beside the champion, until it is promoted, or can't score the champion's rows, or the share is 0.
#[derive(Debug, Args)]
pub struct ChallengeArgs {
    /// The model's name.
    #[arg(long)]
    model: String,
    /// The version; the last one that lost against the champion if absent.
    #[arg(long)]
    version: Option<String>,
    /// The share of the rows, from 0 (which ends it) to 1. The same row always has the same version.
    #[arg(long)]
    share: f64,
    /// What becomes of its answers.
    #[arg(long, value_enum, default_value = "shadow")]
    mode: ModeOption,
    #[command(flatten)]
    artifacts: ArtifactsOptions,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ModeOption {
    /// They are measured alone; the champion answers.
    Shadow,
    /// They are the answers of the share.
    Split,
}

/// Begins or ends.
pub fn challenge(args: &ChallengeArgs) -> anyhow::Result<()> {
    anyhow::ensure!((0.0..=1.0).contains(&args.share), "--share {}: must be 0 to 1", args.share);
    let (folder, patience) = (&args.artifacts.artifacts, args.artifacts.moments());
    if args.share == 0.0 {
        challenge::end(folder, &args.model, patience)?;
        println!("no challenger scores beside the champion of {}", args.model);
        return Ok(());
    }
    let (mode, what) = match args.mode {
        ModeOption::Shadow => (Mode::Shadow, "scores, unseen,"),
        ModeOption::Split => (Mode::Split, "answers"),
    };
    let begun = challenge::begin(folder, &args.model, args.version.as_deref(), mode, args.share, patience)?;
    println!("challenger: {} {} {what} a share of {} of the rows", args.model, begun.version, begun.share);
    Ok(())
}
