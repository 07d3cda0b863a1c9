//! How the sources' candidates are ranked: by a blend of their scores, and, of the blend's best, by a ranker. Both are fitted
//! on questions about the end of the log, asked of sources that know only what came before.
//!
//! ```text
//! log before the window ─▶ sources ─▶ long-term weights (ALS, SLIM and others over whole pasts; top-k)
//!                                  ─▶ cached candidates ─▶ served weights (the objective of the config)
//!                                                       ─▶ rows of the blend's best ─▶ ranker
//! ```
//!
//! In: a log and the config. Out: weights, a ranker or none, and how each did beside the simpler model that it has to hold
//! out against. No feature has seen its label, and the time between sources and questions is that of serving. The sources are
//! fitted again on the whole log; weights and ranker stay. Cost: the sources once a window, and the questions.

mod blend;
mod paired;
mod report;
mod scored;
mod slates;
mod window;

use shared::params::{RankerParams, Weights};
use shared::tables::{LinearTable, RankerTable};

use crate::config::{Config, RankerKind, WindowsOf};
use crate::cuts::{Parts, validation_cuts};
use crate::evaluate::Task;
use crate::ingest::Log;
use crate::linear::{self, LinearModel};
use crate::progress::Progress;
use crate::sources::FitError;
use crate::split::Cut;
use crate::trees::{self, Ensemble, Rows};
use blend::{Blend, Start, Useless};
pub use paired::PairedTest;
pub use report::Report;
use scored::Goal;
pub use slates::Slates;
pub use window::Window;

/// Features that the log names.
const MOST_IMPORTANT: usize = 20;

/// What was fitted on the windows.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// The served blend.
    pub served: Weights,
    /// The blend of the long-term model.
    pub long_term: Weights,
    /// What ranks the best of the served blend, and what the engine is to know of it.
    pub ranker: Option<(RankerParams, RankerTable)>,
    /// How all of these did; none where the weights of the config were taken as they are.
    pub report: Option<Report>,
}

impl Fitted {
    /// The weights of the config, and no ranker.
    #[must_use]
    pub fn of_config(config: &Config) -> Self {
        Self { served: config.served_weights(), long_term: config.long_term_weights(), ranker: None, report: None }
    }
}

/// The blends of the latest window.
#[derive(Debug, Clone)]
pub struct Blends {
    /// The blend of the long-term model.
    long_term: Blend,
    /// The blend whose best a ranker ranks.
    ranked: Blend,
    /// The blend that is served where there is no ranker.
    served_alone: Blend,
}

/// A fitted ranker.
#[derive(Debug, Clone)]
pub enum Model {
    /// Boosted trees.
    Trees(Ensemble),
    /// A weighted sum of features.
    Linear(LinearModel),
}

/// Fits blends and ranker of a log. Where its windows hold too few questions, the weights of the config stay and there is no
/// ranker; a blend that trails its best source steps back to it, and a ranker that trails the blend is left out.
///
/// # Errors
/// [`FitError`] when the working folder can't be written.
pub fn fit(log: &Log, config: &Config, progress: &mut Progress) -> Result<Fitted, FitError> {
    let (blends, slates) = slates(log, config, progress)?;
    let ranker = fit_ranker(&slates, config, progress);
    let test = ranker.as_ref().map(|ranker| slates.beside_blend(ranker));
    let model = ranker.filter(|_| test.as_ref().is_some_and(|test| !test.stepped_back));
    let Blends { long_term, ranked, served_alone } = blends;
    let served = if model.is_some() { ranked } else { served_alone };
    let report = Report {
        windows: slates.windows,
        questions: served.questions,
        long_term: long_term.beside_best_source,
        blend: served.beside_best_source,
        ranker: test,
    };
    report.tell();
    let ranker = model.map(|model| model.served(config.ranker.candidates, slates.names));
    Ok(Fitted { served: served.weights, long_term: long_term.weights, ranker, report: Some(report) })
}

/// Fits the configured ranker on the rows of the windows; none where there are no rows, or none is configured.
fn fit_ranker(slates: &Slates<'_>, config: &Config, progress: &mut Progress) -> Option<Model> {
    let Slates { early, late, names, .. } = slates;
    if early.is_empty() || late.is_empty() {
        return None;
    }
    Some(match config.ranker.kind {
        RankerKind::None => return None,
        RankerKind::Trees => {
            let trees = progress.counted("trees", config.trees.trees as u64, |done| {
                trees::fit(early, Some(late), &config.trees, &|tree| done(tree))
            });
            tell_importance(names, (0..trees.importance.len()).map(|at| (at, trees.importance[at])).collect());
            Model::Trees(trees)
        }
        RankerKind::Linear => {
            let linear = progress.counted("linear", 2 * config.linear.epochs as u64, |done| {
                linear::fit(early, late, &config.linear, &|epoch| done(epoch))
            });
            let features = linear.features.iter().map(|&feature| feature as usize);
            tell_importance(names, features.zip(linear.weights.iter().copied()).collect());
            Model::Linear(linear)
        }
    })
}

