//! The curves of probabilities on rows with labels: ROC, precision and recall, calibration, thresholds and costs.
//!
//! Cost: one sort of the rows. Curves of many rows are thinned to some hundred points.
//!
//! Source: Fawcett, "An introduction to ROC analysis", 2006.

use serde::Serialize;

use crate::measure::evaluate::bootstrap::Interval;
use crate::score::threshold::Goal;

/// The most points of a curve.
const POINTS: usize = 200;
/// How many parts the rows are cut into by their probability.
const TENTHS: usize = 10;
/// How many thresholds are looked at.
const THRESHOLDS: usize = 100;

/// The curves of a model.
#[derive(Debug, Clone, Serialize)]
pub struct Curves {
    /// Shares of the negatives and of the positives at or above each probability; empty where one class is missing.
    pub roc: Vec<[f64; 2]>,
    /// Recall and precision; empty without a positive.
    pub precision_recall: Vec<[f64; 2]>,
    /// Tenths of the rows by probability; rows of one probability are not cut apart.
    pub calibration: Vec<Tenth>,
    /// The mean distance of probability and label rate of the tenths, by rows.
    pub calibration_error: f64,
    /// What each threshold gives.
    pub thresholds: Vec<Threshold>,
    /// The rows by label and prediction at the threshold.
    pub confusion: Confusion,
}

/// A part of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Tenth {
    /// How many rows.
    pub rows: usize,
    /// Their mean probability.
    pub probability: f64,
    /// The share of positives.
    pub rate: f64,
    /// Its 95% interval.
    pub interval: Interval,
}

/// Rows by label and prediction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Confusion {
    /// Positives that count as ones.
    pub true_positives: u64,
    /// Negatives that count as positives.
    pub false_positives: u64,
    /// Positives that count as negatives.
    pub false_negatives: u64,
    /// Negatives that count as ones.
    pub true_negatives: u64,
}

/// What a threshold gives.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Threshold {
    /// From which probability a row counts as a positive.
    pub threshold: f64,
    /// The share of the rows that do.
    pub share: f64,
    /// The share of positives among them; none of no rows.
    pub precision: Option<f64>,
    /// The share of the positives among them.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
    /// The cost, where costs are configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
}

/// The curves of rows.
#[must_use]
pub fn curves(labels: &[f32], probabilities: &[f64], threshold: f64, goal: Goal) -> Curves {
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    let positives = labels.iter().filter(|label| **label > 0.0).count() as u64;
    let negatives = labels.len() as u64 - positives;
    // Rows at or above each probability that there is: the probability, positives, negatives.
    let mut steps: Vec<(f64, u64, u64)> = Vec::new();
    let (mut yes, mut no) = (0, 0);
    for equal in order.chunk_by(|&a, &b| probabilities[a] == probabilities[b]) {
        let own = equal.iter().filter(|&&row| labels[row] > 0.0).count() as u64;
        (yes, no) = (yes + own, no + equal.len() as u64 - own);
        steps.push((probabilities[equal[0]], yes, no));
    }
    let share = |part: u64, all: u64| part as f64 / all.max(1) as f64;
    let roc = steps.iter().map(|(_, yes, no)| [share(*no, negatives), share(*yes, positives)]);
    let roc = if positives * negatives > 0 { thin([[0.0, 0.0]].into_iter().chain(roc).collect()) } else { Vec::new() };
    let precision_recall = steps.iter().map(|(_, yes, no)| [share(*yes, positives), share(*yes, yes + no)]);
    let precision_recall = if positives > 0 { thin(precision_recall.collect()) } else { Vec::new() };
    let above = |threshold: f64| {
        let at = steps.partition_point(|(probability, ..)| *probability >= threshold);
        let (yes, no) = at.checked_sub(1).map_or((0, 0), |at| (steps[at].1, steps[at].2));
        Confusion {
            true_positives: yes,
            false_positives: no,
            false_negatives: positives - yes,
            true_negatives: negatives - no,
        }
    };
    let highest = steps.first().map_or(1.0, |(probability, ..)| *probability);
    let at = |step: usize| of_threshold(above(highest * step as f64 / THRESHOLDS as f64), goal);
    let thresholds = (0..=THRESHOLDS)
        .map(|step| Threshold { threshold: highest * step as f64 / THRESHOLDS as f64, ..at(step) })
        .collect();
    let calibration = tenths(labels, probabilities, &order);
    let distance = |tenth: &Tenth| tenth.rows as f64 * (tenth.probability - tenth.rate).abs();
    Curves {
        roc,
        precision_recall,
        calibration_error: calibration.iter().map(distance).sum::<f64>() / labels.len().max(1) as f64,
        calibration,
        thresholds,
        confusion: above(threshold),
    }
}

fn of_threshold(counts: Confusion, goal: Goal) -> Threshold {
    let Confusion { true_positives, false_positives, false_negatives, true_negatives } = counts;
    let [tp, fp, fneg] = [true_positives, false_positives, false_negatives].map(|count| count as f64);
    let cost = match goal {
        Goal::Costs { false_negative, false_positive } => Some(false_negative * fneg + false_positive * fp),
        _ => None,
    };
    Threshold {
        threshold: 0.0,
        share: (tp + fp) / (tp + fp + fneg + true_negatives as f64).max(1.0),
        precision: (tp + fp > 0.0).then(|| tp / (tp + fp)),
        recall: tp / (tp + fneg).max(1.0),
        f1: 2.0 * tp / (2.0 * tp + fp + fneg).max(1.0),
        cost,
    }
}

