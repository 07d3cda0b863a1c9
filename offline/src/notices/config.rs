//! Channels as the file has them. See `schedule.default.toml`.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::Kind;
use crate::durations;

/// What holds for every channel.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct NoticesConfig {
    pub on: Vec<Kind>,
    pub shop: String,
    pub report_url: String,
    pub queue: usize,
    #[serde(deserialize_with = "durations::read")]
    pub timeout: Duration,
    #[serde(deserialize_with = "durations::read")]
    pub backoff: Duration,
    #[serde(deserialize_with = "durations::read")]
    pub backoff_cap: Duration,
    pub ca: PathBuf,
}

/// Who is told of what: the keys that channels of every kind have.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct ToldConfig {
    pub name: String,
    #[serde(default)]
    pub on: Option<Vec<Kind>>,
    #[serde(default)]
    pub jobs: Option<Vec<String>>,
}

/// A receiver of JSON.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct WebhookConfig {
    #[serde(flatten)]
    pub told: ToldConfig,
    #[serde(default)]
    pub url_env: String,
    #[serde(default)]
    pub url_file: PathBuf,
    #[serde(default)]
    pub secret_env: String,
    #[serde(default)]
    pub secret_file: PathBuf,
}

/// An incoming webhook of Slack.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct SlackConfig {
    #[serde(flatten)]
    pub told: ToldConfig,
    #[serde(default)]
    pub url_env: String,
    #[serde(default)]
    pub url_file: PathBuf,
}

/// A bot of Telegram.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct TelegramConfig {
    #[serde(flatten)]
    pub told: ToldConfig,
    #[serde(default)]
    pub token_env: String,
    #[serde(default)]
    pub token_file: PathBuf,
    pub chat: String,
    #[serde(default = "telegram")]
    pub base: String,
}

fn telegram() -> String {
    "https://api.telegram.org".to_owned()
}

/// How mail is encrypted on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    /// The connection begins in the clear and must become encrypted before anything is said.
    #[default]
    Starttls,
    /// The connection is encrypted from its beginning.
    Implicit,
    /// Not at all: for a relay on the same machine.
    None,
}

/// Mail by SMTP.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct EmailConfig {
    #[serde(flatten)]
    pub told: ToldConfig,
    pub host: String,
    #[serde(default)]
    pub port: Option<u16>,
    #[serde(default)]
    pub tls: MailTls,
    #[serde(default)]
    pub user_env: String,
    #[serde(default)]
    pub password_env: String,
    #[serde(default)]
    pub password_file: PathBuf,
    pub from: String,
    pub to: Vec<String>,
}
