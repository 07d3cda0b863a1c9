//! Checks every value of a config that its type does not restrict enough.

use std::ops::RangeInclusive;
use std::path::Path;

use shared::contract::name::is_plain;
use shared::engine::tabular::live::Remember;
use shared::engine::tabular::manifest::Serve;

use super::{ColumnConfig, DerivedConfig, Learn, ModelConfig, ModelConfigError, Past, PositiveWeight, Role, SplitBy};
use crate::score::threshold::Goal;
use crate::trees::Objective;

impl ModelConfig {
    /// A column of which something is declared that can't be.
    fn wrong_column(&self) -> Option<(String, &'static str)> {
        let wrong = |(name, column): (&String, &ColumnConfig)| {
            let declared = column.declared();
            let what = if *name == self.label {
                "is the label, which has no role"
            } else if declared.role == Role::Ordinal && declared.levels.is_empty() {
                "needs its levels, ascending"
            } else if declared.only && declared.levels.is_empty() {
                "needs its levels, for only = true"
            } else if declared.range.is_some_and(|[low, high]| low.is_nan() || high.is_nan() || low > high) {
                "needs a range of the smallest and the largest number"
            } else if declared.monotone.is_some() && !matches!(declared.role, Role::Number | Role::Ordinal) {
                "is neither number nor ordinal, which alone may be monotone"
            } else if declared.monotone.is_some() && self.label.is_empty() {
                "can't be monotone where several labels are learnt"
            } else {
                return None;
            };
            Some((format!("{name:?}"), what))
        };
        self.columns.iter().find_map(wrong)
    }

