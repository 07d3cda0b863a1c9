//! The name of a run: when it began, and four random digits, so that names are in the order of time.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::contract::name::{LONGEST, is_plain};

/// The name of a run, such as `r20261127-171512-3f9a`. The time is UTC.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

impl RunId {
    /// The name of a run that begins now.
    ///
    /// * `random`: tells runs of one second apart.
    #[must_use]
    pub fn new(now: Timestamp, random: u16) -> Self {
        Self(format!("r{}-{random:04x}", now.strftime("%Y%m%d-%H%M%S")))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RunId {
    type Err = String;

    /// A name that a caller chooses is a file's name, see [`is_plain`].
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match is_plain(text) {
            true => Ok(Self(text.to_owned())),
            false => Err(format!("expected 1 to {LONGEST} letters, digits, - and _")),
        }
    }
}

impl TryFrom<String> for RunId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_time_and_are_names_of_files() {
        let at = |text: &str, random| RunId::new(text.parse().expect("a time"), random);
        let first = at("2026-11-27T17:15:12Z", 0x3f9a);
        assert_eq!(first.as_str(), "r20261127-171512-3f9a");
        assert!(first < at("2026-11-27T17:15:13Z", 0));
        assert_eq!("night-1".parse::<RunId>().expect("a name").as_str(), "night-1");
        assert!(["", "a/b", "..", "ä"].into_iter().all(|text| text.parse::<RunId>().is_err()));
    }
}
