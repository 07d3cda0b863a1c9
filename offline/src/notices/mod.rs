//! What people are told of runs, and how it reaches them.
//!
//! ```text
//! notice ─▶ outbox (in the state, a queue a channel) ─▶ webhook | Slack | Telegram | e-mail
//! ```
//!
//! A notice is written to the state before it is sent, and taken out after it was. Between the two it may be sent twice:
//! if the sender dies when the receiver has it and has not said so. It has an id, by which a receiver can tell.

pub mod channels;
pub mod config;
mod email;
pub mod outbox;
pub mod samples;
pub mod secret;
pub mod send;
mod slack;
mod telegram;
pub mod text;
mod webhook;

use serde::{Deserialize, Serialize};

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A run did what it should.
    Success,
    /// A run failed, and is not tried again.
    Failure,
    /// The gate or the loss check kept what was published.
    Refused,
    /// A run took longer than it may.
    Timeout,
    /// The newest event that a run read is too old.
    Stale,
    /// The first success after a run that was none.
    Recovery,
    /// Notices that a channel did not take were dropped. Nobody chooses it: who missed something is told so.
    Dropped,
}

impl Kind {
    /// All that a channel can choose.
    pub const CHOICES: [Self; 6] =
        [Self::Success, Self::Failure, Self::Refused, Self::Timeout, Self::Stale, Self::Recovery];

    /// What happened, behind the name of a job.
    #[must_use]
    pub fn verb(self) -> &'static str {
        match self {
            Self::Success => "succeeded",
            Self::Failure => "failed",
            Self::Refused => "was refused",
            Self::Timeout => "took too long",
            Self::Stale => "read stale data",
            Self::Recovery => "succeeded again",
            Self::Dropped => "has notices that were dropped",
        }
    }
}

/// A figure of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Its name, such as `tandem ndcg@20`.
    pub name: String,
    /// The figure.
    pub value: f64,
    /// The ends of its interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// The champion's figure on the same questions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub champion: Option<f64>,
}

/// A notice. As JSON it is what a webhook gets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The same whenever it is sent again.
    pub id: String,
    /// What it is about.
    pub kind: Kind,
    /// The shop, as the settings call it.
    pub shop: String,
    /// The job.
    pub job: String,
    /// The id of the run; absent where it is about none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The time of what happened, in the zone of the job: 2026-11-27T02:31:07+01:00[Europe/Berlin].
    pub at: String,
    /// How long the last try took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// How many tries it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// Why, in the words of who refused or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The version that was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Figures of the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<Figure>,
    /// Settings that lost or won the contest, as `key: old → new`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<String>,
    /// The last lines that a run complained of, without secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_lines: Vec<String>,
    /// The link to the report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    /// What to do next, in most cases a command.
    pub next_step: String,
}
