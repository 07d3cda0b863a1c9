//! Recognises files without a header by the values of their columns.

use regex::Regex;
use serde::Deserialize;
use shared::contract::time::TimeUnit;

use crate::log::ingest::settings::Words;

/// What the values of a column look like.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub enum Shape {
    /// Something.
    Id,
    /// A word of the schema for a kind of event.
    Word,
    /// A time: a number of plausible size, or a date.
    Time,
    /// A number below 100, such as a rating.
    Small,
    /// Any number.
    Number,
    /// Anything, also nothing.
    Any,
    /// What a regular expression matches as a whole.
    Matching(Regex),
}

impl TryFrom<String> for Shape {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Ok(match name.as_str() {
            "id" => Self::Id,
            "word" => Self::Word,
            "time" => Self::Time,
            "small" => Self::Small,
            "number" => Self::Number,
            "any" => Self::Any,
            other => {
                let pattern = other.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
                let pattern = pattern.ok_or_else(|| format!("{other:?} is no shape of values"))?;
                Self::Matching(Regex::new(&format!("^(?:{pattern})$")).map_err(|error| error.to_string())?)
            }
        })
    }
}

impl Shape {
    /// Whether it is a regular expression.
    #[must_use]
    pub fn is_regex(&self) -> bool {
        matches!(self, Self::Matching(_))
    }
}

/// Whether all rows have these shapes.
///
/// * `words`: the words of the schema for kinds of events.
pub fn fits(shapes: &[Shape], words: Option<&Words>, rows: &[Vec<Option<String>>]) -> bool {
    let row_fits = |row: &Vec<Option<String>>| {
        row.len() == shapes.len()
            && row.iter().zip(shapes).all(|(value, shape)| value_fits(value.as_deref(), shape, words))
    };
    !shapes.is_empty() && !rows.is_empty() && rows.iter().all(row_fits)
}

fn value_fits(value: Option<&str>, shape: &Shape, words: Option<&Words>) -> bool {
    let Some(text) = value.map(str::trim).filter(|text| !text.is_empty()) else { return matches!(shape, Shape::Any) };
    let number = text.parse::<f64>().ok();
    let is_time = || number.map_or_else(|| starts_with_a_date(text), |number| TimeUnit::by_size(number).is_some());
    match shape {
        Shape::Id | Shape::Any => true,
        Shape::Word => words.is_some_and(|words| words.keys().any(|word| word.eq_ignore_ascii_case(text))),
        Shape::Time => is_time(),
        Shape::Small => number.is_some_and(|number| number.abs() < 100.0),
        Shape::Number => number.is_some(),
        Shape::Matching(pattern) => pattern.is_match(text),
    }
}

/// Whether a text begins as `2026-06-30` does.
fn starts_with_a_date(text: &str) -> bool {
    text.get(..10).is_some_and(|date| date.parse::<jiff::civil::Date>().is_ok())
}
