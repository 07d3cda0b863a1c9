//! The verdict on a command: whether it met objectives such as "p99 at most 5 ms", and the exit code that follows.

use clap::ValueEnum;
use serde::Serialize;

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table for people.
    Text,
    /// One JSON object.
    Json,
}

/// The verdict on a command; the exit code is 0 or 1. A command that can't be carried out ends with an error and exit
/// code 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All objectives and checks were met.
    Kept,
    /// An objective or a check was not met.
    Broken,
}

/// A limit for a figure of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Objective {
    /// The name of the figure.
    pub name: &'static str,
    /// The side of the limit on which the figure must be.
    pub bound: Bound,
    /// The limit.
    pub limit: f64,
    /// The figure of the run.
    pub found: f64,
    /// Whether the limit was met.
    pub kept: bool,
}

/// The allowed side of a limit; the limit itself is allowed too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// At most the limit.
    AtMost,
    /// At least the limit.
    AtLeast,
}

impl Objective {
    /// Compares a figure with its limit. NaN breaks every limit.
    #[must_use]
    pub fn new(name: &'static str, bound: Bound, limit: f64, found: f64) -> Self {
        let kept = match bound {
            Bound::AtMost => found <= limit,
            Bound::AtLeast => found >= limit,
        };
        Self { name, bound, limit, found, kept }
    }

    /// One line for people.
    #[must_use]
    pub fn line(&self) -> String {
        let word = if self.kept { "kept" } else { "BROKEN" };
        let bound = match self.bound {
            Bound::AtMost => "at most",
            Bound::AtLeast => "at least",
        };
        format!("{word}: {} {bound} {}, found {}", self.name, self.limit, (self.found * 1e6).round() / 1e6)
    }
}

/// A line for each objective.
#[must_use]
pub fn lines(objectives: &[Objective]) -> String {
    objectives.iter().map(|objective| objective.line() + "\n").collect()
}

/// Whether all objectives were met.
#[must_use]
pub fn verdict(objectives: &[Objective]) -> Verdict {
    if objectives.iter().all(|objective| objective.kept) { Verdict::Kept } else { Verdict::Broken }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_itself_is_kept_and_one_broken_objective_breaks_the_run() {
        let kept = Objective::new("p99_ms", Bound::AtMost, 5.0, 5.0);
        let broken = Objective::new("rate", Bound::AtLeast, 100.0, 99.5);
        assert_eq!(kept.line(), "kept: p99_ms at most 5, found 5");
        assert_eq!(broken.line(), "BROKEN: rate at least 100, found 99.5");
        assert_eq!(verdict(std::slice::from_ref(&kept)), Verdict::Kept);
        assert_eq!(verdict(&[kept, broken]), Verdict::Broken);
        assert_eq!(verdict(&[]), Verdict::Kept);
    }

    #[test]
    fn a_figure_that_is_no_number_is_broken() {
        assert!(!Objective::new("p99_ms", Bound::AtMost, 5.0, f64::NAN).kept);
    }
}
