//! Channels, checked: their secrets are read, and every name in them is one of a job.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use lettre::message::Mailbox;

use super::Kind;
use super::config::{EmailConfig, MailTls, NoticesConfig, SlackConfig, TelegramConfig, ToldConfig, WebhookConfig};
use super::secret::Secret;

/// Why a channel can't be used.
#[derive(Debug, thiserror::Error)]
#[error("channel {name}: {what}")]
pub struct ChannelError {
    name: String,
    what: String,
}

/// Where a channel goes.
#[derive(Debug, Clone)]
pub enum To {
    /// JSON by POST, signed if there is a secret.
    Webhook {
        /// The address.
        url: Secret,
        /// What it is signed with.
        secret: Option<Secret>,
    },
    /// An incoming webhook of Slack.
    Slack {
        /// The address.
        url: Secret,
    },
    /// A bot of Telegram.
    Telegram {
        /// The bot.
        token: Secret,
        /// Who is told.
        chat: String,
        /// The address of the API.
        base: String,
    },
    /// Mail.
    Email(Box<Mail>),
}

/// How mail is sent.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is encrypted.
    pub tls: MailTls,
    /// User and password.
    pub login: Option<(Secret, Secret)>,
    /// The sender.
    pub from: Mailbox,
    /// The receivers.
    pub to: Vec<Mailbox>,
}

/// A channel.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Its name.
    pub name: String,
    /// What it is told.
    on: Vec<Kind>,
    /// Of which jobs; all if it is absent.
    jobs: Option<Vec<String>>,
    /// Where it goes.
    pub to: To,
}

impl Channel {
    /// Whether it is told of something.
    ///
    /// * `own`: what the job says that is told of it, if it says so.
    #[must_use]
    pub fn wants(&self, kind: Kind, job: &str, own: Option<&[Kind]>) -> bool {
        let of_job = self.jobs.as_ref().is_none_or(|jobs| jobs.iter().any(|name| name == job));
        of_job && own.unwrap_or(&self.on).contains(&kind)
    }

    fn secrets(&self) -> Vec<Secret> {
        match &self.to {
            To::Webhook { url, secret } => [url].into_iter().chain(secret).cloned().collect(),
            To::Slack { url } => vec![url.clone()],
            To::Telegram { token, .. } => vec![token.clone()],
            To::Email(mail) => mail.login.iter().map(|(_, password)| password.clone()).collect(),
        }
    }
}

/// All channels, and what holds for each.
#[derive(Debug, Clone)]
pub struct Channels {
    /// The channels, in the order of the file.
    pub all: Vec<Channel>,
    /// How notices call the scheduler.
    pub shop: String,
    /// The link in a notice, with names to fill in; empty for none.
    pub report_url: String,
    /// How many notices of a channel wait.
    pub queue: usize,
    /// How long a receiver may take.
    pub timeout: Duration,
    /// The pause after a first failed try.
    pub backoff: Duration,
    /// The longest pause.
    pub backoff_cap: Duration,
    /// Certificates of authorities in PEM; empty for those of the system alone.
    pub ca: PathBuf,
}

impl Channels {
    /// The channel of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Channel> {
        self.all.iter().find(|channel| channel.name == name)
    }

    /// All secrets of all channels.
    #[must_use]
    pub fn secrets(&self) -> Vec<Secret> {
        self.all.iter().flat_map(Channel::secrets).collect()
    }
}

/// The channels of the file, by their kind.
pub type Configured = (Vec<WebhookConfig>, Vec<SlackConfig>, Vec<TelegramConfig>, Vec<EmailConfig>);

