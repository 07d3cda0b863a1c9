//! The outcome of the gate: the rule that decides, and the record that goes into the manifest.

use serde::Serialize;
use shared::contract::api::Seen;

use super::{CUT_OFF, METRIC};
use crate::config::changes::Changes;
use crate::config::{Config, Settings};
use crate::measure::evaluate::bootstrap::Difference;
use crate::measure::evaluate::{Evaluation, Task};

/// The decision about the new settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The new settings are served from now on.
    Promoted,
    /// The champion's settings stay.
    Challenger,
}

/// A contest: both sides, their figures and the verdict.
#[derive(Debug, Clone, Serialize)]
pub struct Contest {
    /// How the contest ended.
    pub verdict: Verdict,
    /// The version that was the champion.
    pub against: String,
    /// The task: the new settings' `blend.objective`.
    pub task: Task,
    /// The seen policy: the new settings' `blend.seen`.
    pub seen: Seen,
    /// The figure that was compared.
    pub metric: &'static str,
    /// The number of questions.
    pub cases: usize,
    /// The time of the first held-out event, milliseconds since the epoch.
    pub held_out_from_ms: i64,
    /// The figure under the champion's settings.
    pub champion: f64,
    /// The figure under the new ones.
    pub new: f64,
    /// The new figure minus the champion's, with its interval.
    pub difference: Difference,
    /// The share of the champion's figure that may be lost.
    pub tolerance: f64,
    /// The settings that differ: the champion's value and the new one.
    pub settings: Changes,
    /// The settings of reading the log that differ: both sides used the new values.
    pub reading: Changes,
}

/// Why there was no contest; the new settings are then served.
#[derive(Debug, Clone)]
pub enum Uncontested {
    /// Nothing has been published.
    NoChampion,
    /// This build can't read the champion's settings, and so can't train it again.
    Unreadable {
        /// The champion.
        against: String,
        /// Why it can't be read.
        reason: String,
    },
    /// The champion was made with the same settings.
    Same {
        /// The champion.
        against: String,
        /// The settings of reading the log that differ.
        reading: Changes,
    },
    /// No window can be cut from the end of the log.
    NoWindow {
        /// The champion.
        against: String,
    },
    /// The window has too few questions.
    TooFewCases {
        /// The champion.
        against: String,
        /// How many it has.
        cases: usize,
        /// How many are needed.
        needed: usize,
    },
}

/// The outcome of the gate.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Nothing was measured; the new settings win.
    Uncontested(Uncontested),
    /// Both were measured.
    Contested {
        /// How the contest ended.
        contest: Box<Contest>,
        /// The champion's settings.
        champion: Box<Config>,
    },
}

/// New settings stay a challenger if they are significantly worse than the tolerance allows: if the whole 95% interval
/// of the difference lies below `-tolerance` times the champion's figure.
///
/// The interval keeps small windows from rejecting settings that they can't tell apart; the tolerance keeps large ones
/// from rejecting settings for a certain but negligible difference.
#[must_use]
pub fn verdict(champion: f64, difference: &Difference, tolerance: f64) -> Verdict {
    if difference.interval.high < -tolerance * champion { Verdict::Challenger } else { Verdict::Promoted }
}

impl Contest {
    /// Compares two sides that were measured on the same questions.
    pub(super) fn new(
        against: String,
        [first, second]: [&Evaluation; 2],
        new: &Settings,
        settings: Changes,
        reading: Changes,
        held_out_from_ms: i64,
    ) -> Self {
        let difference = first.difference(second, &[CUT_OFF])[METRIC];
        let (learn, tolerance) = (&new.learn, new.run.gate.tolerance);
        let [champion, challenger] = [first, second].map(|side| side.results[0].figures[METRIC]);
        Self {
            verdict: verdict(champion, &difference, tolerance),
            against,
            task: learn.blend.objective,
            seen: learn.blend.seen,
            metric: METRIC,
            cases: first.results[0].cases,
            held_out_from_ms,
            champion,
            new: challenger,
            difference,
            tolerance,
            settings,
            reading,
        }
    }
}

impl Outcome {
    /// The settings to train on the whole log.
    #[must_use]
    pub fn winner<'a>(&'a self, new: &'a Config) -> &'a Config {
        match self {
            Self::Contested { contest, champion } if contest.verdict == Verdict::Challenger => champion,
            _ => new,
        }
    }

    /// The decision, if there was a contest.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        match self {
            Self::Contested { contest, .. } => Some(contest.verdict),
            Self::Uncontested(_) => None,
        }
    }

    /// The record for the metrics in the manifest of the published version.
    #[must_use]
    pub fn metrics(&self) -> serde_json::Value {
        match self {
            Self::Contested { contest, .. } => serde_json::json!({ "contest": contest }),
            Self::Uncontested(_) => serde_json::Value::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::evaluate::bootstrap::Interval;

    fn difference(mean: f64, half: f64) -> Difference {
        Difference { mean, interval: Interval { low: mean - half, high: mean + half }, p: 0.5 }
    }

    #[test]
    fn worse_beyond_the_tolerance_and_beyond_chance_stays_a_challenger() {
        // 1% of 0.4 is 0.004.
        assert_eq!(verdict(0.4, &difference(-0.007, 0.002), 0.01), Verdict::Challenger);
        assert_eq!(verdict(0.4, &difference(-0.2, 0.01), 0.01), Verdict::Challenger);
    }

    #[test]
    fn worse_within_the_tolerance_is_promoted_however_certain() {
        assert_eq!(verdict(0.4, &difference(-0.003, 0.0001), 0.01), Verdict::Promoted);
        assert_eq!(verdict(0.4, &difference(-0.003, 0.0001), 0.0), Verdict::Challenger);
    }

    #[test]
    fn worse_by_what_may_be_chance_is_promoted() {
        assert_eq!(verdict(0.4, &difference(-0.02, 0.03), 0.01), Verdict::Promoted);
        assert_eq!(verdict(0.4, &difference(-0.005, 0.002), 0.01), Verdict::Promoted);
    }

    #[test]
    fn equal_and_better_are_promoted_even_without_tolerance() {
        assert_eq!(verdict(0.4, &difference(0.0, 0.0), 0.0), Verdict::Promoted);
        assert_eq!(verdict(0.4, &difference(0.01, 0.001), 0.0), Verdict::Promoted);
        assert_eq!(verdict(0.0, &difference(0.0, 0.0), 0.01), Verdict::Promoted);
    }
}
