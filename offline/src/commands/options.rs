//! Options that several commands share, and how their values are read.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jiff::tz::TimeZone;
use shared::contract::artifact::alias::{Alias, aliases};
use shared::contract::artifact::manifest::read_champion;
use shared::contract::url::RedisUrl;

use super::mirrors::mirrored;
use crate::config::{Config, ConfigError, MlflowConfig, PublishConfig, Settings};
use crate::publish::{Artifacts, Pointers, PublishError, versions};

/// How long who moves a pointer waits for another: it takes moments, or as long as user records take to be written.
const MOMENTS: Duration = Duration::from_secs(60);

/// The options that choose the settings.
#[derive(Debug, Args)]
pub struct SettingsOptions {
    /// A TOML file that overrides single settings of the defaults and the preset.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// The preset for a known kind of log: native, retailrocket-sessions, online-retail, movielens, movielens-next.
    #[arg(long)]
    pub preset: Option<String>,
}

impl SettingsOptions {
    /// Every setting, checked.
    ///
    /// # Errors
    /// [`ConfigError`] names the key.
    pub fn load(&self) -> Result<Settings, ConfigError> {
        Settings::load(self.config.as_deref(), self.preset.as_deref())
    }

    /// The settings that decide what is learnt.
    ///
    /// # Errors
    /// [`ConfigError`] names the key.
    pub fn load_config(&self) -> Result<Config, ConfigError> {
        Ok(self.load()?.learn)
    }
}

/// The input files.
#[derive(Debug, Args)]
pub struct Input {
    /// Event logs: files, folders or patterns; .csv, .parquet, .jsonl; or s3://BUCKET/PREFIX, where replicas ship theirs.
    #[arg(long, num_args = 1.., required = true, value_parser = mirrored)]
    pub events: Vec<PathBuf>,
    /// The item table.
    #[arg(long)]
    pub items: Option<PathBuf>,
    /// When the item table was written, milliseconds since the epoch or a date: what the service was told of its items up to
    /// then is in it. Left out, whatever the service was told is newer.
    #[arg(long, value_parser = time_ms, requires = "items")]
    pub items_as_of: Option<i64>,
    /// Tables of users: files, folders or patterns; a row a user, or a row a user and time.
    #[arg(long, num_args = 1..)]
    pub users: Vec<PathBuf>,
}

impl Input {
    /// The tables beside the logs.
    #[must_use]
    pub fn beside(&self) -> Beside<'_> {
        Beside { items: self.items.as_deref(), items_as_of: self.items_as_of, users: &self.users }
    }
}

/// The tables beside a log.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside<'a> {
    /// The item table.
    pub items: Option<&'a Path>,
    /// When it was written, milliseconds since the epoch, if that is known.
    pub items_as_of: Option<i64>,
    /// The user tables; empty for none.
    pub users: &'a [PathBuf],
}

impl Beside<'_> {
    /// All files.
    pub fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.items.map(Path::to_path_buf).into_iter().chain(self.users.iter().cloned())
    }
}

/// The artifacts folder, and whether to wait for it.
#[derive(Debug, Args)]
pub struct ArtifactsOptions {
    /// The artifacts folder, which holds the versions, or s3://BUCKET/PREFIX, gs:// or az://.
    #[arg(long, global = true, env = "TANDEM_ARTIFACTS__PATH", default_value = "artifacts", value_parser = mirrored)]
    pub artifacts: PathBuf,
    /// Waits while another batch holds the artifacts folder: this many seconds at most, or without a limit.
    #[arg(long, global = true, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "inf", value_parser = patience)]
    wait: Option<Duration>,
}

impl ArtifactsOptions {
    /// Takes the lock of an artifacts folder that is there; see [`Self::hold`].
    ///
    /// # Errors
    /// [`PublishError::NoFolder`] for a folder that is not there, else as [`Self::hold`].
    pub fn hold_existing(&self, command: &str) -> Result<Artifacts, PublishError> {
        if !self.artifacts.is_dir() {
            return Err(PublishError::NoFolder(self.artifacts.clone()));
        }
        self.hold(command)
    }

    /// Takes the lock of the artifacts folder, which is made if it is not there.
    ///
    /// * `command`: the name of the command, without arguments.
    ///
    /// # Errors
    /// [`PublishError::Held`] where another batch has it.
    pub fn hold(&self, command: &str) -> Result<Artifacts, PublishError> {
        Artifacts::hold(&self.artifacts, command, self.patience())
    }

    /// Takes the short lock of the artifacts folder, for a command that moves pointers alone. A batch that builds does not
    /// have it.
    ///
    /// # Errors
    /// [`PublishError::Held`] where another command has it for longer than `--wait` says, or a minute.
    pub fn pointers(&self, command: &str) -> Result<Pointers, PublishError> {
        Pointers::take(&self.artifacts, command, self.moments())
    }

    /// How long to wait for another command that moves a pointer.
    #[must_use]
    pub fn moments(&self) -> Duration {
        self.wait.unwrap_or(MOMENTS)
    }

    /// How long to wait for another batch.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.wait.unwrap_or(Duration::ZERO)
    }
}

/// The Redis that user records are copied to.
#[derive(Debug, Args)]
pub struct RedisOptions {
    /// The Redis to copy user records to; nodes of a Redis Cluster are separated by commas. Give a password in TANDEM_PUBLISH__REDIS_URL instead: arguments show in the
    /// list of processes.
    #[arg(long, value_name = "URL")]
    redis: Option<RedisUrl>,
}