/// Checks channels, and reads their secrets.
///
/// * `jobs`: the names of the jobs.
///
/// # Errors
/// [`ChannelError`] names the channel and what is wrong with it.
pub fn check(defaults: NoticesConfig, configured: Configured, jobs: &[&str]) -> Result<Channels, ChannelError> {
    let (webhooks, slacks, telegrams, emails) = configured;
    let NoticesConfig { on, shop, report_url, queue, timeout, backoff, backoff_cap, ca } = defaults;
    let channel = |told: ToldConfig, to| {
        let ToldConfig { name, on: own, jobs } = told;
        Channel { name, on: own.unwrap_or_else(|| on.clone()), jobs, to }
    };
    let mut all = Vec::new();
    for WebhookConfig { told, url_env, url_file, secret_env, secret_file } in webhooks {
        let url = url(&told.name, needed(&told.name, "url", &url_env, &url_file)?)?;
        let secret = Secret::read(&secret_env, &secret_file).map_err(wrong(&told.name))?;
        all.push(channel(told, To::Webhook { url, secret }));
    }
    for SlackConfig { told, url_env, url_file } in slacks {
        let url = url(&told.name, needed(&told.name, "url", &url_env, &url_file)?)?;
        all.push(channel(told, To::Slack { url }));
    }
    for TelegramConfig { told, token_env, token_file, chat, base } in telegrams {
        let token = needed(&told.name, "token", &token_env, &token_file)?;
        let base = base.trim_end_matches('/').to_owned();
        url(&told.name, Secret::from(base.as_str()))?;
        all.push(channel(told, To::Telegram { token, chat, base }));
    }
    for config in emails {
        let told = config.told.clone();
        all.push(channel(told, To::Email(Box::new(mail(config)?))));
    }
    let error = |name: &str, what: &str| Err(ChannelError { name: name.to_owned(), what: what.to_owned() });
    let mut names = BTreeSet::new();
    for Channel { name, jobs: own, .. } in &all {
        if name.is_empty() || !names.insert(name) {
            return error(name, "every channel has a name of its own");
        }
        if let Some(other) = own.iter().flatten().find(|job| !jobs.contains(&job.as_str())) {
            return error(name, &format!("`jobs` names {other}, which is no job"));
        }
    }
    if !(1..=10_000).contains(&queue) || timeout.is_zero() || backoff.is_zero() || backoff_cap < backoff {
        let what =
            "`queue` must be from 1 to 10000, `timeout` and `backoff` more than 0, `backoff_cap` no less than it";
        return error("(all of [notices])", what);
    }
    if let Some(name) = unknown_name(&report_url) {
        let what = format!(
            "`report_url` has {name}, which nothing is filled in for; there are {{job}}, {{run}} and {{version}}"
        );
        return error("(all of [notices])", &what);
    }
    Ok(Channels { all, shop, report_url, queue, timeout, backoff, backoff_cap, ca })
}

/// The first name in braces of a link that stands for nothing.
fn unknown_name(url: &str) -> Option<&str> {
    let begins = url.match_indices('{').map(|(at, _)| &url[at..]);
    let mut names = begins.map(|rest| rest.find('}').map_or(rest, |end| &rest[..=end]));
    names.find(|name| !["{job}", "{run}", "{version}"].contains(name))
}

fn wrong(name: &str) -> impl FnOnce(String) -> ChannelError {
    move |what| ChannelError { name: name.to_owned(), what }
}

fn needed(name: &str, what: &str, variable: &str, file: &std::path::Path) -> Result<Secret, ChannelError> {
    let secret = Secret::read(variable, file).map_err(wrong(name))?;
    secret.ok_or_else(|| wrong(name)(format!("it needs {what}_env or {what}_file")))
}

/// Checks that a secret is a URL, without telling it.
fn url(name: &str, url: Secret) -> Result<Secret, ChannelError> {
    let parsed = reqwest::Url::parse(url.expose());
    match parsed.is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host()) {
        true => Ok(url),
        false => Err(wrong(name)("its URL must begin with https:// or http:// and a host".to_owned())),
    }
}

fn mail(config: EmailConfig) -> Result<Mail, ChannelError> {
    let EmailConfig { told: ToldConfig { name, .. }, host, port, tls, user_env, password_env, password_file, from, to } =
        config;
    let mailbox = |text: &str| {
        text.parse::<Mailbox>().map_err(|_| wrong(&name)(format!("{text:?} is no address; write it as a@b.example")))
    };
    let user = Secret::read(&user_env, std::path::Path::new("")).map_err(wrong(&name))?;
    let password = Secret::read(&password_env, &password_file).map_err(wrong(&name))?;
    let login = match (user, password) {
        (Some(user), Some(password)) => Some((user, password)),
        (None, None) => None,
        _ => return Err(wrong(&name)("a login needs a user and a password".to_owned())),
    };
    if login.is_some() && tls == MailTls::None {
        return Err(wrong(&name)("a login without TLS would show the password; set `tls`, or take it out".to_owned()));
    }
    let to = to.iter().map(|text| mailbox(text)).collect::<Result<Vec<_>, _>>()?;
    if to.is_empty() || host.is_empty() {
        return Err(wrong(&name)("it needs a `host`, and somebody in `to`".to_owned()));
    }
    let known = |character: char| character.is_alphanumeric() || "-_.".contains(character);
    if host.parse::<IpAddr>().is_err() && !host.chars().all(known) {
        return Err(wrong(&name)(format!(
            "`host` is the name of a server alone, and not {host:?}; see `port` and `tls`"
        )));
    }
    let port = port.unwrap_or(match tls {
        MailTls::Starttls => 587,
        MailTls::Implicit => 465,
        MailTls::None => 25,
    });
    Ok(Mail { host, port, tls, login, from: mailbox(&from)?, to })
}
