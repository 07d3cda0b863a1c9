//! `offline rows`: writes the labelled rows that the ranker is fitted on, for other programs.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::held_out::{HeldOutInput, read_parts};
use super::options::SettingsOptions;
use crate::config::RankerKind;
use crate::measure::evaluate::questions;
use crate::progress::Progress;
use crate::rank;
use crate::rank::rows::write;

/// Writes the ranker's labelled rows as Parquet files: learn.parquet to fit on, stop.parquet for early stopping, and
/// test.parquet.
#[derive(Debug, Args)]
pub struct RowsArgs {
    #[command(flatten)]
    settings: SettingsOptions,
    #[command(flatten)]
    held_out: HeldOutInput,
    /// The folder that the files are written to.
    #[arg(long)]
    out: PathBuf,
}

/// Writes the rows that the ranker is fitted on, and those of the held-out questions, with the features that the engine
/// computes.
pub fn rows(args: &RowsArgs, progress: &mut Progress) -> anyhow::Result<()> {
    let (config, out) = (args.settings.load_config()?, &args.out);
    anyhow::ensure!(config.ranker.kind != RankerKind::None, "ranker.kind is none: set trees or linear to get its rows");
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let parts = read_parts(&config, &args.held_out, |name| out.join(format!("{name}.jsonl")), progress)?;
    questions::count(&parts.train, &parts.held_out(&config), config.blend.objective, config.blend.seen)?;
    let (blends, slates) = rank::slates(&parts.train, &config, progress)?;
    let names = slates.names.clone();
    write(&slates.early, &names, &out.join("learn.parquet"))?;
    write(&slates.late, &names, &out.join("stop.parquet"))?;
    drop(slates);
    let test = rank::held_out(parts, &config, &blends, &names, progress)?;
    write(&test, &names, &out.join("test.parquet"))
}
