//! A report on a shop's data and its recommender: one page of HTML, and the same figures for machines.
//!
//! In: a log, and a version that was learnt from it or from an earlier one. Out: a [`Report`], which is what `--json` writes, and
//! what [`html`] makes a page of.
//!
//! ```text
//! log ──────────────────▶ data (times, funnel, ranks, users, tail, sessions, missing, news) ─┐
//! version ─▶ measured? ─▶ model (blend, ranker, figures, calibration, examples)              ├─▶ findings ─▶ html, text
//! slates, event log ────▶ outcomes (what came of what was served)                            │
//! version before, log ──▶ changes (drift, beside, contest)                                   │
//! runs/ ────────────────▶ runs (stages) ─────────────────────────────────────────────────────┘
//! ```
//!
//! Cost: the data takes some passes over the events; a measurement, where none is given, one training.

pub mod changes;
pub mod data;
pub mod findings;
pub mod html;
pub mod model;
pub mod runs;
pub mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use serde::Serialize;
use shared::contract::artifact::ArtifactError;
use shared::contract::artifact::manifest::read_champion;
use shared::engine::attribution::Settings;
use shared::engine::snapshot::Snapshot;

use crate::config::Config;
use crate::log::ingest::{DAY_MS, Log};
use crate::outcomes::{Logs, Outcomes, OutcomesError, outcomes};
use crate::progress::Progress;
use crate::publish::{PublishError, versions};
use crate::sources::FitError;
use changes::{ChangesSince, ContestFigures};
use data::Data;
use findings::Finding;
use model::Model;
use model::measured::{Measured, On, measured};
use runs::Run;

/// The sections of a page, in their order: what links lead to them by, and their headings.
pub const SECTIONS: [(&str, &str); 6] = [
    ("summary", "Summary"),
    ("data", "Data"),
    ("model", "Model"),
    ("outcomes", "Outcomes"),
    ("changes", "Changes"),
    ("runs", "Runs"),
];

