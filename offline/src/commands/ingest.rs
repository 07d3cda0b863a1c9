//! `offline ingest`: reads logs and reports what is in them.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use jiff::tz::TimeZone;

use super::options::{Input, SettingsOptions};
use super::outputs::{apart, write};
use super::read::{built, describe, gather, summarize};
use crate::config::Config;
use crate::log::export;
use crate::log::ingest::Keep;
use crate::log::ingest::explain::explain;
use crate::progress::Progress;
use crate::report::data::times::times;
use crate::report::text::over_time;

/// Reads logs and reports what is in them; with --out, also writes the events as JSON lines.
#[derive(Debug, Args)]
pub struct IngestArgs {
    #[command(flatten)]
    settings: SettingsOptions,
    #[command(flatten)]
    input: Option<Input>,
    /// Shows how a log would be read: what it is, its first rows and, on standard output, the settings that say so. What
    /// is read of an item table, the report of --items says.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["events", "items", "out", "report"])]
    explain: Option<PathBuf>,
    /// A file for the events, as JSON lines in the native schema, with every field that was read.
    #[arg(long)]
    out: Option<PathBuf>,
    /// A file for the report, as JSON.
    #[arg(long)]
    report: Option<PathBuf>,
    /// A file for the rejected rows, as JSON lines.
    #[arg(long, default_value = "rejects.jsonl")]
    rejects: PathBuf,
}

/// Reads the logs, reports what is in them, and writes the events.
pub fn ingest(args: &IngestArgs, progress: &mut Progress) -> anyhow::Result<()> {
    let config = args.settings.load_config()?;
    if let Some(path) = &args.explain {
        return explained(path, &config);
    }
    let input = args.input.as_ref().context("give logs by --events, or a file by --explain")?;
    let outputs = [("--out", args.out.as_deref()), ("--report", args.report.as_deref())];
    apart(input.events.iter().cloned().chain(input.beside().paths()), &outputs)?;
    let keep = if args.out.is_some() { Keep::All } else { Keep::Learnt };
    let read = gather(&input.events, input.beside(), &config, keep, &args.rejects, progress)?;
    if let Some(path) = &args.out {
        // What was found in folders, too.
        apart(read.report.files.iter().map(|file| file.path.clone()), &[("--out", Some(path))])?;
        write(path, |out| export::as_read(&read.raw, &config.kinds, out).map(|_| ()))?;
    }
    let log = built(read, &input.users, &config)?;
    log.items.check()?;
    let summary = summarize(&log, &config);
    describe(&summary, &args.rejects);
    if let Some(times) = times(&log, &TimeZone::UTC) {
        eprint!("{}", over_time(&times));
    }
    if let Some(path) = &args.report {
        write(path, |out| Ok(serde_json::to_writer_pretty(out, &summary)?))?;
    }
    Ok(())
}

fn explained(path: &Path, config: &Config) -> anyhow::Result<()> {
    let explanation = explain(path, &config.ingest, &config.kinds).map_err(|error| {
        let is_no_log = error.is_no_log();
        let error = anyhow::Error::from(error);
        if is_no_log { error.context("--explain is for logs; --items says how an item table is read") } else { error }
    })?;
    eprintln!("{}: {}", path.display(), explanation.form);
    eprintln!("  schema: {} ({}); times: {}", explanation.schema, explanation.title, explanation.times);
    for row in &explanation.rows {
        eprintln!("  {row}");
    }
    for warning in &explanation.warnings {
        eprintln!("  warning: {warning}");
    }
    print!("{}", explanation.config);
    Ok(())
}
