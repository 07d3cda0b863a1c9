//! Metrics of several labels at once, with 95% intervals by a bootstrap over the rows.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::measure::{Figure, Replicated, loss_of};
use super::threshold::Confusion;

/// The cut-off of the mean average precision.
const CUT_OFF: usize = 7;

/// What is measured of one row.
struct Measured {
    /// The average precision of its first [`CUT_OFF`] labels by probability; none where it has no positive.
    precision: Option<f64>,
    /// The mean log-loss of its labels.
    loss: f64,
    /// Whether all its labels are right.
    all_right: bool,
    /// Of each label, whether it is a positive and whether it counts as one.
    labels: Vec<(bool, bool)>,
}

/// `map@7`, over rows with a positive; `log_loss`, the mean of those of all labels; `micro_f1`, `macro_f1` and
/// `weighted_f1`; `subset_accuracy`, the share of the rows of which every label is right.
///
/// * `labels`: label by label.
/// * `probabilities`: row by row, one for each label.
/// * `thresholds`: from which probability each label counts as a positive.
#[must_use]
pub fn metrics(labels: &[Vec<f32>], probabilities: &[f64], thresholds: &[f64]) -> BTreeMap<&'static str, Figure> {
    replicated(labels, &[(probabilities, thresholds)]).figures(0)
}

/// The same of several models.
///
/// * `models`: the probabilities and the thresholds of each.
#[must_use]
pub fn replicated(labels: &[Vec<f32>], models: &[(&[f64], &[f64])]) -> Replicated {
    let of = |(probabilities, thresholds): &(&[f64], &[f64])| rows(labels, probabilities, thresholds);
    let (width, models) = (labels.len(), models.iter().map(of).collect::<Vec<Vec<Measured>>>());
    let measured = |weights: &[f32]| models.iter().map(|rows| weighted(rows, weights, width)).collect();
    Replicated::new(models.first().map_or(0, Vec::len), width, measured)
}

/// What is measured of each row.
fn rows(labels: &[Vec<f32>], probabilities: &[f64], thresholds: &[f64]) -> Vec<Measured> {
    let width = labels.len();
    let measured = |(row, probabilities): (usize, &[f64])| {
        let own: Vec<f32> = labels.iter().map(|labels| labels[row]).collect();
        let losses = own.iter().zip(probabilities).map(|(&label, &probability)| loss_of(label, probability));
        let said = probabilities.iter().zip(thresholds).map(|(probability, threshold)| probability >= threshold);
        let labels: Vec<(bool, bool)> = own.iter().map(|&label| label > 0.0).zip(said).collect();
        Measured {
            precision: average_precision(&own, probabilities),
            loss: losses.sum::<f64>() / width as f64,
            all_right: labels.iter().all(|(label, said)| label == said),
            labels,
        }
    };
    probabilities.par_chunks_exact(width).enumerate().map(measured).collect()
}

/// The mean, over the positives of a row, at most [`CUT_OFF`] of them, of the precision at each that is among the first
/// [`CUT_OFF`].
fn average_precision(labels: &[f32], probabilities: &[f64]) -> Option<f64> {
    let positives = labels.iter().filter(|label| **label > 0.0).count();
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    let (mut hits, mut sum) = (0.0, 0.0);
    for (place, &label) in order.iter().take(CUT_OFF).enumerate() {
        if labels[label] > 0.0 {
            hits += 1.0;
            sum += hits / (place + 1) as f64;
        }
    }
    (positives > 0).then(|| sum / positives.min(CUT_OFF) as f64)
}

/// The metrics of rows that count so often.
fn weighted(rows: &[Measured], weights: &[f32], width: usize) -> Vec<(&'static str, f64)> {
    let (mut precision, mut with_positive, mut loss, mut right, mut all) = (0.0, 0.0, 0.0, 0.0, 0.0);
    let mut counts = vec![Confusion::default(); width];
    for (row, &weight) in rows.iter().zip(weights).filter(|(_, weight)| **weight > 0.0) {
        let weight = f64::from(weight);
        if let Some(own) = row.precision {
            (precision, with_positive) = (precision + weight * own, with_positive + weight);
        }
        (loss, all) = (loss + weight * row.loss, all + weight);
        right += if row.all_right { weight } else { 0.0 };
        for (counts, &(label, said)) in counts.iter_mut().zip(&row.labels) {
            let (yes, no) = if label { (weight, 0.0) } else { (0.0, weight) };
            counts.add(yes, no, said);
        }
    }
    let all: f64 = f64::max(all, f64::MIN_POSITIVE);
    let together = counts.iter().fold(Confusion::default(), |sum, own| sum.plus(*own));
    let support = |counts: &Confusion| counts.true_positives + counts.false_negatives;
    let supports: f64 = counts.iter().map(support).sum();
    vec![
        ("map@7", precision / f64::max(with_positive, f64::MIN_POSITIVE)),
        ("log_loss", loss / all),
        ("micro_f1", together.f1()),
        ("macro_f1", counts.iter().map(|counts| counts.f1()).sum::<f64>() / width as f64),
        ("weighted_f1", counts.iter().map(|own| support(own) * own.f1()).sum::<f64>() / supports.max(1.0)),
        ("subset_accuracy", right / all),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn average_precision_is_that_of_the_textbook() {
        // Positives at the first and the third place: (1/1 + 2/3) / 2.
        assert_eq!(average_precision(&[1.0, 0.0, 1.0], &[0.9, 0.5, 0.3]), Some(f64::midpoint(1.0, 2.0 / 3.0)));
        assert_eq!(average_precision(&[0.0, 0.0], &[0.9, 0.5]), None);
    }

    #[test]
    fn f1_is_averaged_over_labels_and_over_all() {
        let labels = [vec![1.0, 0.0], vec![1.0, 1.0]];
        let found = metrics(&labels, &[0.9, 0.1, 0.8, 0.7], &[0.5, 0.5]);
        let value = |name: &str| found[name].value;
        // Of the first label one of two said is right, of the second one of two positives is found.
        assert!((value("micro_f1") - 2.0 * 2.0 / (4.0 + 1.0 + 1.0)).abs() < 1e-12);
        assert!((value("macro_f1") - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!((value("weighted_f1"), value("subset_accuracy")), (2.0 / 3.0, 0.0));
        assert_eq!(value("map@7"), f64::midpoint(1.0, 0.5));
    }
}
