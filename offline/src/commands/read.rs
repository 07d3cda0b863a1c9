//! Reads logs and item table, and reports what is in them: the first stage of most subcommands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use shared::contract::user_change::UserChange;

use super::options::Beside;
use super::outputs::apart;
use crate::config::Config;
use crate::log::ingest::items::report::ItemsReport;
use crate::log::ingest::users::UsersReport;
use crate::log::ingest::{
    self, Catalogue, IngestReport, Keep, Log, Profiles, Read, Reasons, UserTable, read_catalogue, read_users,
    unknown_words,
};
use crate::log::profiles::{Taken, in_words, taken};
use crate::progress::Progress;

/// What a log holds.
#[derive(Debug, Serialize)]
pub struct Summary {
    #[serde(flatten)]
    report: IngestReport,
    /// The item table.
    item_table: ItemsReport,
    /// The user table.
    user_table: UsersReport,
    vectors: VectorsReport,
    users: usize,
    items: usize,
    sessions: usize,
    /// Events that users took back, or that are with items that they block, and those that did so.
    taken_back: usize,
    /// Items that users block.
    blocked: usize,
    first_ms: i64,
    last_ms: i64,
}

/// The vectors of items.
#[derive(Debug, Serialize)]
struct VectorsReport {
    items: usize,
    /// How many numbers each has.
    width: usize,
    /// Vectors that were left out, by reason.
    rejected: BTreeMap<String, u64>,
}

/// Reads logs and item table, and prints a report.
///
/// * `rejects`: the file that bad rows are written to.
pub fn read(
    events: &[PathBuf],
    beside: Beside<'_>,
    config: &Config,
    rejects: &Path,
    progress: &mut Progress,
) -> anyhow::Result<Log> {
    let read = gather(events, beside, config, Keep::Learnt, rejects, progress)?;
    let log = built(read, beside.users, config)?;
    log.items.check()?;
    describe(&summarize(&log, config), rejects);
    Ok(log)
}

/// A log with what the user tables say of its users, and what the service was told of them. Of a user who was erased the
/// tables say something only if an event came after it, and what was told before it does not count.
pub fn built(read: Read, users: &[PathBuf], config: &Config) -> anyhow::Result<Log> {
    let log = Log::build(read, &config.kinds, &config.ingest);
    let has_events = |user: &str| log.users.binary_search_by(|other| (**other).cmp(user)).is_ok();
    let table = match users {
        [] => UserTable::default(),
        users => read_users(users, &config.ingest, &|user| log.report.pasts.erased.has(user) && !has_events(user))?,
    };
    let counts = |change: &UserChange| log.report.pasts.says(change.user.as_str(), change.received_ms);
    let table = table.with_said(&log.report.said, counts, &config.ingest.users);
    let profiles = profiles(table, users.first())?;
    Ok(Log { profiles, ..log })
}

/// Reads logs and item table.
///
/// * `rejects`: the file that bad rows are written to.
pub fn gather(
    events: &[PathBuf],
    beside: Beside<'_>,
    config: &Config,
    keep: Keep,
    rejects: &Path,
    progress: &mut Progress,
) -> anyhow::Result<Read> {
    apart(events.iter().cloned().chain(beside.paths()), &[("--rejects", Some(rejects))])?;
    progress.counted("ingest", 0, |done| {
        let catalogue = match beside.items {
            Some(path) => {
                let table = read_catalogue(path, &config.items, &config.ingest, rejects)?;
                Catalogue { as_of_ms: beside.items_as_of, ..table }
            }
            None => Catalogue::new(&config.items),
        };
        let reader = ingest::Reader { config: &config.ingest, kinds: &config.kinds, keep, rejects, progress: done };
        let (raw, report) = ingest::gather(events, reader, &catalogue)?;
        Ok(Read { raw, report, catalogue })
    })
}

/// Says what each column of a user table is taken for. What the service was told may tell nobody apart yet; a table may not.
///
/// * `path`: that of the table, if one was given.
fn profiles(mut table: UserTable, path: Option<&PathBuf>) -> anyhow::Result<Profiles> {
    let all: Vec<usize> = (0..table.columns.first().map_or(0, |column| column.rows.len())).collect();
    let Taken { fields, ignored, .. } = taken(&table, &all);
    table.report.columns = fields.iter().map(|field| (field.name.clone(), in_words(field))).collect();
    table.report.ignored.extend(ignored);
    let Some(path) = path else {
        return Ok(if fields.is_empty() { Profiles::default() } else { table.into() });
    };
    anyhow::ensure!(
        !fields.is_empty(),
        "{}: no column of the user table tells users apart: {}",
        path.display(),
        table.report.ignored.iter().map(|(name, why)| format!("`{name}` ({why})")).collect::<Vec<_>>().join(", ")
    );
    Ok(table.into())
}

