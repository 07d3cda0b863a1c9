//! The settings of the service, checked before any work starts.
//!
//! In: `config.default.toml`, which documents every key; the file of `--config`; the environment
//! ([`shared::contract::settings`] says which overrides which). Out: a [`Config`], every value of which is in its
//! range.

mod check;
mod sections;
mod tenants;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Format, Toml};
use serde::Deserialize;
use shared::contract::settings::{self, SettingsError};
use shared::contract::url::without_user_info;

pub use self::sections::*;

use self::check::{clients, home, listen, name, origin, shadow, store, within};
use crate::named_filters::NamedFilters;
use crate::scenarios::{Scenarios, Wrong};
use crate::traces::Collector;

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../config.default.toml");

/// Why the settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file of `--config` is not there, or a variable of the environment is no setting.
    #[error("config: {0}; `online --print-config` prints every key with its default")]
    Layers(#[from] SettingsError),
    /// A key is unknown or a value of the wrong type.
    #[error("config: {0}; `online --print-config` prints every key with its default")]
    Parse(#[from] Box<figment::Error>),
    /// The rule of a scenario, or its name, is none.
    #[error("config: scenarios.{key} = {value}: {must}")]
    Scenario {
        /// The scenario, and the key below it.
        key: String,
        /// The value that was given.
        value: String,
        /// What it must be.
        must: &'static str,
    },
    /// The config of a tenant can't be used.
    #[error("tenant {tenant}: {error}")]
    Tenant {
        /// The tenant.
        tenant: String,
        /// What is wrong with its config.
        error: Box<ConfigError>,
    },
    /// Two tenants have a thing that only one may have.
    #[error(
        "config: {one}, and {other}: what is of one tenant must not be another's; give each a folder, a URL or a prefix of \
         its own, none within another's"
    )]
    Shared {
        /// Who has it, and as what.
        one: String,
        /// Who has it, too.
        other: String,
    },
    /// A value is out of its range.
    #[error("config: {key} = {value}: {must}")]
    Value {
        /// `section.key`.
        key: &'static str,
        /// The value that was given.
        value: String,
        /// What it must be.
        must: String,
    },
}

/// All settings, checked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The HTTP server.
    pub server: Http,
    /// Who may call.
    pub auth: Auth,
    /// The certificate.
    pub tls: Tls,
    /// The artifacts folder.
    pub artifacts: Artifacts,
    /// The store of the user side.
    pub store: Store,
    /// The bounds of users' histories.
    pub history: History,
    /// The event log.
    pub events: Events,
    /// What becomes of slates.
    pub slates: Slates,
    /// What is remembered of slates for feeds.
    pub served: Served,
    /// The version that answers beside the served one.
    pub shadow: Shadow,
    /// Models of rows.
    pub models: Models,
    /// Traces of requests.
    pub traces: Traces,
    /// The log output.
    pub log: Log,
    /// Rules of the shop by name.
    pub scenarios: Scenarios,
    /// The front page.
    pub home: Home,
    /// The page for people.
    pub page: Page,
    /// Filters that clients of other systems name.
    pub filters: NamedFilters,
    /// Clients of other systems.
    pub clients: Clients,
    /// The file of each tenant, by its name.
    #[serde(rename = "tenants")]
    tenant_files: BTreeMap<String, PathBuf>,
    /// The config of each: this one, with what its file says on top.
    #[serde(skip)]
    pub tenants: BTreeMap<String, Config>,
}

