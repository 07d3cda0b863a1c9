//! How the sources' candidates are ranked: the blend weights and the ranker over them, fitted on slates that the engine
//! makes for times after the sources' own window.
//!
//! ```text
//! log before the window ─▶ sources ─▶ long-term weights (ALS, SLIM and others over whole pasts; top-k)
//!                                  ─▶ cached candidates ─▶ served weights (the objective of the config)
//!                                                       ─▶ rows of the blend's best ─▶ ranker
//! ```
//!
//! No feature has seen its label, and the gap between sources and questions is that of serving. The sources are fitted
//! again on the whole log; weights and ranker stay.

mod blend;
mod slates;
mod window;

use std::path::Path;

use shared::artifact::ArtifactError;
use shared::artifact::tables::TableWriter;
use shared::params::{RankerModel, RankerParams, Weights};
use shared::schema;
use shared::snapshot::RANKER;

use crate::config::{Config, RankerKind};
use crate::cuts::{Parts, validation_cuts};
use crate::ingest::Log;
use crate::linear::{self, LinearModel};
use crate::progress::Progress;
use crate::sources::FitError;
use crate::split::Cut;
use crate::trees::{self, Ensemble, Rows};
pub use slates::Slates;
pub use window::Window;

/// Features that the log names.
const MOST_IMPORTANT: usize = 20;

/// What was fitted on the window.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// The served blend.
    pub served: Weights,
    /// The blend of the long-term model.
    pub long_term: Weights,
    /// What ranks its best.
    pub model: Option<Model>,
}

/// A fitted ranker.
#[derive(Debug, Clone)]
pub enum Model {
    /// Boosted trees.
    Trees(Ensemble),
    /// A weighted sum of features.
    Linear(LinearModel),
}

/// Fits blends and ranker of a log; where its windows hold too few questions, the weights of the config stay and there
/// is no ranker.
///
/// # Errors
/// [`FitError`] when the working folder can't be written.
pub fn fit(log: &Log, config: &Config, progress: &mut Progress) -> Result<Fitted, FitError> {
    let (mut fitted, Slates { early, late, .. }) = slates(log, config, progress)?;
    if early.is_empty() || late.is_empty() {
        return Ok(fitted);
    }
    let blend = config.trees.objective.metric(&late, &slates::in_order(&late));
    let (metric, model) = match config.ranker.kind {
        RankerKind::None => return Ok(fitted),
        RankerKind::Trees => {
            let trees = progress.counted("trees", config.trees.trees as u64, |done| {
                trees::fit(&early, Some(&late), &config.trees, &|tree| done(tree))
            });
            let of = |at: usize| (at, trees.importance[at]);
            report(trees.metric, blend, (0..trees.importance.len()).map(of).collect());
            (trees.metric, Model::Trees(trees))
        }
        RankerKind::Linear => {
            let linear = progress.counted("linear", 2 * config.linear.epochs as u64, |done| {
                linear::fit(&early, &late, &config.linear, &|epoch| done(epoch))
            });
            let features = linear.features.iter().map(|&feature| feature as usize);
            report(linear.metric, blend, features.zip(linear.weights.iter().copied()).collect());
            (linear.metric, Model::Linear(linear))
        }
    };
    // A ranker that doesn't beat the order it is given only adds noise to it.
    fitted.model = Some(model).filter(|_| metric > blend);
    Ok(fitted)
}

/// Fits the blends, and describes what they rank first in the windows of the log.
///
/// # Errors
/// [`FitError`] when the working folder can't be written.
pub fn slates<'a>(log: &Log, config: &'a Config, progress: &mut Progress) -> Result<(Fitted, Slates<'a>), FitError> {
    let mut fitted = Fitted { served: config.served_weights(), long_term: config.long_term_weights(), model: None };
    let with_ranker = config.ranker.kind != RankerKind::None;
    let windows = if with_ranker { config.ranker.windows } else { 1 };
    let cuts = validation_cuts(log, config, windows);
    let mut slates = Slates::new(config, cuts.len());
    for (at, cut) in cuts.into_iter().enumerate() {
        progress.group(&format!("window {}", at + 1), |progress| {
            let window = Window::fit(Parts::of(log, &cut), config, progress)?;
            if at == 0 {
                fit_blends(&window, config, &mut fitted, progress)?;
            }
            if with_ranker {
                // Of the latest window the last share says when to stop.
                let stopping_share = if at == 0 { config.ranker.stopping_share } else { 0.0 };
                slates.collect(&window, &fitted, stopping_share, progress)?;
            }
            Ok::<(), FitError>(())
        })?;
    }
    Ok((fitted, slates))
}

