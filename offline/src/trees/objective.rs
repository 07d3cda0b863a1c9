//! The objectives of boosting: gradients and curvatures of a loss, and the metric for early stopping.
//!
//! Sources: Burges, "From RankNet to LambdaRank to LambdaMART", MSR-TR-2010-82, section 4; Cao et al., "Learning to
//! Rank: From Pairwise Approach to Listwise Approach", ICML 2007 (softmax over a list).

use std::ops::Range;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use shared::engine::rank::trees::probability;

use super::Rows;
use super::metrics::weighted_log_loss;
use crate::measure::metrics::discounted_gain;

/// The cut-off of the ranking metric.
const CUT_OFF: usize = 20;

/// LambdaRank uses pairs of which at least one is among this many first ranks.
const TRUNCATION: usize = 30;

/// The loss that trees minimise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// Log-loss of each row; a label is the weight of a positive.
    Binary,
    /// LambdaRank: pairs, weighted by the change of NDCG@20 if the two were swapped.
    Lambdarank,
    /// Cross entropy of the softmax over a group.
    Softmax,
}

impl Objective {
    /// `[gradient, curvature]` of the rows of some groups, one group after the other.
    pub fn gradients(self, rows: &Rows, scores: &[f32], groups: &[Range<usize>]) -> Vec<[f32; 2]> {
        let mut gradients = vec![[0.0; 2]; groups.iter().map(Range::len).sum()];
        let mut rest = gradients.as_mut_slice();
        let mut parts: Vec<(Range<usize>, &mut [[f32; 2]])> = Vec::with_capacity(groups.len());
        for group in groups {
            let (part, after) = rest.split_at_mut(group.len());
            parts.push((group.clone(), part));
            rest = after;
        }
        parts.into_par_iter().for_each(|(range, gradients)| {
            let (labels, scores) = (&rows.labels[range.clone()], &scores[range.clone()]);
            match self {
                Self::Binary => binary(labels, scores, gradients),
                Self::Lambdarank => lambdarank(labels, scores, gradients),
                Self::Softmax => softmax(labels, scores, gradients),
            }
            if let Some(weights) = rows.weights.get(range) {
                let weighted = gradients.iter_mut().zip(weights);
                weighted.for_each(|(own, weight)| *own = own.map(|value| weight * value));
            }
        });
        gradients
    }

    /// The metric for early stopping, higher is better: NDCG@20, or the negative log-loss for [`Objective::Binary`] in
    /// groups of one row.
    #[must_use]
    pub fn metric(self, rows: &Rows, scores: &[f32]) -> f64 {
        let groups = rows.groups.len().saturating_sub(1).max(1) as f64;
        if self == Self::Binary && rows.groups.len() == rows.len() + 1 {
            return -weighted_log_loss(&rows.labels, scores, &rows.weights);
        }
        let of_group = |bounds: &[usize]| ndcg(&rows.labels[bounds[0]..bounds[1]], &scores[bounds[0]..bounds[1]]);
        let each: Vec<f64> = rows.groups.par_windows(2).map(of_group).collect();
        each.iter().sum::<f64>() / groups
    }
}

fn binary(labels: &[f32], scores: &[f32], gradients: &mut [[f32; 2]]) {
    for ((gradient, &label), &score) in gradients.iter_mut().zip(labels).zip(scores) {
        let p = probability(score);
        let weight = if label > 0.0 { label } else { 1.0 };
        *gradient = [weight * (p - f32::from(u8::from(label > 0.0))), weight * p * (1.0 - p)];
    }
}

fn softmax(labels: &[f32], scores: &[f32], gradients: &mut [[f32; 2]]) {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f32 = scores.iter().map(|score| (score - largest).exp()).sum();
    let weight: f32 = labels.iter().sum();
    for ((gradient, &label), &score) in gradients.iter_mut().zip(labels).zip(scores) {
        let p = (score - largest).exp() / total;
        *gradient = [weight * p - label, weight * p * (1.0 - p)];
    }
}

