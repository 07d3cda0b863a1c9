//! How the sources' candidates are ranked: the blend weights and the trees, fitted on slates that the engine makes for
//! times after the sources' own window.
//!
//! ```text
//! log before the window ─▶ sources ─▶ long-term weights (ALS, item_knn over whole pasts; top-k)
//!                                  ─▶ cached candidates ─▶ served weights (the objective of the config)
//!                                                       ─▶ rows of the blend's best ─▶ trees
//! ```
//!
//! No feature has seen its label, and the gap between sources and questions is that of serving. The sources are fitted
//! again on the whole log; weights and trees stay.

mod blend;
mod slates;

use shared::api::Seen;
use shared::artifact::tables::TableWriter;
use shared::artifact::{ArtifactError, Manifest};
use shared::params::{RankerParams, Weights};
use shared::recommend::Scratch;
use shared::schema;
use shared::snapshot::{RANKER, Snapshot};
use shared::state::UserState;
use std::path::Path;

use crate::config::{Config, RankerKind};
use crate::evaluate::Task;
use crate::evaluate::cases::{Case, HeldOut};
use crate::ingest::Log;
use crate::progress::Progress;
use crate::sources::{FitError, fit_sources};
use crate::trees::{self, Ensemble};
use crate::user_tables;

/// Features that the log names.
const MOST_IMPORTANT: usize = 20;

/// What was fitted on the window.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// The served blend.
    pub served: Weights,
    /// The blend of the long-term model.
    pub long_term: Weights,
    /// The trees over it.
    pub trees: Option<Ensemble>,
}

/// Fits blends and trees of a log; where the window holds too few questions, the weights of the config stay and there
/// are no trees.
///
/// # Errors
/// [`FitError`] when the working folder can't be written.
pub fn fit(log: &Log, config: &Config, progress: &mut Progress) -> Result<Fitted, FitError> {
    let mut fitted = Fitted { served: config.blend.weights, long_term: config.long_term_weights(), trees: None };
    let Some(cut) = cut(log, config.blend.validation_share) else { return Ok(fitted) };
    let (train, window) = (log.part(0..cut), log.part(cut..log.events.len()));
    progress.group("window", |progress| {
        let folder = tempfile::tempdir()?;
        let snapshot = fit_sources(&train, config, folder.path(), progress)?;
        let held_out = HeldOut::new(&window);
        let known: Vec<(usize, usize)> = (0..held_out.users())
            .filter_map(|row| Some((row, train.users.binary_search_by(|id| (**id).cmp(held_out.user(row))).ok()?)))
            .collect();
        let most_cases = config.blend.max_cases.max(config.ranker.max_cases);
        let known = thinned(&known, most_cases);
        let records = |weights: &Weights| {
            let users: Vec<usize> = known.iter().map(|(_, user)| *user).collect();
            user_tables::build(&train, &users, &snapshot, weights, &config.users, &|_| ()).write(folder.path())
        };
        let asked_ms = window.first_ms();

        progress.stage("users", || records(&fitted.long_term))?;
        let with_users = reload(snapshot.manifest(), folder.path())?;
        let rows: Vec<usize> = known.iter().map(|(row, _)| *row).collect();
        let cases = progress.stage("long-term cases", || {
            let pasts = user_tables::Pasts::of(&train);
            let ask = |case: &Case<'_>, scratch: &mut Scratch| {
                let user = train.users.binary_search_by(|id| (**id).cmp(case.user)).ok();
                let history = user.map(|user| pasts.of_user(&train, user)).unwrap_or_default();
                let state = UserState { history, ..UserState::default() };
                blend::scored(&with_users, &blend::long_term_sources(), &state, Seen::ExcludeAll, case, scratch)
            };
            held_out.top_k(&thinned(&rows, config.blend.max_cases), &with_users, Seen::ExcludeAll, asked_ms, ask)
        });
        fitted.long_term = progress.stage("long-term weights", || blend::ascend(&cases, fitted.long_term));

        progress.stage("cached", || records(&fitted.long_term))?;
        let mut with_users = reload(snapshot.manifest(), folder.path())?;
        let asked = Asked { held_out: &held_out, known: &rows, asked_ms, config };
        let cases = progress.stage("cases", || {
            let sources = blend::all_sources();
            asked.ask(&asked.rows(config.blend.max_cases), &with_users, |case, scratch| {
                blend::scored(&with_users, &sources, &case.state, config.blend.seen, case, scratch)
            })
        });
        fitted.served = progress.stage("weights", || blend::with_least_shares(blend::ascend(&cases, fitted.served)));
        tracing::info!(cases = cases.len(), served = ?fitted.served, long_term = ?fitted.long_term, "blend fitted");
        drop(cases);
        if config.ranker.kind == RankerKind::Trees {
            with_users.params_mut().weights = fitted.served;
            let (early, late) = progress.stage("slates", || slates::collect(&asked, &with_users));
            if !early.is_empty() && !late.is_empty() {
                let trees = progress.counted("trees", config.trees.trees as u64, |done| {
                    trees::fit(&early, &late, &config.trees, &|tree| done(tree))
                });
                let blend = config.trees.objective.metric(&late, &slates::in_order(&late));
                report(&trees, blend);
                // Trees that don't beat the order they are given only add noise to it.
                fitted.trees = Some(trees).filter(|trees| trees.metric > blend);
            }
        }
        Ok(fitted)
    })
}

