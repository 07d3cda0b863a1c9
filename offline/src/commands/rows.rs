//! `offline rows`: what the ranker learns from.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::held_out::{HeldOutInput, read_parts};
use super::options::SettingsOptions;
use crate::config::RankerKind;
use crate::evaluate::questions;
use crate::progress::Progress;
use crate::ranker;
use crate::rows::write;

/// Writes the ranker's labelled rows as Parquet: learn.parquet, stop.parquet and test.parquet.
#[derive(Debug, Args)]
pub struct RowsArgs {
    #[command(flatten)]
    settings: SettingsOptions,
    #[command(flatten)]
    held_out: HeldOutInput,
    /// The folder to write to.
    #[arg(long)]
    out: PathBuf,
}

/// Writes the rows that the ranker learns from, and those of the held-out questions, as the engine describes them.
pub fn rows(args: &RowsArgs, progress: &mut Progress) -> anyhow::Result<()> {
    let (config, out) = (args.settings.load_config()?, &args.out);
    anyhow::ensure!(config.ranker.kind != RankerKind::None, "ranker.kind is none: set trees or linear to get its rows");
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let parts = read_parts(&config, &args.held_out, |name| out.join(format!("{name}.jsonl")), progress)?;
    questions::count(&parts.train, &parts.held_out(&config), config.blend.objective, config.blend.seen)?;
    let (blends, slates) = ranker::slates(&parts.train, &config, progress)?;
    let names = slates.names.clone();
    write(&slates.early, &names, &out.join("learn.parquet"))?;
    write(&slates.late, &names, &out.join("stop.parquet"))?;
    drop(slates);
    let test = ranker::held_out(parts, &config, &blends, progress)?;
    write(&test, &names, &out.join("test.parquet"))
}