/// The last windows of a log, the latest first, with sources fitted before each.
///
/// # Errors
/// [`FitError`] when the working folder can't be written.
pub fn windows<'a>(
    log: &Log,
    config: &'a Config,
    count: usize,
    progress: &mut Progress,
) -> Result<Vec<Window<'a>>, FitError> {
    let fit = |cut: Cut| Window::fit(Parts::of(log, &cut), config, progress);
    validation_cuts(log, config, count).into_iter().map(fit).collect()
}

/// Describes what the blend ranks first for the questions of a log that follows on another.
///
/// # Errors
/// [`FitError`] when the working folder can't be written.
pub fn held_out(parts: Parts, config: &Config, fitted: &Fitted, progress: &mut Progress) -> Result<Rows, FitError> {
    let window = Window::fit(parts, config, progress)?;
    let mut slates = Slates::new(config, 1);
    slates.collect(&window, fitted, 0.0, progress)?;
    Ok(slates.early)
}

/// Fits the weights of the long-term model, then those of the served blend, which has its candidates.
fn fit_blends(
    window: &Window<'_>,
    config: &Config,
    fitted: &mut Fitted,
    progress: &mut Progress,
) -> Result<(), FitError> {
    let rows = window.long_term_rows();
    let snapshot = progress.stage("users", || window.snapshot(&rows, &fitted.long_term))?;
    let cases = progress.stage("long-term cases", || window.long_term_cases(&rows, &snapshot));
    fitted.long_term =
        progress.stage("long-term weights", || blend::ascend(&cases, fitted.long_term, &config.blend.off, 0));
    let rows = window.rows(config.blend.max_cases);
    let snapshot = progress.stage("cached", || window.snapshot(&rows, &fitted.long_term))?;
    let cases = progress.stage("cases", || window.cases(&rows, &snapshot));
    let ranked = if config.ranker.kind == RankerKind::None { 0 } else { config.ranker.candidates };
    fitted.served = progress.stage("weights", || {
        let weights = blend::ascend(&cases, fitted.served, &config.blend.off, ranked);
        config.without_off(blend::with_least_shares(weights))
    });
    tracing::info!(cases = cases.len(), served = ?fitted.served, long_term = ?fitted.long_term, "blend fitted");
    Ok(())
}

/// Says how good a ranker is beside the blend, and what it looks at most.
fn report(metric: f64, blend: f64, mut importance: Vec<(usize, f64)>) {
    let names = schema::names();
    importance.sort_by(|a, b| b.1.total_cmp(&a.1));
    let first: Vec<String> =
        importance.iter().take(MOST_IMPORTANT).map(|&(at, share)| format!("{} {share:.3}", names[at])).collect();
    tracing::info!(metric, blend, importance = ?first, "ranker fitted");
}

/// Writes a ranker into an artifact's folder; returns what the engine is to know of it.
///
/// # Errors
/// [`ArtifactError`] when it can't be written.
pub fn write(model: &Model, candidates: usize, folder: &Path) -> Result<RankerParams, ArtifactError> {
    let table = TableWriter::default();
    let (table, model) = match model {
        Model::Trees(trees) => (trees.add_to(table), RankerModel::Trees { depth: trees.depth }),
        Model::Linear(linear) => (
            table
                .column("features", &linear.features)
                .column("slopes", &linear.slopes)
                .column("missing", &linear.missing),
            RankerModel::Linear,
        ),
    };
    table.write(folder, RANKER)?;
    Ok(RankerParams { candidates, model, features: schema::names() })
}
