//! `offline ingest`: reads logs and reports what is in them.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::create;
use super::options::{Input, SettingsOptions};
use super::read::read;
use crate::log::export;
use crate::progress::Progress;

/// Reads logs and reports what is in them; with --out, also writes the events as JSON lines.
#[derive(Debug, Args)]
pub struct IngestArgs {
    #[command(flatten)]
    settings: SettingsOptions,
    #[command(flatten)]
    input: Input,
    /// A file for the events, as JSON lines in the native schema.
    #[arg(long)]
    out: Option<PathBuf>,
    /// A file for the rejected rows, as JSON lines.
    #[arg(long, default_value = "rejects.jsonl")]
    rejects: PathBuf,
}

/// Reads the logs, reports what is in them, and writes the events.
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
