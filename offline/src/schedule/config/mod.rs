//! The settings of the scheduler, checked before anything runs.
//!
//! In: `schedule.default.toml`, which documents every key, and the file of `--config`. Out: a [`Plan`], every value of
//! which is in its range. A job is `[jobs]`, overridden key by key by its `[[job]]`.

mod check;
mod job;

use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use figment::value::Dict;
use serde::Deserialize;
use shared::contract::url::RedisUrl;
use shared::objects::Location;

pub use check::check_listen;
pub use job::{Job, JobConfig, Missed, Overlap, Trigger};

use crate::durations;
use crate::notices::channels::{self, ChannelError, Channels};
use crate::notices::config::{EmailConfig, NoticesConfig, SlackConfig, TelegramConfig, WebhookConfig};
use crate::schedule::times::{Times, TimesError};

/// Every setting with its default.
pub const DEFAULTS: &str = include_str!("../../../schedule.default.toml");

/// Why the settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file is not there.
    #[error("{}: no such config file; `offline schedule --defaults` prints one to begin with", .0.display())]
    Absent(PathBuf),
    /// A key is unknown, missing or of the wrong type.
    #[error("{0}; `offline schedule --defaults` lists every key")]
    Parse(Box<figment::Error>),
    /// A key of a job is unknown, missing or of the wrong type.
    #[error("{place}: {}{what}; `offline schedule --defaults` lists every key", quoted(.key))]
    Key {
        /// The job, in words.
        place: String,
        /// The key; empty where it is none.
        key: String,
        /// What is wrong with it.
        what: String,
    },
    /// A value is not possible.
    #[error("{place}: {what}")]
    Value {
        /// The job or the key.
        place: String,
        /// What is wrong, and what it must be.
        what: String,
    },
    /// The times of a job can't be read.
    #[error("job {job}: {source}")]
    Times {
        /// The job.
        job: String,
        /// Why.
        source: TimesError,
    },
    /// A channel can't be used.
    #[error(transparent)]
    Channel(#[from] ChannelError),
}

/// Where the scheduler keeps what, and how it stops. See `schedule.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ScheduleConfig {
    pub state: PathBuf,
    pub listen: String,
    lock: String,
    lock_env: String,
    pub lock_name: String,
    #[serde(deserialize_with = "durations::read")]
    pub stop_grace: Duration,
    pub keep_runs: usize,
    pub output_kib: u64,
}

/// What lets one scheduler at a time run the jobs. The file in the state folder always does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockConfig {
    /// Nothing else.
    File,
    /// A lease in Redis, too.
    Redis(RedisUrl),
    /// A lease in an object store, too.
    Objects(Location),
}

/// What the scheduler does.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where it keeps what.
    pub schedule: ScheduleConfig,
    /// What lets it run.
    pub lock: LockConfig,
    /// The jobs, in the order of the file.
    pub jobs: Vec<Job>,
    /// Whom it tells.
    pub channels: Channels,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sections {
    schedule: ScheduleConfig,
    jobs: Dict,
    #[serde(default)]
    job: Vec<Dict>,
    notices: NoticesConfig,
    #[serde(default)]
    webhook: Vec<WebhookConfig>,
    #[serde(default)]
    slack: Vec<SlackConfig>,
    #[serde(default)]
    telegram: Vec<TelegramConfig>,
    #[serde(default)]
    email: Vec<EmailConfig>,
}

impl Sections {
    fn load(file: &Path) -> Result<Self, PlanError> {
        if !file.is_file() {
            return Err(PlanError::Absent(file.to_owned()));
        }
        Self::of(&Figment::from(Toml::string(DEFAULTS)).merge(Toml::file_exact(file)))
    }

    fn of(figment: &Figment) -> Result<Self, PlanError> {
        figment.extract().map_err(|error| PlanError::Parse(Box::new(error)))
    }
}

impl ScheduleConfig {
    /// Whether another machine may hold the lock, which is then not seen in the folder.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.lock != "file" || !self.lock_env.is_empty()
    }
}

