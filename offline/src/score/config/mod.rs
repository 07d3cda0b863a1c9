//! The config of a model: one TOML file, over the defaults of `score.default.toml`.

mod check;

use std::collections::BTreeMap;
use std::path::PathBuf;

use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use glob::Pattern;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::engine::tabular::manifest::Serve;

use crate::score::DataError;
use crate::score::table::Table;
use crate::score::threshold::Goal;
use crate::trees::monotone::Direction;
use crate::trees::{Objective, TreesConfig};

/// The defaults, with every key.
pub const DEFAULTS: &str = include_str!("../../../score.default.toml");

/// The presets by name: the models of systems that people know, with the calls of their clients.
const PRESETS: [(&str, &str); 4] = [
    ("loan-default", include_str!("../../../presets/score-loan-default.toml")),
    ("credit-score", include_str!("../../../presets/score-credit-score.toml")),
    ("bank-products", include_str!("../../../presets/score-bank-products.toml")),
    ("click-through", include_str!("../../../presets/score-click-through.toml")),
];

/// Why a config can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelConfigError {
    /// The file is not there.
    #[error("{0}: no such config file")]
    Absent(PathBuf),
    /// There is no such preset.
    #[error("no preset {0}; there are: {known}", known = PRESETS.map(|(name, _)| name).join(", "))]
    NoPreset(String),
    /// Neither a file nor a preset is given.
    #[error("a config is needed: --config FILE, --preset NAME, or both")]
    Nothing,
    /// A key is unknown or a value of the wrong type.
    #[error("{path}: {source}; `offline score defaults` prints every key with its default")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<figment::Error>,
    },
    /// A value is out of its range.
    #[error("{path}: {key} = {value}: {must}")]
    Value {
        /// The file.
        path: PathBuf,
        /// `section.key`.
        key: &'static str,
        /// The value that was given.
        value: String,
        /// What it must be.
        must: &'static str,
    },
}

/// How a model is made. See `score.default.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ModelConfig {
    pub name: String,
    pub label: String,
    pub labels: Vec<String>,
    pub positive: String,
    pub time: String,
    pub time_zone: String,
    pub missing: Vec<String>,
    pub max_reject_share: f64,
    pub members: usize,
    pub buckets: Vec<f64>,
    pub columns: BTreeMap<String, ColumnConfig>,
    pub panel: PanelConfig,
    pub derived: BTreeMap<String, DerivedConfig>,
    pub split: SplitConfig,
    pub weights: WeightsConfig,
    pub features: FeaturesConfig,
    pub trees: TreesConfig,
    pub calibration: CalibrateBy,
    pub threshold: Goal,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serve: Option<Serve>,
}

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

impl ModelConfig {
    /// Reads files, each over those before it, over a preset and the defaults, and checks the result.
    ///
    /// # Errors
    /// [`ModelConfigError`] names the key.
    pub fn load(files: &[PathBuf], preset: Option<&str>) -> Result<Self, ModelConfigError> {
        // The trees of rankers have others to choose from.
        let objective = Serialized::default("trees.objective", Objective::Binary);
        let mut figment = Figment::from(Toml::string(DEFAULTS)).merge(objective);
        if let Some(name) = preset {
            let found = PRESETS.iter().find(|(known, _)| *known == name);
            let (_, text) = found.ok_or_else(|| ModelConfigError::NoPreset(name.to_owned()))?;
            figment = figment.merge(Toml::string(text));
        }
        if files.is_empty() && preset.is_none() {
            return Err(ModelConfigError::Nothing);
        }
        for path in files {
            if !path.is_file() {
                return Err(ModelConfigError::Absent(path.clone()));
            }
            figment = figment.merge(Toml::file_exact(path));
        }
        let path = files.last().cloned().unwrap_or_else(|| PathBuf::from(preset.unwrap_or_default()));
        let parse_error = |source| ModelConfigError::Parse { path: path.clone(), source: Box::new(source) };
        let config: Self = figment.extract().map_err(parse_error)?;
        config.check(&path)?;
        Ok(config)
    }

