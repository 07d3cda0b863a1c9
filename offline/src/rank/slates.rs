//! Makes the rows that a ranker is fitted on: the blend's best candidates of each question, with the features that the
//! engine computes in service, labelled by what the user did next.
//!
//! In: a window, and blends. Out: rows to fit on, rows for early stopping, and the blend's figures on the latter. All
//! of the best candidates become rows, whatever their rank: without the easy negatives the rows would be distributed
//! otherwise than those that the ranker scores in service. Questions without a target among the candidates have nothing
//! to learn from and are left out. Cost: each question once, and the memory of its rows.

use rayon::prelude::*;
use shared::contract::id::ItemIdx;
use shared::contract::params::Weights;
use shared::engine::rank::features::{self, profile};
use shared::engine::rank::matrix::Matrix;
use shared::engine::recommend::{Query, Scratch, Shortlist, by_blend, candidates, describe};
use shared::engine::snapshot::Snapshot;
use shared::engine::tabular::schema::Field;

use super::blend::FEWEST_CASES;
use super::paired::{Pair, PairedTest};
use super::scored::CUT_OFF;
use super::window::Window;
use super::{Blends, Model};
use crate::config::{Config, WindowsOf};
use crate::measure::evaluate::cases::Case;
use crate::measure::metrics::{discounted_gain, ndcg_at};
use crate::progress::Progress;
use crate::trees::Rows;

/// The number of users whose rows are made at a time, before they are appended to the columns.
const BLOCK: usize = 2048;

/// The rows of one question.
struct SlateRows {
    now_ms: i64,
    asked: AskedOf,
    matrix: Matrix,
    labels: Vec<f32>,
}

/// The properties of a question besides its rows.
struct AskedOf {
    user: Box<str>,
    /// The number of targets, whether they are candidates or not.
    total: usize,
    /// NDCG@20 of the blend that is served if there is no ranker.
    by_served_alone: f64,
}

/// Labelled rows of several windows.
pub struct Slates<'a> {
    config: &'a Config,
    /// The maximum number of questions that each window adds.
    max_cases: usize,
    /// The names of the columns of the rows.
    pub names: Vec<String>,
    /// The rows that the ranker is fitted on.
    pub early: Rows,
    /// The rows for early stopping, and for the comparison of the ranker with the blend.
    pub late: Rows,
    /// The questions of `late`.
    late_questions: Vec<AskedOf>,
    /// The features of profiles that the version will have.
    of_profiles: Vec<String>,
    /// What the windows are cut from; none before the first window.
    pub windows: Option<WindowsOf>,
}

/// Where each feature is among those of a window, if it is there.
type Places = Vec<Option<usize>>;

impl<'a> Slates<'a> {
    /// No rows yet.
    ///
    /// * `windows`: the number of windows to come.
    /// * `fields`: what is known of users, in the version to come.
    pub fn new(config: &'a Config, windows: usize, fields: &[Field]) -> Self {
        let max_cases = config.ranker.max_cases.div_ceil(windows.max(1));
        Self {
            config,
            max_cases,
            names: Vec::new(),
            early: Rows::default(),
            late: Rows::default(),
            late_questions: Vec::new(),
            of_profiles: profile::names(fields),
            windows: None,
        }
    }

    /// No rows yet, of these features, of one window to come.
    pub fn of(config: &'a Config, names: Vec<String>) -> Self {
        let (early, late) = (Rows::new(names.len()), Rows::new(names.len()));
        Self { names, early, late, ..Self::new(config, 1, &[]) }
    }

    /// Makes the rows of the blend's best candidates for a window's questions. The last share of the questions (every
    /// n-th if all have the same time) is for early stopping, the others to fit on.
    pub fn collect(&mut self, window: &Window<'_>, blends: &Blends, stopping_share: f64, progress: &mut Progress) {
        let users = window.rows(self.max_cases);
        let mut snapshot = progress.stage("cached", || window.snapshot(&users, &blends.long_term.weights));
        snapshot.params_mut().weights = blends.ranked.weights;
        let names = features::names(snapshot.statistics(), snapshot.profiles());
        if self.names.is_empty() {
            let own = snapshot.profiles().map_or(Vec::new(), |profiles| profile::names(profiles.fields()));
            let served = |name: &&String| !own.contains(name) || self.of_profiles.contains(name);
            self.names = names.iter().filter(served).cloned().collect();
            (self.early, self.late) = (Rows::new(self.names.len()), Rows::new(self.names.len()));
        }
        // What is known of users may have other columns in each window.
        let places: Places = self.names.iter().map(|name| names.iter().position(|own| own == name)).collect();
        let without_ranker = &blends.served_alone.weights;
        progress.stage("slates", || self.ask(window, &users, &snapshot, without_ranker, (stopping_share, &places)));
    }

