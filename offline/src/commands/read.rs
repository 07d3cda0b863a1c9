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
        let catalogue = match items {
            Some(path) => read_catalogue(path, &config.items, config.ingest.max_reject_share, rejects)?,
            None => Catalogue::new(&config.items),
        };
        ingest(events, catalogue, &config.ingest, rejects, done).and_then(|log| log.items.check().map(|()| log))
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
    log.items.report.lines().iter().for_each(|line| eprintln!("{line}"));
    if report.rejected_rows() + log.items.report.rejected_rows() > 0 {
        eprintln!("  rejected rows are in {}", rejects.display());
    }
    Ok(log)
}

/// The part of a log before a time, if one is given. Items that are withdrawn by now are so in it too.
pub fn until(log: Log, until_ms: Option<i64>) -> anyhow::Result<Log> {
    let Some(until_ms) = until_ms else { return Ok(log) };
    let (mut part, first_ms) = (log.before(until_ms), log.first_ms());
    part.items.withdraw_as(&log.items);
    anyhow::ensure!(
        !part.events.is_empty(),
        "--until {until_ms}: the log has no events before; it begins at {first_ms} (milliseconds since the epoch)"
    );
    Ok(part)
}
