//! The blend weights, fitted by coordinate ascent on a validation window cut from the end of the log.
//!
//! ```text
//! log before the window ─▶ sources ─▶ long-term weights (ALS, item_knn over whole pasts; top-k)
//!                                  ─▶ cached candidates ─▶ served weights (the objective of the config)
//! ```
//!
//! Every question's candidates are scored once; then only sums of weighted scores are compared, so that trying a
//! weight costs one pass over rows in memory. What is maximised is NDCG@20.

use rayon::prelude::*;
use shared::api::Seen;
use shared::artifact::Manifest;
use shared::params::{Source, Weights};
use shared::recommend::{Query, Scratch, blended, candidates};
use shared::retrieve::Candidate;
use shared::snapshot::Snapshot;
use shared::state::UserState;

use crate::config::Config;
use crate::evaluate::Task;
use crate::evaluate::cases::{Case, HeldOut};
use crate::evaluate::metrics::discounted_gain;
use crate::ingest::Log;
use crate::progress::Progress;
use crate::sources::{FitError, fit_sources};
use crate::user_tables;

/// The cut-off of what is maximised.
const CUT_OFF: usize = 20;
/// Fewer questions than this fit nothing.
const FEWEST_CASES: usize = 50;
/// Passes over all sources.
const ROUNDS: usize = 4;
/// What a weight is multiplied with.
const FACTORS: [f32; 8] = [0.1, 0.25, 0.5, 0.75, 1.33, 2.0, 4.0, 10.0];
/// What a weight of 0 is tried as.
const FROM_ZERO: [f32; 4] = [0.02, 0.05, 0.15, 0.5];
/// No weight falls below this share of the largest: a source that adds nothing on the window still answers where the
/// others are silent.
const LEAST_SHARE: f32 = 0.01;
/// A weight changes only for a gain above this.
const LEAST_GAIN: f64 = 1e-5;

/// The blend weights of a version.
#[derive(Debug, Clone, Copy)]
pub struct FittedWeights {
    /// The served blend.
    pub served: Weights,
    /// The blend of the long-term model.
    pub long_term: Weights,
}

/// A question whose candidates have been scored.
struct ScoredCase {
    rows: Vec<Candidate>,
    best: [f32; Source::COUNT],
    targets: Vec<usize>,
    total: usize,
}

/// Fits both blends of a log; where the window holds too few questions, the weights of the config stay.
///
/// # Errors
/// [`FitError`] when the working folder can't be written.
pub fn fit(log: &Log, config: &Config, progress: &mut Progress) -> Result<FittedWeights, FitError> {
    let mut fitted = FittedWeights { served: config.blend.weights, long_term: config.long_term_weights() };
    let Some(cut) = cut(log, config.blend.validation_share) else { return Ok(fitted) };
    let (train, window) = (log.part(0..cut), log.part(cut..log.events.len()));
    progress.group("blend", |progress| {
        let folder = tempfile::tempdir()?;
        let snapshot = fit_sources(&train, config, folder.path(), progress)?;
        let held_out = HeldOut::new(&window);
        let known: Vec<(usize, usize)> = (0..held_out.users())
            .filter_map(|row| Some((row, train.users.binary_search_by(|id| (**id).cmp(held_out.user(row))).ok()?)))
            .collect();
        let known = thinned(&known, config.blend.max_cases);
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
                scored(&with_users, &long_term_sources(), &state, Seen::ExcludeAll, case, scratch)
            };
            held_out.top_k(&rows, &with_users, Seen::ExcludeAll, asked_ms, ask)
        });
        fitted.long_term = progress.stage("long-term weights", || ascend(&cases, fitted.long_term));

        progress.stage("cached", || records(&fitted.long_term))?;
        let with_users = reload(snapshot.manifest(), folder.path())?;
        let cases = progress.stage("cases", || {
            let seen = config.blend.seen;
            let ask = |case: &Case<'_>, scratch: &mut Scratch| {
                scored(&with_users, &all_sources(), &case.state, seen, case, scratch)
            };
            match config.blend.objective {
                Task::TopK => held_out.top_k(&rows, &with_users, seen, asked_ms, ask),
                Task::NextItem => {
                    let gap_ms = config.ingest.session_gap_minutes * 60_000;
                    let rows = enough_users(&held_out, gap_ms, config.blend.max_cases);
                    held_out.next_item(&rows, &with_users, gap_ms, ask)
                }
            }
        });
        fitted.served = progress.stage("weights", || with_least_shares(ascend(&cases, fitted.served)));
        tracing::info!(cases = cases.len(), served = ?fitted.served, long_term = ?fitted.long_term, "blend fitted");
        Ok(fitted)
    })
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

