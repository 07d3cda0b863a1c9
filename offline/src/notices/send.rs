//! Sends a notice by a channel, and tells what became of it.
//!
//! No error has a URL in it: those of Slack and Telegram are secrets. Redirects are not followed, since they would carry
//! the notice, and its signature, elsewhere.

use std::fs;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use shared::contract::complaint::complaint;

use super::channels::{Channel, Channels, To};
use super::{Notice, email, slack, telegram, webhook};

/// The most that is quoted of an answer.
const MOST: usize = 200;

/// Why a notice was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It may be next time.
    #[error("{0}")]
    Later(String, Option<Duration>),
    /// It never will be.
    #[error("{0}; it is not sent again")]
    Never(String),
}

/// The client of the channels that speak HTTP.
///
/// # Errors
/// What is wrong with the certificates of `notices.ca`.
pub fn client(channels: &Channels) -> Result<Client, String> {
    // Another part of the process may have chosen the same already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder().timeout(channels.timeout).redirect(Policy::none()).user_agent("tandem");
    if !channels.ca.as_os_str().is_empty() {
        builder = builder.tls_certs_merge(certificates(&channels.ca)?);
    }
    builder.build().map_err(|error| format!("notices: {error}"))
}

fn certificates(path: &Path) -> Result<Vec<reqwest::Certificate>, String> {
    let told = |what: String| format!("notices.ca {}: {what}", path.display());
    let pem = fs::read(path).map_err(|error| told(error.to_string()))?;
    reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| told(error.to_string()))
}

/// Sends a notice.
///
/// # Errors
/// [`Failure`] says whether it is worth another try.
pub async fn send(channel: &Channel, channels: &Channels, client: &Client, notice: &Notice) -> Result<(), Failure> {
    let json = |url: &str, body: Vec<u8>| client.post(url).header(CONTENT_TYPE, "application/json").body(body);
    let request = match &channel.to {
        To::Email(mail) => {
            // That of the mail is for each step.
            let sent = email::send(mail, notice, channels.timeout, &channels.ca);
            let late = || Failure::Later("gave no answer in time".to_owned(), None);
            return tokio::time::timeout(channels.timeout, sent).await.unwrap_or_else(|_| Err(late()));
        }
        To::Webhook { url, secret } => {
            let body = webhook::body(notice);
            let signature =
                secret.as_ref().map(|secret| webhook::signature(secret, Timestamp::now().as_second(), &body));
            let request = json(url.expose(), body).header(webhook::NOTICE, &notice.id);
            signature.into_iter().fold(request, |request, signature| request.header(webhook::SIGNATURE, signature))
        }
        To::Slack { url } => json(url.expose(), slack::body(notice).to_string().into_bytes()),
        To::Telegram { token, chat, base } => {
            let body = telegram::body(notice, chat).to_string().into_bytes();
            json(telegram::url(base, token).expose(), body)
        }
    };
    post(request).await
}

async fn post(request: RequestBuilder) -> Result<(), Failure> {
    let answer = request.send().await.map_err(|error| Failure::Later(complaint(&error.without_url()), None))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let asked = retry_after(&answer);
    let body = answer.text().await.unwrap_or_default();
    let text = format!("answered {status} {}", super::text::cut(body.trim(), MOST)).trim().to_owned();
    let passing = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    // 401, 403, 404 and 410: the address or its token is wrong, and may be put right.
    let mended = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND, StatusCode::GONE];
    match status.is_server_error() || passing.contains(&status) || mended.contains(&status) {
        true => Err(Failure::Later(text, asked)),
        false => Err(Failure::Never(text)),
    }
}

/// How long the receiver asks to be left alone: a number of seconds, or a date.
fn retry_after(answer: &Response) -> Option<Duration> {
    let text = answer.headers().get(RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Duration::try_from(at.duration_since(Timestamp::now())).ok()
}