impl Plan {
    /// Reads and checks the settings: the defaults, overridden by `file`.
    ///
    /// # Errors
    /// [`PlanError`] names the job or the key, and what it must be.
    pub fn load(file: &Path) -> Result<Self, PlanError> {
        let sections = Sections::load(file)?;
        let lock = lock(&sections.schedule)?;
        Self::read(sections, lock)
    }

    /// Reads and checks the settings for somebody who looks at the jobs, or asks for one, and has none of the secrets: it
    /// has no channels, and no lock but that of the folder.
    ///
    /// # Errors
    /// As [`Plan::load`].
    pub fn load_jobs(file: &Path) -> Result<Self, PlanError> {
        let sections = Sections::load(file)?;
        let (webhook, slack, telegram, email) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self::read(Sections { webhook, slack, telegram, email, ..sections }, LockConfig::File)
    }

    fn read(sections: Sections, lock: LockConfig) -> Result<Self, PlanError> {
        let mut jobs = Vec::with_capacity(sections.job.len());
        for (number, own) in (1..).zip(sections.job) {
            let place = match own.get("name").and_then(|name| name.as_str()) {
                Some(name) => format!("job {name}"),
                None => format!("job number {number}"),
            };
            // Not as figment tells it: by a profile and a place of this source.
            let told = |error: figment::Error| {
                let (key, what) = (error.path.join("."), error.kind.to_string());
                PlanError::Key { place, key, what }
            };
            let all = Figment::from(Serialized::defaults(&sections.jobs)).merge(Serialized::defaults(&own));
            jobs.push(checked(all.extract().map_err(told)?)?);
        }
        let names: Vec<&str> = jobs.iter().map(Job::name).collect();
        check::check_names(&jobs)?;
        let Sections { notices, webhook, slack, telegram, email, .. } = sections;
        let channels = channels::check(notices, (webhook, slack, telegram, email), &names)?;
        let plan = Self { schedule: sections.schedule, lock, channels, jobs };
        plan.check_ranges()?;
        Ok(plan)
    }

    /// The job of a name.
    #[must_use]
    pub fn job(&self, name: &str) -> Option<&Job> {
        self.jobs.iter().find(|job| job.name() == name)
    }

    fn check_ranges(&self) -> Result<(), PlanError> {
        check_listen(&self.schedule.listen)?;
        if !(1..=10_000).contains(&self.schedule.keep_runs) {
            return Err(wrong("schedule.keep_runs", "it must be from 1 to 10000"));
        }
        if !(1..=1 << 20).contains(&self.schedule.output_kib) {
            return Err(wrong("schedule.output_kib", "it must be from 1 to 1048576"));
        }
        Ok(())
    }
}

fn quoted(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("`{key}`: ") }
}

fn wrong(place: impl Into<String>, what: impl Into<String>) -> PlanError {
    PlanError::Value { place: place.into(), what: what.into() }
}

fn lock(schedule: &ScheduleConfig) -> Result<LockConfig, PlanError> {
    let named = match schedule.lock_env.as_str() {
        "" => schedule.lock.clone(),
        name => std::env::var(name)
            .map_err(|_| wrong("schedule.lock_env", format!("the environment has no variable {name}; set it")))?,
    };
    match named.as_str() {
        "file" => Ok(LockConfig::File),
        url if url.starts_with("redis://") || url.starts_with("rediss://") => {
            Ok(LockConfig::Redis(RedisUrl::from(named)))
        }
        url if Location::is_meant(url) => match url.parse() {
            Ok(location) => Ok(LockConfig::Objects(location)),
            Err(error) => Err(wrong("schedule.lock", format!("it must be file, redis://HOST, or a store: {error}"))),
        },
        _ => Err(wrong(
            "schedule.lock",
            "it must be file, or a URL that begins with redis://, rediss://, s3://, gs:// or az://",
        )),
    }
}

