//! `load-test replay`: held-out events through the real service, to see the quality that its users get.
//!
//! In: events the models have not seen. Out: hit rates and ranks of the slates, and how many of them are the ones
//! that the offline evaluation made. The service must be in replay mode, where it takes the time from the query.

pub mod next_item;
pub mod score;
pub mod slates;
pub mod top_k;

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::{Map, Value, json};
use shared::api::{Recommendations, Seen};
use shared::id::{ItemId, UserId};

use crate::client::{Call, ClientError, Connection, encode};
use crate::events::{self, EventsError, Record};
use crate::options::{self, Common};
use crate::verdict::{Bound, Objective};
use score::Scores;
use slates::{Comparison, Slate, SlatesError};

/// What is asked, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Before each event of a session but the first, then the event is posted.
    NextItem,
    /// Once per user, at one time; nothing is posted.
    TopK,
}

/// Asks the service about held-out events and scores its slates
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    common: Common,
    /// What is asked, and when
    #[arg(long, value_enum)]
    task: Task,
    /// The held-out events as JSON lines (timestamp, visitorid, itemid); for top-k without times too
    #[arg(long, value_name = "FILE")]
    events: PathBuf,
    /// The cut-offs of the metrics, up to 500; the largest is asked for
    #[arg(long, value_delimiter = ',', default_value = "5,10,20", value_parser = clap::value_parser!(u16).range(1..=500))]
    k: Vec<u16>,
    /// For top-k: the time of the questions, milliseconds since the epoch
    #[arg(long, value_name = "MS", required_if_eq("task", "top-k"))]
    at: Option<i64>,
    /// Which items of the user's past may come again: allow, exclude_purchased or exclude_all [default: allow for
    /// next-item, exclude_all for top-k]
    #[arg(long, value_parser = seen)]
    seen: Option<Seen>,
    /// For next-item: a pause of more minutes than this begins a new session; without it a user's events are one
    #[arg(long, value_name = "MINUTES")]
    session_gap_minutes: Option<u32>,
    /// For top-k: the log as JSON lines; targets that the user already had before --at are then left out as --seen
    /// says, and so are users without a past
    #[arg(long, value_name = "FILE", requires = "at")]
    past: Option<PathBuf>,
    /// Users that are asked about at the same time; the events of one user stay in order
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    connections: u16,
    /// The slates that the offline evaluation made, as JSON lines, to be compared with; only their cases are asked
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// Objective: the share of slates that are those expected
    #[arg(long, value_name = "SHARE", requires = "expect", value_parser = options::share)]
    min_identical: Option<f64>,
    /// Writes the slates of the service as JSON lines
    #[arg(long, value_name = "FILE")]
    slates: Option<PathBuf>,
}

/// Why a replay could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The events cannot be read or posted.
    #[error(transparent)]
    Events(#[from] EventsError),
    /// A question was not answered.
    #[error(transparent)]
    Ask(#[from] ClientError),
    /// The slates cannot be read or written.
    #[error(transparent)]
    Slates(#[from] SlatesError),
    /// There is no session of two events, no user with a past, or nothing of what is expected.
    #[error("the events have no case to ask about; are they the held-out ones?")]
    NoCases,
}

/// What a replay found.
#[derive(Debug)]
pub struct ReplayReport {
    task: Task,
    scores: Scores,
    comparison: Option<Comparison>,
    /// What was asked of the replay.
    pub objectives: Vec<Objective>,
}

impl ReplayArgs {
    /// How the report is to be written.
    pub fn format(&self) -> crate::verdict::Format {
        self.common.format
    }

    fn cut_offs(&self) -> Vec<usize> {
        let mut cut_offs: Vec<usize> = self.k.iter().map(|&k| usize::from(k)).collect();
        cut_offs.sort_unstable();
        cut_offs.dedup();
        cut_offs
    }

    fn largest_k(&self) -> usize {
        self.k.iter().copied().max().map_or(shared::api::DEFAULT_K, usize::from)
    }
}

fn seen(text: &str) -> Result<Seen, String> {
    serde_json::from_value(Value::from(text)).map_err(|_| "give allow, exclude_purchased or exclude_all".to_owned())
}

/// Asks about all events, scores the slates, writes and compares them.
///
/// # Errors
/// [`ReplayError`]: a replay is complete or nothing.
pub async fn replay(args: &ReplayArgs) -> Result<ReplayReport, ReplayError> {
    let expected = args.expect.as_deref().map(slates::read).transpose()?;
    let records = match args.task {
        Task::NextItem => events::read_in_time_order(&args.events)?,
        Task::TopK => events::read_in_file_order(&args.events)?,
    };
    let cut_offs = args.cut_offs();
    let (slates, scores) = match args.task {
        Task::NextItem => {
            let (slates, targets) = next_item::ask(args, records, expected.as_ref()).await?;
            let scores = score::next_item(&slates, &targets, &cut_offs);
            (slates, scores)
        }
        Task::TopK => {
            let (slates, targets) = top_k::ask(args, &records, expected.as_ref()).await?;
            let scores = score::top_k(&slates, &targets, &cut_offs);
            (slates, scores)
        }
    };
    if let Some(path) = &args.slates {
        slates::write(path, &slates)?;
    }
    let comparison = expected.map(|expected| slates::compare(&expected, &slates));
    let objective = |limit, found| Objective::new("identical slates", Bound::AtLeast, limit, found);
    let objectives =
        args.min_identical.iter().zip(&comparison).map(|(&limit, found)| objective(limit, found.share())).collect();
    Ok(ReplayReport { task: args.task, scores, comparison, objectives })
}

/// The question at a time, milliseconds since the epoch.
fn question(user: &UserId, k: usize, seen: Seen, now_ms: i64) -> Call {
    let seen = serde_json::to_value(seen).expect("a name without data always serialises");
    let seen = seen.as_str().unwrap_or_default();
    Call::get(&format!("/recommendations?user_id={}&k={k}&seen={seen}&now={now_ms}", encode(user.as_str())))
}

/// Asks, and keeps the items of the slate.
async fn items_of(connection: &mut Connection, question: &Call) -> Result<Vec<ItemId>, ClientError> {
    let (_, slate) = connection.fetch_json::<Recommendations>(question).await?;
    Ok(slate.items.into_iter().map(|item| item.item_id).collect())
}

impl ReplayReport {
    /// The report for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = self.scores.text();
        let mut line = |line: String| writeln!(text, "{line}").expect("a String takes any text");
        if let Some(comparison) = &self.comparison {
            comparison.lines().into_iter().for_each(&mut line);
        }
        self.objectives.iter().map(Objective::line).for_each(line);
        text
    }

    /// The report as JSON, shaped like that of the offline evaluation.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut result = Map::from_iter([("model".to_owned(), Value::from("service"))]);
        result.extend(self.scores.json());
        json!({
            "task": self.task,
            "results": [result],
            "slates": self.comparison,
            "objectives": self.objectives,
        })
    }
}

/// Numbers each record's user in the order of first appearance.
fn number_users(records: &[Record]) -> Vec<usize> {
    let mut numbers = std::collections::HashMap::new();
    records
        .iter()
        .map(|record| {
            let next = numbers.len();
            *numbers.entry(&record.user).or_insert(next)
        })
        .collect()
}

/// Makes one slate per question; the slates come in the order of the questions whatever the connections did.
fn in_order(mut slates: Vec<(usize, Slate)>) -> Vec<Slate> {
    slates.sort_by_key(|(place, _)| *place);
    slates.into_iter().map(|(_, slate)| slate).collect()
}

#[cfg(test)]
mod tests;
