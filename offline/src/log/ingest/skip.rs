//! The rules for rows that are no interactions.

use std::sync::{LazyLock, Mutex, PoisonError};

use hashbrown::HashMap;
use regex::Regex;
use shared::contract::kind::{KindIdx, Kinds};

use super::IngestError;
use super::settings::SkipRule;

/// A compiled rule.
pub struct Rule {
    /// The column that it is about.
    pub column: String,
    /// The reason under which rows are counted.
    pub reason: String,
    /// The kind of the rows that it is about; all if it is absent.
    pub kind: Option<KindIdx>,
    condition: Condition,
}

enum Condition {
    StartsWith(String),
    Below(f64),
    Matching(Regex, Option<Regex>),
    NotMatching(Regex),
}

/// An expression, compiled once: thousands of files have the rules of one schema.
fn compiled(pattern: &str) -> Result<Regex, regex::Error> {
    static COMPILED: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);
    let mut known = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(regex) = known.get(pattern) {
        return Ok(regex.clone());
    }
    let regex = Regex::new(pattern)?;
    known.insert(pattern.to_owned(), regex.clone());
    Ok(regex)
}

impl Rule {
    /// Compiles a rule.
    ///
    /// # Errors
    /// [`IngestError::Setting`] if it has not exactly one condition, the expression is none, or there is no such kind.
    pub fn of(rule: &SkipRule, kinds: &Kinds) -> Result<Self, IngestError> {
        let wrong = |what: &dyn std::fmt::Display| IngestError::Setting(format!("skip rule `{}`: {what}", rule.reason));
        let expression = |pattern: &str| compiled(pattern).map_err(|error| wrong(&error));
        if rule.unless.is_some() && rule.matching.is_none() {
            return Err(wrong(&"unless takes values out of matching, and there is no matching"));
        }
        let condition = match (&rule.starts_with, rule.below, &rule.matching, &rule.not_matching) {
            (Some(prefix), None, None, None) => Condition::StartsWith(prefix.clone()),
            (None, Some(bound), None, None) => Condition::Below(bound),
            (None, None, Some(pattern), None) => {
                let unless = rule.unless.as_deref().map(expression).transpose()?;
                Condition::Matching(expression(pattern)?, unless)
            }
            (None, None, None, Some(pattern)) => Condition::NotMatching(expression(pattern)?),
            _ => return Err(wrong(&"give exactly one of starts_with, below, matching, not_matching")),
        };
        let kind = |name: &String| kinds.index(name).ok_or_else(|| wrong(&format!("there is no kind `{name}`")));
        let kind = rule.kind.as_ref().map(kind).transpose()?;
        Ok(Self { column: rule.column.clone(), reason: rule.reason.clone(), kind, condition })
    }

    /// Whether a row with this value is skipped.
    #[must_use]
    pub fn skips(&self, value: Option<&str>) -> bool {
        match &self.condition {
            Condition::StartsWith(prefix) => value.is_some_and(|value| value.starts_with(prefix.as_str())),
            Condition::Below(bound) => {
                value.and_then(|value| value.parse::<f64>().ok()).is_some_and(|value| value < *bound)
            }
            Condition::Matching(pattern, unless) => value.map(str::trim).is_some_and(|value| {
                pattern.is_match(value) && !unless.as_ref().is_some_and(|unless| unless.is_match(value))
            }),
            Condition::NotMatching(pattern) => !pattern.is_match(value.unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Result<Rule, IngestError> {
        Rule::of(&toml_of(text), &Kinds::default())
    }

    fn toml_of(text: &str) -> SkipRule {
        use figment::Figment;
        use figment::providers::{Format, Toml};
        Figment::from(Toml::string(text)).extract().expect("a rule")
    }

    #[test]
    fn a_rule_has_one_condition_and_a_kind_that_there_is() {
        let of = |rest: &str| rule(&format!("column = \"state\"\nreason = \"r\"\n{rest}"));
        let cancelled = of("matching = '(?i)^cancel'").expect("a rule");
        assert!(cancelled.skips(Some(" Cancelled")) && cancelled.kind.is_none());
        assert!(!cancelled.skips(Some("not cancelled")) && !cancelled.skips(None));
        assert!(of("not_matching = '^ok'").expect("a rule").skips(None));
        let of_purchases = of("matching = '.'\nkind = \"transaction\"").expect("a rule");
        assert_eq!(of_purchases.kind, Some(KindIdx::TRANSACTION));
        let unless = of("matching = '(?i)cancel'\nunless = '^not'").expect("a rule");
        assert!(unless.skips(Some("cancelled")) && !unless.skips(Some("not cancelled")));
        for wrong in [
            "",
            "not_matching = 'a'\nunless = 'b'",
            "matching = '('",
            "matching = 'a'\nbelow = 1.0",
            "matching = 'a'\nkind = \"buy\"",
        ] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