/// Checks what a job says of itself.
fn checked(config: JobConfig) -> Result<Job, PlanError> {
    let place = format!("job {}", config.name);
    let known = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    if !(1..=64).contains(&config.name.len()) || !config.name.chars().all(known) || config.name.starts_with('.') {
        return Err(wrong(place, "a name has 1 to 64 letters, digits or any of `-_.`, and does not begin with `.`"));
    }
    if config.command.is_empty() {
        return Err(wrong(place, "`command` is empty; write the arguments of `offline`, such as [\"run\", ...]"));
    }
    if config.timeout.is_zero() || config.retries > 100 {
        return Err(wrong(place, "`timeout` must be more than 0, and `retries` at most 100"));
    }
    if config.backoff_cap < config.backoff {
        return Err(wrong(place, "`backoff_cap` must be at least `backoff`"));
    }
    let trigger = match (config.cron.trim(), config.after.as_slice()) {
        ("", []) => return Err(wrong(place, "it has neither `cron` nor `after`, and would never run")),
        ("", names) => Trigger::After(names.to_vec()),
        (cron, []) => {
            let times = Times::parse(cron, &config.time_zone);
            Trigger::Times(Box::new(times.map_err(|source| PlanError::Times { job: config.name.clone(), source })?))
        }
        _ => return Err(wrong(place, "it has `cron` and `after`; one of them must go")),
    };
    Ok(Job { config, trigger })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Plan, String> {
        let figment = Figment::from(Toml::string(DEFAULTS)).merge(Toml::string(text));
        let sections = Sections::of(&figment).map_err(|error| error.to_string())?;
        let lock = lock(&sections.schedule).map_err(|error| error.to_string())?;
        Plan::read(sections, lock).map_err(|error| error.to_string())
    }

    const NIGHTLY: &str = "[[job]]\nname = 'nightly'\ncron = '@daily'\ncommand = ['run']\n";

    #[test]
    fn a_job_has_the_defaults_but_for_its_own_keys() {
        let plan = read(&format!("[jobs]\nretries = 7\ntimeout = '1h'\n{NIGHTLY}timeout = '2h'")).expect("a plan");
        let job = &plan.job("nightly").expect("it is there").config;
        assert_eq!((job.retries, job.timeout, job.overlap), (7, Duration::from_secs(7200), Overlap::Skip));
        assert_eq!((plan.lock, plan.schedule.listen.as_str()), (LockConfig::File, "127.0.0.1:9091"));
        assert_eq!(plan.jobs.len(), 1);
    }

    #[test]
    fn a_job_reaches_an_object_store_and_its_records_are_in_the_mirror() {
        let command = "command = ['run', '--events', 's3://shop/log', '--artifacts', 's3://shop/a']";
        let plan = read(&format!("[[job]]\nname = 'nightly'\ncron = '@daily'\n{command}\n")).expect("a plan");
        let job = plan.job("nightly").expect("it is there");
        for variable in ["AWS_ACCESS_KEY_ID", "GOOGLE_SERVICE_ACCOUNT", "AZURE_STORAGE_ACCOUNT_NAME", "TANDEM_CACHE"] {
            assert!(job.passes(variable), "{variable}");
        }
        assert!(!job.passes("SLACK_URL"));
        let records = job.records();
        assert!(records.ends_with("runs") && records.to_string_lossy().contains("s3---shop-a-"), "{records:?}");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_job() {
        for (text, said) in [
            ("[[job]]\nname = 'a'\ncommand = ['run']", "job a: it has neither `cron` nor `after`"),
            ("[[job]]\ncommand = ['run']", "job number 1: missing field `name`"),
            ("[[job]]\nname = 'a'\ncron = '@daily'\ncommand = []", "job a: `command` is empty"),
            ("[[job]]\nname = 'a'\ncron = '61 * * * *'\ncommand = ['run']", "job a: cron \"61 * * * *\""),
            ("[[job]]\nname = 'a'\ncron = '@daily'\ntime_zone = 'Berlin'\ncommand = ['run']", "no time zone Berlin"),
            ("[[job]]\nname = 'a'\nafter = ['b']\ncommand = ['run']", "job a: `after` names b"),
            ("[[job]]\nname = 'a b'\ncron = '@daily'\ncommand = ['run']", "job a b: a name has"),
            ("[jobs]\nretry = 1\n[[job]]\nname = 'a'\ncron = '@daily'\ncommand = ['run']", "unknown field"),
            (
                "[[job]]\nname = 'a'\ncron = '@daily'\ncommand = ['run']\ntimeout = 'long'",
                "job a: `timeout`: \"long\" is no duration",
            ),
            ("[schedule]\nlock = 'zookeeper'", "schedule.lock: it must be file"),
            ("[schedule]\nkeep_runs = 0", "schedule.keep_runs"),
            ("[schedule]\nlisten = ':9091'", "schedule.listen: \":9091\" is no address"),
            ("[schedule]\nlisten = '127.0.0.1'", "is no address"),
            ("[schedule]\nlisten = 'http://127.0.0.1:9091'", "is no address"),
            (
                "[[job]]\nname = 'a'\nafter = ['b']\ncommand = ['run']\n[[job]]\nname = 'b'\nafter = ['a']\ncommand = ['run']",
                "job a: by `after` it would wait for itself",
            ),
            ("[jobs]\ntimeout = '99999999999h'\n[[job]]\nname = 'a'\ncron = '@daily'\ncommand = ['run']", "too long"),
            ("[notices]\nreport_url = 'https://shop.example/{jobb}'", "{jobb}"),
            (
                "[[email]]\nname = 'm'\nhost = 'smtp://127.0.0.1:25'\nfrom = 'a@b.example'\nto = ['a@b.example']",
                "`host`",
            ),
            ("[scheduler]\nstate = 'x'", "scheduler"),
            ("[[slack]]\nname = 'ops'\nurl_envs = 'X'", "unknown field"),
            ("[[email]]\nhost = 'h'\nfrom = 'a'\nto = []", "missing field `name`"),
        ] {
            let error = read(text).expect_err(text);
            assert!(!error.contains(".rs"), "{text}: {error}");
            assert!(error.contains(said), "{text}: {error}");
        }
        for address in ["", "127.0.0.1:9091", "[::1]:9091", "localhost:0"] {
            assert!(read(&format!("[schedule]\nlisten = '{address}'")).is_ok(), "{address}");
        }
        assert!(read("[notices]\nreport_url = 'https://shop.example/{job}/{run}?{version}'").is_ok());
        assert!(read(&format!("{NIGHTLY}{NIGHTLY}")).expect_err("two").contains("two of this name"));
    }

    #[test]
    fn a_url_of_the_lock_is_printed_without_its_password() {
        let plan = read("[schedule]\nlock = 'redis://:secret@h:1'").expect("a plan");
        assert_eq!(format!("{:?}", plan.lock), "Redis(RedisUrl(redis://h:1))");
    }

    #[test]
    fn variables_are_passed_on_by_name_or_by_how_they_begin() {
        let plan = read(&format!("{NIGHTLY}environment = ['A', 'B_*']")).expect("a plan");
        let job = plan.job("nightly").expect("it is there");
        let passed = ["PATH", "A", "AB", "B_1", "TANDEM_X"].map(|name| job.passes(name));
        assert_eq!(passed, [true, true, false, true, false]);
    }

    #[test]
    fn the_records_of_a_job_are_where_its_command_says() {
        let of = |command: &str| {
            let plan = read(&format!("[[job]]\nname='a'\ncron='@daily'\nenvironment=[]\ncommand = [{command}]"));
            plan.expect("a plan").jobs[0].records()
        };
        assert_eq!(of("'run', '--artifacts', '/x'"), Path::new("/x/runs"));
        assert_eq!(of("'run', '--artifacts=/y'"), Path::new("/y/runs"));
        assert_eq!(of("'run', '--runs', '/z', '--artifacts', '/x'"), Path::new("/z"));
        assert_eq!(of("'run'"), Path::new("artifacts/runs"));
    }
}