    pub(super) fn check(&self, path: &Path) -> Result<(), ModelConfigError> {
        let refuse =
            |key, value: String, must| Err(ModelConfigError::Value { path: path.to_owned(), key, value, must });
        if !is_plain(&self.name) {
            return refuse("name", format!("{:?}", self.name), "must be 1 to 64 letters, digits, - and _");
        }
        match (self.label.is_empty(), self.labels.is_empty()) {
            (true, true) => return refuse("label", "\"\"".to_owned(), "must name the column that is learnt"),
            (false, false) => return refuse("labels", format!("{:?}", self.labels), "must be empty beside `label`"),
            _ => {}
        }
        if self.label.is_empty() && !self.positive.is_empty() {
            return refuse(
                "positive",
                format!("{:?}", self.positive),
                "must be empty for several labels of yes and no",
            );
        }
        let panel = &self.panel;
        let counts = self.derived.values().any(|by| matches!(by, DerivedConfig::Count(_)));
        if panel.key.is_empty() && (!panel.previous.is_empty() || panel.learn != Learn::Values) {
            return refuse("panel.key", "\"\"".to_owned(), "must name the column whose rows follow each other");
        }
        if (!panel.key.is_empty() || counts) && self.time.is_empty() {
            return refuse("time", "\"\"".to_owned(), "must name the column of times, to tell what was before");
        }
        if !panel.key.is_empty() && panel.previous.is_empty() && panel.learn == Learn::Values {
            return refuse("panel.previous", "[]".to_owned(), "must name the columns that are remembered");
        }
        let told = match self.remember {
            Remember::Trained => None,
            Remember::Sent if panel.key.is_empty() && !counts => {
                Some(("\"sent\"", "needs [panel] or a count, to have something to remember"))
            }
            Remember::Scored if !counts => {
                Some(("\"scored\"", "needs a count in [derived]: nothing else is of scored rows"))
            }
            Remember::Sent | Remember::Scored => None,
        };
        if let Some((value, must)) = told {
            return refuse("remember", value.to_owned(), must);
        }
        if panel.learn != Learn::Values && !panel.past.contains(&Past::Previous) {
            let must = "must have \"previous\", which says what is an addition";
            return refuse("panel.past", format!("{:?}", panel.past), must);
        }
        if let Some((column, what)) = self.wrong_column() {
            return refuse("columns", column, what);
        }
        if let PositiveWeight::Times(times) = self.weights.positive
            && !(times > 0.0 && times.is_finite())
        {
            return refuse("weights.positive", times.to_string(), "must be above 0, or \"balanced\"");
        }
        match self.threshold {
            Goal::Precision { at_least } | Goal::Recall { at_least } if !(0.0..=1.0).contains(&at_least) => {
                return refuse("threshold.at_least", at_least.to_string(), "must be 0 to 1");
            }
            Goal::Fixed { at } if !(0.0..=1.0).contains(&at) => {
                return refuse("threshold.at", at.to_string(), "must be 0 to 1");
            }
            Goal::Costs { false_negative, false_positive }
                if !(false_negative > 0.0 && false_positive > 0.0 && (false_negative + false_positive).is_finite()) =>
            {
                let costs = format!("{false_negative} and {false_positive}");
                return refuse("threshold", costs, "costs must be above 0");
            }
            _ => {}
        }
        if let Some(path) = self.serve.as_ref().map(Serve::path).filter(|path| !is_free(path)) {
            return refuse("serve.path", format!("{path:?}"), "must begin with / and be no path of the service itself");
        }
        let within = |bound: &f64| *bound > 0.0 && *bound <= 1.0;
        if !self.buckets.iter().all(within) || !self.buckets.is_sorted_by(|a, b| a < b) || self.buckets.len() > 100 {
            let must = "must be at most 100 bounds, ascending, above 0 and up to 1";
            return refuse("buckets", format!("{:?}", self.buckets), must);
        }
        if jiff::tz::TimeZone::get(&self.time_zone).is_err() {
            return refuse("time_zone", format!("{:?}", self.time_zone), "must be a time zone, such as Europe/Berlin");
        }
        match self.split.by {
            SplitBy::Column if self.split.column.is_empty() => {
                return refuse("split.column", "\"\"".to_owned(), "must name the column, for split.by = \"column\"");
            }
            SplitBy::Time if self.time.is_empty() => {
                return refuse("time", "\"\"".to_owned(), "must name the column of times, for split.by = \"time\"");
            }
            _ => {}
        }
        if self.trees.objective != Objective::Binary {
            return refuse("trees.objective", format!("{:?}", self.trees.objective), "is of rankers; leave it out");
        }
        let (split, features, trees) = (&self.split, &self.features, &self.trees);
        let counts: [(&str, usize, RangeInclusive<usize>, &str); 7] = [
            ("members", self.members, 1..=64, "must be 1 to 64"),
            ("features.one_hot", features.one_hot, 0..=1000, "must be 0 to 1000"),
            ("features.number_levels", features.number_levels, 0..=10_000, "must be 0 to 10000"),
            ("features.pairs", features.pairs, 0..=1000, "must be 0 to 1000"),
            ("trees.trees", trees.trees, 1..=100_000, "must be 1 to 100000"),
            ("trees.depth", trees.depth, 1..=10, "must be 1 to 10"),
            ("trees.bins", trees.bins, 2..=256, "must be 2 to 256"),
        ];
        for (key, value, range, must) in counts {
            if !range.contains(&value) {
                return refuse(key, value.to_string(), must);
            }
        }
        let numbers: [(&str, f64, RangeInclusive<f64>, &str); 9] = [
            ("max_reject_share", self.max_reject_share, 0.0..=1.0, "must be 0 to 1"),
            ("split.valid", split.valid, 0.01..=0.5, "must be 0.01 to 0.5"),
            ("split.test", split.test, 0.01..=0.5, "must be 0.01 to 0.5"),
            ("features.smoothing", features.smoothing, 0.001..=1e6, "must be 0.001 to 1000000"),
            ("trees.learning_rate", trees.learning_rate, 1e-4..=1.0, "must be 0.0001 to 1"),
            ("trees.l2", trees.l2, 0.0..=1e6, "must be 0 to 1000000"),
            ("trees.largest_step", trees.largest_step, 0.01..=100.0, "must be 0.01 to 100"),
            ("trees.row_share", trees.row_share, 0.01..=1.0, "must be 0.01 to 1"),
            ("trees.feature_share", trees.feature_share, 0.01..=1.0, "must be 0.01 to 1"),
        ];
        for (key, value, range, must) in numbers {
            if !range.contains(&value) {
                return refuse(key, value.to_string(), must);
            }
        }
        Ok(())
    }
}

/// Whether a path is a path, and none of the service itself.
fn is_free(path: &str) -> bool {
    const OWN: [&str; 12] = [
        "docs",
        "events",
        "health",
        "items",
        "metrics",
        "model",
        "models",
        "openapi.json",
        "popular",
        "ready",
        "recommendations",
        "reports",
    ];
    let letters = |letter: char| letter.is_ascii_alphanumeric() || "/-_.~".contains(letter);
    let first = path.strip_prefix('/').and_then(|path| path.split('/').next()).unwrap_or_default();
    !first.is_empty() && !path.ends_with('/') && path.chars().all(letters) && first != "users" && !OWN.contains(&first)
}