    fn ask(
        &mut self,
        window: &Window<'_>,
        users: &[usize],
        snapshot: &Snapshot,
        without_ranker: &Weights,
        (stopping_share, places): (f64, &Places),
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
            append(&mut self.early, &early, places);
            append(&mut self.late, &late, places);
            self.late_questions.extend(late.into_iter().map(|slate| slate.asked));
        }
    }

    /// Compares a ranker with a blend on the questions of early stopping: with the blend whose best it ranks, or the
    /// one that is served without it, whichever is better. A ranker that is not ahead is left out: it was stopped where
    /// it was best on these very questions, which favours it, so that a tie is in truth a loss.
    pub fn beside_blend(&self, ranker: &Model) -> PairedTest {
        let scores = ranker.scores(&self.late);
        let groups = || self.late.groups.windows(2).map(|bounds| bounds[0]..bounds[1]).zip(&self.late_questions);
        let by_ranker = groups().map(|(rows, asked)| {
            let order = by_score(&scores[rows.clone()]);
            ndcg_of_rows(&self.late.labels[rows], order.into_iter(), asked.total)
        });
        let as_given: Vec<f64> = groups()
            .map(|(rows, asked)| ndcg_of_rows(&self.late.labels[rows.clone()], 0..rows.len(), asked.total))
            .collect();
        let served_alone: Vec<f64> = self.late_questions.iter().map(|asked| asked.by_served_alone).collect();
        let sum = |figures: &[f64]| figures.iter().sum::<f64>();
        let by_blend = if sum(&served_alone) > sum(&as_given) { served_alone } else { as_given };
        let pairs: Vec<Pair<'_>> = (by_ranker.zip(by_blend).zip(&self.late_questions))
            .map(|((richer, simpler), asked)| Pair { user: &asked.user, richer, simpler })
            .collect();
        let test = PairedTest::of("ranker", "the blend".to_owned(), format!("NDCG@{CUT_OFF}"), &pairs);
        // A handful of questions has to show it beyond its chance.
        let least = if test.questions < FEWEST_CASES { test.difference.interval.low } else { test.difference.mean };
        PairedTest { stepped_back: least <= 0.0, ..test }
    }
}

/// The rows sorted by their scores, best first; ties keep their order.
fn by_score(scores: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    order
}

/// NDCG@20 of rows in an order.
fn ndcg_of_rows(labels: &[f32], order: impl Iterator<Item = usize>, total: usize) -> f64 {
    let hits = order.take(CUT_OFF).enumerate().filter(|&(_, row)| labels[row] > 0.0);
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
    let query = Query::of(1, config.blend.seen);
    let (question, found) = candidates(snapshot, weights, &case.state, &query, case.now_ms, scratch);
    let ranked = by_blend(&found, weights, config.ranker.candidates);
    let label = |item| {
        let target = case.targets.iter().position(|&target| target == item);
        target.map_or(0.0, |target| config.kinds.weight(case.kinds[target]))
    };
    let labels: Vec<f32> = ranked.iter().map(|ranked| label(ranked.item)).collect();
    let shortlist = Shortlist { question: &question, candidates: &found, ranked: &ranked };
    let served_alone = by_blend(&found, without_ranker, CUT_OFF);
    let slate: Vec<ItemIdx> = served_alone.iter().map(|ranked| ranked.item).collect();
    labels.iter().any(|&label| label > 0.0).then(|| SlateRows {
        now_ms: case.now_ms,
        asked: AskedOf {
            user: case.user.into(),
            total: case.total(),
            by_served_alone: ndcg_at(CUT_OFF, &slate, &case.targets, case.total()),
        },
        matrix: describe(&shortlist, scratch).clone(),
        labels,
    })
}

fn append(rows: &mut Rows, slates: &[SlateRows], places: &Places) {
    rows.columns.par_iter_mut().zip(places).for_each(|(values, place)| {
        for slate in slates {
            match place {
                Some(column) => values.extend_from_slice(slate.matrix.column(*column)),
                None => values.extend(std::iter::repeat_n(f32::NAN, slate.labels.len())),
            }
        }
    });
    for slate in slates {
        rows.labels.extend_from_slice(&slate.labels);
        rows.groups.push(rows.labels.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rank::linear::LinearModel;

    /// Sixty late questions of two candidates, the target in the first place of the blend or in the second; the first
    /// feature is 1 for the target.
    fn slates(config: &Config, target: usize) -> Slates<'_> {
        let mut slates = Slates::new(config, 1, &[]);
        slates.late.columns = vec![Vec::new()];
        for user in 0..60 {
            for row in 0..2 {
                let is_target = f32::from(u8::from(row == target));
                slates.late.columns[0].push(is_target);
                slates.late.labels.push(is_target);
            }
            slates.late.groups.push(slates.late.labels.len());
            slates.late_questions.push(AskedOf { user: format!("u{user}").into(), total: 1, by_served_alone: 0.1 });
        }
        slates
    }

    /// A ranker that uses only the first feature.
    fn ranker(slope: f32) -> Model {
        Model::Linear(LinearModel {
            features: vec![0],
            slopes: vec![slope],
            missing: vec![0.0],
            ..LinearModel::default()
        })
    }

    #[test]
    fn a_ranker_stays_where_it_is_ahead_and_steps_back_where_it_trails_or_adds_nothing() {
        let config = Config::load(None, None).expect("defaults");
        let (first, second) = (slates(&config, 0), slates(&config, 1));
        let ahead = second.beside_blend(&ranker(1.0));
        assert!(!ahead.stepped_back && ahead.richer_mean == 1.0, "{ahead:?}");
        assert!((ahead.simpler_mean - 1.0 / 3f64.log2()).abs() < 1e-12);
        let behind = first.beside_blend(&ranker(-1.0));
        assert!(behind.stepped_back && behind.simpler_mean == 1.0, "{behind:?}");
        assert!(first.beside_blend(&ranker(1.0)).stepped_back, "the blend knows it already");
        let mut known = slates(&config, 1);
        known.late_questions.iter_mut().for_each(|asked| asked.by_served_alone = 1.0);
        assert!(known.beside_blend(&ranker(1.0)).stepped_back, "the blend without a ranker knows it");
    }
}
