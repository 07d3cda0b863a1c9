//! `load-test feed`: scrolls, page after page, and looks for an item that comes twice; beside it, how fast plain slates
//! are.
//!
//! Each user's pages follow each other by their cursors and go to the services in turn, which share one store. Plain
//! slates are asked for by the same users, as often, before and after.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use shared::contract::api::Recommendations;
use shared::contract::id::{ItemId, UserId};
use tokio::task::JoinSet;

use crate::client::{Call, ClientError, Connection, encode};
use crate::events::{self, EventsError};
use crate::options::Common;
use crate::target::Target;
use crate::verdict::{Format, Verdict};

/// How many repeats are shown.
const SHOWN: usize = 5;

/// Scrolls through feeds, and looks for items that come twice
#[derive(Debug, Clone, Args)]
pub struct FeedArgs {
    #[command(flatten)]
    common: Common,
    /// The URL of another service on the same store; pages go to all of them in turn
    #[arg(long = "replica", value_name = "URL")]
    replicas: Vec<Target>,
    /// Events as JSON lines, whose first users scroll
    #[arg(long, value_name = "FILE")]
    events: std::path::PathBuf,
    /// The number of users
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    users: u32,
    /// Pages of each user
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(2..=1000))]
    pages: u32,
    /// Items of a page, 1 to 500
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=500))]
    k: u16,
    /// Users who scroll at once
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    connections: u16,
}

/// Why nothing could be found out.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The users cannot be read.
    #[error(transparent)]
    Events(#[from] EventsError),
    /// A page was not answered.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// An item that came twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repeat {
    user: UserId,
    item: ItemId,
    /// Both pages, counted from 1.
    pages: [usize; 2],
}

/// What the feeds were.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct FeedReport {
    /// Feeds, one of each user.
    pub feeds: u64,
    /// Their pages.
    pub pages: u64,
    /// Their items.
    pub items: u64,
    /// Items that came twice.
    pub repeats: u64,
    /// Feeds that were at their end before the last page.
    pub ended: u64,
    /// Full pages without a cursor: the service could not remember them, or the feed is as long as feeds may be.
    pub without_cursor: u64,
    /// Pages a second.
    pub pages_per_s: f64,
    /// Plain slates a second.
    pub plain_per_s: f64,
    /// How long the first pages took on average, milliseconds.
    pub first_page_ms: f64,
    /// How long the last pages did that were not ended before.
    pub last_page_ms: f64,
    /// The first repeats.
    pub examples: Vec<Repeat>,
}

/// What one connection found.
#[derive(Default)]
struct Part {
    report: FeedReport,
    first: Vec<Duration>,
    last: Vec<Duration>,
}

impl FeedArgs {
    /// How the report is to be written.
    pub fn format(&self) -> Format {
        self.common.format
    }

    fn targets(&self) -> Vec<Target> {
        let with_key = |target: &Target| Target { key: self.common.key.clone(), ..target.clone() };
        [&self.common.url].into_iter().chain(&self.replicas).map(with_key).collect()
    }

    /// Connections to all services, not open yet.
    fn connect(&self) -> Vec<Connection> {
        self.targets().into_iter().map(|target| Connection::new(target, self.common.timeout)).collect()
    }

    fn path(&self, user: &UserId) -> String {
        format!("/recommendations?user_id={}&k={}", encode(user.as_str()), self.k)
    }
}

