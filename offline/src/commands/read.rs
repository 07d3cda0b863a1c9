//! Reads logs and item table, and reports what is in them: the first stage of most subcommands.

use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::log::ingest::{Catalogue, Log, ingest, read_catalogue};
use crate::progress::Progress;

/// Reads logs and item table, and prints a report.
///
/// * `rejects`: the file that bad rows are written to.
pub fn read(
    events: &[PathBuf],
    items: Option<&Path>,
    config: &Config,
    rejects: &Path,
    progress: &mut Progress,
) -> anyhow::Result<Log> {
    let log = progress.counted("ingest", 0, |done| {
        let catalogue = items.map(|path| read_catalogue(path, &config.items)).transpose()?;
        ingest(events, catalogue.unwrap_or_else(Catalogue::default), &config.ingest, rejects, done)
    })?;
    let report = &log.report;
    eprintln!(
        "{} rows: {} events of {} users and {} items",
        report.rows,
        report.accepted,
        log.users.len(),
        log.items.len()
    );
    for (what, reasons) in [("skipped", &report.skipped), ("rejected", &report.rejected)] {
        for (reason, count) in reasons {
            eprintln!("  {what} {count}: {reason}");
        }
    }
    let vectors = &log.items.vectors;
    if !vectors.is_empty() || !vectors.rejected().is_empty() {
        eprintln!("vectors: {} items have one, of {} numbers", vectors.len(), vectors.width());
        for (reason, count) in vectors.rejected() {
            eprintln!("  left out {count}: {reason}");
        }
    }
    if report.rejected_rows() > 0 {
        eprintln!("  rejected rows are in {}", rejects.display());
    }
    Ok(log)
}

/// The part of a log before a time, if one is given.
pub fn until(log: Log, until_ms: Option<i64>) -> anyhow::Result<Log> {
    let Some(until_ms) = until_ms else { return Ok(log) };
    let (part, first_ms) = (log.before(until_ms), log.first_ms());
    anyhow::ensure!(
        !part.events.is_empty(),
        "--until {until_ms}: the log has no events before; it begins at {first_ms} (milliseconds since the epoch)"
    );
    Ok(part)
}
