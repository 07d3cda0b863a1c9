//! The settings of the batch, checked before any work starts.
//!
//! In: `config.default.toml`, which documents every key; a preset; the file of `--config`; the environment
//! ([`shared::contract::settings`] says which overrides which). Out: [`Settings`], every value of which is in its
//! range.
//!
//! Settings come in two kinds, which are kept apart. [`Config`] decides what is learnt: it is written into every
//! artifact, compared by the gate, and shown by the service. [`RunConfig`] decides whether a version is promoted,
//! where it is published and who is told, and holds passwords: it can't be serialised, so that it gets into no artifact.

pub mod changes;
mod kinds;
pub mod knobs;
mod of_version;
pub mod ranges;
mod run;
mod validate;

use std::path::Path;

use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use figment::value::Dict;
use serde::{Deserialize, Serialize};
use shared::contract::api::Seen;
use shared::contract::kind::Kinds;
use shared::contract::params::{EngineParams, SessionRule, Weights};
use shared::contract::settings::{self, SettingsError};
use shared::contract::source::Source;

use crate::config::ranges::OutOfRange;
use crate::log::ingest::settings::Role;
use crate::log::ingest::{IngestConfig, ItemsConfig, SessionsFrom};
use crate::measure::evaluate::Task;
use crate::rank::linear::LinearConfig;
use crate::sources::SourcesConfig;
use crate::trees::TreesConfig;
use crate::trees::encode::EncodeConfig;
use crate::user_tables::UsersConfig;
pub use run::{GateConfig, MlflowConfig, PublishConfig, RunConfig};

const DEFAULTS: &str = include_str!("../../config.default.toml");
const PRESETS: [(&str, &str); 5] = [
    ("native", include_str!("../../presets/native.toml")),
    ("retailrocket-sessions", include_str!("../../presets/retailrocket-sessions.toml")),
    ("online-retail", include_str!("../../presets/online-retail.toml")),
    ("movielens", include_str!("../../presets/movielens.toml")),
    ("movielens-next", include_str!("../../presets/movielens-next.toml")),
];

/// The sections of the defaults.
fn sections() -> impl Iterator<Item = &'static str> {
    DEFAULTS.lines().filter_map(|line| line.strip_prefix('[')?.split([']', '.']).next())
}

/// Every key with its default; the default weights of the sources are in the table of sources.
fn defaults() -> Figment {
    let weights = Serialized::default("blend.weights", Weights::default());
    Figment::from(weights).merge(Toml::string(DEFAULTS))
}

/// Why the settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key is unknown, missing or of the wrong type.
    #[error("{0}; config.default.toml lists every key")]
    Parse(#[from] Box<figment::Error>),
    /// There is no such section.
    #[error("[{name}] is no section of the settings{renamed}; config.default.toml lists every section and key")]
    Section {
        /// The section that was given.
        name: String,
        /// Its name in this release, in words; empty if it has none.
        renamed: String,
    },
    /// There is no such preset.
    #[error("no preset `{name}`; choose one of: {}", PRESETS.map(|(name, _)| name).join(", "))]
    Preset {
        /// The preset that was given.
        name: String,
    },
    /// The file of `--config` is not there, or a variable of the environment is no setting.
    #[error("{0}; config.default.toml lists every key with its default")]
    Layers(#[from] SettingsError),
    /// A value is out of range.
    #[error(transparent)]
    Range(#[from] OutOfRange),
}

/// How the blend weights are fitted. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct BlendConfig {
    pub fit: bool,
    pub objective: Task,
    pub seen: Seen,
    pub windows: WindowsOf,
    pub validation_share: f64,
    pub min_cases: usize,
    pub max_cases: usize,
    pub off: Vec<Source>,
    pub weights: Weights,
}

/// What validation windows are cut from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowsOf {
    /// The log in time, or each user's past if the events' times are too coarse to cut a window in time.
    Auto,
    /// The log, in time.
    Time,
    /// Each user's past.
    Users,
}

/// The kind of ranker, and the slates that it is fitted on. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct RankerConfig {
    pub kind: RankerKind,
    pub candidates: usize,
    pub first_trees: usize,
    pub kept: usize,
    pub windows: usize,
    pub max_cases: usize,
    pub stopping_share: f64,
}