/// The positions sorted by score, best first; ties keep their order.
fn order(scores: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    order
}

fn ideal(labels: &[f32]) -> f64 {
    let mut gains = labels.to_vec();
    gains.sort_by(|a, b| b.total_cmp(a));
    gains.iter().take(CUT_OFF).enumerate().map(|(place, &gain)| f64::from(gain) * discounted_gain(place)).sum()
}

fn ndcg(labels: &[f32], scores: &[f32]) -> f64 {
    let found: f64 = order(scores)
        .iter()
        .take(CUT_OFF)
        .enumerate()
        .map(|(place, &at)| f64::from(labels[at]) * discounted_gain(place))
        .sum();
    found / ideal(labels).max(f64::MIN_POSITIVE)
}

fn lambdarank(labels: &[f32], scores: &[f32], gradients: &mut [[f32; 2]]) {
    gradients.fill([0.0; 2]);
    let ideal = ideal(labels);
    if ideal <= 0.0 {
        return;
    }
    let order = order(scores);
    let spread = scores[order[0]] - scores[order[order.len() - 1]];
    let mut total = 0.0;
    for (place, &positive) in order.iter().enumerate() {
        if labels[positive] <= 0.0 {
            continue;
        }
        for (other_place, &other) in order.iter().enumerate() {
            let gain = f64::from(labels[positive] - labels[other]);
            if gain <= 0.0 || place.min(other_place) >= TRUNCATION {
                continue;
            }
            let difference = scores[positive] - scores[other];
            let mut change = gain * (discounted_gain(place) - discounted_gain(other_place)).abs() / ideal;
            if spread > 0.0 {
                // A pair whose scores are already far apart gets a smaller weight.
                change /= 0.01 + f64::from(difference.abs());
            }
            let p = probability(-difference);
            let (pull, curvature) = (change as f32 * p, change as f32 * p * (1.0 - p));
            gradients[positive][0] -= pull;
            gradients[positive][1] += curvature;
            gradients[other][0] += pull;
            gradients[other][1] += curvature;
            total += 2.0 * pull;
        }
    }
    if total > 0.0 {
        // A group with many wrong pairs gets more weight than one with few, but less than in proportion.
        let norm = (1.0 + total).log2() / total;
        gradients.iter_mut().flatten().for_each(|value| *value *= norm);
    }
}

#[cfg(test)]
mod tests {
    use super::super::metrics::log_loss_of;
    use super::*;

    #[test]
    fn gradients_are_the_slopes_of_the_losses() {
        let (labels, scores) = ([0.0, 1.0, 0.0], [0.3, -0.2, 1.0]);
        let softmax_loss = |scores: &[f32; 3]| {
            let total: f64 = scores.iter().map(|&score| f64::from(score).exp()).sum();
            total.ln() - f64::from(scores[1])
        };
        let binary_loss =
            |scores: &[f32; 3]| labels.iter().zip(scores).map(|(&label, &score)| log_loss_of(label, score)).sum();
        let mut gradients = [[0.0; 2]; 3];
        type Fill = fn(&[f32], &[f32], &mut [[f32; 2]]);
        type Loss<'a> = &'a dyn Fn(&[f32; 3]) -> f64;
        let losses: [(Fill, Loss<'_>); 2] = [(softmax, &softmax_loss), (binary, &binary_loss)];
        for (fill, loss) in losses {
            fill(&labels, &scores, &mut gradients);
            for at in 0..3 {
                let (mut up, mut down) = (scores, scores);
                up[at] += 0.01;
                down[at] -= 0.01;
                let slope = (loss(&up) - loss(&down)) / 0.02;
                assert!((slope - f64::from(gradients[at][0])).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn a_positive_at_the_second_place_has_ndcg_1_over_log2_3() {
        assert!((ndcg(&[0.0, 1.0], &[2.0, 1.0]) - 1.0 / 3f64.log2()).abs() < 1e-9);
    }
}
