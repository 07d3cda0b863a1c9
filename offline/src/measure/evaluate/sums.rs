//! Adds up the figures of one model, case by case, for their means and their bootstrap intervals.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;
use shared::contract::id::ItemIdx;
use shared::engine::snapshot::Snapshot;

use super::Answer;
use super::bootstrap::{Counts, Interval, Replicates};
use crate::measure::metrics::{
    coverage, diversity, hit_rate_at, information, mrr_at, ndcg_at, novelty, precision_at, recall_at,
};

/// The names of the figures of a case, at every cut-off.
pub const FIGURES: [&str; 5] = ["hr", "mrr", "ndcg", "recall", "precision"];

/// The figures of one model.
#[derive(Debug, Clone, Serialize)]
pub struct ModelResult {
    /// `tandem`, `blend`, a source, `popularity_<days>d` or `popularity_<hours>h`.
    pub model: String,
    /// The number of questions.
    pub cases: usize,
    /// The figures by name, such as `hr@20`.
    #[serde(flatten)]
    pub figures: BTreeMap<String, f64>,
    /// The 95% intervals of the figures that are means over cases.
    pub intervals: BTreeMap<String, Interval>,
    /// The bootstrap sums of the intervals, in the order of cut-offs and figures.
    #[serde(skip)]
    pub replicates: Replicates,
}

/// The figures of one model so far.
pub struct Sums {
    cases: usize,
    /// Cut-off by cut-off in the order of [`FIGURES`].
    sums: Vec<f64>,
    replicates: Replicates,
    /// The number of cases and the sums of figures of the current user.
    own: (usize, Vec<f64>),
    shown: Vec<HashSet<ItemIdx>>,
    information: Vec<f64>,
    shown_count: Vec<u64>,
    diversity: Vec<f64>,
}

/// The figures of one answer, in the order of [`FIGURES`].
pub fn figures(k: usize, slate: &[ItemIdx], targets: &[ItemIdx], total: usize) -> [f64; FIGURES.len()] {
    [
        hit_rate_at(k, slate, targets),
        mrr_at(k, slate, targets),
        ndcg_at(k, slate, targets, total),
        recall_at(k, slate, targets, total),
        precision_at(k, slate, targets),
    ]
}

impl Sums {
    /// Empty sums for this many cut-offs.
    pub fn new(ks: usize) -> Self {
        let figures = ks * FIGURES.len();
        Self {
            cases: 0,
            sums: vec![0.0; figures],
            replicates: Replicates::new(figures),
            own: (0, vec![0.0; figures]),
            shown: vec![HashSet::new(); ks],
            information: vec![0.0; ks],
            shown_count: vec![0; ks],
            diversity: vec![0.0; ks],
        }
    }

    /// Adds a case of the current user.
    pub fn add(&mut self, ks: &[usize], slate: &[ItemIdx], answer: &Answer, train: &EventCounts, snapshot: &Snapshot) {
        self.cases += 1;
        self.own.0 += 1;
        for (at, &k) in ks.iter().enumerate() {
            let figures = figures(k, slate, &answer.targets, answer.total);
            for (sum, figure) in self.own.1[at * FIGURES.len()..].iter_mut().zip(figures) {
                *sum += figure;
            }
            let shown = &slate[..slate.len().min(k)];
            for item in shown {
                self.shown[at].insert(*item);
                self.information[at] += information(train.of_item[item.at()], train.all);
                self.shown_count[at] += 1;
            }
            let factors: Vec<&[f32]> = shown.iter().map(|&item| snapshot.als().item(item)).collect();
            self.diversity[at] += diversity(&factors);
        }
    }

    /// Ends the cases of the current user.
    pub fn end_user(&mut self, counts: &Counts) {
        let (cases, own) = &mut self.own;
        self.replicates.add(counts, *cases, own);
        for (sum, own) in self.sums.iter_mut().zip(own) {
            *sum += std::mem::take(own);
        }
        *cases = 0;
    }

    /// The means and their intervals.
    pub fn result(self, model: String, ks: &[usize], catalogue: usize) -> ModelResult {
        let (mut figures, mut intervals) = (BTreeMap::new(), BTreeMap::new());
        let cases = self.cases.max(1) as f64;
        for (at, k) in ks.iter().enumerate() {
            for (figure, name) in (at * FIGURES.len()..).zip(FIGURES) {
                figures.insert(format!("{name}@{k}"), self.sums[figure] / cases);
                intervals.insert(format!("{name}@{k}"), self.replicates.interval(figure));
            }
            figures.insert(format!("coverage@{k}"), coverage(&self.shown[at], catalogue));
            figures.insert(format!("novelty@{k}"), novelty(self.information[at], self.shown_count[at]));
            figures.insert(format!("diversity@{k}"), self.diversity[at] / cases);
        }
        ModelResult { model, cases: self.cases, figures, intervals, replicates: self.replicates }
    }
}

/// How often items occur in the train log.
pub struct EventCounts {
    /// The number of events of each item.
    pub of_item: Vec<u64>,
    /// The number of events of all items.
    pub all: u64,
}
