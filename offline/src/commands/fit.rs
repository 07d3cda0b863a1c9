//! `offline fit`: fits one source alone and writes its table, to time it or to look at it.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use shared::contract::source::Source;

use super::options::{Input, SettingsOptions};
use super::read::read;
use crate::fit::fit_alone;
use crate::progress::Progress;

/// Fits one source alone and reports how long it took.
#[derive(Debug, Args)]
pub struct FitArgs {
    #[command(flatten)]
    settings: SettingsOptions,
    #[command(flatten)]
    input: Input,
    /// The source, such as als or session_knn.
    #[arg(long, value_parser = source)]
    source: Source,
    /// The folder that its table is written to.
    #[arg(long)]
    out: PathBuf,
}

/// Fits the source and writes its table.
pub fn fit(args: &FitArgs, progress: &mut Progress) -> anyhow::Result<()> {
    let config = args.settings.load_config()?;
    fs::create_dir_all(&args.out).with_context(|| args.out.display().to_string())?;
    let rejects = args.out.join("rejects.jsonl");
    let log = read(&args.input.events, args.input.beside(), &config, &rejects, progress)?;
    Ok(progress.stage(args.source.as_str(), || fit_alone(args.source, &log, &config, &args.out))?)
}

fn source(text: &str) -> Result<Source, String> {
    let known = Source::ALL.map(Source::as_str).join(", ");
    Source::ALL.into_iter().find(|source| source.as_str() == text).ok_or_else(|| format!("expected one of {known}"))
}