/// Why there can't be a report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// There is no such version.
    #[error(transparent)]
    Version(#[from] PublishError),
    /// A version can't be read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// A version can't be trained anew, to measure it.
    #[error("{0}; --no-measure leaves the figures on unseen events out")]
    Fit(#[from] FitError),
    /// An evaluation can't be read.
    #[error("{path}: {source}; expected what `offline evaluate --format json` prints")]
    Evaluation {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
    /// What came of slates can't be told.
    #[error(transparent)]
    Outcomes(#[from] OutcomesError),
    /// Figures are no numbers.
    #[error("figures of the measurement are no numbers: {0}")]
    Figures(#[from] serde_json::Error),
}

/// A report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The version; none where only the data was looked at.
    pub version: Option<Version>,
    /// The zone that hours and days are of.
    pub time_zone: String,
    /// What the reader must know of the figures.
    pub notes: Vec<String>,
    /// What stands out.
    pub findings: Vec<Finding>,
    /// What the log is like.
    pub data: Data,
    /// What the version is, and how good.
    pub model: Option<Model>,
    /// What came of the slates that were served.
    pub outcomes: Option<Outcomes>,
    /// What has changed.
    pub changes: Option<ChangesSince>,
    /// How the version was made.
    pub run: Option<Run>,
}

/// The version that a report is on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Version {
    /// Its name.
    pub name: String,
    /// When it was built, milliseconds since the epoch.
    pub built_ms: i64,
    /// Whether it is the one that is served.
    pub champion: bool,
    /// What it was learnt from.
    pub counts: BTreeMap<String, u64>,
    /// The time of its first and last event, milliseconds since the epoch.
    pub between_ms: [i64; 2],
}

/// Where the figures on unseen events come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figures<'a> {
    /// They are measured now.
    Measure,
    /// An evaluation has them, a file.
    Of(&'a Path),
    /// There are none.
    None,
}

/// What changes are counted from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Against {
    /// The champion before.
    ChampionBefore,
    /// A version.
    Version(String),
    /// A time, milliseconds since the epoch.
    Time(i64),
}

/// What is reported on.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The artifacts folder.
    pub artifacts: &'a Path,
    /// The version; none: only the data is looked at.
    pub version: Option<&'a str>,
    /// What changes are counted from.
    pub since: Against,
    /// Where the figures on unseen events come from.
    pub figures: Figures<'a>,
    /// The zone that hours and days are of.
    pub zone: TimeZone,
    /// The logs that tell what came of slates, and how.
    pub outcomes: Option<(&'a Logs, Settings)>,
}

/// Reports on a log, and on a version.
///
/// * `config`: the version's, or that of reading where there is none.
///
/// # Errors
/// [`ReportError`] when there is no such version, or it can't be read or measured, nor a log of what was served.
pub fn report(log: &Log, config: &Config, wanted: &Wanted<'_>, progress: &mut Progress) -> Result<Report, ReportError> {
    let data = progress.stage("data", || data::data(log, config.gap_ms(), &wanted.zone));
    let mut report = Report {
        version: None,
        time_zone: wanted.zone.iana_name().unwrap_or("UTC").to_owned(),
        notes: notes(log, &data),
        findings: Vec::new(),
        data,
        model: None,
        outcomes: None,
        changes: None,
        run: None,
    };
    if let Some(name) = wanted.version {
        of_version(log, config, wanted, name, &mut report, progress)?;
    }
    if let Some((logs, settings)) = wanted.outcomes {
        report.outcomes = Some(progress.stage("outcomes", || outcomes(logs, settings, None))?);
    }
    report.findings = findings::findings(&report);
    Ok(report)
}

fn of_version(
    log: &Log,
    config: &Config,
    wanted: &Wanted<'_>,
    name: &str,
    report: &mut Report,
    progress: &mut Progress,
) -> Result<(), ReportError> {
    versions::named(wanted.artifacts, name)?;
    let version = progress.stage("load", || Snapshot::load(&wanted.artifacts.join(name)))?;
    let manifest = version.manifest();
    report.version = Some(Version {
        name: manifest.version.clone(),
        built_ms: manifest.built_ms,
        champion: read_champion(wanted.artifacts).is_ok_and(|champion| champion == manifest.version),
        counts: manifest.counts.clone(),
        between_ms: [manifest.first_event_ms, manifest.last_event_ms],
    });
    if manifest.data_fingerprint != log.fingerprint() {
        report.notes.push(format!(
            "The version was learnt from another log than this one: from {} events, where this one has {}.",
            manifest.counts.get("events").copied().unwrap_or(0),
            log.events.len()
        ));
    }
    let measured = match wanted.figures {
        Figures::None => None,
        Figures::Of(path) => Some(read(path)?),
        Figures::Measure => {
            let found = measured(log, &version, config, progress)?;
            if found.is_none() {
                report.notes.push("The log has no questions at its end, so that nothing could be measured.".to_owned());
            }
            found
        }
    };
    let model = progress.stage("examples", || model::model(log, &version, measured));
    let changes = progress.stage("changes", || changes_of(log, wanted, &version, &mut report.notes))?;
    (report.model, report.changes) = (Some(model), Some(changes));
    report.run = runs::of_version(wanted.artifacts, name);
    Ok(())
}

/// Reads the figures of an evaluation.
fn read(path: &Path) -> Result<Measured, ReportError> {
    let text = std::fs::read(path).map_err(ArtifactError::io(path))?;
    let evaluation =
        serde_json::from_slice(&text).map_err(|source| ReportError::Evaluation { path: path.to_owned(), source })?;
    Ok(Measured { on: On::File, evaluation, calibration: None })
}

/// What has changed since a champion or time, and in the last week.
fn changes_of(
    log: &Log,
    wanted: &Wanted<'_>,
    version: &Snapshot,
    notes: &mut Vec<String>,
) -> Result<ChangesSince, ReportError> {
    let (name, now_ms) = (&version.manifest().version, log.now_ms());
    let earlier = match &wanted.since {
        Against::ChampionBefore => champion_before(wanted.artifacts, name)?,
        Against::Version(other) => {
            versions::named(wanted.artifacts, other)?;
            Some(other.clone())
        }
        Against::Time(_) => None,
    };
    let mut cuts = Vec::new();
    if let Against::Time(time_ms) = wanted.since {
        cuts.push(("then".to_owned(), time_ms));
    }
    let mut beside = None;
    if let Some(earlier) = earlier {
        let folder = wanted.artifacts.join(&earlier);
        match Snapshot::load(&folder) {
            Ok(other) => {
                cuts.push((format!("the last event of {earlier}"), other.manifest().last_event_ms.saturating_add(1)));
                beside = Some(changes::beside::beside(&other, version));
            }
            Err(error) => notes.push(format!("{earlier} can't be compared with: {error}.")),
        }
    }
    cuts.push(("a week before the end".to_owned(), now_ms.saturating_sub(7 * DAY_MS).saturating_add(1)));
    let timed = log.first_ms() < log.last_ms();
    let since = |(what, from_ms)| changes::drift::since(log, what, from_ms, &wanted.zone);
    Ok(ChangesSince {
        since: cuts.into_iter().filter(|_| timed).map(since).collect(),
        beside,
        contest: ContestFigures::of(version.manifest()),
    })
}

/// The champion before a version; of a version that never was one, the champion.
fn champion_before(artifacts: &Path, version: &str) -> Result<Option<String>, ReportError> {
    let champions = versions::champions(artifacts)?;
    let end = champions.iter().rposition(|champion| champion == version).unwrap_or(champions.len());
    Ok(champions[..end].iter().rev().find(|champion| *champion != version).cloned())
}

/// What the reader must know of the data.
fn notes(log: &Log, data: &Data) -> Vec<String> {
    let mut notes = Vec::new();
    if data.counts.events == 0 {
        notes.push("The log has no events.".to_owned());
    } else if data.times.is_none() {
        notes.push("All events have one time: there is nothing to say of hours, days and changes.".to_owned());
    }
    let set_aside = log.taken_back_by_users();
    if set_aside > 0 {
        notes.push(format!("{set_aside} events that users took back, or of items that they block, are not counted."));
    }
    if data.users.left_out > 0 {
        let left_out = data.users.left_out;
        notes.push(format!("{left_out} events of users with more than any person has were left out (`ingest.bots`)."));
    }
    notes
}
