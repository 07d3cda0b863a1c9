//! The gate: whether a new configuration takes the place of the champion's.
//!
//! ```text
//! champion's manifest ─▶ its settings ─┐ the same ─▶ no contest
//! log ─┬─▶ [before the window] ─▶ train with the champion's settings ─▶ questions of the window ─┐
//!      │                       ─▶ train with the new settings        ─▶ the same questions      ─┴▶ paired difference
//!      └─▶ [all of it] ─▶ train with the winner's settings ─▶ publish (done by `commands`)         ─▶ verdict
//! ```
//!
//! In: the log, the new settings, the artifacts folder. Out: an [`Outcome`], which names the settings to train on the
//! whole log. The champion's settings are always learnt anew, so that both sides have the same log and the same build of
//! the batch; a shop gets a fresh champion every night, whichever side wins. A loser is not built: its settings, figures
//! and the reason are in the manifest of the version that was published instead, and `offline train` builds it.
//!
//! Cost: two trainings on the part before the window, one after the other in temporary folders, and the questions of the
//! window twice. Without a contest: reading one manifest.
//!
//! It does not flap. Settings that won are the champion's in the next batch, where the same settings need no contest;
//! settings that lost can win later, and then stay. A seed is no setting here: it draws one of many equally good models,
//! whose differences are no chance of the questions and so outside the interval. Both sides have the new seeds, and
//! settings that differ by seeds alone are the same.

mod settings;
mod summary;
mod verdict;

use std::path::Path;

use shared::artifact::manifest::read_champion;
use shared::artifact::{ArtifactError, Manifest};

use crate::config::{Config, GateConfig, Settings};
use crate::cuts::{Parts, cuts};
use crate::evaluate::{Evaluation, Setting, Which, evaluate};
use crate::ingest::Log;
use crate::progress::Progress;
use crate::sources::FitError;
use crate::train::train;
pub use verdict::{Contest, Outcome, Uncontested, Verdict};

/// Slates are compared up to this place.
const CUT_OFF: usize = 20;
/// The figure that is compared.
const METRIC: &str = "ndcg@20";

/// Holds the contest between the champion of `artifacts` and new settings, or says why none is needed or possible.
///
/// # Errors
/// [`FitError`] when a temporary folder can't be written, or the champion pointer can't be read.
pub fn contest(log: &Log, settings: &Settings, artifacts: &Path, progress: &mut Progress) -> Result<Outcome, FitError> {
    let (new, gate) = (&settings.learn, &settings.run.gate);
    let against = match read_champion(artifacts) {
        Ok(version) => version,
        Err(ArtifactError::NoChampion { .. }) => return Ok(Outcome::Uncontested(Uncontested::NoChampion)),
        Err(error) => return Err(error.into()),
    };
    // A champion that this build can't learn anew must not keep a shop from getting another one.
    let unreadable =
        |reason: String| Ok(Outcome::Uncontested(Uncontested::Unreadable { against: against.clone(), reason }));
    let manifest = match Manifest::read(&artifacts.join(&against)) {
        Ok(manifest) => manifest,
        Err(error) => return unreadable(error.to_string()),
    };
    let champion = match settings::of_champion(&manifest.config, new) {
        Ok(champion) => champion,
        Err(error) => return unreadable(error.to_string()),
    };
    let reading = settings::reading_changes(&manifest.config, new);
    let changes = settings::changes(&champion, new);
    if changes.is_empty() {
        return Ok(Outcome::Uncontested(Uncontested::Same { against, reading }));
    }
    let Some((parts, cases)) = window(log, new, gate) else {
        return Ok(Outcome::Uncontested(Uncontested::NoWindow { against }));
    };
    if cases < gate.min_cases.max(1) {
        return Ok(Outcome::Uncontested(Uncontested::TooFewCases { against, cases, needed: gate.min_cases }));
    }
    let mut side =
        |name: &str, config: &Config| progress.group(name, |progress| measure(&parts, config, new, progress));
    let (first, second) = (side("champion", &champion)?, side("new", new)?);
    let contest = Contest::new(against, [&first, &second], settings, changes, reading, parts.held.first_ms());
    Ok(Outcome::Contested { contest: Box::new(contest), champion: Box::new(champion) })
}

/// The log before the window, the events of the users who are asked in it, and how many questions that makes.
fn window(log: &Log, config: &Config, gate: &GateConfig) -> Option<(Parts, usize)> {
    let parts = Parts::of(log, &cuts(log, config, gate.share, 1).pop()?);
    let questions = parts.questions(config);
    let cases: usize = questions.iter().sum();
    let step = cases.div_ceil(gate.max_cases).max(1);
    // Of the users who are asked something, every so many-th.
    let asked: Vec<usize> = (0..questions.len()).filter(|&row| questions[row] > 0).step_by(step).collect();
    let mut events = parts.held.events.clone();
    events.retain(|event| asked.binary_search(&event.user.at()).is_ok());
    let cases = asked.iter().map(|&row| questions[row]).sum();
    Some((Parts { held: parts.held.only(&events), ..parts }, cases))
}

/// Trains with one side's settings and asks the questions of the new ones' objective.
fn measure(parts: &Parts, config: &Config, new: &Config, progress: &mut Progress) -> Result<Evaluation, FitError> {
    let Parts { train: train_log, held: test, asked } = parts;
    let snapshot = train(train_log, config, progress)?;
    let setting = Setting {
        task: new.blend.objective,
        which: Which::Served,
        ks: &[CUT_OFF],
        seen: new.blend.seen,
        gap_ms: new.gap_ms(),
        asked: *asked,
        windows_days: &[],
    };
    Ok(progress.counted("evaluate", test.users.len() as u64, |done| {
        evaluate(&snapshot, train_log, test, &setting, &mut |_| (), &|users| done(users))
    }))
}
