//! Measures a version on events that it has not seen: itself on those after its own, where the log has enough of them, else a
//! version that is trained anew with its settings on all but the end of the log.

use serde::Serialize;
use shared::engine::recommend::{Query, Scratch, recommend};
use shared::engine::snapshot::Snapshot;

use super::calibration::{Calibration, Shown, calibration};
use super::evaluation::Evaluation;
use crate::config::Config;
use crate::log::cuts::{Parts, cuts};
use crate::log::ingest::Log;
use crate::log::split::Cut;
use crate::measure::evaluate::cases::Case;
use crate::measure::evaluate::{Setting, Which, evaluate};
use crate::progress::Progress;
use crate::report::ReportError;
use crate::train::train;

/// The cut-offs of the figures.
const CUT_OFFS: [usize; 2] = [10, 20];
/// The share of the log that is held out where a version is trained anew.
const SHARE: f64 = 0.1;
/// Fewer questions than these say too little of a version itself.
const FEWEST: usize = 200;
/// The most questions.
const MOST: usize = 4000;
/// The users that are asked at a time.
const BLOCK: usize = 2048;

/// What a version was measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// The version itself, on events after its own.
    LaterEvents,
    /// One of its settings, trained on all but the end of the log.
    TrainedAnew,
    /// Whatever the evaluation that was given measured.
    File,
}

/// The figures of a version.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// What they are of.
    pub on: On,
    /// The figures of all models.
    pub evaluation: Evaluation,
    /// How scores and places go with hits; none of a file.
    pub calibration: Option<Calibration>,
}

/// Measures a version; none where the log has no questions.
///
/// * `config`: the version's.
///
/// # Errors
/// [`ReportError`] when it can't be trained anew.
pub fn measured(
    log: &Log,
    version: &Snapshot,
    config: &Config,
    progress: &mut Progress,
) -> Result<Option<Measured>, ReportError> {
    let last_ms = version.manifest().last_event_ms;
    let at = log.events.partition_point(|event| event.timestamp_ms <= last_ms);
    let enough = at > 0 && log.events.len() - at >= FEWEST;
    let later = enough.then(|| Parts::of(log, &Cut::Time(at..log.events.len())));
    if let Some((parts, cases)) = later.map(|parts| parts.sampled(config, MOST))
        && cases >= FEWEST
    {
        return ask(version, &parts, config, On::LaterEvents, progress).map(Some);
    }
    let Some(cut) = cuts(log, config, SHARE, 1).pop() else { return Ok(None) };
    let (parts, cases) = Parts::of(log, &cut).sampled(config, MOST);
    if cases == 0 {
        return Ok(None);
    }
    let anew = progress.group("measure", |progress| train(&parts.train, config, progress))?;
    ask(&anew, &parts, config, On::TrainedAnew, progress).map(Some)
}

/// Asks a version the questions of a held-out part.
fn ask(
    version: &Snapshot,
    parts: &Parts,
    config: &Config,
    on: On,
    progress: &mut Progress,
) -> Result<Measured, ReportError> {
    let setting = Setting {
        task: config.blend.objective,
        which: Which::All,
        ks: &CUT_OFFS,
        seen: config.blend.seen,
        gap_ms: config.gap_ms(),
        asked: parts.asked,
        windows_days: &config.sources.popularity.windows_days,
    };
    let evaluation = progress.counted("measure: evaluate", parts.held.users.len() as u64, |done| {
        evaluate(version, &parts.train, &parts.held, &setting, &mut |_| (), &|users| done(users))
    });
    let calibration = progress.stage("measure: calibration", || calibrated(version, parts, config));
    let evaluation = serde_json::to_value(evaluation).and_then(serde_json::from_value)?;
    Ok(Measured { on, evaluation, calibration: Some(calibration) })
}

/// What became of every item that the version shows.
fn calibrated(version: &Snapshot, parts: &Parts, config: &Config) -> Calibration {
    let (task, seen) = (config.blend.objective, config.blend.seen);
    let query = Query::of(CUT_OFFS[CUT_OFFS.len() - 1], seen);
    let shown = |case: &Case<'_>, scratch: &mut Scratch| -> Vec<Shown> {
        let slate = recommend(version, &case.state, &query, case.now_ms, scratch);
        let of = |(place, pick): (usize, &shared::engine::recommend::Pick)| Shown {
            place,
            score: pick.score,
            hit: case.targets.contains(&pick.item),
        };
        slate.picks.iter().enumerate().map(of).collect()
    };
    let held_out = parts.held_out(config);
    let rows: Vec<usize> = (0..held_out.users()).collect();
    let (mut all, mut slates) = (Vec::new(), 0);
    for block in rows.chunks(BLOCK) {
        let answers = held_out.ask(task, block, version, seen, shown);
        slates += answers.len();
        all.extend(answers.into_iter().flatten());
    }
    calibration(all, slates)
}
