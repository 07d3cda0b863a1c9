//! The settings of the batch, checked before any work starts.
//!
//! In: `config.default.toml`, which documents every key; a preset; the file of `--config`; the environment
//! ([`shared::settings`] says how they override each other). Out: [`Settings`] whose every value is in its range.
//!
//! They come in two kinds, which are kept apart. [`Config`] says what is learnt and how: it is written into every
//! artifact, compared by the gate, and shown by the service. [`RunConfig`] says what becomes of a version and where
//! things are, passwords among it: it can't be serialised, so that it gets into no artifact.

pub mod changes;
mod run;
mod validate;

use std::path::Path;

use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use figment::value::Dict;
use serde::{Deserialize, Serialize};
use shared::api::Seen;
use shared::params::{EngineParams, SessionRule, Weights};
use shared::settings::{self, SettingsError};
use shared::source::Source;

use crate::evaluate::Task;
use crate::ingest::{IngestConfig, ItemColumns, SessionsFrom};
use crate::interactions::KindWeights;
use crate::linear::LinearConfig;
use crate::ranges::OutOfRange;
use crate::sources::SourcesConfig;
use crate::trees::TreesConfig;
use crate::trees::encode::EncodeConfig;
use crate::user_tables::UsersConfig;
pub use run::{GateConfig, PublishConfig, RunConfig};

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

/// Every key with its default; the weights of sources stand in the table of sources.
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
    #[error("[{name}] is no section of the settings; config.default.toml lists every section and key")]
    Section {
        /// What was given.
        name: String,
    },
    /// There is no such preset.
    #[error("no preset `{name}`; choose one of: {}", PRESETS.map(|(name, _)| name).join(", "))]
    Preset {
        /// The name asked for.
        name: String,
    },
    /// The file of `--config` is not there, or a variable of the environment is no setting.
    #[error("{0}; config.default.toml lists every key with its default")]
    Layers(#[from] SettingsError),
    /// A value is out of range.
    #[error(transparent)]
    Range(#[from] OutOfRange),
}

/// How the weights are found. See `config.default.toml`.
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

/// What validation windows are parts of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowsOf {
    /// The log in time, or each user's past where times say too little.
    Auto,
    /// The log, in time.
    Time,
    /// Each user's past.
    Users,
}

/// Which slates the ranker is fitted on. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct RankerConfig {
    pub kind: RankerKind,
    pub candidates: usize,
    pub windows: usize,
    pub max_cases: usize,
    pub stopping_share: f64,
}

/// What ranks the best of the blend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RankerKind {
    /// The blend itself.
    None,
    /// A weighted sum of few features.
    Linear,
    /// Boosted trees.
    Trees,
}

/// When to build a graph over the item factors.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnnConfig {
    /// A graph from so many items on.
    pub graph_from_items: usize,
    /// How wide it is searched.
    pub ef_search: usize,
}

/// What the engine does with the sources.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineConfig {
    /// Candidates from each source.
    pub per_source: usize,
    /// Decay of history items in session windows.
    pub position_decay: f32,
    /// What items of earlier sessions count.
    pub earlier_session_weight: f32,
}

/// Every setting. See `config.default.toml`, which documents each key.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What is learnt, and how.
    pub learn: Config,
    /// What becomes of it, and where things are.
    pub run: RunConfig,
}

/// What is learnt, and how. Sections of [`RunConfig`] beside these are left to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Config {
    pub ingest: IngestConfig,
    pub items: ItemColumns,
    pub interactions: KindWeights,
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
        let figment = over(defaults().merge(Toml::string(preset)))?.merge(("ingest.preset", named));
        refuse_unknown_sections(&figment)?;
        let learn = figment.extract().map_err(Box::new)?;
        let run = figment.extract().map_err(Box::new)?;
        let settings = Self { learn, run };
        settings.learn.validate()?;
        settings.run.validate()?;
        Ok(settings)
    }
}

/// Refuses a section that is none: neither kind of settings knows all of them.
fn refuse_unknown_sections(figment: &Figment) -> Result<(), ConfigError> {
    let given: Dict = figment.extract().map_err(Box::new)?;
    match given.into_keys().find(|name| !sections().any(|section| section == name)) {
        Some(name) => Err(ConfigError::Section { name }),
        None => Ok(()),
    }
}

impl Config {
    /// The settings as they are shipped, without a preset or the environment.
    ///
    /// # Errors
    /// [`ConfigError`] for defaults that don't hold together: a defect of this build.
    pub fn shipped() -> Result<Self, ConfigError> {
        Ok(defaults().extract().map_err(Box::new)?)
    }

    /// Reads what is learnt, and how, as [`Settings::load`] does.
    ///
    /// # Errors
    /// [`ConfigError`] names the key and what it must be.
    pub fn load(file: Option<&Path>, preset: Option<&str>) -> Result<Self, ConfigError> {
        Ok(Settings::load(file, preset)?.learn)
    }

    /// The settings that a version was built with; a key that its release did not have is that of `base`, and sections
    /// of [`RunConfig`], which older releases wrote down too, are left out.
    ///
    /// * `built_with`: the config of its manifest.
    ///
    /// # Errors
    /// [`ConfigError`] for a key that this release no longer has, or a value out of range.
    pub fn of_version(built_with: &serde_json::Value, base: &Self) -> Result<Self, ConfigError> {
        let over = Figment::from(Serialized::defaults(base)).merge(Serialized::defaults(built_with));
        refuse_unknown_sections(&over)?;
        let config: Self = over.extract().map_err(Box::new)?;
        config.validate()?;
        Ok(config)
    }

    /// Whether users may be answered with their own items, so that the chance of a return matters.
    #[must_use]
    pub fn asks_for_returns(&self) -> bool {
        let BlendConfig { objective, seen, ref off, .. } = self.blend;
        objective != Task::LastItem && seen != Seen::ExcludeAll && !off.contains(&Source::Repeat)
    }

    /// The pause that ends a session, milliseconds.
    #[must_use]
    pub fn gap_ms(&self) -> i64 {
        self.ingest.session_gap_minutes * 60_000
    }

    /// What the engine follows under these settings, before any weights are fitted.
    #[must_use]
    pub fn engine_params(&self) -> EngineParams {
        let session = match (&self.ingest.sessions, &self.ingest.columns) {
            (SessionsFrom::Column, columns) if columns.session == columns.user => SessionRule::User,
            _ => SessionRule::Gap(self.gap_ms()),
        };
        EngineParams {
            session,
            max_history: self.users.history,
            per_source: self.engine.per_source,
            position_decay: self.engine.position_decay,
            earlier_session_weight: self.engine.earlier_session_weight,
            session_knn: self.sources.session_knn.params(),
            kind_weights: self.interactions.by_kind(),
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
    fn a_version_of_an_older_release_has_the_default_of_a_key_that_it_did_not_know() {
        let config = Config::load(None, None).expect("defaults");
        let mut built_with = serde_json::to_value(&config).expect("serialises");
        built_with["als"]["factors"] = 7.into();
        built_with.as_object_mut().expect("sections").remove("embedding");
        let read = Config::of_version(&built_with, &config).expect("reads");
        assert_eq!((read.sources.als.factors, read.sources.embedding.factors), (7, config.sources.embedding.factors));
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
