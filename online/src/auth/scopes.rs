//! What a key may do. No scope holds another: a key has those that its entry names.

use std::fmt;

use clap::ValueEnum;
use serde::Deserialize;

/// A group of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// To ask: recommendations, predictions, what is served, the documentation, metrics.
    Read,
    /// To tell: events, and rows that models remember.
    Write,
    /// What is about one person.
    Admin,
}

impl Scope {
    /// The name, as in the file of keys.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
