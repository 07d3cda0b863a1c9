//! Turns the trees' log-odds into probabilities.
//!
//! Sources: Platt, "Probabilistic Outputs for Support Vector Machines", 1999; Zadrozny, Elkan, "Transforming Classifier
//! Scores into Accurate Multiclass Probability Estimates", KDD 2002 (isotonic).

use serde::{Deserialize, Serialize};

use crate::engine::rank::trees::probability;

/// How log-odds become probabilities.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Calibration {
    /// As they are.
    #[default]
    None,
    /// Straightened: `slope · log-odds + intercept`.
    Platt {
        /// Greater than 0, so that the order of rows stays.
        slope: f64,
        /// Added to it.
        intercept: f64,
    },
    /// By steps that only rise, with straight lines between them.
    Isotonic {
        /// Log-odds, ascending.
        at: Vec<f64>,
        /// The probability at each.
        probability: Vec<f64>,
    },
}

impl Calibration {
    /// The probability that log-odds stand for.
    #[must_use]
    pub fn probability(&self, log_odds: f32) -> f64 {
        let x = f64::from(log_odds);
        match self {
            Self::None => f64::from(probability(log_odds)),
            Self::Platt { slope, intercept } => 1.0 / (1.0 + (-(slope * x + intercept)).exp()),
            Self::Isotonic { at, probability } => {
                let after = at.partition_point(|at| *at <= x);
                match (after.checked_sub(1), at.get(after)) {
                    (None, _) => probability.first().copied().unwrap_or(0.5),
                    (Some(before), None) => probability[before],
                    (Some(before), Some(next)) => {
                        let share = (x - at[before]) / (next - at[before]);
                        probability[before] + share * (probability[after] - probability[before])
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_joined_by_straight_lines_and_end_level() {
        let steps = Calibration::Isotonic { at: vec![-1.0, 1.0], probability: vec![0.2, 0.6] };
        assert_eq!([-5.0, -1.0, 0.0, 1.0, 5.0].map(|at| steps.probability(at)), [0.2, 0.2, 0.4, 0.6, 0.6]);
        let same = Calibration::Platt { slope: 1.0, intercept: 0.0 };
        assert!((same.probability(0.7) - Calibration::None.probability(0.7)).abs() < 1e-7);
    }
}