/// Counts what a log holds.
pub fn summarize(log: &Log, config: &Config) -> Summary {
    Summary {
        report: IngestReport {
            warnings: [&log.report.warnings[..], &log.items.report.warnings].concat(),
            ..log.report.clone()
        },
        item_table: log.items.report.clone(),
        user_table: log.profiles.report(log),
        vectors: VectorsReport {
            items: log.items.vectors.len(),
            width: log.items.vectors.width(),
            rejected: log.items.vectors.rejected().clone(),
        },
        users: log.users.len(),
        items: log.items.len(),
        sessions: log.sessions(config.gap_ms()),
        taken_back: log.taken_back_by_users(),
        blocked: log.blocked.len(),
        first_ms: log.first_ms(),
        last_ms: log.last_ms(),
    }
}

/// Prints what was read, on one screen.
pub fn describe(summary: &Summary, rejects: &Path) {
    let Summary {
        report,
        item_table: items_report,
        user_table,
        vectors,
        users,
        items,
        sessions,
        taken_back,
        blocked,
        first_ms,
        last_ms,
    } = summary;
    for file in report.files.iter().take(FILES) {
        eprintln!("{}: {}; {} ({}); times: {}", file.path.display(), file.form, file.schema, file.title, file.times);
        eprintln!("  {}", file.columns_in_words());
        let kinds = file.kinds.iter().map(|(word, read)| format!("{word} → {} {}", read.kind, read.rows));
        let kinds: Vec<String> = kinds.take(WORDS).collect();
        if !kinds.is_empty() {
            eprintln!("  {}{}", kinds.join(", "), if file.kinds.len() > WORDS { ", …" } else { "" });
        }
    }
    if report.files.len() > FILES {
        eprintln!("… and {} more files", report.files.len() - FILES);
    }
    for left_out in &report.left_out {
        eprintln!("left out: {}: {}", left_out.path.display(), left_out.reason);
    }
    let (rejected, skipped) = (report.rejected.total(), report.skipped.total());
    eprintln!("{} rows: {} events, {rejected} rejected, {skipped} skipped", report.rows, report.events);
    if report.merged > 0 {
        eprintln!("{} events are another user's than their rows say, since pasts were merged", report.merged);
    }
    let time = |ms: i64| Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |time| format!("{time:.0}"));
    let days = (last_ms - first_ms) as f64 / ingest::DAY_MS as f64;
    let per_user = report.events as f64 / (*users).max(1) as f64;
    eprintln!(
        "{users} users, {items} items, {sessions} sessions, {per_user:.1} events a user; {} to {} ({days:.1} days)",
        time(*first_ms),
        time(*last_ms)
    );
    if *taken_back > 0 {
        eprintln!(
            "  of these {taken_back} are no interactions: taken back, or with one of {blocked} items that users block"
        );
    }
    for (what, Reasons(reasons)) in [("skipped", &report.skipped), ("rejected", &report.rejected)] {
        for (reason, rows) in reasons {
            eprintln!("  {what} {}: {reason} ({})", rows.count, rows.example);
        }
    }
    items_report.lines().iter().for_each(|line| eprintln!("{line}"));
    user_table.lines().iter().for_each(|line| eprintln!("{line}"));
    if vectors.items > 0 || !vectors.rejected.is_empty() {
        eprintln!("vectors: {} items have one, of {} numbers", vectors.items, vectors.width);
        for (reason, count) in &vectors.rejected {
            eprintln!("  left out {count}: {reason}");
        }
    }
    if rejected + items_report.rejected_rows() > 0 {
        eprintln!("  rejected rows are in {}", rejects.display());
    }
    for warning in report.warnings.iter().cloned().chain(unknown_words(report)) {
        eprintln!("warning: {warning}");
    }
}

/// The most files of which a line is printed.
const FILES: usize = 20;
/// The most words of a file that are printed.
const WORDS: usize = 12;

/// The part of a log before a time, if one is given. Items that are withdrawn by now are so in it too.
pub fn until(log: Log, until_ms: Option<i64>) -> anyhow::Result<Log> {
    let Some(until_ms) = until_ms else { return Ok(log) };
    let (mut part, first_ms) = (log.before(until_ms), log.first_ms());
    part.items = part.items.withdrawn_as(&log.items, until_ms.saturating_sub(1));
    anyhow::ensure!(
        !part.events.is_empty(),
        "--until {until_ms}: the log has no events before; it begins at {first_ms} (milliseconds since the epoch)"
    );
    Ok(part)
}
