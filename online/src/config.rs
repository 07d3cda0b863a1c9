//! The settings of the service, checked before any work starts.
//!
//! In: `config.default.toml`, which documents every key; the file of `--config`; the environment
//! ([`shared::contract::settings`] says which overrides which). Out: a [`Config`], every value of which is in its
//! range.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Format, Toml};
use serde::Deserialize;
use shared::contract::api::Seen;
use shared::contract::settings::{self, SettingsError};
use shared::contract::url::{RedisUrl, without_user_info};

use crate::traces::Collector;

use crate::scenarios::{Scenarios, Wrong};

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
    /// Models of rows.
    pub models: Models,
    /// Traces of requests.
    pub traces: Traces,
    /// The log output.
    pub log: Log,
    /// Rules of the shop by name.
    pub scenarios: Scenarios,
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
    pub max_body_bytes: usize,
    pub max_in_flight: usize,
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

impl Config {
    /// Reads the defaults, then `file`, then the environment, and checks the result.
    ///
    /// # Errors
    /// [`ConfigError`] names the key.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let layers = settings::layer(Figment::from(Toml::string(DEFAULTS)), file, settings::OFFLINE)?;
        let config: Self = layers.extract().map_err(Box::new)?;
        config.validate()?;
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
        within("server.deadline_ms", self.server.deadline_ms, 4..=3_600_000)?;
        within("server.request_timeout_ms", self.server.request_timeout_ms, 100..=3_600_000)?;
        within("server.idle_timeout_ms", self.server.idle_timeout_ms, 100..=3_600_000)?;
        within("server.drain_ms", self.server.drain_ms, 0..=3_600_000)?;
        within("server.shutdown_timeout_ms", self.server.shutdown_timeout_ms, 0..=3_600_000)?;
        within("artifacts.poll_ms", self.artifacts.poll_ms, 10..=60_000)?;
        within("store.timeout_ms", self.store.timeout_ms, 1..=10_000)?;
        within("store.write_timeout_ms", self.store.write_timeout_ms, 10..=60_000)?;
        within("history.max_events", self.history.max_events, 1..=10_000)?;
        within("history.max_older", self.history.max_older, 0..=10_000)?;
        within("history.ttl_days", self.history.ttl_days, 1..=3650)?;
        within("events.max_file_bytes", self.events.max_file_bytes, 4096..=1 << 40)?;
        within("events.max_disk_bytes", self.events.max_disk_bytes, 0..=1 << 50)?;
        within("events.queue", self.events.queue, 1..=100_000)?;
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
        name("events.replica", &self.events.replica, "-_")?;
        name("store.prefix", &self.store.prefix, "-_.:")
    }
}

/// Checks that a text is a host and a port; whether there is such a host shows when it is bound.
fn listen(key: &'static str, value: &str) -> Result<(), ConfigError> {
    let is_host = |host: &str| !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || "/@".contains(c));
    // An address of IPv6 stands in brackets.
    let is_one = |host: &str| !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
    match value.rsplit_once(':') {
        Some((host, port)) if is_host(host) && is_one(host) && port.parse::<u16>().is_ok() => Ok(()),
        _ => {
            let must =
                "it must be an address or a host and a port, such as 127.0.0.1:8080 or localhost:8080".to_owned();
            Err(ConfigError::Value { key, value: format!("{value:?}"), must })
        }
    }
}

/// Checks that a text is the origin of pages, as browsers send it.
fn origin(value: &str) -> Result<(), ConfigError> {
    let host = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
    let is_host = |host: &str| {
        !host.is_empty()
            && host.bytes().all(|byte| byte.is_ascii_graphic())
            && !host.contains(['/', '*', '@', '?', '#'])
    };
    if host.is_some_and(is_host) {
        return Ok(());
    }
    let must = "it must be a scheme and a host, such as https://shop.example, without a path or *".to_owned();
    Err(ConfigError::Value { key: "server.cors_origins", value: format!("{value:?}"), must })
}

