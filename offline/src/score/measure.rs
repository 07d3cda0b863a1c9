//! Metrics of probabilities on rows with labels, with 95% intervals by a bootstrap over the rows.
//!
//! In each replicate a row is drawn 0, 1, 2, … times, by a Poisson distribution with mean 1. The draws depend on the
//! number of the replicate and the place of the row alone, so that two models on the same rows are compared in pairs.
//!
//! Source: Chamandy et al., "Estimating Uncertainty for Massive Data Streams", Google 2012.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson};
use rayon::prelude::*;
use serde::Serialize;

use super::threshold::{Confusion, Goal};
use crate::measure::evaluate::bootstrap::{Difference, Interval, interval};

/// A metric with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    /// Its value on the rows.
    pub value: f64,
    /// Its 95% interval.
    pub interval: Interval,
}

/// Probabilities closer to 0 or 1 count as this close, so that one certain error does not outweigh all rows.
const LEAST: f64 = 1e-15;

/// The log-loss of a row.
#[must_use]
pub fn loss_of(label: f32, probability: f64) -> f64 {
    let own = if label > 0.0 { probability } else { 1.0 - probability };
    -own.max(LEAST).ln()
}

/// How many replicates are drawn: fewer of many rows, whose intervals are narrow anyway.
fn replicates(rows: usize) -> usize {
    const DRAWS: usize = 50_000_000;
    (DRAWS / rows.max(1)).clamp(100, 1000)
}

/// How often each row is drawn in each replicate.
///
/// * `labels`: how many are measured of each row.
pub fn drawn(rows: usize, labels: usize) -> impl IndexedParallelIterator<Item = Vec<f32>> {
    (0..replicates(rows * labels)).into_par_iter().map(move |replicate| {
        let poisson = Poisson::new(1.0f32).expect("a mean greater than 0");
        let mut random = ChaCha8Rng::seed_from_u64(replicate as u64);
        (0..rows).map(|_| poisson.sample(&mut random)).collect()
    })
}

/// The mean of the second values less that of the first, over the same rows.
#[must_use]
pub fn paired(first: &[f64], second: &[f64]) -> Difference {
    let differences: Vec<f64> = first.iter().zip(second).map(|(first, second)| second - first).collect();
    let replicate = |weights: Vec<f32>| {
        let all: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
        let rows = weights.iter().zip(&differences);
        rows.map(|(weight, own)| f64::from(*weight) * own).sum::<f64>() / all.max(1.0)
    };
    let mean = differences.iter().sum::<f64>() / differences.len().max(1) as f64;
    Difference::of(mean, drawn(differences.len(), 1).map(replicate).collect())
}

/// All metrics by name: `roc_auc`, `average_precision`, `log_loss`, `brier`, `accuracy`, `precision`, `recall`, `f1`,
/// and `total_cost` if the threshold is chosen by costs.
#[must_use]
pub fn metrics(labels: &[f32], probabilities: &[f64], threshold: f64, goal: Goal) -> BTreeMap<&'static str, Figure> {
    Replicated::of(labels, &[Rated { probabilities, threshold }], goal).figures(0)
}

/// What a model says of rows.
#[derive(Debug, Clone, Copy)]
pub struct Rated<'a> {
    /// The probability of each.
    pub probabilities: &'a [f64],
    /// From which of them a row counts as a positive.
    pub threshold: f64,
}

/// Metrics of a model, by name.
pub type Metrics = Vec<(&'static str, f64)>;

/// The metrics of models on the same rows, and on each replicate of them.
#[derive(Debug, Clone)]
pub struct Replicated {
    /// Model by model.
    whole: Vec<Metrics>,
    /// Replicate by replicate, model by model.
    replicates: Vec<Vec<Metrics>>,
}

impl Replicated {
    /// Measures models on rows of one label.
    #[must_use]
    pub fn of(labels: &[f32], models: &[Rated<'_>], goal: Goal) -> Self {
        let models: Vec<Sorted<'_>> = models.iter().map(|model| Sorted::new(labels, *model, goal)).collect();
        Self::new(labels.len(), 1, |weights| models.iter().map(|rows| rows.metrics(weights)).collect())
    }

    /// Measures models on rows of some labels.
    ///
    /// * `measured`: the metrics of each, where rows count so often.
    pub(super) fn new(rows: usize, labels: usize, measured: impl Fn(&[f32]) -> Vec<Metrics> + Sync) -> Self {
        let replicates = drawn(rows, labels).map(|weights| measured(&weights)).collect();
        Self { whole: measured(&vec![1.0; rows]), replicates }
    }

    /// The metrics of a model.
    #[must_use]
    pub fn figures(&self, model: usize) -> BTreeMap<&'static str, Figure> {
        let figure = |(at, &(name, value)): (usize, &(&'static str, f64))| {
            let interval = interval(self.replicates.iter().map(|replicate| replicate[model][at].1).collect());
            (name, Figure { value, interval })
        };
        self.whole[model].iter().enumerate().map(figure).collect()
    }

    /// The metrics of a model on each replicate.
    #[must_use]
    pub fn each(&self, model: usize) -> BTreeMap<&'static str, Vec<f64>> {
        let values = |at: usize| self.replicates.iter().map(|replicate| replicate[model][at].1).collect();
        self.whole[model].iter().enumerate().map(|(at, (name, _))| (*name, values(at))).collect()
    }

    /// How much higher each metric of the second model is than that of the first, in pairs.
    #[must_use]
    pub fn differences(&self, first: usize, second: usize) -> BTreeMap<&'static str, Difference> {
        let of = |models: &[Metrics], at: usize| models[second][at].1 - models[first][at].1;
        let difference = |(at, (name, _)): (usize, &(&'static str, f64))| {
            let each = self.replicates.iter().map(|replicate| of(replicate, at)).collect();
            (*name, Difference::of(of(&self.whole, at), each))
        };
        self.whole[first].iter().enumerate().map(difference).collect()
    }
}

/// Rows, the most probable first.
struct Sorted<'a> {
    labels: &'a [f32],
    probabilities: &'a [f64],
    order: Vec<usize>,
    threshold: f64,
    goal: Goal,
}

