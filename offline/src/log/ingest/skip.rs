//! The rules for rows that are no interactions.

use regex::Regex;

use super::IngestError;
use super::settings::SkipRule;

/// A compiled rule.
pub struct Rule {
    /// The column that it is about.
    pub column: String,
    /// The reason under which rows are counted.
    pub reason: String,
    condition: Condition,
}

enum Condition {
    StartsWith(String),
    Below(f64),
    NotMatching(Regex),
}

impl Rule {
    /// Compiles a rule.
    ///
    /// # Errors
    /// [`IngestError::Setting`] if it has not exactly one condition, or the expression is none.
    pub fn of(rule: &SkipRule) -> Result<Self, IngestError> {
        let wrong = |what: &dyn std::fmt::Display| IngestError::Setting(format!("skip rule `{}`: {what}", rule.reason));
        let condition = match (&rule.starts_with, rule.below, &rule.not_matching) {
            (Some(prefix), None, None) => Condition::StartsWith(prefix.clone()),
            (None, Some(bound), None) => Condition::Below(bound),
            (None, None, Some(pattern)) => Condition::NotMatching(Regex::new(pattern).map_err(|error| wrong(&error))?),
            _ => return Err(wrong(&"give exactly one of starts_with, below, not_matching")),
        };
        Ok(Self { column: rule.column.clone(), reason: rule.reason.clone(), condition })
    }

    /// Whether a row with this value is skipped.
    #[must_use]
    pub fn skips(&self, value: Option<&str>) -> bool {
        match &self.condition {
            Condition::StartsWith(prefix) => value.is_some_and(|value| value.starts_with(prefix.as_str())),
            Condition::Below(bound) => {
                value.and_then(|value| value.parse::<f64>().ok()).is_some_and(|value| value < *bound)
            }
            Condition::NotMatching(pattern) => !pattern.is_match(value.unwrap_or_default()),
        }
    }
}
