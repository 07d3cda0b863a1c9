//! What came of slates: how many of the items that were shown were clicked, put into carts and bought, by source, position,
//! version and scenario.
//!
//! ```text
//! log of slates ─┐                       ┌─▶ tally ─▶ rates with intervals
//! event log ─────┴▶ merged by time ─▶ attribution ─▶ slates with what became of them
//!                                        └─▶ rows: a row for each item that was shown
//! ```
//!
//! In: the logs of all replicas. Out: [`Outcomes`], which is what `--json` writes. Which slate an event is due to is decided by
//! the state machine that the service runs, [`shared::engine::attribution`]. Cost: a pass over the slates, and two over the
//! events, since the line of an erasure hides what is before it. Memory: the slates of the window, bounded by their items.

mod merged;
mod rates;
mod recent;
pub mod rows;
mod said;
mod shadows;
pub mod text;

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use shared::contract::artifact::advice;
use shared::contract::event_log::{Log, LogFile};
use shared::engine::attribution::{Attribution, Due, Outcome, Settings, Settled, Shown};

use crate::log::ingest::Erased;
use crate::log::parquet::ParquetError;
use merged::{Merged, Step};
use rates::Tally;
pub use rates::{Group, Rate, Rates};
use recent::Recent;
use rows::Rows;
use shadows::Shadows;
pub use shadows::{Beside, Found};

/// How much later than it happened an event may arrive and still find its slate, beyond the window: 1 h.
const LATE_MS: i64 = 3_600_000;

/// How long an event is known, to tell one that is sent again: 6 h, or the window if that is longer.
const KNOWN_MS: i64 = 6 * 3_600_000;

/// Why outcomes can't be told.
#[derive(Debug, thiserror::Error)]
pub enum OutcomesError {
    /// A log can't be read.
    #[error("{path}: {}", advice(.source))]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no log of slates.
    #[error(
        "no file slates-<replica>-<number>.jsonl in {}: the service writes them when it is told to log slates; name their \
         folder by --slates", shown(.0)
    )]
    NoSlates(Vec<PathBuf>),
    /// There is no event log of the service.
    #[error(
        "no file events-<replica>-<number>.jsonl in {}: only the service's own log says which slates led to events; name its \
         folder by --events", shown(.0)
    )]
    NoEvents(Vec<PathBuf>),
    /// The rows can't be written.
    #[error("{path}: {source}")]
    Rows {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ParquetError,
    },
}

fn shown(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// What came of slates.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcomes {
    /// How long after a slate an event may be due to it, milliseconds.
    pub window_ms: i64,
    /// What counts as shown.
    pub shown: Shown,
    /// The times of the first and the last slate, milliseconds since the epoch; none without slates.
    pub between_ms: Option<[i64; 2]>,
    /// How many slates there were.
    pub slates: u64,
    /// Those whose window was not over at the end of the logs: more may come of them.
    pub open_slates: u64,
    /// Those that left before their window was over, for there were too many items: more may have come of them.
    pub early_slates: u64,
    /// Views, add-to-carts and purchases in the log.
    pub events: u64,
    /// Those that are due to a slate, the first of each kind for an item of it.
    pub attributed: u64,
    /// Those that are due to a slate too, and come again for the same item of it: they do not count once more.
    pub repeated: u64,
    /// Those that name a slate that is not in the log, as where it is a sample.
    pub unknown_slates: u64,
    /// Lines that are none of these logs.
    pub unreadable_lines: u64,
    /// Of everything that was shown.
    pub all: Rates,
    /// By source: an item counts for each that proposed it, and for the rule that gave it its place.
    pub by_source: Vec<Group>,
    /// By position, from 1.
    pub by_position: Vec<Group>,
    /// By version.
    pub by_version: Vec<Group>,
    /// By scenario; without a name for queries that named none.
    pub by_scenario: Vec<Group>,
    /// Versions that answered unseen, beside those that were served.
    pub shadows: Vec<Beside>,
}

/// The files of a log at some paths, which are files or folders; those of other names are passed over.
///
/// # Errors
/// [`OutcomesError::Read`] when a path is not there, or a folder can't be read.
pub fn files(log: Log, paths: &[PathBuf]) -> Result<Vec<LogFile>, OutcomesError> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(log.list(path).map_err(failed(path))?);
        } else {
            path.metadata().map_err(failed(path))?;
            files.extend(log.file_at(path));
        }
    }
    Ok(files)
}

/// The files of both logs.
#[derive(Debug)]
pub struct Logs {
    slates: Vec<LogFile>,
    events: Vec<LogFile>,
}

impl Logs {
    /// Finds the files of both logs.
    ///
    /// * `slates`, `events`: files and folders.
    ///
    /// # Errors
    /// [`OutcomesError`] when a folder can't be read, or a log is not there.
    pub fn find(slates: &[PathBuf], events: &[PathBuf]) -> Result<Self, OutcomesError> {
        let found = Self { slates: files(Log::Slates, slates)?, events: files(Log::Events, events)? };
        match (found.slates.is_empty(), found.events.is_empty()) {
            (true, _) => Err(OutcomesError::NoSlates(slates.to_vec())),
            (_, true) => Err(OutcomesError::NoEvents(events.to_vec())),
            _ => Ok(found),
        }
    }

