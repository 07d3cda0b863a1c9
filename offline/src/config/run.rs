//! The settings of a run: when a version is promoted, where it is published, and who is told. None of them enters an artifact.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use shared::contract::settings;
use shared::contract::url::{RedisUrl, without_user_info};

/// The settings of a run: the gate, where versions go, and the server that is told.
///
/// It is not `Serialize`, and must not be: it holds passwords.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct RunConfig {
    pub gate: GateConfig,
    pub publish: PublishConfig,
    pub mlflow: MlflowConfig,
}

/// When a new version becomes the champion. See `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct GateConfig {
    pub max_loss: f64,
    pub tolerance: f64,
    pub share: f64,
    pub max_cases: usize,
    pub min_cases: usize,
}

/// Where versions go. See `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct PublishConfig {
    pub keep: usize,
    pub redis_url: RedisUrl,
    pub ca: PathBuf,
    #[serde(deserialize_with = "settings::text")]
    pub prefix: String,
}

/// The MLflow server that is told of runs. See `config.default.toml`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct MlflowConfig {
    pub url: String,
    #[serde(deserialize_with = "settings::text")]
    pub experiment: String,
    #[serde(deserialize_with = "settings::text")]
    pub model: String,
    pub timeout_secs: u64,
}

impl fmt::Debug for MlflowConfig {
    /// The URL may have a password in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, experiment, model, timeout_secs } = self;
        let mut shown = f.debug_struct("MlflowConfig");
        shown.field("url", &without_user_info(url)).field("experiment", experiment).field("model", model);
        shown.field("timeout_secs", timeout_secs).finish()
    }
}
