//! `load-test replay`: replays held-out events through the real service, to measure the quality of the slates that its
//! users get.
//!
//! In: events that the models have not seen. Out: ranking metrics of the slates, and how many slates equal those of the
//! offline evaluation. The service must be in replay mode, in which a query brings its own time.

pub mod next_item;
pub mod score;
pub mod slates;
pub mod top_k;

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::{Map, Value, json};
use shared::contract::api::{Recommendations, Seen};
use shared::contract::id::{ItemId, UserId};

use crate::client::{Call, ClientError, Connection, encode};
use crate::events::{self, EventsError, Record};
use crate::options::{self, Common};
use crate::verdict::{Bound, Objective};
use score::Scores;
use slates::{Comparison, Slate, SlatesError};

/// The task: which questions are asked, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// A question before each event of a session but the first; then the event is posted.
    NextItem,
    /// One question per user, all at one time; nothing is posted.
    TopK,
}

/// Requests slates for held-out events and measures their quality
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    common: Common,
    /// The task: which questions are asked, and when
    #[arg(long, value_enum)]
    task: Task,
    /// The held-out events as JSON lines (timestamp, visitorid, itemid); top-k needs no times
    #[arg(long, value_name = "FILE")]
    events: PathBuf,
    /// The cut-offs of the metrics, up to 500; slates have the length of the largest
    #[arg(long, value_delimiter = ',', default_value = "5,10,20", value_parser = clap::value_parser!(u16).range(1..=500))]
    k: Vec<u16>,
    /// For top-k: the time of the questions, milliseconds since the epoch
    #[arg(long, value_name = "MS", required_if_eq("task", "top-k"))]
    at: Option<i64>,
    /// Which items of the user's past may be recommended: allow, exclude_purchased or exclude_all [default: allow for
    /// next-item, exclude_all for top-k]
    #[arg(long, value_parser = seen)]
    seen: Option<Seen>,
    /// For next-item: a pause longer than this many minutes begins a new session; without this option all events of a
    /// user are one session
    #[arg(long, value_name = "MINUTES")]
    session_gap_minutes: Option<u32>,
    /// For top-k: the log as JSON lines; leaves out targets that --seen rules out because of the user's events before
    /// --at, and users without such events
    #[arg(long, value_name = "FILE", requires = "at")]
    past: Option<PathBuf>,
    /// The number of users replayed at the same time; the events of one user stay in order
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    connections: u16,
    /// The slates of the offline evaluation, as JSON lines, to compare with; only their questions are asked
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// Objective: the minimum share of slates that equal the expected ones
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
    /// There is no question: no session of two events, no user with a past, or none of the expected cases.
    #[error("the events have no case to ask about; are they the held-out ones?")]
    NoCases,
}

/// The report of a replay.
#[derive(Debug)]
pub struct ReplayReport {
    task: Task,
    scores: Scores,
    comparison: Option<Comparison>,
    /// The objectives of the replay.
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
        self.k.iter().copied().max().map_or(shared::contract::api::DEFAULT_K, usize::from)
    }
}

fn seen(text: &str) -> Result<Seen, String> {
    serde_json::from_value(Value::from(text)).map_err(|_| "give allow, exclude_purchased or exclude_all".to_owned())
}

/// Asks all questions, scores the slates, writes and compares them.
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

/// The request of a question at a time, milliseconds since the epoch.
fn question(user: &UserId, k: usize, seen: Seen, now_ms: i64) -> Call {
    let seen = serde_json::to_value(seen).expect("a name without data always serialises");
    let seen = seen.as_str().unwrap_or_default();
    Call::get(&format!("/recommendations?user_id={}&k={k}&seen={seen}&now={now_ms}", encode(user.as_str())))
}

/// Sends a question and returns the items of the slate.
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

/// Sorts slates, which connections return in any order, into the order of the questions.
fn in_order(mut slates: Vec<(usize, Slate)>) -> Vec<Slate> {
    slates.sort_by_key(|(place, _)| *place);
    slates.into_iter().map(|(_, slate)| slate).collect()
}

#[cfg(test)]
mod tests;