impl Config {
    /// Reads the defaults, then `file`, then the environment, and checks the result.
    ///
    /// # Errors
    /// [`ConfigError`] names the key.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let layers = settings::layer(Figment::from(Toml::string(DEFAULTS)), file, settings::OFFLINE)?;
        let mut config: Self = layers.extract().map_err(Box::new)?;
        config.validate()?;
        config.tenants = tenants::load(&config, &layers)?;
        Ok(config)
    }

    /// Checks every value that its type does not restrict enough.
    fn validate(&self) -> Result<(), ConfigError> {
        listen("server.listen", &self.server.listen)?;
        if !self.server.admin_listen.is_empty() {
            listen("server.admin_listen", &self.server.admin_listen)?;
        }
        self.server.cors_origins.iter().try_for_each(|value| origin(value))?;
        within("server.max_body_bytes", self.server.max_body_bytes, 1024..=64 << 20)?;
        within("server.max_in_flight", self.server.max_in_flight, 1..=100_000)?;
        within("server.max_connections", self.server.max_connections, 1..=1_000_000)?;
        within("server.deadline_ms", self.server.deadline_ms, 4..=3_600_000)?;
        within("server.request_timeout_ms", self.server.request_timeout_ms, 100..=3_600_000)?;
        within("server.idle_timeout_ms", self.server.idle_timeout_ms, 100..=3_600_000)?;
        within("server.drain_ms", self.server.drain_ms, 0..=3_600_000)?;
        within("server.shutdown_timeout_ms", self.server.shutdown_timeout_ms, 0..=3_600_000)?;
        within("artifacts.poll_ms", self.artifacts.poll_ms, 10..=60_000)?;
        within("artifacts.max_cache_bytes", self.artifacts.max_cache_bytes, 0..=1 << 50)?;
        store("artifacts.url", &self.artifacts.url)?;
        within("store.timeout_ms", self.store.timeout_ms, 1..=10_000)?;
        within("store.write_timeout_ms", self.store.write_timeout_ms, 10..=60_000)?;
        within("history.max_events", self.history.max_events, 1..=10_000)?;
        within("history.max_older", self.history.max_older, 0..=10_000)?;
        within("history.ttl_days", self.history.ttl_days, 1..=3650)?;
        within("events.max_file_bytes", self.events.max_file_bytes, 4096..=1 << 40)?;
        within("events.max_disk_bytes", self.events.max_disk_bytes, 0..=1 << 50)?;
        within("events.queue", self.events.queue, 1..=100_000)?;
        within("events.ship_open_every_s", self.events.ship_open_every_s, 1..=86_400)?;
        store("events.ship_to", &self.events.ship_to)?;
        within("slates.every", self.slates.every, 0..=1_000_000_000)?;
        within("slates.max_file_bytes", self.slates.max_file_bytes, 65_536..=1 << 40)?;
        if self.slates.max_disk_bytes > 0 {
            // The file that is written may be twice as long, and only those before it can be removed.
            within("slates.max_disk_bytes", self.slates.max_disk_bytes, 4 * self.slates.max_file_bytes..=1 << 50)?;
        }
        within("slates.window_hours", self.slates.window_hours, 1..=8760)?;
        store("slates.ship_to", &self.slates.ship_to)?;
        if !self.slates.ship_to.is_empty() && self.slates.path.as_os_str().is_empty() {
            let must = "it must be \"\" where slates are not logged; name their folder by slates.path".to_owned();
            return Err(ConfigError::Value {
                key: "slates.ship_to",
                value: format!("{:?}", self.slates.ship_to),
                must,
            });
        }
        within("slates.max_remembered_items", self.slates.max_remembered_items, 1000..=1_000_000_000)?;
        within("served.hours", self.served.hours, 1..=8760)?;
        within("served.max_slates", self.served.max_slates, 1..=1000)?;
        shadow(&self.shadow, &self.artifacts.alias)?;
        within("models.max_body_bytes", self.models.max_body_bytes, 1024..=1 << 30)?;
        within("models.max_rows", self.models.max_rows, 1..=10_000_000)?;
        within("models.max_explained_rows", self.models.max_explained_rows, 0..=1_000_000)?;
        within("models.drift_rows", self.models.drift_rows, 500..=1_000_000_000)?;
        within("traces.every", self.traces.every, 1..=1_000_000_000)?;
        if let (false, Err(must)) = (self.traces.endpoint.is_empty(), self.traces.endpoint.parse::<Collector>()) {
            // It may hold a password, which is not told.
            let (key, value) = ("traces.endpoint", without_user_info(&self.traces.endpoint));
            return Err(ConfigError::Value { key, value: format!("{value:?}"), must: must.to_string() });
        }
        let levels = ["off", "error", "warn", "info", "debug", "trace"];
        let is_level = |word: &str| levels.contains(&word.to_ascii_lowercase().as_str());
        // A word that is no level would be taken for a target, and switch all others off.
        if !self.log.level.split(',').all(|part| part.contains('=') || is_level(part.trim())) {
            let must = format!("it must be {}, or <target>=<level>, separated by commas", levels.join(", "));
            return Err(ConfigError::Value { key: "log.level", value: self.log.level.clone(), must });
        }
        for (name, scenario) in &self.scenarios {
            let wrong =
                |Wrong { key, value, must }| ConfigError::Scenario { key: format!("{name}.{key}"), value, must };
            scenario.check().map_err(wrong)?;
        }
        home(&self.home.rows, &self.scenarios)?;
        clients(&self.filters, &self.clients.kinds)?;
        if !self.page.batch.as_os_str().is_empty() && self.auth.file().is_none() && self.auth.open {
            let must =
                "without keys everybody could publish and train; name a file of keys by auth.keys, or leave it empty";
            let value = format!("{:?}", self.page.batch);
            return Err(ConfigError::Value { key: "page.batch", value, must: must.to_owned() });
        }
        let batch = &self.page.batch;
        if batch.components().count() > 1 && !batch.is_file() {
            let must = "the path of the batch's program, which is not there";
            return Err(ConfigError::Value { key: "page.batch", value: format!("{batch:?}"), must: must.to_owned() });
        }
        name("events.replica", &self.events.replica, "-_")?;
        name("store.prefix", &self.store.prefix, "-_.:")
    }
}

#[cfg(test)]
mod tests;