/// The questions of a window.
struct Asked<'a> {
    held_out: &'a HeldOut<'a>,
    /// Rows of the users with a past.
    known: &'a [usize],
    asked_ms: i64,
    config: &'a Config,
}

impl Asked<'_> {
    /// The users whose questions of the configured objective are about `max_cases`.
    fn rows(&self, max_cases: usize) -> Vec<usize> {
        match self.config.blend.objective {
            Task::TopK => thinned(self.known, max_cases),
            Task::NextItem => enough_users(self.held_out, self.gap_ms(), max_cases),
        }
    }

    /// Asks the questions of some users.
    fn ask<T: Send>(
        &self,
        rows: &[usize],
        snapshot: &Snapshot,
        ask: impl Fn(&Case<'_>, &mut Scratch) -> T + Sync,
    ) -> Vec<T> {
        match self.config.blend.objective {
            Task::TopK => self.held_out.top_k(rows, snapshot, self.config.blend.seen, self.asked_ms, ask),
            Task::NextItem => self.held_out.next_item(rows, snapshot, self.gap_ms(), ask),
        }
    }

    fn gap_ms(&self) -> i64 {
        self.config.ingest.session_gap_minutes * 60_000
    }
}

/// Says how good the trees are beside the blend, and what they look at most.
fn report(trees: &Ensemble, blend: f64) {
    let names = schema::names();
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by(|&a, &b| trees.importance[b].total_cmp(&trees.importance[a]));
    let first: Vec<String> =
        order.iter().take(MOST_IMPORTANT).map(|&at| format!("{} {:.3}", names[at], trees.importance[at])).collect();
    tracing::info!(trees = trees.leaves.len() >> trees.depth, metric = trees.metric, blend, importance = ?first, "ranker fitted");
}

/// Writes the trees into an artifact's folder; returns what the engine is to know of them.
///
/// # Errors
/// [`ArtifactError`] when they can't be written.
pub fn write(trees: &Ensemble, candidates: usize, folder: &Path) -> Result<RankerParams, ArtifactError> {
    TableWriter::default()
        .column("features", &trees.features)
        .column("borders", &trees.borders)
        .column("leaves", &trees.leaves)
        .write(folder, RANKER)?;
    Ok(RankerParams { candidates, depth: trees.depth, features: schema::names() })
}

/// Where the validation window begins: at a change of time, with events on both sides.
fn cut(log: &Log, share: f64) -> Option<usize> {
    let at = (log.events.len() as f64 * (1.0 - share)) as usize;
    let time_ms = log.events.get(at)?.timestamp_ms;
    let cut = log.events.partition_point(|event| event.timestamp_ms < time_ms);
    (cut > 0).then_some(cut)
}

/// At most `count` of the values, evenly spread.
fn thinned<T: Copy>(values: &[T], count: usize) -> Vec<T> {
    let step = values.len().div_ceil(count.max(1)).max(1);
    values.iter().copied().step_by(step).collect()
}

/// Users, evenly spread, whose next-item questions are about `max_cases`.
fn enough_users(held_out: &HeldOut<'_>, gap_ms: i64, max_cases: usize) -> Vec<usize> {
    let counts: Vec<usize> = (0..held_out.users()).map(|row| held_out.next_item_cases(row, gap_ms)).collect();
    let rows: Vec<usize> = (0..counts.len()).filter(|&row| counts[row] > 0).collect();
    let step = counts.iter().sum::<usize>().div_ceil(max_cases.max(1)).max(1);
    rows.into_iter().step_by(step).collect()
}

fn reload(manifest: &Manifest, folder: &Path) -> Result<Snapshot, FitError> {
    manifest.clone().seal(folder)?;
    Ok(Snapshot::load(folder)?)
}
