//! The parts of a model's config: columns, panel, split, weights, features. See `score.default.toml`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::trees::monotone::Direction;

/// What a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Numbers.
    Number,
    /// Levels without an order.
    Category,
    /// Levels with an order.
    Ordinal,
    /// Times.
    Time,
    /// Names whose row it is: nothing is learnt of it, but what was before.
    Key,
    /// Names a row: written beside its probability, never looked at.
    Id,
    /// Not looked at.
    Ignored,
}

/// What is declared of a column: its role, or more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a role (number, category, ordinal, time, key, id, ignored) or a table with `role`")]
pub enum ColumnConfig {
    /// Its role alone.
    Role(Role),
    /// Its role, and which values it may have.
    Declared(Declared),
}

/// A column's role, and which values it may have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// What it is.
    pub role: Role,
    /// The bounds of a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<[f64; 2]>,
    /// The levels of a category, or those of an ordinal, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<String>,
    /// Whether other levels are refused.
    #[serde(default)]
    pub only: bool,
    /// How times are written, as `strptime` has it; absent: ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// How the prediction goes with a number, all other columns being equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monotone: Option<Direction>,
    /// Whether a value may be missing; absent: as in the training rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nullable: Option<bool>,
    /// The value of a request that does not name the column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

impl ColumnConfig {
    /// What is declared, in full.
    #[must_use]
    pub fn declared(&self) -> Declared {
        match self {
            Self::Declared(declared) => declared.clone(),
            Self::Role(role) => Declared::of(*role),
        }
    }
}

impl Declared {
    /// A role alone.
    #[must_use]
    pub fn of(role: Role) -> Self {
        Self {
            role,
            range: None,
            levels: Vec::new(),
            only: false,
            format: None,
            monotone: None,
            nullable: None,
            default: None,
        }
    }
}

/// How a column is computed from others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DerivedConfig {
    /// The hour of a time, 0 to 23.
    Hour(String),
    /// The weekday of a time, 0 (Monday) to 6.
    Weekday(String),
    /// The day of the month of a time.
    Day(String),
    /// The month of a time, 1 to 12.
    Month(String),
    /// The first less the second.
    Difference([String; 2]),
    /// The first over the second; missing where that is 0.
    Ratio([String; 2]),
    /// How many rows with the same value of a column there were before.
    Count(String),
}

/// Rows of the same keys at several times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct PanelConfig {
    pub key: String,
    pub previous: Vec<String>,
    pub past: Vec<Past>,
    pub learn: Learn,
}

/// What a row is told of the past of a column, of the rows of its key before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Past {
    /// What the last one had.
    Previous,
    /// The days since that changed.
    Since,
    /// How often it changed.
    Changes,
}

/// What of the labels is learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Learn {
    /// The labels as they are.
    Values,
    /// Which of them are positive and were not in the row before.
    Additions,
    /// The same of rows that have any: which it is, not whether.
    Choices,
}

/// How rows are split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitBy {
    /// At random, the same share of each label in every part.
    Random,
    /// By time: the latest rows are measured.
    Time,
    /// By a column that says train, valid or test.
    Column,
}

/// Which rows are trained on, which say when to stop, and which are measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct SplitConfig {
    pub by: SplitBy,
    pub column: String,
    pub valid: f64,
    pub test: f64,
    pub seed: u64,
}

/// How much rows count in what is learnt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct WeightsConfig {
    pub column: String,
    pub positive: PositiveWeight,
}

/// How much a positive counts beside a negative.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a number above 0, or \"balanced\"")]
pub enum PositiveWeight {
    /// So many times as much.
    Times(f64),
    /// By their numbers.
    By(Numbers),
}

/// By the numbers of positives and negatives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Numbers {
    /// All positives together as much as all negatives.
    Balanced,
}

/// Which columns are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// All.
    None,
    /// Those without which the log-loss of the validation rows is larger.
    Validation,
}

/// How log-odds become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalibrateBy {
    /// As the validation rows say: by Platt, isotonic or not; of several labels not isotonic.
    Validation,
    /// By a slope and an intercept.
    Platt,
    /// By rising steps.
    Isotonic,
    /// As they are.
    None,
}

/// How categories become features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct FeaturesConfig {
    pub one_hot: usize,
    pub number_levels: usize,
    pub pairs: usize,
    pub smoothing: f64,
    pub select: Selection,
}
