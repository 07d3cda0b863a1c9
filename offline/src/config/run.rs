//! The settings of a run: when a version is promoted, and where it is published. None of them enters an artifact.

use std::path::PathBuf;

use serde::Deserialize;
use shared::contract::settings;
use shared::contract::url::RedisUrl;

/// The settings of a run: the gate, and where versions go.
///
/// It is not `Serialize`, and must not be: it holds passwords.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct RunConfig {
    pub gate: GateConfig,
    pub publish: PublishConfig,
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
