//! Fits the ranking of candidates: the blend of the sources' scores, and the ranker of the blend's best candidates.
//! Both are fitted on questions about windows at the end of the log, with sources that are fitted on the log before.
//!
//! ```text
//! log before the window ─▶ sources ─▶ long-term weights (ALS, SLIM and others over whole pasts; top-k)
//!                                  ─▶ cached candidates ─▶ served weights (the objective of the config)
//!                                                       ─▶ rows of the blend's best ─▶ ranker
//! ```
//!
//! In: a log and the config. Out: weights, a ranker or none, and the comparison of each with the simpler model that it
//! replaces. No feature has seen its label, and sources are about as old at the questions as they are in service.
//! Afterwards the sources are fitted again on the whole log; weights and ranker stay. Cost: the sources once per
//! window, and the questions.

mod blend;
pub mod linear;
mod paired;
mod report;
pub mod rows;
mod scored;
mod slates;
mod window;

use std::collections::BTreeMap;

use shared::contract::params::{Cascade, RankerParams, Weights};
use shared::tables::{LinearTable, RankerTable};

use crate::config::{Config, RankerConfig, RankerKind, WindowsOf};
use crate::log::cuts::{Parts, validation_cuts};
use crate::log::ingest::Log;
use crate::log::split::Cut;
use crate::measure::evaluate::Task;
use crate::progress::Progress;
use crate::sources::{FitError, profile};
use crate::trees::{self, Ensemble, Rows};
use blend::{Blend, Start, Useless};
use linear::LinearModel;
pub use paired::PairedTest;
pub use report::Report;
use scored::Goal;
pub use slates::Slates;
pub use window::Window;

/// The number of features that the log message on a ranker's importances names.
const MOST_IMPORTANT: usize = 20;

/// The blends and the ranker that were fitted on the windows.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// The served blend.
    pub served: Weights,
    /// The blend of the long-term model.
    pub long_term: Weights,
    /// The ranker of the served blend's best candidates, and the engine's parameters for it.
    pub ranker: Option<(RankerParams, RankerTable)>,
    /// The comparisons of all these; none if the weights of the config were used unfitted.
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
    /// The blend whose best candidates the ranker ranks.
    ranked: Blend,
    /// The blend that is served if there is no ranker.
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

/// Fits blends and ranker on a log. If its windows hold too few questions, the weights of the config stay and there is
/// no ranker; a blend that is worse than its best source falls back to it, and a ranker that does not beat the blend is
/// left out.
///
/// # Errors
/// [`FitError`] for tables that don't fit each other.
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
        importance: model.as_ref().map(|model| model.importance(&slates.names)).unwrap_or_default(),
    };
    report.tell();
    let ranker = model.map(|model| model.served(&config.ranker, slates.names));
    Ok(Fitted { served: served.weights, long_term: long_term.weights, ranker, report: Some(report) })
}

/// Fits the configured ranker on the rows of the windows; `None` if there are no rows, or none is configured.
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

/// Fits the blends, and makes the feature rows of their best candidates in the windows of the log.
///
/// # Errors
/// [`FitError`] for tables that don't fit each other.
pub fn slates<'a>(log: &Log, config: &'a Config, progress: &mut Progress) -> Result<(Blends, Slates<'a>), FitError> {
    let mut blends = Blends::unfitted(config);
    let with_ranker = config.ranker.kind != RankerKind::None;
    let windows = if with_ranker { config.ranker.windows } else { 1 };
    let cuts = validation_cuts(log, config, windows);
    let mut slates = Slates::new(config, cuts.len(), &profile::fields(log));
    for (at, cut) in cuts.into_iter().enumerate() {
        progress.group(&format!("window {}", at + 1), |progress| {
            let window = Window::fit(Parts::of(log, &cut), config, progress)?;
            if at == 0 {
                slates.windows = Some(window_kind(&cut, config));
                blends = Blends::fit(&window, config, progress);
            }
            if with_ranker {
                // The last share of the latest window is for early stopping.
                let stopping_share = if at == 0 { config.ranker.stopping_share } else { 0.0 };
                slates.collect(&window, &blends, stopping_share, progress);
            }
            Ok::<(), FitError>(())
        })?;
    }
    Ok((blends, slates))
}

