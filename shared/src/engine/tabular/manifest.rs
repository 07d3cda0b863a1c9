//! `manifest.json` of a model's version: its schema, its parameters, what it was learnt from, and the checksums of its
//! files.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::calibration::Calibration;
use super::derive::Derived;
use super::drift::Reference;
use super::encoding::Sums;
use super::feature::{Encoded, Feature};
use super::live::Remember;
use super::schema::Field;
use crate::contract::artifact::ArtifactError;
use crate::contract::artifact::manifest::read_json;

/// The format of models that this build reads and writes.
pub const MODEL_FORMAT: u32 = 1;

/// The name of the part of the rows that a model is trained on.
pub const TRAIN: &str = "train";

/// One version of a model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelManifest {
    /// See [`MODEL_FORMAT`].
    pub format_version: u32,
    /// The model's name, and that of the folder of its versions.
    pub name: String,
    /// The version's name, and its folder's.
    pub version: String,
    /// When it was built, milliseconds since the epoch: the one field that differs between equal builds.
    pub built_ms: i64,
    /// SHA-256 over the rows, in hexadecimal.
    pub data_fingerprint: String,
    /// The rows of each part: trained on, for stopping and calibration, and measured.
    pub rows: BTreeMap<String, u64>,
    /// The columns that name a row of a file; they are written beside its probability.
    pub ids: Vec<String>,
    /// The columns that are not looked at; a request may name them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
    /// The fields of a row.
    pub schema: Vec<Field>,
    /// The call of a known system that it also answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serve: Option<Serve>,
    /// The bounds of the buckets in which the service counts probabilities; none: its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buckets: Vec<f64>,
    /// What scored rows are compared with; absent in versions of earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Reference>,
    /// What the features of a row are computed by.
    pub parameters: Parameters,
    /// What is predicted, in the order of the answers.
    pub outputs: Vec<Output>,
    /// Metrics on the test rows, and the contest with the champion.
    pub metrics: serde_json::Value,
    /// Every setting that decides what is learnt.
    pub config: serde_json::Value,
    /// SHA-256 of every other file, in hexadecimal, by name.
    pub files: BTreeMap<String, String>,
}

/// The call of a known system that a model answers, so that its clients go on working.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Serve {
    /// The shapes of request and answer.
    pub call: Call,
    /// The path; absent: that of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What labels are called in the answers; one that is not here has its own name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
}

impl Serve {
    /// The path.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path.as_deref().unwrap_or(self.call.path())
    }
}

/// The shapes of request and answer of a known system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// A row in, `{"PD", "cus_id"}` out; `cus_id` is in the URL.
    CreditScore,
    /// A row in, `{"prediction", "probability"}` out; with `/model_params`, `/model_metrics` and `/model_metadata`.
    LoanDefault,
    /// `{"data", "features"}` in, `[{"device_ip", "click_proba"}]` out.
    ClickThrough,
    /// A row in, `{"predicted_products": [names]}` out.
    BankProducts,
}

impl Call {
    /// The path of the system.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::CreditScore => "/api/prediction",
            Self::LoanDefault => "/default_payment_prediction",
            Self::ClickThrough | Self::BankProducts => "/predict",
        }
    }
}

/// What the features of a row are computed by, beside the tables.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// The columns that are computed from those of the schema; they stand behind them.
    pub derived: Vec<Derived>,
    /// What is remembered of the rows of keys, a table each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub histories: Vec<Remembered>,
    /// Which rows the service adds to them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub remember: Remember,
    /// The features, in the order of the matrix.
    pub features: Vec<Feature>,
    /// The columns of each encoding.
    pub encoded: Vec<Encoded>,
    /// How many training rows there were.
    pub rows: f64,
    /// The weight, in rows, of the mean of all rows in the mean of a level.
    pub smoothing: f64,
    /// The number of splits of each tree.
    pub depth: usize,
}

/// Whether the service adds no rows, which goes without saying.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_default(remember: &Remember) -> bool {
    *remember == Remember::default()
}

/// What is remembered of the rows of a key, see [`super::history`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The field of the key.
    pub key: String,
    /// The columns, in the order of the values.
    pub values: Vec<String>,
}

/// A label that is predicted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// The column that was learnt.
    pub label: String,
    /// How many rows of each part are positive.
    pub positives: BTreeMap<String, u64>,
    /// How many of the trees are its own; they stand behind those of the outputs before it.
    pub trees: usize,
    /// How log-odds become probabilities.
    pub calibration: Calibration,
    /// The probability from which a row counts as a positive.
    pub threshold: f64,
    /// The gain of the splits on each field or combination, as a share of all, largest first.
    pub importance: Vec<Importance>,
}

/// The share of a field, or of two together, in all gains.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = FieldShare))]
pub struct Importance {
    /// The field, or both.
    pub field: String,
    /// The share.
    pub share: f64,
}

impl ModelManifest {
    /// Reads the manifest of a version's folder.
    ///
    /// # Errors
    /// [`ArtifactError`] when it is absent, unreadable or of another format.
    pub fn read(folder: &Path) -> Result<Self, ArtifactError> {
        read_json(folder, MODEL_FORMAT)
    }

    /// All training rows, with the labels of each output.
    #[must_use]
    pub fn totals(&self) -> Vec<Sums> {
        let of = |output: &Output| output.positives.get(TRAIN).copied().unwrap_or_default() as f64;
        self.outputs.iter().map(|output| Sums { rows: self.parameters.rows, labels: of(output) }).collect()
    }

    /// How many columns there are: those of the schema, and the derived ones behind them.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.schema.len() + self.parameters.derived.len()
    }

    /// The names of columns, as one: `day and month`.
    #[must_use]
    pub fn name_of(&self, columns: &[usize]) -> String {
        let name = |column: &usize| match self.schema.get(*column) {
            Some(field) => field.name.as_str(),
            None => self.parameters.derived[*column - self.schema.len()].name.as_str(),
        };
        columns.iter().map(name).collect::<Vec<_>>().join(" and ")
    }
}
