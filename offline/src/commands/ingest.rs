//! `offline ingest`: what is in a log.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::create;
use super::options::{Input, SettingsOptions};
use super::read::read;
use crate::export;
use crate::progress::Progress;

/// Reads logs and reports what is in them; with --out, writes the events as JSON lines.
#[derive(Debug, Args)]
pub struct IngestArgs {
    #[command(flatten)]
    settings: SettingsOptions,
    #[command(flatten)]
    input: Input,
    /// Where to write the events in the native schema.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Where to write rejected rows.
    #[arg(long, default_value = "rejects.jsonl")]
    rejects: PathBuf,
}

/// Reads, reports and writes.
pub fn ingest(args: &IngestArgs, progress: &mut Progress) -> anyhow::Result<()> {
    let config = args.settings.load_config()?;
    let log = read(&args.input.events, args.input.items.as_deref(), &config, &args.rejects, progress)?;
    if let Some(path) = &args.out {
        let mut file = create(path)?;
        export::events(&log, &mut file)?;
        file.flush()?;
    }
    Ok(())
}
