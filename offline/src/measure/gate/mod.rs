//! The gate: decides by an offline contest whether a new configuration replaces the champion's.
//!
//! ```text
//! champion's manifest ─▶ its settings ─┐ equal to the new ones ─▶ no contest
//! log ─┬─▶ [before the window] ─▶ train with the champion's settings ─▶ questions of the window ─┐
//!      │                       ─▶ train with the new settings        ─▶ the same questions      ─┴▶ paired difference
//!      └─▶ [all of it] ─▶ train with the winner's settings ─▶ publish (done by `commands`)         ─▶ verdict
//! ```
//!
//! In: the log, the new settings, the artifacts folder. Out: an [`Outcome`], which names the settings to train on the
//! whole log. The champion's settings are always trained again, so that both sides have the same log and the same build
//! of the batch; a shop gets a fresh champion every night, whichever side wins. A loser is not built: its settings,
//! figures and the reason are in the manifest of the version that was published instead, and `offline train` builds it.
//!
//! Cost: two trainings on the part before the window, one after the other in memory, and the questions of the window
//! twice. Without a contest: reading one manifest.
//!
//! The gate does not flap. Settings that won are the champion's in the next batch, where the same settings need no
//! contest; settings that lost can win later, and then stay. Seeds are not contested: a seed draws one of many equally
//! good models, and their differences do not come from the sample of questions, which is all that the interval accounts
//! for. Both sides get the new seeds, and settings that differ only in seeds count as equal.

mod settings;
mod summary;
mod verdict;

use std::path::Path;

use shared::contract::artifact::manifest::read_champion;
use shared::contract::artifact::{ArtifactError, Manifest};

use crate::config::{Config, GateConfig, Settings};
use crate::log::cuts::{Parts, cuts};
use crate::log::ingest::Log;
use crate::measure::evaluate::{Evaluation, Setting, Which, evaluate};
use crate::progress::Progress;
use crate::sources::FitError;
use crate::train::train;
pub use verdict::{Contest, Outcome, Uncontested, Verdict};

/// The cut-off of the compared slates.
const CUT_OFF: usize = 20;
/// The figure that is compared.
const METRIC: &str = "ndcg@20";

/// Holds the contest between the settings of the champion of `artifacts` and new settings, or says why none is needed
/// or possible.
///
/// # Errors
/// [`FitError`] for tables that don't fit each other, or when the champion pointer can't be read.
pub fn contest(log: &Log, settings: &Settings, artifacts: &Path, progress: &mut Progress) -> Result<Outcome, FitError> {
    let (new, gate) = (&settings.learn, &settings.run.gate);
    let against = match read_champion(artifacts) {
        Ok(version) => version,
        Err(ArtifactError::NoChampion { .. }) => return Ok(Outcome::Uncontested(Uncontested::NoChampion)),
        Err(error) => return Err(error.into()),
    };
    // A champion whose settings this build can't train again must not keep a shop from getting another one.
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

/// The log before the window, the events in it of the users whose questions are used, and the number of these
/// questions.
fn window(log: &Log, config: &Config, gate: &GateConfig) -> Option<(Parts, usize)> {
    let parts = Parts::of(log, &cuts(log, config, gate.share, 1).pop()?);
    Some(parts.sampled(config, gate.max_cases))
}

/// Trains with one side's settings and measures on the questions of the new settings' objective.
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