/// The model that ranks the blend's best candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RankerKind {
    /// None: the order of the blend is served.
    None,
    /// A weighted sum of few features.
    Linear,
    /// Boosted trees.
    Trees,
}

/// The size from which a graph is built over the item factors, and the width of its search.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnnConfig {
    /// The number of items from which on a graph is built.
    pub graph_from_items: usize,
    /// The width (ef) of a search in the graph.
    pub ef_search: usize,
}

/// How the engine uses the sources.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineConfig {
    /// The maximum number of candidates from each source.
    pub per_source: usize,
    /// The decay of the weights of history items in session windows.
    pub position_decay: f32,
    /// The weight of items of earlier sessions.
    pub earlier_session_weight: f32,
}

/// Every setting. See `config.default.toml`, which documents each key.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The settings that decide what is learnt.
    pub learn: Config,
    /// The settings of a run: the gate, where versions go, and who is told.
    pub run: RunConfig,
}

/// The settings that decide what is learnt. Sections of [`RunConfig`] are ignored when it is read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Config {
    pub ingest: IngestConfig,
    pub items: ItemsConfig,
    #[serde(with = "kinds")]
    pub kinds: Kinds,
    #[serde(flatten)]
    pub sources: SourcesConfig,
    pub ann: AnnConfig,
    pub users: UsersConfig,
    pub engine: EngineConfig,
    pub blend: BlendConfig,
    pub ranker: RankerConfig,
    pub linear: LinearConfig,
    pub trees: TreesConfig,
    pub encode: EncodeConfig,
}

impl Settings {
    /// Reads the settings: defaults, then the preset, then `file`, then the environment.
    ///
    /// # Errors
    /// [`ConfigError`] names the key and what it must be.
    pub fn load(file: Option<&Path>, preset: Option<&str>) -> Result<Self, ConfigError> {
        let over = |base: Figment| settings::layer(base, file, settings::ONLINE);
        let named: String = match preset {
            Some(name) => name.to_owned(),
            None => over(defaults())?.extract_inner("ingest.preset").map_err(Box::new)?,
        };
        let (_, preset) =
            PRESETS.into_iter().find(|(name, _)| *name == named).ok_or(ConfigError::Preset { name: named.clone() })?;
        let preset = defaults().merge(Toml::string(preset));
        let figment = over(preset.clone())?.merge(("ingest.preset", named));
        refuse_unknown_sections(&figment)?;
        let learn = settings::extract(&figment, &preset)?;
        let run = settings::extract(&figment, &preset)?;
        let settings = Self { learn, run };
        settings.learn.validate()?;
        settings.run.validate()?;
        Ok(settings)
    }
}

/// Refuses an unknown section, which neither kind of settings alone could tell from a section of the other.
fn refuse_unknown_sections(figment: &Figment) -> Result<(), ConfigError> {
    let given: Dict = figment.extract().map_err(Box::new)?;
    match given.into_keys().find(|name| !sections().any(|section| section == name)) {
        Some(name) => {
            let renamed = of_version::RENAMED.iter().find(|[old, _]| *old == name);
            let renamed = renamed.map_or_else(String::new, |[_, new]| format!(": it is [{new}] now"));
            Err(ConfigError::Section { name, renamed })
        }
        None => Ok(()),
    }
}

impl Config {
    /// The settings as they are shipped, without a preset or the environment.
    ///
    /// # Errors
    /// [`ConfigError`] for inconsistent defaults: a defect of this build.
    pub fn shipped() -> Result<Self, ConfigError> {
        Ok(defaults().extract().map_err(Box::new)?)
    }

    /// Reads these settings as [`Settings::load`] does.
    ///
    /// # Errors
    /// [`ConfigError`] names the key and what it must be.
    pub fn load(file: Option<&Path>, preset: Option<&str>) -> Result<Self, ConfigError> {
        Ok(Settings::load(file, preset)?.learn)
    }

    /// Whether slates may hold items of the user's own past, so that `repeat` needs a model.
    #[must_use]
    pub fn asks_for_returns(&self) -> bool {
        let BlendConfig { objective, seen, ref off, .. } = self.blend;
        objective != Task::LastItem && seen != Seen::ExcludeAll && !off.contains(&Source::Repeat)
    }

