//! Filters of the config by name, in which `$NAME` stands for a value of the request: `[filters]`.
//!
//! ```toml
//! [filters]
//! of_genre = "genre in ($GENRES) and price < $PRICE"
//! ```
//!
//! In: a filter, values by name. Out: an [`Expression`]. Values become literals before the text is read, so that no value can
//! be read as a condition.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;
use shared::contract::expression::{Expression, ExpressionError};

/// The filters, by name.
pub type NamedFilters = BTreeMap<String, String>;

/// Why a filter is none.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FilterError {
    /// There is no filter of this name.
    #[error("the service has no filter {0:?}; it has {1}")]
    Unknown(String, String),
    /// A value that the filter needs is not given.
    #[error("the filter needs a value for ${0}")]
    Missing(String),
    /// What is given is no value.
    #[error("${name}: {value:?} is neither a number nor texts in quotes, such as \"a\" or \"a\",\"b\"")]
    Value {
        /// Which.
        name: String,
        /// What is given.
        value: String,
    },
    /// With its values the filter is no expression.
    #[error("the filter {text:?}: {error}")]
    Expression {
        /// The filter with its values.
        text: String,
        /// What is wrong.
        error: ExpressionError,
    },
}

/// Makes an expression of a filter and the values that a request has for it.
///
/// * `values`: each a number, a text in quotes, or several texts in quotes with commas between them.
///
/// # Errors
/// [`FilterError`].
pub fn filled(
    filters: &NamedFilters,
    name: &str,
    values: &BTreeMap<String, String>,
) -> Result<Expression, FilterError> {
    let Some(filter) = filters.get(name) else {
        let names: Vec<String> = filters.keys().map(|name| format!("{name:?}")).collect();
        let there = if names.is_empty() { "none, see [filters] of its config".to_owned() } else { names.join(", ") };
        return Err(FilterError::Unknown(name.to_owned(), there));
    };
    let text = replace(filter, |name| {
        let given = values.iter().find(|(of, _)| of.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        literals(name, given.ok_or_else(|| FilterError::Missing(name.to_owned()))?)
    })?;
    Expression::parse(&text).map_err(|error| FilterError::Expression { text, error })
}

/// Checks a filter of the config: that it is an expression, whatever the values.
///
/// # Errors
/// What is wrong with it.
pub fn check(filter: &str) -> Result<(), FilterError> {
    let with = |literal: &str| {
        let text = replace(filter, |_| Ok(literal.to_owned()))?;
        Expression::parse(&text).map_err(|error| FilterError::Expression { text, error })
    };
    // A number fits wherever a text does.
    with("1").map(drop)
}

/// Replaces each `$NAME` outside of quotes.
fn replace(filter: &str, mut value: impl FnMut(&str) -> Result<String, FilterError>) -> Result<String, FilterError> {
    let mut text = String::with_capacity(filter.len());
    let (mut quote, mut rest) = (None, filter.chars());
    while let Some(next) = rest.next() {
        match (quote, next) {
            (None, '$') => {
                let after = rest.as_str();
                let length = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                text.push_str(&value(&after[..length])?);
                rest = after[length..].chars();
                continue;
            }
            (None, '"' | '\'' | '`') => quote = Some(next),
            (Some(_), '\\') => {
                text.push(next);
                text.extend(rest.next());
                continue;
            }
            (Some(open), _) if open == next => quote = None,
            _ => {}
        }
        text.push(next);
    }
    Ok(text)
}

/// The value of a request as literals, with commas between them.
fn literals(name: &str, given: &str) -> Result<String, FilterError> {
    let wrong = || FilterError::Value { name: name.to_owned(), value: given.to_owned() };
    let listed: Vec<Value> = serde_json::from_str(&format!("[{given}]")).map_err(|_| wrong())?;
    let mut text = String::new();
    for value in &listed {
        if !text.is_empty() {
            text.push_str(", ");
        }
        match value {
            Value::String(value) => {
                let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
                // Writing to a string can't fail.
                let _ = write!(text, "\"{escaped}\"");
            }
            Value::Number(number) => {
                let _ = write!(text, "{number}");
            }
            Value::Bool(flag) => {
                let _ = write!(text, "{flag}");
            }
            _ => return Err(wrong()),
        }
    }
    if text.is_empty() { Err(wrong()) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(filter: &str, values: &[(&str, &str)]) -> Result<String, FilterError> {
        let filters = BTreeMap::from([("f".to_owned(), filter.to_owned())]);
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        filled(&filters, "f", &values).map(|expression| expression.to_string())
    }

    #[test]
    fn values_stand_where_their_names_do() {
        let filter = "genre in ($GENRES) and not price > $max and name != '$GENRES'";
        assert_eq!(
            made(filter, &[("GENRES", r#""a","b""#), ("MAX", "5")]).as_deref(),
            Ok(r#"genre in ("a", "b") and not price > 5.0 and name != "$GENRES""#)
        );
        assert_eq!(made("price", &[("GENRES", "1")]).as_deref(), Ok("price"));
    }

    #[test]
    fn no_value_is_read_as_a_condition() {
        let tricky = r#""x\") or price > 0 or (genre = \"y""#;
        let text = made("genre = $G", &[("G", tricky)]).expect("one text");
        assert_eq!(text, r#"genre = "x\") or price > 0 or (genre = \"y""#);
        for wrong in ["x", "1) or (price", "", "[1]", "null", "\"a\" or \"b\""] {
            assert!(matches!(made("genre = $G", &[("G", wrong)]), Err(FilterError::Value { .. })), "{wrong}");
        }
    }

    #[test]
    fn a_filter_is_checked_before_it_is_asked() {
        assert_eq!(check("genre in ($A) or not price < $B"), Ok(()));
        assert!(matches!(check("genre in $A"), Err(FilterError::Expression { .. })));
        assert_eq!(made("genre = $G", &[]), Err(FilterError::Missing("G".to_owned())));
        assert!(filled(&NamedFilters::new(), "f", &BTreeMap::new()).is_err());
    }
}
