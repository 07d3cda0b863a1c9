//! What `/models/{name}/metadata`, `/params` and `/schema` answer.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use shared::engine::tabular::calibration::Calibration;
use shared::engine::tabular::manifest::Importance;
use shared::engine::tabular::schema::Field;
use utoipa::ToSchema;

/// What the served version of a model was learnt from.
#[derive(Serialize, ToSchema)]
#[schema(as = ModelMetadata)]
pub struct Metadata<'a> {
    /// The model.
    pub name: &'a str,
    /// The version that answers: the champion.
    pub model_version: &'a str,
    /// The format of the version.
    pub format_version: u32,
    /// When it was built, milliseconds since the epoch.
    pub built_ms: i64,
    /// SHA-256 over the rows, in hexadecimal.
    pub data_fingerprint: &'a str,
    /// How many rows each part has: trained on, for stopping and calibration, and measured.
    pub rows: &'a BTreeMap<String, u64>,
    /// What is predicted, in the order of the answers.
    pub outputs: Vec<Learnt<'a>>,
    /// SHA-256 of every file of the version, in hexadecimal, by name.
    pub files: &'a BTreeMap<String, String>,
}

/// What was learnt of a label.
#[derive(Serialize, ToSchema)]
#[schema(as = LearntLabel)]
pub struct Learnt<'a> {
    /// The column.
    pub label: &'a str,
    /// How many rows of each part are positive.
    pub positives: &'a BTreeMap<String, u64>,
    /// The share of each field, or of two together, in what the model looks at, largest first.
    pub importance: &'a [Importance],
}

/// The settings of the served version of a model.
#[derive(Serialize, ToSchema)]
#[schema(as = ModelParams)]
pub struct Params<'a> {
    /// What was chosen on validation rows.
    pub chosen: Chosen<'a>,
    /// Every setting that decides what is learnt.
    #[schema(value_type = BTreeMap<String, Value>)]
    pub config: &'a Value,
}

/// What was chosen on validation rows.
#[derive(Serialize, ToSchema)]
#[schema(as = ChosenParams)]
pub struct Chosen<'a> {
    /// Of each label.
    pub outputs: Vec<ChosenOutput<'a>>,
    /// How many features there are.
    pub features: usize,
    /// The fields that are looked at together.
    pub combinations: Vec<String>,
}

/// What was chosen of a label.
#[derive(Serialize, ToSchema)]
pub struct ChosenOutput<'a> {
    /// The column.
    pub label: &'a str,
    /// The probability from which a row counts as a positive.
    pub threshold: f64,
    /// How log-odds become probabilities: `by` says which way, the rest are its numbers.
    #[schema(value_type = BTreeMap<String, Value>)]
    pub calibration: &'a Calibration,
}

/// The fields of a row.
#[derive(Serialize, ToSchema)]
pub struct ModelSchema<'a> {
    /// Each with its name, its kind, what it may be, its default if it has one, and an example.
    #[schema(value_type = Vec<BTreeMap<String, Value>>)]
    pub fields: &'a [Field],
    /// The columns that name a row.
    pub ids: &'a [String],
    /// A row.
    #[schema(value_type = BTreeMap<String, Value>)]
    pub example: Value,
    /// Which rows the model remembers, if it remembers any that come after its training.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remembers: Vec<Remembers<'a>>,
}

/// Rows that a model remembers.
#[derive(Serialize, ToSchema)]
#[schema(as = RememberedRows)]
pub struct Remembers<'a> {
    /// `sent`: those that are sent; `scored`: those that are scored.
    pub rows: &'a str,
    /// The field that they are remembered by.
    pub key: &'a str,
    /// The field of their time.
    pub time: &'a str,
    /// The fields whose values are remembered; none where rows are counted.
    pub values: &'a [String],
}
