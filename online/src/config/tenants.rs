//! The configs of several shops in one process, and what no two of them may share.
//!
//! ```text
//! defaults ◀ file of --config ◀ environment ◀ file of the tenant
//! ```
//!
//! What is of the whole process, such as its addresses, only the process's own config may say.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};

use figment::providers::{Format, Toml};
use figment::{Figment, Provider as _};
use shared::contract::settings::SettingsError;

use super::{Config, ConfigError};

/// What is of the whole process: sections and keys.
const OF_THE_PROCESS: [&str; 12] = [
    "tenants",
    "tls",
    "log",
    "auth.open",
    "server.listen",
    "server.admin_listen",
    "server.cors_origins",
    "server.max_connections",
    "server.idle_timeout_ms",
    "server.drain_ms",
    "server.shutdown_timeout_ms",
    "artifacts.poll_ms",
];

/// Reads the configs of the tenants that a config names.
///
/// * `layers`: those of the config, over which the file of each tenant is laid.
///
/// # Errors
/// [`ConfigError`] names the tenant and the key.
pub(super) fn load(process: &Config, layers: &Figment) -> Result<BTreeMap<String, Config>, ConfigError> {
    if process.tenant_files.is_empty() {
        return Ok(BTreeMap::new());
    }
    if process.auth.file().is_none() {
        let must = "with [tenants] it must name the file of the operators' keys (it may have none), with which /tenants \
                    and the metrics of all are read";
        return Err(ConfigError::Value { key: "auth.keys", value: "\"\"".to_owned(), must: must.to_owned() });
    }
    let mut configs = BTreeMap::new();
    for (name, file) in &process.tenant_files {
        let of_tenant = |error| ConfigError::Tenant { tenant: name.clone(), error: Box::new(error) };
        configs.insert(name.clone(), one(name, file, layers).map_err(of_tenant)?);
    }
    let keys = Claim::folder("auth.keys", &process.auth.keys);
    let mut claims = vec![("the process".to_owned(), keys)];
    claims.extend(configs.iter().flat_map(|(name, config)| of(config).map(|claim| (format!("tenant {name}"), claim))));
    for (at, (one, claim)) in claims.iter().enumerate() {
        if let Some((other, same)) = claims[at + 1..].iter().find(|(other, same)| other != one && claim.crosses(same)) {
            return Err(ConfigError::Shared { one: format!("{one} has {claim}"), other: format!("{other} {same}") });
        }
    }
    Ok(configs)
}

/// Reads the config of a tenant.
fn one(name: &str, file: &Path, layers: &Figment) -> Result<Config, ConfigError> {
    let is_name = (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte));
    let wrong = |key, value: String, must: &str| Err(ConfigError::Value { key, value, must: must.to_owned() });
    if !is_name {
        return wrong("tenants", format!("{name:?}"), "a name must have 1 to 64 small letters, digits, - or _");
    }
    if !file.is_file() {
        return Err(SettingsError::Absent(file.to_owned()).into());
    }
    let own = Figment::from(Toml::file_exact(file));
    // Before what else it has is taken for no config at all.
    own.data().map_err(Box::new)?;
    if let Some(key) = OF_THE_PROCESS.into_iter().find(|key| own.contains(key)) {
        let must = "it is of the whole process: say it in the process's own config, and not in a tenant's";
        return wrong(key, "…".to_owned(), must);
    }
    if !own.contains("auth.keys") {
        return wrong(
            "auth.keys",
            "\"\"".to_owned(),
            "a tenant must name a file of keys of its own: a key tells whose a request is",
        );
    }
    let mut config: Config = layers.clone().merge(own).extract().map_err(Box::new)?;
    config.validate()?;
    config.tenant_files.clear();
    Ok(config)
}

/// What a config has for itself.
struct Claim {
    key: &'static str,
    value: String,
    of: Of,
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {:?}", self.key, self.value)
    }
}

/// What kind of thing it is.
enum Of {
    /// A folder or a file.
    Path(PathBuf),
    /// A URL with a path, or the prefix of keys in Redis, and what ends a part of it.
    Text(String, char),
    /// Nothing: the setting is empty.
    Nothing,
}

impl Claim {
    fn folder(key: &'static str, path: &Path) -> Self {
        let value = path.display().to_string();
        if path.as_os_str().is_empty() {
            return Self { key, value, of: Of::Nothing };
        }
        Self { key, value, of: Of::Path(whole(path)) }
    }

    fn text(key: &'static str, text: &str, end: char) -> Self {
        let of = if text.is_empty() { Of::Nothing } else { Of::Text(text.trim_end_matches(end).to_owned(), end) };
        Self { key, value: shared::contract::url::without_user_info(text), of }
    }

    /// Whether one is the other, or within it.
    fn crosses(&self, other: &Self) -> bool {
        match (&self.of, &other.of) {
            (Of::Path(one), Of::Path(other)) => one.starts_with(other) || other.starts_with(one),
            (Of::Text(one, end), Of::Text(other, of_other)) if end == of_other => {
                let within = |inner: &str, outer: &str| {
                    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(*end))
                };
                within(one, other) || within(other, one)
            }
            _ => false,
        }
    }
}

/// The whole path: links are followed as far as it is there, and the rest, which has none yet, is read by its parts.
fn whole(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut whole = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(whole.pop()),
            part => whole.push(part),
        }
        if let Ok(there) = whole.canonicalize() {
            whole = there;
        }
    }
    whole
}

/// What a shop has for itself.
fn of(config: &Config) -> [Claim; 11] {
    // The same server may have several names, so that prefixes alone tell shops apart.
    let prefix = if config.store.redis_url.is_empty() { "" } else { config.store.prefix.as_str() };
    [
        Claim::folder("auth.keys", &config.auth.keys),
        Claim::folder("artifacts.path", &config.artifacts.path),
        Claim::folder("events.path", &config.events.path),
        Claim::folder("slates.path", &config.slates.path),
        Claim::folder("served.path", &config.served.path),
        Claim::folder("models.rows", &config.models.rows),
        Claim::folder("page.batch_config", &config.page.batch_config),
        Claim::text("artifacts.url", &config.artifacts.url, '/'),
        Claim::text("events.ship_to", &config.events.ship_to, '/'),
        Claim::text("slates.ship_to", &config.slates.ship_to, '/'),
        Claim::text("store.prefix", prefix, ':'),
    ]
}