/// What windows are cut from; logs it if `auto` chose the users' pasts.
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
/// [`FitError`] for tables that don't fit each other.
pub fn windows<'a>(
    log: &Log,
    config: &'a Config,
    count: usize,
    progress: &mut Progress,
) -> Result<Vec<Window<'a>>, FitError> {
    let fit = |cut: Cut| Window::fit(Parts::of(log, &cut), config, progress);
    validation_cuts(log, config, count).into_iter().map(fit).collect()
}

/// Makes the feature rows of the blend's best candidates for held-out questions.
///
/// * `names`: the features.
///
/// # Errors
/// [`FitError`] for tables that don't fit each other.
pub fn held_out(
    parts: Parts,
    config: &Config,
    blends: &Blends,
    names: &[String],
    progress: &mut Progress,
) -> Result<Rows, FitError> {
    let window = Window::fit(parts, config, progress)?;
    let mut slates = Slates::of(config, names.to_vec());
    slates.collect(&window, blends, 0.0, progress);
    Ok(slates.early)
}

impl Blends {
    /// The weights of the config.
    fn unfitted(config: &Config) -> Self {
        let served = Blend::unfitted(config.served_weights());
        Self { long_term: Blend::unfitted(config.long_term_weights()), ranked: served.clone(), served_alone: served }
    }

    /// Fits the weights of the long-term model, then those of the served blend, which uses its slates as cached
    /// candidates.
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

/// Logs the features with the largest importance.
fn tell_importance(names: &[String], mut importance: Vec<(usize, f64)>) {
    importance.sort_by(|a, b| b.1.total_cmp(&a.1));
    let first: Vec<String> =
        importance.iter().take(MOST_IMPORTANT).map(|&(at, share)| format!("{} {share:.3}", names[at])).collect();
    tracing::info!(importance = ?first, "ranker fitted");
}

impl Model {
    /// The importance of the features that it looks at, by name.
    fn importance(&self, names: &[String]) -> BTreeMap<String, f64> {
        let of = |(at, share): (usize, f64)| (share != 0.0).then(|| (names[at].clone(), share));
        match self {
            Self::Trees(trees) => trees.importance.iter().copied().enumerate().filter_map(of).collect(),
            Self::Linear(linear) => {
                let features = linear.features.iter().map(|&feature| feature as usize);
                features.zip(linear.weights.iter().copied()).filter_map(of).collect()
            }
        }
    }

    /// The scores of rows; higher is better.
    fn scores(&self, rows: &Rows) -> Vec<f32> {
        match self {
            Self::Trees(trees) => trees::scores(trees, rows),
            Self::Linear(linear) => linear::scores(linear, rows),
        }
    }

    /// The table that the ranker is served from, and the engine's parameters for it.
    ///
    /// * `features`: the names of the features, in the order of the columns of its rows.
    fn served(&self, config: &RankerConfig, features: Vec<String>) -> (RankerParams, RankerTable) {
        let table = match self {
            Self::Trees(trees) => RankerTable::Trees(trees.depth, trees.table()),
            Self::Linear(linear) => RankerTable::Linear(LinearTable {
                features: linear.features.clone().into(),
                slopes: linear.slopes.clone().into(),
                missing: linear.missing.clone().into(),
            }),
        };
        let steps = config.kind == RankerKind::Trees && config.first_trees > 0;
        let cascade = steps.then_some(Cascade { trees: config.first_trees, kept: config.kept });
        (RankerParams { candidates: config.candidates, cascade, model: table.model(), features }, table)
    }
}