/// Scrolls through the feeds of all users.
///
/// # Errors
/// [`FeedError`] when the file can't be read, or a page is not answered.
pub async fn feed(args: &FeedArgs) -> Result<FeedReport, FeedError> {
    let records = events::read_in_file_order(&args.events)?;
    let mut known = HashSet::new();
    let users = records.into_iter().map(|record| record.user).filter(|user| known.insert(user.clone()));
    let users: Vec<UserId> = users.take(args.users as usize).collect();
    let connections = usize::from(args.connections).min(users.len());
    let share = |at: usize| -> Arc<[UserId]> { users.iter().skip(at).step_by(connections).cloned().collect() };
    let shares: Vec<Arc<[UserId]>> = (0..connections).map(share).collect();
    let before = plain(args, &shares).await?;
    let (started, mut scrolls) = (Instant::now(), JoinSet::new());
    for users in &shares {
        let (args, users) = (args.clone(), users.clone());
        scrolls.spawn(async move { scroll(&args, &users).await });
    }
    let mut all = Part::default();
    while let Some(part) = scrolls.join_next().await {
        all.add(part.expect("no part of a scroll panics")?);
    }
    let took = started.elapsed();
    let after = plain(args, &shares).await?;
    let Part { mut report, first, last } = all;
    report.pages_per_s = report.pages as f64 / took.as_secs_f64();
    report.plain_per_s = (before + after) / 2.0;
    (report.first_page_ms, report.last_page_ms) = (mean_ms(&first), mean_ms(&last));
    Ok(report)
}

/// Plain slates a second, asked for by as many connections as scroll.
async fn plain(args: &FeedArgs, shares: &[Arc<[UserId]>]) -> Result<f64, FeedError> {
    let (started, mut asks) = (Instant::now(), JoinSet::new());
    let count: usize = shares.iter().map(|users| users.len() * args.pages as usize).sum();
    for users in shares {
        let (args, users) = (args.clone(), users.clone());
        asks.spawn(async move {
            let mut connections = args.connect();
            for page in 0..args.pages as usize {
                for user in users.iter() {
                    let at = page % connections.len();
                    connections[at].fetch_json::<Recommendations>(&Call::get(&args.path(user))).await?;
                }
            }
            Ok::<(), ClientError>(())
        });
    }
    while let Some(asked) = asks.join_next().await {
        asked.expect("no part of it panics")?;
    }
    Ok(count as f64 / started.elapsed().as_secs_f64())
}

/// Scrolls through the feeds of some users, one after the other.
async fn scroll(args: &FeedArgs, users: &[UserId]) -> Result<Part, FeedError> {
    let (mut part, mut connections) = (Part::default(), args.connect());
    for user in users {
        let (mut cursor, mut shown) = ("start".to_owned(), HashMap::<ItemId, usize>::new());
        part.report.feeds += 1;
        for page in 1..=args.pages as usize {
            let at = page % connections.len();
            let call = Call::get(&format!("{}&cursor={}", args.path(user), encode(&cursor)));
            let asked = Instant::now();
            let (_, slate) = connections[at].fetch_json::<Recommendations>(&call).await?;
            match page {
                1 => part.first.push(asked.elapsed()),
                page if page == args.pages as usize => part.last.push(asked.elapsed()),
                _ => {}
            }
            part.report.pages += 1;
            part.report.items += slate.items.len() as u64;
            let is_full = slate.items.len() == usize::from(args.k);
            for item in slate.items {
                if let Some(before) = shown.insert(item.item_id.clone(), page) {
                    part.report.repeated(Repeat { user: user.clone(), item: item.item_id, pages: [before, page] });
                }
            }
            match slate.cursor {
                Some(next) => cursor = next,
                None => {
                    let report = &mut part.report;
                    *if is_full { &mut report.without_cursor } else { &mut report.ended } += 1;
                    break;
                }
            }
        }
    }
    Ok(part)
}

fn mean_ms(times: &[Duration]) -> f64 {
    times.iter().sum::<Duration>().as_secs_f64() * 1000.0 / times.len().max(1) as f64
}

impl Part {
    fn add(&mut self, other: Self) {
        let Self { report, first, last } = other;
        self.first.extend(first);
        self.last.extend(last);
        self.report.feeds += report.feeds;
        self.report.pages += report.pages;
        self.report.items += report.items;
        self.report.ended += report.ended;
        self.report.without_cursor += report.without_cursor;
        self.report.repeats += report.repeats - report.examples.len() as u64;
        report.examples.into_iter().for_each(|repeat| self.report.repeated(repeat));
    }
}

impl FeedReport {
    fn repeated(&mut self, repeat: Repeat) {
        self.repeats += 1;
        if self.examples.len() < SHOWN {
            self.examples.push(repeat);
        }
    }