    /// The files.
    pub fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.slates.iter().chain(&self.events).map(|file| file.path.clone())
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> OutcomesError {
    move |source| OutcomesError::Read { path: path.to_owned(), source }
}

/// Tells what came of slates.
///
/// * `rows`: takes a row for each item that was shown.
///
/// # Errors
/// [`OutcomesError`] when a log can't be read, or the rows can't be written.
pub fn outcomes(logs: &Logs, settings: Settings, rows: Option<&mut Rows>) -> Result<Outcomes, OutcomesError> {
    let erased = said::erased(&logs.events)?;
    let mut merged = Merged::open(&logs.slates, &logs.events)?;
    let mut taking = Taking { settings, tally: Tally::default(), rows, counts: Counts::default(), last_ms: i64::MIN };
    let mut shadows = Shadows::new(settings.window_ms);
    let (mut attribution, mut recent) = (Attribution::new(settings), Recent::new(settings.window_ms.max(KNOWN_MS)));
    while let Some((step, now_ms)) = merged.next()? {
        if is_hidden(&step, &erased) {
            continue;
        }
        taking.last_ms = taking.last_ms.max(now_ms);
        taking.all(attribution.settle(now_ms.saturating_sub(LATE_MS)))?;
        match step {
            Step::Slate(slate) if !slate.role.is_served() => {
                // It was logged after the slate of its id.
                shadows.answered(&slate, &attribution);
            }
            Step::Slate(slate) => {
                taking.counts.served(slate.timestamp_ms);
                shadows.served(&slate);
                let left = attribution.served(slate);
                taking.counts.early_slates += left.len() as u64;
                taking.all(left)?;
            }
            Step::Seen(seen) => {
                attribution.shown(&seen);
            }
            Step::Event(event) if Outcome::of(&event.kind).is_none() || !recent.is_new(&event, now_ms) => {}
            Step::Event(event) => {
                taking.counts.events += 1;
                shadows.happened(&event, &attribution);
                match attribution.happened(&event) {
                    Due::Touch(_) => taking.counts.attributed += 1,
                    Due::Unknown => taking.counts.unknown_slates += 1,
                    Due::Again => taking.counts.repeated += 1,
                    Due::Nothing | Due::NoOutcome => {}
                }
            }
        }
    }
    let over_ms = taking.last_ms.saturating_sub(settings.window_ms);
    for settled in attribution.settle(i64::MAX) {
        taking.counts.open_slates += u64::from(settled.slate.timestamp_ms >= over_ms);
        taking.one(&settled)?;
    }
    Ok(Outcomes { shadows: shadows.end(), ..taking.end(merged.unreadable_lines()) })
}

/// Whether a line is from before the erasure of its user.
fn is_hidden(step: &Step, erased: &Erased) -> bool {
    match step {
        Step::Slate(slate) => erased.holds(slate.user.as_str(), slate.timestamp_ms),
        Step::Seen(seen) => erased.holds(seen.user.as_str(), seen.received_ms),
        Step::Event(event) => erased.holds(event.user.as_str(), event.received_ms),
    }
}

/// How many there were.
#[derive(Default)]
struct Counts {
    between_ms: Option<[i64; 2]>,
    slates: u64,
    open_slates: u64,
    early_slates: u64,
    events: u64,
    attributed: u64,
    repeated: u64,
    unknown_slates: u64,
}

impl Counts {
    fn served(&mut self, at_ms: i64) {
        self.slates += 1;
        let [first, last] = self.between_ms.unwrap_or([at_ms; 2]);
        self.between_ms = Some([first.min(at_ms), last.max(at_ms)]);
    }
}

/// Takes slates of which all is known.
struct Taking<'a> {
    settings: Settings,
    tally: Tally,
    rows: Option<&'a mut Rows>,
    counts: Counts,
    /// The latest time of a line.
    last_ms: i64,
}

impl Taking<'_> {
    fn all(&mut self, settled: Vec<Settled>) -> Result<(), OutcomesError> {
        settled.iter().try_for_each(|settled| self.one(settled))
    }

    fn one(&mut self, settled: &Settled) -> Result<(), OutcomesError> {
        self.tally.add(settled);
        self.rows.as_mut().map_or(Ok(()), |rows| rows.add(settled))
    }

    fn end(self, unreadable_lines: u64) -> Outcomes {
        let Self { settings, tally, counts, .. } = self;
        Outcomes {
            window_ms: settings.window_ms,
            shown: settings.shown,
            between_ms: counts.between_ms,
            slates: counts.slates,
            open_slates: counts.open_slates,
            early_slates: counts.early_slates,
            events: counts.events,
            attributed: counts.attributed,
            repeated: counts.repeated,
            unknown_slates: counts.unknown_slates,
            unreadable_lines,
            all: tally.all(),
            by_source: tally.by_source(),
            by_position: tally.by_position(),
            by_version: tally.by_version(),
            by_scenario: tally.by_scenario(),
            shadows: Vec::new(),
        }
    }
}
