//! The schema of the rows that a model scores: what each field may be, and what was seen of it in training.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::column::Column;

/// A field of a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What its values are.
    #[serde(flatten)]
    pub kind: FieldKind,
    /// Whether a value may be missing.
    pub nullable: bool,
    /// How many of the training rows miss it.
    pub nulls: u64,
    /// Texts that stand for a missing value, beside the usual ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// The value of a request that does not name the field; absent: each must name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// A value such as training rows have: the median, or the most frequent level.
    pub example: Value,
}

/// What the values of a field are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FieldKind {
    /// Numbers.
    Number {
        /// The smallest of training rows.
        min: f64,
        /// The largest.
        max: f64,
        /// The bounds of what is accepted; absent: any number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        range: Option<[f64; 2]>,
    },
    /// Levels that have an order, as their places in it, from 0.
    Ordinal {
        /// The levels, ascending.
        levels: Vec<String>,
    },
    /// Levels of a category.
    Category {
        /// How many there were in training.
        count: usize,
        /// The most frequent ones, at most [`LISTED`].
        levels: Vec<String>,
        /// Whether all were whole numbers, so that others are refused.
        whole: bool,
        /// Whether only the listed ones are accepted.
        only: bool,
    },
    /// Names whose row it is: a customer's, a device's. Nothing is learnt of it by itself.
    Key {
        /// Whether all were whole numbers, so that others are refused.
        whole: bool,
    },
    /// Times: ISO 8601, a date of eight digits, or a number of seconds or milliseconds since the epoch.
    Time {
        /// The time zone of times that name none.
        zone: String,
        /// How texts and numbers are written instead, as `strptime` has it: `%y%m%d%H`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        format: Option<String>,
    },
}

/// How many levels of a category a schema lists at most.
pub const LISTED: usize = 100;

impl Field {
    /// An empty column for its values.
    #[must_use]
    pub fn column(&self, rows: usize) -> Column {
        match self.kind {
            FieldKind::Category { .. } | FieldKind::Key { .. } => Column::Levels(Vec::with_capacity(rows)),
            _ => Column::Numbers(Vec::with_capacity(rows)),
        }
    }

    /// What its values may be, for people.
    #[must_use]
    pub fn expected(&self) -> String {
        let what = match &self.kind {
            FieldKind::Number { range: Some([low, high]), .. } => format!("a number from {low} to {high}"),
            FieldKind::Number { .. } => "a number".to_owned(),
            FieldKind::Ordinal { levels } | FieldKind::Category { levels, only: true, .. } => one_of(levels),
            FieldKind::Category { whole: true, .. } | FieldKind::Key { whole: true } => "a whole number".to_owned(),
            FieldKind::Category { .. } | FieldKind::Key { .. } => "a text".to_owned(),
            FieldKind::Time { format: Some(format), .. } => {
                format!("a time as {format}, or such as 2026-06-30T12:00:00Z")
            }
            FieldKind::Time { format: None, .. } => "a time, such as 2026-06-30T12:00:00Z".to_owned(),
        };
        if self.nullable { format!("{what}, or null") } else { what }
    }
}

/// Levels as a list for people, at most twenty.
fn one_of(levels: &[String]) -> String {
    const SHOWN: usize = 20;
    let shown: Vec<&str> = levels.iter().take(SHOWN).map(String::as_str).collect();
    format!("one of {}{}", shown.join(", "), if levels.len() > SHOWN { ", ..." } else { "" })
}