impl<'a> Sorted<'a> {
    fn new(labels: &'a [f32], Rated { probabilities, threshold }: Rated<'a>, goal: Goal) -> Self {
        let mut order: Vec<usize> = (0..labels.len()).collect();
        order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
        Self { labels, probabilities, order, threshold, goal }
    }

    /// The metrics of rows that count so often.
    fn metrics(&self, weights: &[f32]) -> Vec<(&'static str, f64)> {
        let mut sums = Sums::default();
        let mut confusion = Confusion::default();
        for equal in self.order.chunk_by(|&a, &b| self.probabilities[a] == self.probabilities[b]) {
            let (mut yes, mut no) = (0.0, 0.0);
            for &row in equal {
                let (weight, label) = (f64::from(weights[row]), self.labels[row]);
                *if label > 0.0 { &mut yes } else { &mut no } += weight;
                sums.loss += weight * loss_of(label, self.probabilities[row]);
                sums.square += weight * (self.probabilities[row] - f64::from(label)).powi(2);
            }
            let above = equal.first().is_some_and(|&row| self.probabilities[row] >= self.threshold);
            confusion.add(yes, no, above);
            sums.add(yes, no);
        }
        let Sums { positives, negatives, loss, square, won, precisions } = sums;
        let all = (positives + negatives).max(f64::MIN_POSITIVE);
        let pairs = positives * negatives;
        let mut metrics = vec![
            ("roc_auc", if pairs > 0.0 { won / pairs } else { 0.5 }),
            ("average_precision", if positives > 0.0 { precisions / positives } else { 0.0 }),
            ("log_loss", loss / all),
            ("brier", square / all),
            ("accuracy", 1.0 - (confusion.false_positives + confusion.false_negatives) / all),
            ("precision", confusion.precision()),
            ("recall", confusion.recall()),
            ("f1", confusion.f1()),
        ];
        if let Goal::Costs { false_negative, false_positive } = self.goal {
            let cost = false_negative * confusion.false_negatives + false_positive * confusion.false_positives;
            metrics.push(("total_cost", cost));
        }
        metrics
    }
}

/// Sums over rows, the most probable first.
#[derive(Default)]
struct Sums {
    positives: f64,
    negatives: f64,
    loss: f64,
    square: f64,
    /// Pairs of a positive and a negative in which the positive has the higher probability; ties count one half.
    won: f64,
    /// The precision at each positive, summed.
    precisions: f64,
}

impl Sums {
    /// Adds rows of one probability.
    fn add(&mut self, yes: f64, no: f64) {
        self.won += no * (self.positives + yes / 2.0);
        (self.positives, self.negatives) = (self.positives + yes, self.negatives + no);
        if yes > 0.0 {
            self.precisions += yes * self.positives / (self.positives + self.negatives);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_those_of_the_textbook() {
        let (labels, probabilities) = ([1.0, 0.0, 1.0, 0.0, 0.0], [0.9, 0.8, 0.6, 0.4, 0.2]);
        let goal = Goal::Costs { false_negative: 3.0, false_positive: 1.0 };
        let found = metrics(&labels, &probabilities, 0.7, goal);
        let value = |name: &str| found[name].value;
        // Of six pairs, one is out of order; precisions 1/1 and 2/3 at the positives.
        assert!((value("roc_auc") - 5.0 / 6.0).abs() < 1e-12);
        assert!((value("average_precision") - (1.0 + 2.0 / 3.0) / 2.0).abs() < 1e-12);
        let loss = -(0.9f64.ln() + 0.2f64.ln() + 0.6f64.ln() + 0.6f64.ln() + 0.8f64.ln()) / 5.0;
        assert!((value("log_loss") - loss).abs() < 1e-12);
        assert!((value("brier") - (0.01 + 0.64 + 0.16 + 0.16 + 0.04) / 5.0).abs() < 1e-12);
        assert_eq!((value("precision"), value("recall"), value("f1"), value("total_cost")), (0.5, 0.5, 0.5, 4.0));
        assert!((value("accuracy") - 0.6).abs() < 1e-12);
    }

    #[test]
    fn ties_count_one_half() {
        assert_eq!(metrics(&[1.0, 0.0], &[0.5, 0.5], 0.5, Goal::F1)["roc_auc"].value, 0.5);
    }

    #[test]
    fn the_interval_of_a_share_is_two_standard_errors_to_each_side() {
        let labels: Vec<f32> = (0..1000).map(|row| f32::from(u8::from(row % 2 == 0))).collect();
        let accuracy = metrics(&labels, &vec![0.9; 1000], 0.5, Goal::F1)["accuracy"];
        assert!((accuracy.value - 0.5).abs() < 1e-12);
        assert!((accuracy.interval.high - accuracy.interval.low - 0.062).abs() < 0.008, "{accuracy:?}");
    }
}
