//! Chooses the probability from which a row counts as a positive, on validation rows.
//!
//! Cost: one sort of the rows.

use serde::{Deserialize, Serialize};

/// By what a threshold is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case", try_from = "Written")]
pub enum Goal {
    /// The largest F1.
    F1,
    /// The largest F1 over all labels, with one threshold for all.
    MicroF1 {
        /// The rows that are looked at.
        among: Among,
    },
    /// This one, whatever the rows say.
    Fixed {
        /// The probability.
        at: f64,
    },
    /// The largest recall of those with at least this precision.
    Precision {
        /// At least this.
        at_least: f64,
    },
    /// The largest precision of those with at least this recall.
    Recall {
        /// At least this.
        at_least: f64,
    },
    /// The smallest cost.
    Costs {
        /// Of a positive that is taken for a negative.
        false_negative: f64,
        /// Of a negative that is taken for a positive.
        false_positive: f64,
    },
}

/// A goal as it is written: layers of configs leave keys of other goals behind, which are passed over.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    by: By,
    #[serde(default)]
    among: Among,
    at: Option<f64>,
    at_least: Option<f64>,
    false_negative: Option<f64>,
    false_positive: Option<f64>,
}

/// The names of goals.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum By {
    F1,
    MicroF1,
    Fixed,
    Precision,
    Recall,
    Costs,
}

impl TryFrom<Written> for Goal {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { by, among, at, at_least, false_negative, false_positive } = written;
        let needed = |value: Option<f64>, key: &str| value.ok_or_else(|| format!("missing field `{key}`"));
        Ok(match by {
            By::F1 => Self::F1,
            By::MicroF1 => Self::MicroF1 { among },
            By::Fixed => Self::Fixed { at: needed(at, "at")? },
            By::Precision => Self::Precision { at_least: needed(at_least, "at_least")? },
            By::Recall => Self::Recall { at_least: needed(at_least, "at_least")? },
            By::Costs => Self::Costs {
                false_negative: needed(false_negative, "false_negative")?,
                false_positive: needed(false_positive, "false_positive")?,
            },
        })
    }
}

/// Which rows a threshold of several labels is chosen by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Among {
    /// All.
    #[default]
    All,
    /// Those that are a positive of any label: for those of whom it is known that they take something.
    Positives,
}

/// The counts of a threshold.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Confusion {
    /// Positives at or above it.
    pub true_positives: f64,
    /// Negatives at or above it.
    pub false_positives: f64,
    /// Positives below it.
    pub false_negatives: f64,
}

impl Confusion {
    /// Adds positives and negatives that are above the threshold, or not.
    pub(super) fn add(&mut self, yes: f64, no: f64, above: bool) {
        if above {
            (self.true_positives, self.false_positives) = (self.true_positives + yes, self.false_positives + no);
        } else {
            self.false_negatives += yes;
        }
    }

    /// The counts of both.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            true_positives: self.true_positives + other.true_positives,
            false_positives: self.false_positives + other.false_positives,
            false_negatives: self.false_negatives + other.false_negatives,
        }
    }

    /// The share of positives among those at or above; 0 where there are none.
    #[must_use]
    pub fn precision(self) -> f64 {
        self.true_positives / (self.true_positives + self.false_positives).max(1.0)
    }

    /// The share of the positives at or above.
    #[must_use]
    pub fn recall(self) -> f64 {
        self.true_positives / (self.true_positives + self.false_negatives).max(1.0)
    }

    /// The harmonic mean of both.
    #[must_use]
    pub fn f1(self) -> f64 {
        2.0 * self.true_positives / (2.0 * self.true_positives + self.false_positives + self.false_negatives).max(1.0)
    }

    /// How good it is by a goal, higher is better; what misses a bound is below all that meet it.
    fn worth(self, goal: Goal) -> f64 {
        let bounded =
            |bound: f64, at_least: f64, other: f64| if bound >= at_least { 1.0 + other } else { bound - at_least };
        match goal {
            Goal::F1 | Goal::MicroF1 { .. } | Goal::Fixed { .. } => self.f1(),
            Goal::Precision { at_least } => bounded(self.precision(), at_least, self.recall()),
            Goal::Recall { at_least } => bounded(self.recall(), at_least, self.precision()),
            Goal::Costs { false_negative, false_positive } => {
                -(false_negative * self.false_negatives + false_positive * self.false_positives)
            }
        }
    }
}

