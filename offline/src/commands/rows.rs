//! `offline rows`: what the ranker learns from.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use shared::schema;

use super::held_out::{HeldOutInput, split};
use super::options::SettingsOptions;
use crate::config::RankerKind;
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
    let (train, test) = split(&config, &args.held_out, |name| out.join(format!("{name}.jsonl")), progress)?;
    let (fitted, slates) = ranker::slates(&train, &config, progress)?;
    let names = schema::names();
    write(&slates.early, &names, &out.join("learn.parquet"))?;
    write(&slates.late, &names, &out.join("stop.parquet"))?;
    drop(slates);
    let test = ranker::held_out(train, test, &config, &fitted, progress)?;
    write(&test, &names, &out.join("test.parquet"))
}
