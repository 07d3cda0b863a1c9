//! Metrics of binary predictions: log-loss and the area under the ROC curve.

use rayon::prelude::*;

/// The mean log-loss of scores that are log-odds; a label above 0 is a positive.
#[must_use]
pub fn log_loss(labels: &[f32], scores: &[f32]) -> f64 {
    let losses: Vec<f64> = labels.par_iter().zip(scores).map(|(&label, &score)| log_loss_of(label, score)).collect();
    losses.iter().sum::<f64>() / losses.len().max(1) as f64
}

/// The same of rows that count so much each; empty: all alike.
#[must_use]
pub fn weighted_log_loss(labels: &[f32], scores: &[f32], weights: &[f32]) -> f64 {
    if weights.is_empty() {
        return log_loss(labels, scores);
    }
    let rows = labels.par_iter().zip(scores).zip(weights);
    let losses: Vec<f64> =
        rows.map(|((&label, &score), &weight)| f64::from(weight) * log_loss_of(label, score)).collect();
    let all: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
    losses.iter().sum::<f64>() / all.max(f64::MIN_POSITIVE)
}

/// The log-loss of one row.
pub fn log_loss_of(label: f32, score: f32) -> f64 {
    let margin = if label > 0.0 { -score } else { score };
    f64::from(margin.max(0.0)) + f64::from((-margin.abs()).exp()).ln_1p()
}

/// The area under the ROC curve: the share of pairs of a positive and a negative in which the positive has the higher
/// score; a tie counts one half. 0.5 if there are no pairs.
#[must_use]
pub fn auc(labels: &[f32], scores: &[f32]) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.par_sort_unstable_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let (mut below, mut positives, mut won) = (0.0, 0.0, 0.0);
    for equal in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let yes = equal.iter().filter(|&&row| labels[row] > 0.0).count() as f64;
        let no = equal.len() as f64 - yes;
        won += yes * (below + no / 2.0);
        below += no;
        positives += yes;
    }
    if positives * below > 0.0 { won / (positives * below) } else { 0.5 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_of_four_pairs_in_order_are_an_area_of_three_quarters_and_a_tie_is_half() {
        assert_eq!(auc(&[0.0, 1.0, 0.0, 1.0], &[0.1, 0.2, 0.3, 0.4]), 0.75);
        assert_eq!(auc(&[0.0, 1.0], &[0.5, 0.5]), 0.5);
        assert_eq!(auc(&[1.0, 1.0], &[0.1, 0.5]), 0.5);
    }

    #[test]
    fn even_odds_cost_ln_2_and_the_far_wrong_side_its_distance() {
        assert!((log_loss(&[0.0, 1.0], &[0.0, 0.0]) - 2f64.ln()).abs() < 1e-9);
        assert!((log_loss(&[1.0], &[-50.0]) - 50.0).abs() < 1e-6);
        assert!((weighted_log_loss(&[1.0, 0.0], &[-50.0, -50.0], &[1.0, 3.0]) - 12.5).abs() < 1e-6);
    }
}