fn all_sources() -> Weights {
    Source::ALL.into_iter().fold(Weights::NONE, |mut weights, source| {
        *weights.get_mut(source) = 1.0;
        weights
    })
}

/// The long-term model has no cached candidates: it makes them.
fn long_term_sources() -> Weights {
    Weights { cached: 0.0, repeat: 0.0, ..all_sources() }
}

fn reload(manifest: &Manifest, folder: &std::path::Path) -> Result<Snapshot, FitError> {
    manifest.clone().seal(folder)?;
    Ok(Snapshot::load(folder)?)
}

fn scored(
    snapshot: &Snapshot,
    sources: &Weights,
    state: &UserState,
    seen: Seen,
    case: &Case<'_>,
    scratch: &mut Scratch,
) -> ScoredCase {
    let query = Query { k: CUT_OFF, context: None, category: None, exclude: Vec::new(), seen };
    let (found, _) = candidates(snapshot, sources, state, &query, case.now_ms, scratch);
    let is_target = |(at, row): (usize, &Candidate)| case.targets.contains(&row.item).then_some(at);
    let targets = found.rows.iter().enumerate().filter_map(is_target).collect();
    ScoredCase { rows: found.rows, best: found.best, targets, total: case.total }
}

/// NDCG@20 of one question under the weights.
fn ndcg(case: &ScoredCase, weights: &Weights) -> f64 {
    let on = |row: &Candidate| row.sources.iter().any(|source| weights.get(source) > 0.0);
    let score = |row: &Candidate| blended(&row.scores, &case.best, weights);
    let mut gain = 0.0;
    for &target in &case.targets {
        let target = &case.rows[target];
        if !on(target) {
            continue;
        }
        let own = score(target);
        let better = |row: &&Candidate| {
            let other = score(row);
            (other > own || other == own && row.item < target.item) && on(row)
        };
        let rank = case.rows.iter().filter(better).count();
        if rank < CUT_OFF {
            gain += discounted_gain(rank);
        }
    }
    gain / (0..case.total.min(CUT_OFF)).map(discounted_gain).sum::<f64>().max(f64::MIN_POSITIVE)
}

/// Changes one weight at a time as long as the mean over all questions grows.
fn ascend(cases: &[ScoredCase], start: Weights) -> Weights {
    if cases.len() < FEWEST_CASES {
        return start;
    }
    // Collected before it is summed: the order of a parallel sum would depend on the threads.
    let mean = |weights: &Weights| {
        let each: Vec<f64> = cases.par_iter().map(|case| ndcg(case, weights)).collect();
        each.iter().sum::<f64>() / cases.len() as f64
    };
    let (mut best, mut figure) = (start, mean(&start));
    for _ in 0..ROUNDS {
        let before = figure;
        for source in Source::ALL {
            let current = best.get(source);
            let tries: Vec<f32> = match current {
                0.0 => FROM_ZERO.to_vec(),
                current => FACTORS.iter().map(|factor| current * factor).collect(),
            };
            for weight in tries {
                let mut tried = best;
                *tried.get_mut(source) = weight;
                let reached = mean(&tried);
                if reached > figure + LEAST_GAIN {
                    (best, figure) = (tried, reached);
                }
            }
        }
        if figure - before < LEAST_GAIN {
            break;
        }
    }
    tracing::debug!(cases = cases.len(), ndcg = figure, weights = ?best, "weights fitted");
    best
}

/// Lifts every weight to the least share of the largest.
fn with_least_shares(weights: Weights) -> Weights {
    let largest = Source::ALL.into_iter().map(|source| weights.get(source)).fold(0.0, f32::max);
    Source::ALL.into_iter().fold(weights, |mut lifted, source| {
        *lifted.get_mut(source) = weights.get(source).max(LEAST_SHARE * largest);
        lifted
    })
}
