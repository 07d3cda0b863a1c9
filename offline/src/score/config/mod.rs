//! The config of a model: one TOML file, over the defaults of `score.default.toml`.

mod check;
mod sections;

use std::collections::BTreeMap;
use std::path::PathBuf;

use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use glob::Pattern;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::engine::tabular::live::Remember;
use shared::engine::tabular::manifest::Serve;

use crate::score::DataError;
use crate::score::table::Table;
use crate::score::threshold::Goal;
use crate::trees::{Objective, TreesConfig};
pub use sections::{
    CalibrateBy, ColumnConfig, Declared, DerivedConfig, FeaturesConfig, Learn, Numbers, PanelConfig, Past,
    PositiveWeight, Role, Selection, SplitBy, SplitConfig, WeightsConfig,
};

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
    pub remember: Remember,
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
        // Which of them is wrong only the parser knows.
        let all: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
        let path = PathBuf::from(if all.is_empty() { preset.unwrap_or_default().to_owned() } else { all.join(" + ") });
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
        let needed = [&self.time, &self.weights.column, &self.split.column];
        let remembered = self.panel.previous.iter().any(|name| name == column);
        role == Some(Role::Ignored) && !remembered && !needed.iter().any(|needed| *needed == column)
    }
}

/// Whether a name or a pattern stands for a column.
fn stands_for(pattern: &str, column: &str) -> bool {
    column == pattern || Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(column))
}

/// The columns that names and patterns stand for, in the order of the table.
///
/// # Errors
/// [`DataError::NoColumn`] when one stands for none.
pub fn matching(setting: &'static str, patterns: &[String], table: &Table) -> Result<Vec<String>, DataError> {
    if let Some(none) = patterns.iter().find(|pattern| !table.names.iter().any(|name| stands_for(pattern, name))) {
        return Err(DataError::no_column(setting, none, table));
    }
    let any = |name: &&String| patterns.iter().any(|pattern| stands_for(pattern, name));
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
        let threshold = |text: &str| load(&format!("name = \"m\"\nlabel = \"y\"\n[threshold]\n{text}"));
        assert!(threshold("by = \"micro_f1\"\namongst = \"positives\"").expect_err("refused").contains("amongst"));
        assert!(threshold("by = \"costs\"\nfalse_negative = 3").expect_err("refused").contains("`false_positive`"));
        assert_eq!(threshold("by = \"f1\"\nat_least = 0.5").expect("left behind").threshold, Goal::F1);
    }
}
