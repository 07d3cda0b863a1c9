//! Reads all files of a log into one time-ordered [`RawLog`], and counts what became of each row.
//!
//! ```text
//! files ─▶ erasures, merges, changes of items ─▶ plan ─▶ rows ─▶ judge ─▶ events ─▶ in time order ─▶ without equal rows
//!       ─▶ bots are named
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use shared::contract::kind::Kinds;

use super::bots;
use super::covered::FileRead;
use super::equal::{self, drop_equal};
use super::erased::{ERASED, ERASURE};
use super::first_row::Orders;
use super::no_event::{NoEvent, accepted_ms};
use super::plan::{Plan, Plausible};
use super::plans::{Planned, plans};
use super::raw::{Keep, RawLog};
use super::read::{Found, Layout, NoRow, Values, for_each_row};
use super::rejects::Rejects;
use super::report::{FileReport, IngestReport, LeftOut, WordReport, example};
use super::rows::{Judge, SeenIds, Verdict, refund};
use super::service_log::ServiceLog;
use super::settings::{IngestConfig, Role};
use super::unused::Unused;
use super::words::{KindWords, Meaning};
use super::{Catalogue, IngestError, Log, Read, check, read, unread};

/// What a log is read with.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// The settings of reading.
    pub config: &'a IngestConfig,
    /// The kinds of events.
    pub kinds: &'a Kinds,
    /// Which fields are kept.
    pub keep: Keep,
    /// The file that bad rows are written to.
    pub rejects: &'a Path,
    /// Called with the number of rows read so far.
    pub progress: &'a dyn Fn(u64),
}

/// Reads logs into one time-ordered [`Log`] over the users and items of the logs and the catalogue.
///
/// * `rejects`: the file that bad rows are written to, as JSON lines.
/// * `progress`: called with the number of rows read so far.
///
/// # Errors
/// As [`gather`].
pub fn ingest(
    paths: &[PathBuf],
    catalogue: Catalogue,
    config: &IngestConfig,
    kinds: &Kinds,
    rejects: &Path,
    progress: &dyn Fn(u64),
) -> Result<Log, IngestError> {
    let reader = Reader { config, kinds, keep: Keep::Learnt, rejects, progress };
    let (raw, report) = gather(paths, reader, &catalogue)?;
    Ok(Log::build(Read { raw, report, catalogue }, kinds, config))
}

/// Reads logs.
///
/// * `paths`: files, folders and patterns; of a folder every file that may be a log.
/// * `catalogue`: the item table, whose bad rows are written already.
///
/// # Errors
/// [`IngestError`] when a file can't be read or recognised, no event is left, or too many rows are bad or duplicates.
pub fn gather(
    paths: &[PathBuf],
    reader: Reader<'_>,
    catalogue: &Catalogue,
) -> Result<(RawLog, IngestReport), IngestError> {
    let found = read::files(paths)?;
    let service = ServiceLog::of_files(&found.files)?;
    gather_files(&found, service, reader, catalogue)
}

/// Reads the files of a log, those of the service up to the ends that they had.
///
/// # Errors
/// As [`gather`].
pub(super) fn gather_files(
    found: &Found,
    service: ServiceLog,
    reader: Reader<'_>,
    catalogue: &Catalogue,
) -> Result<(RawLog, IngestReport), IngestError> {
    let Reader { config, rejects, .. } = reader;
    let plausible = plausible(config)?;
    let mut gathered = Gathered { raw: RawLog::default(), report: IngestReport::default(), seen_ids: SeenIds::new() };
    let left_out = found.left_out.iter().cloned();
    gathered.report.left_out = left_out.map(|(path, reason)| LeftOut { path, reason }).collect();
    let mut out = match catalogue.report.rejected_rows() {
        0 => Rejects::instead_of_earlier(rejects, &found.files)?,
        _ => Rejects::after_others(rejects),
    };
    let mut unused = Unused::new(config);
    for (number, (path, planned)) in (0..).zip(found.files.iter().zip(plans(found, &reader, plausible)?)) {
        unused.file(path);
        match planned {
            Planned::File(plan) => {
                unused.plan(&plan);
                gathered.file(&plan, number, reader, &service, &mut out)?;
            }
            Planned::LeftOut(reason) => gathered.report.left_out.push(LeftOut { path: path.clone(), reason }),
        }
    }
    out.close()?;
    check::folders(&found.folder_of, &gathered.report)?;
    gathered.report.warnings.extend(unused.warnings());
    (reader.progress)(gathered.report.rows);
    let Gathered { mut raw, mut report, .. } = gathered;
    (report.pasts, report.changes) = (Arc::new(service.pasts), Arc::new(service.changes));
    report.merged = raw.merged;
    report.said = Arc::new(service.said);
    check::rejects(&report, config, rejects)?;
    check::duplicates(&report, config)?;
    raw.sort();
    let equal = drop_equal(&mut raw.events, config.drop_equal_rows);
    let bots = bots::find(raw.events.iter().map(|event| event.user as usize), raw.users.len(), config.bots());
    report.events = raw.events.len() as u64 - bots.iter().map(|bot| bot.events - bot.kept).sum::<u64>();
    if reader.keep == Keep::All {
        let mut is_surplus = bots::surplus(&bots);
        raw.events.retain(|event| !is_surplus(event.user as usize));
    }
    note_equal(&equal, &mut report);
    note_bots(&bots, &raw, &mut report);
    check::empty(&report, rejects)?;
    check::users(&raw, config, &mut report);
    Ok((raw, report))
}

