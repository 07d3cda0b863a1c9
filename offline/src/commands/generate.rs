//! `offline generate`: writes a synthetic event log and item table.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::create;
use crate::log::generate::{self, GenerateConfig};
use crate::progress::Progress;

/// Generates the log of an invented shop: `events.csv` and `items.csv`.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// The number of events.
    #[arg(long)]
    events: u64,
    /// The number of users.
    #[arg(long)]
    users: u32,
    /// The number of items.
    #[arg(long)]
    items: u32,
    /// The seed; the same seed and numbers give the same files.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// The folder that both files are written to.
    #[arg(long, default_value = ".")]
    out: PathBuf,
}

/// Writes both files.
pub fn generate(args: &GenerateArgs, progress: &mut Progress) -> anyhow::Result<()> {
    let &GenerateArgs { events, users, items, seed, ref out } = args;
    std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let config = GenerateConfig { events, users, items, seed };
    let mut log = create(&out.join("events.csv"))?;
    let mut table = create(&out.join("items.csv"))?;
    progress
        .counted("generate", events, |done| generate::generate(&config, &mut log, &mut table, &|count| done(count)))?;
    log.flush()?;
    table.flush()?;
    Ok(())
}