/// Tenths of the rows, the least probable first. Rows of one probability are in one tenth, that of their middle: a model can't
/// tell them apart, and which of them have the label would be chance. So tenths may be larger or smaller, and some absent.
fn tenths(labels: &[f32], probabilities: &[f64], order: &[usize]) -> Vec<Tenth> {
    let mut parts: [Vec<usize>; TENTHS] = Default::default();
    let mut before = 0;
    for equal in order.chunk_by(|&a, &b| probabilities[a] == probabilities[b]) {
        let middle = before + (equal.len() - 1) / 2;
        // The last tenth that begins at this row or before it.
        parts[((middle + 1) * TENTHS - 1) / order.len()].extend(equal);
        before += equal.len();
    }
    let tenth = |rows: &Vec<usize>| {
        let positives = rows.iter().filter(|&&row| labels[row] > 0.0).count();
        Tenth {
            rows: rows.len(),
            probability: rows.iter().map(|&row| probabilities[row]).sum::<f64>() / rows.len() as f64,
            rate: positives as f64 / rows.len() as f64,
            interval: wilson(positives, rows.len()),
        }
    };
    parts.iter().rev().filter(|rows| !rows.is_empty()).map(tenth).collect()
}

/// The 95% interval of a share.
#[must_use]
pub fn wilson(part: usize, all: usize) -> Interval {
    let [low, high] = crate::wilson::wilson(part as u64, all as u64);
    Interval { low, high }
}

/// Some of the points of a curve, with its ends.
fn thin(points: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    if points.len() <= POINTS {
        return points;
    }
    (0..POINTS).map(|at| points[at * (points.len() - 1) / (POINTS - 1)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_those_of_the_textbook() {
        let (labels, probabilities) = ([1.0, 0.0, 1.0, 0.0], [0.8, 0.6, 0.4, 0.2]);
        let found = curves(&labels, &probabilities, 0.5, Goal::Costs { false_negative: 3.0, false_positive: 1.0 });
        assert_eq!(found.roc, [[0.0, 0.0], [0.0, 0.5], [0.5, 0.5], [0.5, 1.0], [1.0, 1.0]]);
        assert_eq!(found.precision_recall, [[0.5, 1.0], [0.5, 0.5], [1.0, 2.0 / 3.0], [1.0, 0.5]]);
        let Confusion { true_positives, false_positives, false_negatives, true_negatives } = found.confusion;
        assert_eq!([true_positives, false_positives, false_negatives, true_negatives], [1; 4]);
        let half = found.thresholds.iter().find(|at| at.threshold > 0.45).expect("is there");
        assert_eq!((half.precision, half.recall, half.f1, half.cost), (Some(0.5), 0.5, 0.5, Some(4.0)));
        assert_eq!(found.calibration.iter().map(|tenth| tenth.rows).sum::<usize>(), 4);
    }

    #[test]
    fn tenths_are_equal_parts_and_do_not_cut_through_rows_of_one_probability() {
        let rows = |tenths: &[Tenth]| tenths.iter().map(|tenth| tenth.rows).collect::<Vec<_>>();
        let distinct: Vec<f64> = (0..43).map(|row| f64::from(row) / 50.0).collect();
        let found = curves(&[0.0; 43], &distinct, 0.5, Goal::F1).calibration;
        assert_eq!(rows(&found), [5, 4, 4, 5, 4, 4, 5, 4, 4, 4]);
        // The first 25 of 100 rows, and the next 5, are alike; all of the first have the label, and half of the others.
        let labels: Vec<f32> = (0..100).map(|row| f32::from(u8::from(row < 25 || row % 2 == 0))).collect();
        let probabilities: Vec<f64> = (0..100)
            .map(|row| {
                if row < 25 {
                    0.9
                } else if row < 30 {
                    0.8
                } else {
                    0.7 - f64::from(row) / 1000.0
                }
            })
            .collect();
        let found = curves(&labels, &probabilities, 0.5, Goal::F1).calibration;
        assert_eq!(rows(&found), [10, 10, 10, 10, 10, 10, 10, 5, 25]);
        let [.., five, most] = &found[..] else { panic!("nine tenths") };
        assert_eq!((most.rate, five.rate, five.probability), (1.0, 0.4, 0.8));
        // A model that says the same of all rows has one part.
        assert_eq!(rows(&curves(&labels, &[0.5; 100], 0.5, Goal::F1).calibration), [100]);
    }

    #[test]
    fn one_class_alone_has_no_roc_curve() {
        let found = curves(&[0.0, 0.0], &[0.1, 0.2], 0.5, Goal::F1);
        assert!(found.roc.is_empty() && found.precision_recall.is_empty());
        assert_eq!(found.confusion.true_negatives, 2);
    }
}
