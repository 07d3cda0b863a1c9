//! Makes the rows that a ranker learns from: the blend's best candidates of each question, described by the engine as when it
//! serves, and labelled by what the user did next.
//!
//! In: a window, and blends. Out: rows to learn from, rows that say when to stop, and how the blend did on the latter. All of
//! the best candidates become rows, whatever their rank: without the easy negatives the trees would learn another question
//! than the one they answer. Questions whose target is not among them teach nothing and are left out. Cost: each question
//! once, and the memory of its rows.

use rayon::prelude::*;
use shared::id::ItemIdx;
use shared::params::Weights;
use shared::rank::features;
use shared::rank::matrix::Matrix;
use shared::recommend::{Query, Scratch, Shortlist, by_blend, candidates, describe};
use shared::snapshot::Snapshot;

use super::paired::{Pair, PairedTest};
use super::scored::CUT_OFF;
use super::window::Window;
use super::{Blends, Model};
use crate::config::{Config, WindowsOf};
use crate::evaluate::cases::Case;
use crate::evaluate::metrics::{discounted_gain, ndcg_at};
use crate::progress::Progress;
use crate::trees::Rows;

/// Users whose rows are made at a time, before they are appended to the columns.
const BLOCK: usize = 2048;

/// The rows of one question.
struct SlateRows {
    now_ms: i64,
    asked: AskedOf,
    matrix: Matrix,
    labels: Vec<f32>,
}

/// What is known of a question besides its rows.
struct AskedOf {
    user: Box<str>,
    /// How many targets there are, candidates or not.
    total: usize,
    /// NDCG@20 of the blend that is served where there is no ranker.
    by_blend: f64,
}

/// Labelled rows of several windows.
pub struct Slates<'a> {
    config: &'a Config,
    /// Questions that each window may add.
    max_cases: usize,
    /// The names of the columns of the rows.
    pub names: Vec<String>,
    /// What trees are grown on.
    pub early: Rows,
    /// What says when to stop, and whether the ranker holds out against the blend.
    pub late: Rows,
    /// The questions of `late`.
    late_questions: Vec<AskedOf>,
    /// What the windows are parts of; none before there is one.
    pub windows: Option<WindowsOf>,
}

impl<'a> Slates<'a> {
    /// No rows yet, of so many windows to come.
    pub fn new(config: &'a Config, windows: usize) -> Self {
        let max_cases = config.ranker.max_cases.div_ceil(windows.max(1));
        Self {
            config,
            max_cases,
            names: Vec::new(),
            early: Rows::default(),
            late: Rows::default(),
            late_questions: Vec::new(),
            windows: None,
        }
    }

    /// Asks a window's questions and describes what the blend ranks first. The last share of the questions (of
    /// questions of one time every n-th) says when to stop, the others are learnt from.
    pub fn collect(&mut self, window: &Window<'_>, blends: &Blends, stopping_share: f64, progress: &mut Progress) {
        let users = window.rows(self.max_cases);
        let mut snapshot = progress.stage("cached", || window.snapshot(&users, &blends.long_term.weights));
        snapshot.params_mut().weights = blends.ranked.weights;
        if self.names.is_empty() {
            self.names = features::names(snapshot.statistics());
            (self.early, self.late) = (Rows::new(self.names.len()), Rows::new(self.names.len()));
        }
        let without_ranker = &blends.served_alone.weights;
        progress.stage("slates", || self.ask(window, &users, &snapshot, without_ranker, stopping_share));
    }