/// The threshold that is best by a goal: halfway between two probabilities of rows, or above all.
#[must_use]
pub fn choose(labels: &[f32], probabilities: &[f64], goal: Goal) -> f64 {
    if let Goal::Fixed { at } = goal {
        return at;
    }
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    let positives = labels.iter().filter(|label| **label > 0.0).count() as f64;
    let mut counts = Confusion { false_negatives: positives, ..Confusion::default() };
    let (mut best, mut threshold) = (counts.worth(goal), 1.0);
    for (place, &row) in order.iter().enumerate() {
        if labels[row] > 0.0 {
            (counts.true_positives, counts.false_negatives) =
                (counts.true_positives + 1.0, counts.false_negatives - 1.0);
        } else {
            counts.false_positives += 1.0;
        }
        let own = probabilities[row];
        let next = order.get(place + 1).map_or(0.0, |&next| probabilities[next]);
        if next < own && counts.worth(goal) > best {
            (best, threshold) = (counts.worth(goal), f64::midpoint(own, next));
        }
    }
    threshold
}

/// A bound of a goal that no threshold reaches.
#[derive(Debug, Clone, PartialEq)]
pub struct Missed {
    /// What is bound: precision or recall.
    pub what: &'static str,
    /// What the goal asks for.
    pub at_least: f64,
    /// The threshold that comes nearest.
    pub threshold: f64,
    /// What it reaches.
    pub reached: f64,
}

/// What a threshold that was chosen by a goal misses of it.
#[must_use]
pub fn missed(labels: &[f32], probabilities: &[f64], threshold: f64, goal: Goal) -> Option<Missed> {
    let mut counts = Confusion::default();
    for (&label, &probability) in labels.iter().zip(probabilities) {
        let (yes, no) = if label > 0.0 { (1.0, 0.0) } else { (0.0, 1.0) };
        counts.add(yes, no, probability >= threshold);
    }
    let (what, at_least, reached) = match goal {
        Goal::Precision { at_least } => ("precision", at_least, counts.precision()),
        Goal::Recall { at_least } => ("recall", at_least, counts.recall()),
        Goal::F1 | Goal::MicroF1 { .. } | Goal::Fixed { .. } | Goal::Costs { .. } => return None,
    };
    (reached < at_least).then_some(Missed { what, at_least, threshold, reached })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [f32; 5] = [1.0, 0.0, 1.0, 0.0, 0.0];
    const PROBABILITIES: [f64; 5] = [0.9, 0.8, 0.6, 0.4, 0.2];

    #[test]
    fn a_threshold_lies_halfway_between_two_rows() {
        // Three at or above, two of them positive: F1 is 2·2 / (2·2 + 1 + 0).
        assert_eq!(choose(&LABELS, &PROBABILITIES, Goal::F1), 0.5);
        assert_eq!(choose(&LABELS, &PROBABILITIES, Goal::Precision { at_least: 0.9 }), f64::midpoint(0.9, 0.8));
        assert_eq!(choose(&LABELS, &PROBABILITIES, Goal::Recall { at_least: 1.0 }), 0.5);
        assert_eq!(choose(&LABELS, &PROBABILITIES, Goal::Fixed { at: 0.3 }), 0.3);
    }

    #[test]
    fn a_bound_that_no_threshold_reaches_is_told_with_what_is_reached() {
        // The most probable row is a negative: two of the first three are positives at best.
        let (labels, probabilities) = ([0.0, 1.0, 1.0, 0.0], [0.9, 0.8, 0.6, 0.4]);
        let found = |goal| missed(&labels, &probabilities, choose(&labels, &probabilities, goal), goal);
        let expected = Missed { what: "precision", at_least: 0.9, threshold: 0.5, reached: 2.0 / 3.0 };
        assert_eq!(found(Goal::Precision { at_least: 0.9 }), Some(expected));
        assert_eq!(found(Goal::Precision { at_least: 0.6 }), None);
        assert_eq!(found(Goal::Recall { at_least: 1.0 }), None);
        let none = missed(&[0.0; 2], &[0.9, 0.1], 1.0, Goal::Recall { at_least: 0.5 });
        assert_eq!(none.map(|missed| missed.reached), Some(0.0));
    }

    #[test]
    fn dear_misses_lower_it_and_dear_alarms_raise_it() {
        let costs = |false_negative, false_positive| Goal::Costs { false_negative, false_positive };
        assert_eq!(choose(&LABELS, &PROBABILITIES, costs(10.0, 1.0)), 0.5);
        assert_eq!(choose(&LABELS, &PROBABILITIES, costs(1.0, 10.0)), f64::midpoint(0.9, 0.8));
        assert_eq!(choose(&[0.0, 0.0], &[0.9, 0.1], costs(1.0, 1.0)), 1.0);
    }
}
