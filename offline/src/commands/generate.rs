//! `offline generate`: the log of a shop that never was.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::create;
use crate::generate::{self, GenerateConfig};
use crate::progress::Progress;

/// Makes the log of a shop that never was: `events.csv` and `items.csv`.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// How many events.
    #[arg(long)]
    events: u64,
    /// How many users.
    #[arg(long)]
    users: u32,
    /// How many items.
    #[arg(long)]
    items: u32,
    /// The same seed makes the same shop.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// The folder to write to.
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