/// Fits the blends, and describes what they rank first in the windows of the log.
///
/// # Errors
/// [`FitError`] when the working folder can't be written.
pub fn slates<'a>(log: &Log, config: &'a Config, progress: &mut Progress) -> Result<(Blends, Slates<'a>), FitError> {
    let mut blends = Blends::unfitted(config);
    let with_ranker = config.ranker.kind != RankerKind::None;
    let windows = if with_ranker { config.ranker.windows } else { 1 };
    let cuts = validation_cuts(log, config, windows);
    let mut slates = Slates::new(config, cuts.len());
    for (at, cut) in cuts.into_iter().enumerate() {
        progress.group(&format!("window {}", at + 1), |progress| {
            let window = Window::fit(Parts::of(log, &cut), config, progress)?;
            if at == 0 {
                slates.windows = Some(window_kind(&cut, config));
                blends = Blends::fit(&window, config, progress);
            }
            if with_ranker {
                // Of the latest window the last share says when to stop.
                let stopping_share = if at == 0 { config.ranker.stopping_share } else { 0.0 };
                slates.collect(&window, &blends, stopping_share, progress);
            }
            Ok::<(), FitError>(())
        })?;
    }
    Ok((blends, slates))
}

/// What windows are parts of; says so where nobody has chosen it.
fn window_kind(cut: &Cut, config: &Config) -> WindowsOf {
    match cut {
        Cut::Time(_) => WindowsOf::Time,
        Cut::Users { .. } => {
            if config.blend.windows == WindowsOf::Auto && config.blend.objective != Task::LastItem {
                tracing::info!("windows are the ends of the users' pasts: times say too little to cut the log in time");
            }
            WindowsOf::Users
        }
    }
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

/// Describes what the blend ranks first for held-out questions.
///
/// # Errors
/// [`FitError`] when the working folder can't be written.
pub fn held_out(parts: Parts, config: &Config, blends: &Blends, progress: &mut Progress) -> Result<Rows, FitError> {
    let window = Window::fit(parts, config, progress)?;
    let mut slates = Slates::new(config, 1);
    slates.collect(&window, blends, 0.0, progress);
    Ok(slates.early)
}

impl Blends {
    /// The weights of the config.
    fn unfitted(config: &Config) -> Self {
        let served = Blend::unfitted(config.served_weights());
        Self { long_term: Blend::unfitted(config.long_term_weights()), ranked: served.clone(), served_alone: served }
    }

    /// Fits the weights of the long-term model, then those of the served blend, which has its candidates.
    fn fit(window: &Window<'_>, config: &Config, progress: &mut Progress) -> Self {
        let start = Start {
            weights: config.long_term_weights(),
            sources: config.without_off(blend::long_term_sources()),
            useless: Useless::LeftOut,
        };
        let rows = window.long_term_rows();
        let snapshot = progress.stage("users", || window.snapshot(&rows, &start.weights));
        let cases = progress.stage("long-term cases", || window.long_term_cases(&rows, &snapshot, &start.sources));
        let long_term = progress.stage("long-term weights", || blend::fit(&cases, start, Goal::Slate));
        let start = Start {
            weights: config.served_weights(),
            sources: config.without_off(blend::all_sources()),
            useless: Useless::Kept,
        };
        let rows = window.rows(config.blend.max_cases);
        let snapshot = progress.stage("cached", || window.snapshot(&rows, &long_term.weights));
        let cases = progress.stage("cases", || window.cases(&rows, &snapshot, &start.sources));
        let fit = |goal: Goal| blend::fit(&cases, start, goal);
        let served_alone = progress.stage("weights", || fit(Goal::Slate));
        let ranked = match config.ranker.kind {
            RankerKind::None => served_alone.clone(),
            _ => progress.stage("weights to rank", || fit(Goal::Ranked(config.ranker.candidates))),
        };
        tracing::info!(cases = cases.len(), served = ?ranked.weights, long_term = ?long_term.weights, "blend fitted");
        Self { long_term, ranked, served_alone }
    }
}

/// Says what a ranker looks at most.
fn tell_importance(names: &[String], mut importance: Vec<(usize, f64)>) {
    importance.sort_by(|a, b| b.1.total_cmp(&a.1));
    let first: Vec<String> =
        importance.iter().take(MOST_IMPORTANT).map(|&(at, share)| format!("{} {share:.3}", names[at])).collect();
    tracing::info!(importance = ?first, "ranker fitted");
}

impl Model {
    /// What it says of rows; higher is better.
    fn scores(&self, rows: &Rows) -> Vec<f32> {
        match self {
            Self::Trees(trees) => trees::scores(trees, rows),
            Self::Linear(linear) => linear::scores(linear, rows),
        }
    }

    /// The table that it is served from, and what the engine is to know of it.
    ///
    /// * `candidates`: the best of the blend that it ranks.
    /// * `features`: the names of what it looks at, in the order of the columns of its rows.
    fn served(&self, candidates: usize, features: Vec<String>) -> (RankerParams, RankerTable) {
        let table = match self {
            Self::Trees(trees) => RankerTable::Trees(trees.depth, trees.table()),
            Self::Linear(linear) => RankerTable::Linear(LinearTable {
                features: linear.features.clone().into(),
                slopes: linear.slopes.clone().into(),
                missing: linear.missing.clone().into(),
            }),
        };
        (RankerParams { candidates, model: table.model(), features }, table)
    }
}