impl RedisOptions {
    /// The settings of publishing, with the Redis of the command line if it names one.
    #[must_use]
    pub fn over(&self, publish: &PublishConfig) -> PublishConfig {
        let mut publish = publish.clone();
        if let Some(url) = &self.redis {
            publish.redis_url = url.clone();
        }
        publish
    }
}

/// The MLflow server that is told of runs and champions.
#[derive(Debug, Args)]
pub struct MlflowOptions {
    /// The MLflow server that is told of runs and of champions, http[s]://host:port. Give a password in
    /// MLFLOW_TRACKING_PASSWORD: arguments show in the list of processes.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "MLFLOW_TRACKING_URI",
        hide_env_values = true,
        hide_short_help = true
    )]
    mlflow: Option<String>,
    /// The experiment of its runs.
    #[arg(long, global = true, value_name = "NAME", env = "MLFLOW_EXPERIMENT_NAME", hide_short_help = true)]
    mlflow_experiment: Option<String>,
    /// How long a call of MLflow may take, in seconds.
    #[arg(long, global = true, value_name = "SECONDS", hide_short_help = true)]
    mlflow_timeout: Option<u64>,
    /// The registered model of the recommender; a model of rows is registered as NAME-<its name>.
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    mlflow_model: Option<String>,
}

impl MlflowOptions {
    /// The settings of MLflow, with what the command line and MLflow's own variables say.
    #[must_use]
    pub fn over(&self, mlflow: &MlflowConfig) -> MlflowConfig {
        let or =
            |own: &Option<String>, other: &String| own.as_ref().filter(|own| !own.is_empty()).unwrap_or(other).clone();
        MlflowConfig {
            url: or(&self.mlflow, &mlflow.url),
            experiment: or(&self.mlflow_experiment, &mlflow.experiment),
            model: or(&self.mlflow_model, &mlflow.model),
            timeout_secs: self.mlflow_timeout.unwrap_or(mlflow.timeout_secs),
        }
    }

    /// The settings of MLflow for commands that take no config of the batch: the defaults, and the environment.
    ///
    /// # Errors
    /// [`ConfigError`] names the variable.
    pub fn of_environment() -> Result<MlflowConfig, ConfigError> {
        Ok(Settings::load(None, None)?.run.mlflow)
    }
}

/// The version that an option names by itself or by an alias; the champion if it is absent.
///
/// # Errors
/// [`PublishError::NoVersion`] for a name that is neither; [`PublishError`] where nothing is published.
pub fn version_named(artifacts: &Path, name: Option<&str>) -> Result<String, PublishError> {
    let Some(name) = name else { return Ok(read_champion(artifacts)?) };
    match (versions::named(artifacts, name), name.parse::<Alias>()) {
        (Err(PublishError::NoVersion { .. }), Ok(alias)) if aliases(artifacts)?.contains_key(&alias) => {
            Ok(alias.read(artifacts)?)
        }
        (known, _) => known.map(|_| name.to_owned()),
    }
}

/// The file for rejected rows of a command without an output folder: in the system's temporary folder; it is not
/// removed.
#[must_use]
pub fn rejects_of(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("offline-{}-{name}.jsonl", std::process::id()))
}

/// Reads a number of seconds.
fn patience(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(f64::INFINITY) => Ok(Duration::MAX),
        Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string()),
        Err(_) => Err("expected seconds, such as 600".to_owned()),
    }
}

/// Reads milliseconds since the epoch, a date, or a date and time (UTC).
pub fn time_ms(text: &str) -> Result<i64, String> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(time.as_millisecond());
    }
    let day = |date: jiff::civil::Date| date.to_datetime(jiff::civil::Time::midnight());
    let civil = text.parse::<jiff::civil::DateTime>().or_else(|_| text.parse().map(day));
    let zoned = civil.and_then(|civil| civil.to_zoned(jiff::tz::TimeZone::UTC));
    zoned.map(|zoned| zoned.timestamp().as_millisecond()).map_err(|error| {
        format!("expected milliseconds since the epoch or a date such as 2026-06-30 12:00:00: {error}")
    })
}

/// Reads the name of a time zone.
pub fn time_zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text).map_err(|_| "expected the name of a time zone, such as Europe/Berlin or UTC".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_a_number_of_seconds_or_has_no_end() {
        assert_eq!(patience("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(patience("inf"), Ok(Duration::MAX));
        assert!(["-1", "NaN", "soon"].into_iter().all(|text| patience(text).is_err()));
    }

    #[test]
    fn times_are_milliseconds_or_dates() {
        assert_eq!(time_ms("1500"), Ok(1500));
        assert_eq!(time_ms("1970-01-02"), Ok(86_400_000));
        assert_eq!(time_ms("1970-01-02 00:00:01"), Ok(86_401_000));
        assert!(time_ms("yesterday").is_err());
    }

    #[test]
    fn a_time_zone_has_a_name() {
        assert_eq!(time_zone("Europe/Berlin").expect("a zone").iana_name(), Some("Europe/Berlin"));
        assert!(time_zone("Berlin time").is_err_and(|error| error.contains("Europe/Berlin")));
    }
}