/// Checks that a number is in its range.
fn within<N: PartialOrd + fmt::Display + Copy>(
    key: &'static str,
    value: N,
    range: RangeInclusive<N>,
) -> Result<(), ConfigError> {
    if range.contains(&value) {
        return Ok(());
    }
    let must = format!("it must be from {} to {}", range.start(), range.end());
    Err(ConfigError::Value { key, value: value.to_string(), must })
}

/// Checks that a name has 1 to 64 letters, digits or characters of `also`.
fn name(key: &'static str, value: &str, also: &str) -> Result<(), ConfigError> {
    let allowed = |character: char| character.is_ascii_alphanumeric() || also.contains(character);
    if (1..=64).contains(&value.len()) && value.chars().all(allowed) {
        return Ok(());
    }
    let must = format!("it must have 1 to 64 ASCII letters, digits or any of `{also}`");
    Err(ConfigError::Value { key, value: format!("{value:?}"), must })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::scenarios::during;

    fn load(text: &str) -> Result<Config, ConfigError> {
        let mut file = tempfile::NamedTempFile::new().expect("temporary file");
        file.write_all(text.as_bytes()).expect("writes");
        Config::load(Some(file.path()))
    }

    #[test]
    fn the_documented_defaults_are_valid() {
        let config = Config::load(None).expect("defaults");
        assert_eq!(config.server.listen, "127.0.0.1:8080");
        assert_eq!(config.server.seen, Seen::ExcludePurchased);
        assert!(config.store.redis_url.is_empty());
    }

    #[test]
    fn a_file_overrides_key_by_key() {
        let config = load("[events]\nreplica = 7\n").expect("loads");
        assert_eq!(config.events.replica, "7");
        assert_eq!(config.events.queue, 1024);
    }

    #[test]
    fn an_unknown_key_is_refused_by_its_name() {
        let error = load("[store]\nredis = \"x\"\n").expect_err("unknown key");
        assert!(error.to_string().contains("redis"), "{error}");
    }

    #[test]
    fn the_service_listens_on_addresses_and_host_names() {
        for listen in ["0.0.0.0:8080", "localhost:0", "[::1]:8080", "tandem.shop.internal:80"] {
            assert_eq!(load(&format!("[server]\nlisten = \"{listen}\"\n")).expect(listen).server.listen, listen);
        }
        for listen in
            ["\"localhost\"", "8080", "\":8080\"", "\"::1:8080\"", "\"http://localhost:8080\"", "\"h:99999\"", "\"\""]
        {
            let error = load(&format!("[server]\nlisten = {listen}\n")).expect_err(listen).to_string();
            assert!(error.contains("server.listen = ") && error.contains("localhost:8080"), "{error}");
        }
    }

    #[test]
    fn pages_that_may_call_are_named_by_their_origin() {
        for good in ["https://shop.example", "http://localhost:3000", "http://[::1]:3000"] {
            let config = load(&format!("[server]\ncors_origins = [\"{good}\"]\n")).expect(good);
            assert_eq!(config.server.cors_origins, [good]);
        }
        for bad in ["*", "shop.example", "https://shop.example/", "https://*.shop.example", "https://", "null"] {
            let error = load(&format!("[server]\ncors_origins = [\"{bad}\"]\n")).expect_err(bad).to_string();
            assert!(error.contains("server.cors_origins"), "{error}");
        }
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named_with_its_key() {
        let error = load("[store]\ntimeout_ms = \"soon\"\n").expect_err("no number").to_string();
        assert!(error.contains("store.timeout_ms"), "{error}");
    }

    #[test]
    fn values_out_of_range_are_refused_with_the_range() {
        let error = load("[store]\ntimeout_ms = 0\n").expect_err("out of range");
        assert_eq!(error.to_string(), "config: store.timeout_ms = 0: it must be from 1 to 10000");
        assert!(load("[events]\nreplica = \"../x\"\n").is_err());
    }

    #[test]
    fn scenarios_are_read_with_times_of_either_form() {
        let config = load(
            "[scenarios.home]\nfilter = \"not brand = 'Acme'\"\nseen = { transaction = 30 }\nmax_per = { category = 3 }\n\
             boost = [{ filter = \"price < 5\", factor = 1.5, from = \"2026-11-27T00:00:00Z\", until = 2026-11-28T00:00:00Z }]\n\
             exclude = [\"8\"]\npin = [{ item = \"7.0\", position = 1 }]\n[scenarios.basket]\nseen = \"exclude_all\"\n",
        );
        let scenarios = config.expect("loads").scenarios;
        let home = &scenarios["home"];
        assert_eq!(during(home.boost[0].from, home.boost[0].until), 1_795_737_600_000..1_795_824_000_000);
        assert_eq!(during(home.pin[0].from, home.pin[0].until), i64::MIN..i64::MAX);
        assert_eq!(home.pin[0].item.as_str(), "7");
        assert_eq!(scenarios["basket"].seen, "exclude_all".parse().ok());
    }

    #[test]
    fn the_documented_scenarios_are_valid() {
        let readme =
            include_str!("../README.md").split("```toml\n").find(|block| block.starts_with("[scenarios.home]"));
        let readme = readme.and_then(|block| block.split("```").next()).expect("an example");
        let home = &load(readme).expect("loads").scenarios["home"];
        assert_eq!((home.boost[0].factor, home.pin[0].position, home.explore), (1.5, 2, 0.05));
        let (_, commented) = DEFAULTS.split_once("# [scenarios.home]\n").expect("an example");
        let lines: Vec<&str> = commented.lines().filter_map(|line| line.strip_prefix("# ")).collect();
        let home = &load(&format!("[scenarios.home]\n{}", lines.join("\n"))).expect("loads").scenarios["home"];
        assert_eq!((home.boost.len(), home.bury.len(), home.pin.len(), home.max_per["brand"]), (1, 1, 1, 2));
    }

    #[test]
    fn a_rule_that_is_none_ends_the_start_with_its_key() {
        for (rule, said) in [
            ("filter = \"price <\"", "scenarios.s.filter"),
            ("filter = \"price <\"", "at character 8: expected a number"),
            ("boost = [{ filter = \"price and\", factor = 2.0 }]", "scenarios.s.boost"),
            ("boost = [{ filter = \"price\", factor = 0 }]", "scenarios.s.boost[0].factor = 0: it must be above 0"),
            ("boost = [{ filter = \"price\", factor = nan }]", "scenarios.s.boost[0].factor = NaN: it must be above 0"),
            ("boost = [{ filter = \"price\" }]", "scenarios.s.boost[0].factor = 1: it changes nothing"),
            ("bury = [{ filter = \"price\", factor = 2.0 }]", "factor"),
            ("pin = [{ item = \"a\", position = 0 }]", "scenarios.s.pin[0].position = 0: it must be from 1 to 500"),
            ("pin = [{ item = \"a\", position = 1, from = \"2026-11-27\" }]", "no time with its offset"),
            ("pin = [{ item = \"a\", position = 1, until = 2026-11-27 }]", "no time with its offset"),
            (
                "bury = [{ filter = \"price\", from = \"2026-11-27T00:00:00Z\", until = \"2026-11-26T00:00:00Z\" }]",
                "scenarios.s.bury[0].until = 1795651200000: it must be later than from",
            ),
            ("max_per = { brand = 0 }", "scenarios.s.max_per.brand = 0: it must be at least 1"),
            ("max_pre = { brand = 1 }", "max_pre"),
            ("seen = { transaction = 0 }", "scenarios.s.seen"),
            ("explore = 1.5", "scenarios.s.explore = 1.5: it must be from 0 to 1"),
            ("explore_below_events = 0", "scenarios.s.explore_below_events = 0"),
        ] {
            let error = load(&format!("[scenarios.s]\n{rule}\n")).expect_err(rule).to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn an_absent_file_is_an_error() {
        let error = Config::load(Some(Path::new("/nowhere.toml"))).expect_err("no file").to_string();
        assert!(error.contains("/nowhere.toml: no such config file"), "{error}");
    }
}
