//! Options that several commands share, and how their values are read.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use hyper::header::HeaderValue;

use crate::client::Connection;
use crate::events::{self, EventsError, Record};
use crate::target::Target;
use crate::traffic::{self, Shape};
use crate::verdict::Format;

/// The options of all commands: the service, and the format of the report.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// The URL of the service; only loopback addresses are accepted
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub url: Target,
    /// Seconds until an unanswered request counts as failed
    #[arg(long = "timeout", value_name = "SECS", default_value = "10", value_parser = seconds)]
    pub timeout: Duration,
    /// The format of the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// A file with the API key to send, for a service that has keys
    #[arg(long = "key-file", value_name = "FILE", env = "LOAD_TEST_KEY_FILE", value_parser = key_of)]
    pub key: Option<HeaderValue>,
}

impl Common {
    /// The service, with the key.
    #[must_use]
    pub fn target(&self) -> Target {
        Target { key: self.key.clone(), ..self.url.clone() }
    }

    /// A connection to the service, not open yet.
    #[must_use]
    pub fn connection(&self) -> Connection {
        Connection::new(self.target(), self.timeout)
    }
}

/// The options of commands that offer a load: what its requests are made of. Their option `traffic` says of which kind they
/// are.
#[derive(Debug, Clone, Args)]
pub struct Load {
    /// Events as JSON lines (timestamp, visitorid, itemid), whose users and items the requests are made of
    #[arg(long, value_name = "FILE", required_if_eq_any(traffic::OF_EVENTS), required_unless_present = "traffic")]
    pub events: Option<PathBuf>,
    /// Items per slate, 1 to 500
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=500))]
    pub k: u16,
    /// Seed of the schedule and of the order of known users
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl Load {
    /// The events in the order of their times; none without a file.
    ///
    /// # Errors
    /// [`EventsError`] when the file can't be read.
    pub fn records(&self) -> Result<Vec<Record>, EventsError> {
        self.events.as_deref().map(events::read_in_time_order).transpose().map(Option::unwrap_or_default)
    }

    /// What the requests are like.
    ///
    /// * `batch`: events per request that posts some.
    #[must_use]
    pub fn shape(&self, batch: u16) -> Shape {
        Shape { k: usize::from(self.k), batch: usize::from(batch), seed: self.seed }
    }
}

/// Reads the API key of a file. On the command line itself all users of the machine could read it.
///
/// # Errors
/// What is wrong with the file; nothing of it is quoted.
pub fn key_of(path: &str) -> Result<HeaderValue, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{error}; write the key into a file of its own"))?;
    let key = HeaderValue::from_str(text.trim()).ok().filter(|key| !key.is_empty());
    let mut key =
        key.ok_or("it holds no key; write the one that `online keys new` showed into it, and nothing else")?;
    key.set_sensitive(true);
    Ok(key)
}

/// Reads a positive number of seconds, at most a day.
///
/// # Errors
/// What is wrong with the text.
pub fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 86_400.0 => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("give seconds, above 0 and at most 86400".to_owned()),
    }
}

/// Reads a number of seconds, from 0 to a day.
///
/// # Errors
/// What is wrong with the text.
pub fn seconds_or_none(text: &str) -> Result<Duration, String> {
    if text.parse() == Ok(0.0) { Ok(Duration::ZERO) } else { seconds(text) }
}

/// Reads a rate per second.
///
/// # Errors
/// What is wrong with the text.
pub fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= 1e6 => Ok(rate),
        _ => Err("give requests per second, above 0 and at most 1000000".to_owned()),
    }
}

/// Reads a share, from 0 to 1.
///
/// # Errors
/// What is wrong with the text.
pub fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("give a share from 0 to 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_from_a_file_and_no_error_quotes_it() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("key").display().to_string();
        let read = |text: &str| fs::write(&path, text).map_err(|error| error.to_string()).and_then(|()| key_of(&path));
        assert_eq!(read("tandem_5e\n").expect("a key").as_bytes(), b"tandem_5e");
        for wrong in ["", " \n", "tandem_5e\ntandem_5f\n"] {
            let error = read(wrong).expect_err("no key");
            assert!(error.contains("online keys new") && !error.contains("tandem_5"), "{error}");
        }
        assert!(key_of("/nowhere").is_err());
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(seconds_or_none("0"), Ok(Duration::ZERO));
        for text in ["0", "-1", "NaN", "inf", "soon"] {
            assert!(seconds(text).is_err() && rate(text).is_err(), "{text}");
        }
        for text in ["-0.1", "1.1", "NaN"] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