/// The range of plausible times.
///
/// # Errors
/// [`IngestError::Setting`] for a bound that is no time.
pub fn plausible(config: &IngestConfig) -> Result<Plausible, IngestError> {
    let time = |name: &str, text: &str| {
        let instant = text.parse::<Timestamp>().map(Timestamp::as_millisecond);
        let day = |text: &str| {
            text.parse::<jiff::civil::Date>()?
                .to_zoned(jiff::tz::TimeZone::UTC)
                .map(|day| day.timestamp().as_millisecond())
        };
        instant.or_else(|_| day(text)).map_err(|_| {
            IngestError::Setting(format!("{name} = {text:?}: no time, such as 2026-06-30 or 2026-06-30T12:00:00Z"))
        })
    };
    Ok(Plausible {
        earliest_ms: time("earliest", &config.earliest)?,
        latest_ms: match config.latest.as_str() {
            "now" => Timestamp::now().as_millisecond(),
            text => time("latest", text)?,
        },
    })
}

/// What was read so far.
struct Gathered {
    raw: RawLog,
    report: IngestReport,
    seen_ids: SeenIds,
}

impl Gathered {
    /// Reads the rows of a file.
    fn file(
        &mut self,
        plan: &Plan,
        number: u32,
        reader: Reader<'_>,
        log: &ServiceLog,
        out: &mut Rejects,
    ) -> Result<(), IngestError> {
        let Reader { config, kinds, keep, progress, .. } = reader;
        let (path, pasts) = (&plan.form.path, &log.pasts);
        // Other offsets are not those of the file.
        let end = log.end(path).filter(|_| plan.form.layout == Layout::JsonLines);
        let mut service = FileRead::begin(path)?;
        let mut judge = Judge {
            plan,
            words: KindWords::new(&plan.reading, kinds)?,
            refund: refund(kinds),
            config,
            keep,
            file: number,
            pasts,
            of_service: service.is_some(),
        };
        let mut orders = Orders::new(plan);
        let (rows_before, events_before) = (self.report.rows, self.raw.events.len());
        for_each_row(&plan.form, &plan.wanted, "ingest.columns", &mut |at, row| -> Result<(), IngestError> {
            if end.is_some_and(|end| at.end > end) {
                // It was appended since, and may be younger than an erasure or a change that nobody looked for.
                return Ok(());
            }
            self.report.rows += 1;
            if self.report.rows.is_multiple_of(1 << 16) {
                progress(self.report.rows);
            }
            match row {
                Err(unreadable) if unreadable.reason == NoRow::Unfinished => {
                    self.report.skipped.add(&unreadable.reason.to_string(), || example(path, at.number, ""));
                }
                Err(unreadable) if unreadable.reason == NoRow::Erased => {
                    note(&mut service, |file| file.note_none(at));
                    self.report.skipped.add(ERASURE, || example(path, at.number, ""));
                }
                Err(unreadable) => {
                    note(&mut service, |file| file.note_none(at));
                    let reason = unreadable.reason.to_string();
                    self.report.rejected.add(&reason, || example(path, at.number, &unreadable.raw));
                    out.write(path, at, &reason, &unreadable.raw)?;
                }
                Ok(Values { raw: Some(raw), .. })
                    if service.is_some()
                        && let Some(line) = NoEvent::of(raw.as_bytes(), pasts) =>
                {
                    note(&mut service, |file| match line.timestamp_ms {
                        Some(timestamp_ms) => file.note_event(at, timestamp_ms),
                        None => file.note_none(at),
                    });
                    self.report.skipped.add(line.reason, || example(path, at.number, &line.example));
                }
                Ok(row) => match judge.judge(
                    &orders.filled(row.values),
                    at.element,
                    row.raw.filter(|_| !pasts.is_empty()).and_then(|raw| accepted_ms(raw.as_bytes())),
                    &mut self.seen_ids,
                    &mut self.raw,
                ) {
                    Verdict::Event(event) => {
                        note(&mut service, |file| file.note_event(at, event.timestamp_ms));
                        self.raw.events.push(event);
                    }
                    Verdict::Duplicate { timestamp_ms } => {
                        note(&mut service, |file| file.note_event(at, timestamp_ms));
                        self.report.skipped.add(DUPLICATE, || example(path, at.number, &shown(plan, row.values)));
                    }
                    Verdict::Skipped(reason) => {
                        note(&mut service, |file| file.note_none(at));
                        let value = || if reason == ERASED { String::new() } else { shown(plan, row.values) };
                        self.report.skipped.add(&reason, || example(path, at.number, &value()));
                    }
                    Verdict::Rejected(reason) => {
                        note(&mut service, FileRead::note_lacking);
                        self.report.rejected.add(reason, || example(path, at.number, &shown(plan, row.values)));
                        let raw = row.raw.map_or_else(|| shown(plan, row.values), str::to_owned);
                        out.write(path, at, reason, &raw)?;
                    }
                },
            }
            Ok(())
        })?;
        let rows = self.report.rows - rows_before;
        let events = (self.raw.events.len() - events_before) as u64;
        self.report.files.push(of_file(plan, judge.words, kinds, rows, events));
        self.report.service_files.extend(service);
        self.report.warnings.extend(unread::warnings(plan)?);
        Ok(())
    }
}

