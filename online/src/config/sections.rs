//! The sections of the settings. Their keys are documented in `config.default.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use shared::contract::api::{Seen, ServedPolicy};
use shared::contract::artifact::alias::Alias;
use shared::contract::home::GivenRow;
use shared::contract::kind::KindName;
use shared::contract::settings;
use shared::contract::url::RedisUrl;
use shared::engine::attribution::Shown;
use shared::objects::Location;

/// `[clients]`; the keys are documented in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Clients {
    pub kinds: BTreeMap<String, KindName>,
}

/// `[home]`; the keys are documented in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Home {
    pub rows: Vec<GivenRow>,
}

/// `[page]`; the keys are documented in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Page {
    pub enabled: bool,
    pub batch: PathBuf,
    pub batch_config: PathBuf,
}

/// `[server]`; the keys are documented in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Http {
    #[serde(deserialize_with = "settings::text")]
    pub listen: String,
    #[serde(deserialize_with = "settings::text")]
    pub admin_listen: String,
    pub cors_origins: Vec<String>,
    pub replay: bool,
    pub seen: Seen,
    pub served: ServedPolicy,
    pub max_body_bytes: usize,
    pub max_in_flight: usize,
    pub max_connections: usize,
    pub deadline_ms: u64,
    pub request_timeout_ms: u64,
    pub idle_timeout_ms: u64,
    pub drain_ms: u64,
    pub shutdown_timeout_ms: u64,
}

/// `[auth]`; the keys are documented in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Auth {
    pub keys: PathBuf,
    pub open: bool,
}

impl Auth {
    /// The file of API keys; `None` without keys.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        (!self.keys.as_os_str().is_empty()).then_some(self.keys.as_path())
    }
}

/// `[tls]`; the keys are documented in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Tls {
    /// The files of the certificate and its key; `None` without TLS.
    #[must_use]
    pub fn files(&self) -> Option<(&Path, &Path)> {
        let none = self.certificate.as_os_str().is_empty() && self.key.as_os_str().is_empty();
        (!none).then_some((&self.certificate, &self.key))
    }
}

/// `[artifacts]`; the keys are documented in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Artifacts {
    pub path: PathBuf,
    #[serde(deserialize_with = "settings::text")]
    pub url: String,
    pub max_cache_bytes: u64,
    pub alias: Alias,
    pub poll_ms: u64,
}

/// `[store]`; the keys are documented in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Store {
    pub redis_url: RedisUrl,
    pub ca: PathBuf,
    #[serde(deserialize_with = "settings::text")]
    pub prefix: String,
    pub timeout_ms: u64,
    pub write_timeout_ms: u64,
}

/// `[history]`; the keys are documented in `config.default.toml`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct History {
    pub max_events: usize,
    pub max_older: usize,
    pub ttl_days: u32,
}

/// `[events]`; the keys are documented in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Events {
    pub path: PathBuf,
    #[serde(deserialize_with = "settings::text")]
    pub replica: String,
    pub max_file_bytes: u64,
    pub max_disk_bytes: u64,
    pub compress: bool,
    pub queue: usize,
    #[serde(deserialize_with = "settings::text")]
    pub ship_to: String,
    pub ship_open_every_s: u64,
}

/// A text that may be empty as the store that it names; checked by [`Config::load`](super::Config::load).
#[must_use]
pub fn store_at(url: &str) -> Option<Location> {
    url.parse().ok()
}

/// `[slates]`; the keys are documented in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Slates {
    pub path: PathBuf,
    pub every: u32,
    pub max_file_bytes: u64,
    pub max_disk_bytes: u64,
    pub window_hours: u32,
    pub shown: Shown,
    pub max_remembered_items: usize,
    #[serde(deserialize_with = "settings::text")]
    pub ship_to: String,
}

/// `[served]`; the keys are documented in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Served {
    pub hours: u32,
    pub max_slates: usize,
    pub path: PathBuf,
}

/// `[shadow]`; the keys are documented in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Shadow {
    #[serde(deserialize_with = "settings::text")]
    pub alias: String,
    pub share: f64,
}

impl Shadow {
    /// The alias; `None` if it is empty. Checked by [`Config::load`](super::Config::load).
    #[must_use]
    pub fn alias(&self) -> Option<Alias> {
        self.alias.parse().ok()
    }
}

/// `[models]`; the keys are documented in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Models {
    pub max_body_bytes: usize,
    pub max_rows: usize,
    pub rows: PathBuf,
    pub max_explained_rows: usize,
    pub drift_rows: u64,
}

/// `[traces]`; the keys are documented in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Traces {
    #[serde(deserialize_with = "settings::text")]
    pub endpoint: String,
    pub every: u64,
}

/// `[log]`; the keys are documented in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Log {
    pub format: LogFormat,
    pub level: String,
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object per line.
    Json,
}