    /// The config that a version was trained by, over the defaults: one of an earlier release lacks later keys.
    ///
    /// # Errors
    /// [`ModelConfigError::Parse`] when it has a key that this build does not know.
    pub fn of_version(config: &Value, version: &str) -> Result<Self, ModelConfigError> {
        let figment = Figment::from(Toml::string(DEFAULTS)).merge(Serialized::defaults(config));
        let path = PathBuf::from(format!("the config of {version}"));
        figment.extract().map_err(|source| ModelConfigError::Parse { path, source: Box::new(source) })
    }

    /// Whether a column is not to be read at all.
    #[must_use]
    pub fn ignores(&self, column: &str) -> bool {
        let role = self.columns.get(column).map(|column| column.declared().role);
        role == Some(Role::Ignored) && column != self.time
    }
}

/// The columns that names and patterns stand for, in the order of the table.
///
/// # Errors
/// [`DataError::NoColumn`] when one stands for none.
pub fn matching(setting: &'static str, patterns: &[String], table: &Table) -> Result<Vec<String>, DataError> {
    let fits = |name: &str, pattern: &String| {
        name == pattern || Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(name))
    };
    if let Some(none) = patterns.iter().find(|pattern| !table.names.iter().any(|name| fits(name, pattern))) {
        return Err(DataError::no_column(setting, none, table));
    }
    let any = |name: &&String| patterns.iter().any(|pattern| fits(name, pattern));
    Ok(table.names.iter().filter(any).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<ModelConfig, String> {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("m.toml");
        std::fs::write(&path, text).expect("writes");
        ModelConfig::load(std::slice::from_ref(&path), None)
            .map_err(|error| error.to_string().replace(&path.display().to_string(), "m.toml"))
    }

    #[test]
    fn a_name_and_a_label_are_enough() {
        let config = load("name = \"loan\"\nlabel = \"y\"").expect("reads");
        assert_eq!((config.members, config.threshold), (8, Goal::F1));
    }

    #[test]
    fn presets_are_valid_and_a_file_lies_over_them() {
        for (name, _) in PRESETS {
            let config = ModelConfig::load(&[], Some(name)).expect(name);
            assert!(config.serve.is_some(), "{name}");
        }
        assert!(ModelConfig::load(&[], Some("x")).expect_err("none").to_string().contains("there are: loan-default"));
        assert!(ModelConfig::load(&[], None).expect_err("nothing").to_string().contains("--preset"));
    }

    #[test]
    fn the_config_of_a_version_of_an_earlier_release_has_the_defaults_of_later_keys() {
        let text = "name = \"m\"\nlabel = \"y\"\n[columns]\na = { role = \"number\", range = [0, 9] }\n[threshold]\nby = \"costs\"\nfalse_negative = 2\nfalse_positive = 1";
        let config = load(text).expect("reads");
        let mut stored = serde_json::json!(config);
        stored.as_object_mut().expect("an object").remove("buckets");
        assert_eq!(ModelConfig::of_version(&stored, "v1").expect("reads"), config);
        stored["colour"] = "red".into();
        let refused = ModelConfig::of_version(&stored, "v1").expect_err("unknown").to_string();
        assert!(refused.starts_with("the config of v1: ") && refused.contains("colour"), "{refused}");
    }

    #[test]
    fn columns_are_roles_or_tables() {
        let text = "name = \"m\"\nlabel = \"y\"\n[columns]\na = \"id\"\nb = { role = \"number\", range = [0, 9] }";
        let config = load(text).expect("reads");
        assert_eq!(config.columns["a"], ColumnConfig::Role(Role::Id));
        assert_eq!(config.columns["b"].declared().range, Some([0.0, 9.0]));
    }

    #[test]
    fn a_refusal_names_the_key() {
        let refused = |text: &str| load(text).expect_err("refused");
        assert_eq!(refused("label = \"y\""), "m.toml: name = \"\": must be 1 to 64 letters, digits, - and _");
        assert!(
            refused("name = \"m\"\nlabel = \"y\"\n[trees]\ndepth = 11").contains("trees.depth = 11: must be 1 to 10")
        );
        assert!(refused("name = \"m\"\nlabel = \"y\"\n[columns]\na = \"colour\"").contains("a role (number, category"));
        assert!(refused("name = \"m\"\nlabel = \"y\"\nlabels = 1").contains("labels"));
        assert!(load("name = \"../m\"\nlabel = \"y\"").is_err());
    }
}