    fn ask(
        &mut self,
        window: &Window<'_>,
        users: &[usize],
        snapshot: &Snapshot,
        without_ranker: &Weights,
        stopping_share: f64,
    ) {
        let mut times = window.ask(users, snapshot, |case, _| case.now_ms);
        times.sort_unstable();
        let late_from = times.get((times.len() as f64 * (1.0 - stopping_share)) as usize).copied();
        let one_time = stopping_share > 0.0 && times.first() == times.last();
        let every = (1.0 / stopping_share).round() as usize;
        let mut questions = 0;
        for block in users.chunks(BLOCK) {
            let slates = window
                .ask(block, snapshot, |case, scratch| described(self.config, snapshot, without_ranker, case, scratch));
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
            self.late_questions.extend(late.into_iter().map(|slate| slate.asked));
        }
    }

    /// A ranker beside the blend that is served without it, on the questions that said when to stop. It steps back where it
    /// trails, and where it is not ahead of the order that it was given: the number of trees was chosen to look best on these
    /// very questions, so that a tie is no tie.
    pub fn beside_blend(&self, ranker: &Model) -> PairedTest {
        let scores = ranker.scores(&self.late);
        let pair = |(bounds, asked): (&[usize], &AskedOf)| {
            let range = bounds[0]..bounds[1];
            let (labels, scores) = (&self.late.labels[range.clone()], &scores[range]);
            (ndcg_of_rows(labels, scores, asked.total), asked.by_blend)
        };
        let figures = self.late.groups.windows(2).zip(&self.late_questions).map(pair);
        let pairs: Vec<Pair<'_>> = figures
            .zip(&self.late_questions)
            .map(|((richer, simpler), asked)| Pair { user: &asked.user, richer, simpler })
            .collect();
        let mut test = PairedTest::of("ranker", "the blend".to_owned(), format!("NDCG@{CUT_OFF}"), &pairs);
        let metric = |scores: &[f32]| self.config.trees.objective.metric(&self.late, scores);
        test.stepped_back |= metric(&scores) <= metric(&in_order(&self.late));
        test
    }
}

/// NDCG@20 of rows in the order of their scores; ties keep their order.
fn ndcg_of_rows(labels: &[f32], scores: &[f32], total: usize) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let hits = order.iter().take(CUT_OFF).enumerate().filter(|&(_, &row)| labels[row] > 0.0);
    let ideal: f64 = (0..total.min(CUT_OFF)).map(discounted_gain).sum();
    hits.map(|(rank, _)| discounted_gain(rank)).sum::<f64>() / ideal.max(f64::MIN_POSITIVE)
}

fn described(
    config: &Config,
    snapshot: &Snapshot,
    without_ranker: &Weights,
    case: &Case<'_>,
    scratch: &mut Scratch,
) -> Option<SlateRows> {
    let weights = &snapshot.params().weights;
    let by_kind = config.interactions.by_kind();
    let query = Query { k: 1, context: None, category: None, exclude: Vec::new(), seen: config.blend.seen };
    let (question, found) = candidates(snapshot, weights, &case.state, &query, case.now_ms, scratch);
    let ranked = by_blend(&found, weights, config.ranker.candidates);
    let label = |item| {
        let target = case.targets.iter().position(|&target| target == item);
        target.map_or(0.0, |target| by_kind[case.kinds[target] as usize])
    };
    let labels: Vec<f32> = ranked.iter().map(|ranked| label(found.rows[ranked.row as usize].item)).collect();
    let shortlist = Shortlist { question: &question, candidates: &found, ranked: &ranked };
    let by_blend = by_blend(&found, without_ranker, CUT_OFF);
    let slate: Vec<ItemIdx> = by_blend.iter().map(|ranked| found.rows[ranked.row as usize].item).collect();
    labels.iter().any(|&label| label > 0.0).then(|| SlateRows {
        now_ms: case.now_ms,
        asked: AskedOf {
            user: case.user.into(),
            total: case.total(),
            by_blend: ndcg_at(CUT_OFF, &slate, &case.targets, case.total()),
        },
        matrix: describe(&shortlist, scratch).clone(),
        labels,
    })
}

/// Scores that leave every group in the order in which the blend gave it.
fn in_order(rows: &Rows) -> Vec<f32> {
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