    /// Broken by any item that came twice.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.repeats == 0 { Verdict::Kept } else { Verdict::Broken }
    }

    /// The report for people.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { feeds, pages, items, repeats, ended, without_cursor, .. } = self;
        let mut text = format!(
            "{feeds} feeds of {pages} pages with {items} items; {ended} came to their end, {without_cursor} pages were \
             not remembered\n{:.0} pages/s beside {:.0} plain slates/s: {:.2}; first pages {:.2} ms, last ones {:.2} ms\n",
            self.pages_per_s,
            self.plain_per_s,
            self.pages_per_s / self.plain_per_s,
            self.first_page_ms,
            self.last_page_ms
        );
        for Repeat { user, item, pages: [before, again] } in &self.examples {
            // Writing into a text can't fail.
            let _ = writeln!(text, "  user {user}, item {item}: on page {before} and on page {again}");
        }
        let word = if self.verdict() == Verdict::Kept { "kept" } else { "BROKEN" };
        let _ = writeln!(text, "{word}: {repeats} repeats");
        text
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use shared::contract::api::RecommendedItem;

    use super::*;
    use crate::stub::{self, Stub};

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        feed: FeedArgs,
    }

    /// A service of 10 items whose pages begin where the cursor says, `back` items before the end of the page before.
    async fn service(back: usize) -> Stub {
        stub::serve(move |asked| {
            let cursor = asked.parameter("cursor").unwrap_or("start");
            let first: usize = cursor.parse().map_or(0, |end: usize| end - back);
            let end = 10.min(first + 3);
            let item = |number: usize| RecommendedItem {
                item_id: ItemId::new(format!("i{number}")).expect("an id"),
                name: None,
                score: 1.0,
                sources: vec![],
                because: None,
                propensity: None,
            };
            stub::json(&Recommendations {
                user_id: UserId::new(asked.parameter("user_id").expect("a user")).expect("an id"),
                recommendation_id: end.to_string(),
                model_version: "v".to_owned(),
                items: (first..end).map(item).collect(),
                cursor: (end < 10 && asked.parameter("cursor").is_some()).then(|| end.to_string()),
                history: None,
            })
        })
        .await
    }

    async fn report(services: [&Stub; 2], pages: usize) -> FeedReport {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let line = |user: usize| format!("{{\"visitorid\":{user},\"itemid\":\"i\"}}\n");
        std::fs::write(file.path(), (0..40).map(|event| line(event % 7)).collect::<String>()).expect("written");
        let [url, other] = services.map(Stub::url);
        let options = format!("f --url {url} --replica {other} --events {} --k 3", file.path().display());
        let options = format!("{options} --users 5 --connections 2 --pages {pages}");
        feed(&Cli::try_parse_from(options.split_whitespace()).expect("good options").feed).await.expect("scrolls")
    }

    #[tokio::test]
    async fn feeds_are_scrolled_to_their_end_at_all_services_in_turn() {
        let services = [service(0).await, service(0).await];
        let found = report([&services[0], &services[1]], 3).await;
        assert_eq!((found.feeds, found.pages, found.items, found.repeats), (5, 15, 45, 0));
        assert_eq!((found.ended, found.without_cursor, found.verdict()), (0, 0, Verdict::Kept));
        // And plain ones, before and after: of three pages the first and the third go to the other one.
        assert_eq!((services[0].requests(), services[1].requests()), (25, 20));
        let found = report([&services[0], &services[1]], 9).await;
        assert_eq!((found.pages, found.items, found.ended), (20, 50, 5));
    }

    #[tokio::test]
    async fn an_item_that_comes_twice_breaks_it() {
        let services = [service(1).await, service(1).await];
        let found = report([&services[0], &services[1]], 3).await;
        assert_eq!((found.repeats, found.verdict(), found.examples.len()), (10, Verdict::Broken, SHOWN));
        assert!(found.text().contains("item i2: on page 1 and on page 2"), "{}", found.text());
        assert!(found.text().ends_with("BROKEN: 10 repeats\n"));
    }
}