    /// The pause that ends a session, in milliseconds.
    #[must_use]
    pub fn gap_ms(&self) -> i64 {
        self.ingest.session_gap_minutes * 60_000
    }

    /// The parameters of the engine under these settings, before any weights are fitted.
    #[must_use]
    pub fn engine_params(&self) -> EngineParams {
        let columns = |role| self.ingest.columns.of(role);
        let session = match self.ingest.sessions {
            SessionsFrom::Column if columns(Role::Session) == columns(Role::User) => SessionRule::User,
            _ => SessionRule::Gap(self.gap_ms()),
        };
        EngineParams {
            session,
            max_history: self.users.history,
            per_source: self.engine.per_source,
            position_decay: self.engine.position_decay,
            earlier_session_weight: self.engine.earlier_session_weight,
            session_knn: self.sources.session_knn.params(),
            kinds: self.kinds.clone(),
            als: self.sources.als.params(),
            ann_ef_search: self.ann.ef_search,
            weights: self.served_weights(),
            ranker: None,
        }
    }

    /// The weights of the long-term model that cached candidates come from, before any are fitted.
    #[must_use]
    pub fn long_term_weights(&self) -> Weights {
        self.without_off(Weights::NONE.with(Source::Slim, 0.5).with(Source::Als, 0.5))
    }

    /// The weights of the served blend, before any are fitted.
    #[must_use]
    pub fn served_weights(&self) -> Weights {
        self.without_off(self.blend.weights)
    }

    /// Weights without the sources that are off.
    #[must_use]
    pub fn without_off(&self, mut weights: Weights) -> Weights {
        for &source in &self.blend.off {
            *weights.get_mut(source) = 0.0;
        }
        weights
    }
}

#[cfg(test)]
mod tests {
    use shared::contract::kind::KindIdx;

    use super::*;

    #[test]
    fn the_defaults_and_every_preset_are_valid() {
        for (name, _) in PRESETS {
            let config = Config::load(None, Some(name)).expect(name);
            assert_eq!(config.ingest.preset, name);
        }
    }

    #[test]
    fn an_unknown_key_is_refused_by_its_name() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("c.toml");
        std::fs::write(&file, "[als]\nfactor = 3\n").expect("writes");
        let error = Config::load(Some(&file), None).expect_err("`factor` is no key");
        assert!(error.to_string().contains("factor"), "{error}");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named_with_its_key() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("c.toml");
        for (text, key) in [
            ("[als]\nepochs = 3\n", "als.epochs"),
            ("[als]\nregularization = 0.1\nfactors = \"many\"\n", "als.factors"),
            ("[ingest]\nsession_gap_minutes = \"30\"\n", "ingest.session_gap_minutes"),
            ("[publish]\nkeep = true\n", "publish.keep"),
            ("[blend.weights]\nals = \"x\"\n", "blend.weights.als"),
        ] {
            std::fs::write(&file, text).expect("writes");
            let error = Config::load(Some(&file), None).expect_err(text).to_string();
            assert!(error.contains(&format!("default.{key}")), "{error}");
            assert!(error.contains("c.toml"), "{error}");
        }
    }

    #[test]
    fn the_documented_kinds_are_the_built_in_ones_and_a_section_that_was_renamed_is_told() {
        assert_eq!(Config::shipped().expect("defaults").kinds, Kinds::default());
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("c.toml");
        std::fs::write(&file, "[interactions]\nview = 2.0\n").expect("writes");
        let error = Config::load(Some(&file), None).expect_err("renamed").to_string();
        assert!(error.contains("[interactions] is no section of the settings: it is [kinds] now"), "{error}");
        std::fs::write(&file, "[kinds]\nview = 2.0\ngift = { weight = 3, undoes = \"hide\" }\n").expect("writes");
        let kinds = Config::load(Some(&file), None).expect("reads").kinds;
        assert_eq!((kinds.len(), kinds.weight(KindIdx::VIEW)), (Kinds::default().len() + 1, 2.0));
    }

    #[test]
    fn a_value_out_of_range_says_what_it_must_be() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("c.toml");
        std::fs::write(&file, "[als]\nfactors = 0\n").expect("writes");
        let error = Config::load(Some(&file), None).expect_err("no factors");
        assert_eq!(error.to_string(), "als.factors = 0: must be 1 to 512");
    }
}
