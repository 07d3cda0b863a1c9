//! Labelled rows: the blend's best candidates of each question, as the engine describes them when it serves.
//!
//! All of the best stay, whatever their rank: leaving out the easy negatives would teach the trees another question than
//! the one they answer. Questions whose target is not among them teach nothing and are left out.

use rayon::prelude::*;
use shared::features;
use shared::matrix::Matrix;
use shared::recommend::{Query, Question, Scratch, by_blend, candidates, describe};
use shared::snapshot::Snapshot;

use super::Fitted;
use super::window::Window;
use crate::config::Config;
use crate::evaluate::cases::Case;
use crate::progress::Progress;
use crate::sources::FitError;
use crate::trees::Rows;

/// Users whose rows are made at a time, before they are appended to the columns.
const BLOCK: usize = 2048;

/// The rows of one question.
struct SlateRows {
    now_ms: i64,
    matrix: Matrix,
    labels: Vec<f32>,
}

/// Labelled rows of several windows.
pub struct Slates<'a> {
    config: &'a Config,
    /// Questions that each window may add.
    max_cases: usize,
    /// What trees are grown on.
    pub early: Rows,
    /// What says when to stop.
    pub late: Rows,
}

impl<'a> Slates<'a> {
    /// No rows yet, of so many windows to come.
    pub fn new(config: &'a Config, windows: usize) -> Self {
        let max_cases = config.ranker.max_cases.div_ceil(windows.max(1));
        Self { config, max_cases, early: Rows::new(features::COUNT), late: Rows::new(features::COUNT) }
    }

    /// Asks a window's questions and describes what the blend ranks first. The last share of the questions (of
    /// questions of one time every n-th) says when to stop, the others are learnt from.
    pub fn collect(
        &mut self,
        window: &Window<'_>,
        fitted: &Fitted,
        stopping_share: f64,
        progress: &mut Progress,
    ) -> Result<(), FitError> {
        let users = window.rows(self.max_cases);
        let mut snapshot = progress.stage("cached", || window.snapshot(&users, &fitted.long_term))?;
        snapshot.params_mut().weights = fitted.served;
        progress.stage("slates", || self.ask(window, &users, &snapshot, stopping_share));
        Ok(())
    }

    fn ask(&mut self, window: &Window<'_>, users: &[usize], snapshot: &Snapshot, stopping_share: f64) {
        let mut times = window.ask(users, snapshot, |case, _| case.now_ms);
        times.sort_unstable();
        let late_from = times.get((times.len() as f64 * (1.0 - stopping_share)) as usize).copied();
        let one_time = stopping_share > 0.0 && times.first() == times.last();
        let every = (1.0 / stopping_share).round() as usize;
        let mut questions = 0;
        for block in users.chunks(BLOCK) {
            let slates = window.ask(block, snapshot, |case, scratch| described(self.config, snapshot, case, scratch));
            let (mut early, mut late) = (Vec::new(), Vec::new());
            for slate in slates.into_iter().flatten() {
                let is_late = if one_time {
                    questions % every == 0
                } else {
                    late_from.is_some_and(|late_from| slate.now_ms >= late_from)
                };
                if is_late { &mut late } else { &mut early }.push(slate);
                questions += 1;
            }
            append(&mut self.early, &early);
            append(&mut self.late, &late);
        }
    }
}

fn described(config: &Config, snapshot: &Snapshot, case: &Case<'_>, scratch: &mut Scratch) -> Option<SlateRows> {
    let weights = &snapshot.params().weights;
    let by_kind = config.interactions.by_kind();
    let query = Query { k: 1, context: None, category: None, exclude: Vec::new(), seen: config.blend.seen };
    let (found, history) = candidates(snapshot, weights, &case.state, &query, case.now_ms, scratch);
    let ranked = by_blend(&found, weights, config.ranker.candidates);
    let label = |item| {
        let target = case.targets.iter().position(|&target| target == item);
        target.map_or(0.0, |target| by_kind[case.kinds[target] as usize])
    };
    let labels: Vec<f32> = ranked.iter().map(|ranked| label(found.rows[ranked.row as usize].item)).collect();
    let question = Question { snapshot, candidates: &found, ranked: &ranked, history: &history, now_ms: case.now_ms };
    labels.iter().any(|&label| label > 0.0).then(|| SlateRows {
        now_ms: case.now_ms,
        matrix: describe(&question, scratch).clone(),
        labels,
    })
}

/// Scores that leave every group in the order in which the blend gave it.
pub fn in_order(rows: &Rows) -> Vec<f32> {
    rows.groups.windows(2).flat_map(|bounds| (0..bounds[1] - bounds[0]).map(|place| -(place as f32))).collect()
}

fn append(rows: &mut Rows, slates: &[SlateRows]) {
    rows.columns.par_iter_mut().enumerate().for_each(|(column, values)| {
        for slate in slates {
            values.extend_from_slice(slate.matrix.column(column));
        }
    });
    for slate in slates {
        rows.labels.extend_from_slice(&slate.labels);
        rows.groups.push(rows.labels.len());
    }
}