/// The reason for rows whose event id was there before.
pub const DUPLICATE: &str = "duplicate event_id";
/// The reason for rows that are equal to one of another file.
pub const EQUAL: &str = "equal to an earlier row in user, item, kind and time";
/// The reason for events of implausible users.
pub const BOT: &str = "more events of a user than any person has";

fn note(file: &mut Option<FileRead>, note: impl FnOnce(&mut FileRead)) {
    file.as_mut().map(note);
}

/// The values of a row by role, to be shown.
fn shown(plan: &Plan, values: &[Option<&str>]) -> String {
    let value = |role: Role| Some(format!("{}={}", role.as_str(), plan.value(values, role)?));
    Role::ALL.into_iter().filter_map(value).collect::<Vec<_>>().join(", ")
}

fn of_file(plan: &Plan, words: KindWords<'_>, kinds: &Kinds, rows: u64, events: u64) -> FileReport {
    let kind = |meaning| match meaning {
        Meaning::Kind(kind) => kinds.get(kind).name.to_string(),
        Meaning::Skip => "skip".to_owned(),
        Meaning::Unknown => "unknown".to_owned(),
    };
    let word = |(word, meaning, rows): (Box<str>, _, _)| (word.into(), WordReport { kind: kind(meaning), rows });
    let of_role = |role: Role| {
        let columns = plan.columns(role);
        (!columns.is_empty()).then(|| (role.as_str(), columns))
    };
    FileReport {
        path: plan.form.path.clone(),
        form: plan.form.to_string(),
        schema: plan.schema.to_owned(),
        title: plan.title.clone(),
        times: plan.times.as_ref().map_or("none".to_owned(), |times| times.clock().in_words()),
        columns: Role::ALL.into_iter().filter_map(of_role).collect(),
        all_rows: plan.kind_of_all().map(str::to_owned),
        kinds: words.counts().map(word).collect(),
        rows,
        events,
    }
}

fn note_equal(found: &equal::Found, report: &mut IngestReport) {
    report.skipped.add_many(EQUAL, found.dropped, || {
        format!("{} within files, {} across files", found.within_file, found.across_files)
    });
    let stay = found.within_file + found.across_files - found.dropped;
    if stay > 0 {
        let remedy = "ingest.drop_equal_rows = \"all\" counts each once";
        report.warnings.push(format!(
            "{stay} rows are equal to an earlier one in user, item, kind and time, and count ({remedy})"
        ));
    }
}

fn note_bots(bots: &[bots::Bot], raw: &RawLog, report: &mut IngestReport) {
    for bot in bots {
        let user = raw.users.text(bot.user as u32);
        report.skipped.add_many(BOT, bot.events - bot.kept, || format!("user {user}"));
        report.warnings.push(format!(
            "user {user} has {} events, more than any person has: {} of them count (ingest.bots)",
            bot.events, bot.kept
        ));
    }
}
