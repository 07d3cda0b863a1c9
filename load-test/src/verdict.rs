//! Whether a run kept what was asked of it: objectives such as "p99 at most 5 ms", and the exit code that follows.

use clap::ValueEnum;
use serde::Serialize;

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// How a command ended; the exit code is 0 or 1. What could not be done at all is an error, with exit code 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Everything asked for was kept.
    Kept,
    /// An objective or a check was broken.
    Broken,
}

/// A limit that a run had to keep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Objective {
    /// What is limited.
    pub name: &'static str,
    /// On which side of the limit the figure has to be.
    pub bound: Bound,
    /// The limit.
    pub limit: f64,
    /// The figure of the run.
    pub found: f64,
    /// Whether it was kept.
    pub kept: bool,
}

/// The side of a limit that is allowed; the limit itself is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Below.
    AtMost,
    /// Above.
    AtLeast,
}

impl Objective {
    /// Compares a figure with its limit. A figure that is no number breaks it.
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

/// Whether all objectives were kept.
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
