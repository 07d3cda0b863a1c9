//! `load-test consistency`: checks read-your-writes. The user's very next slate must take an acknowledged event into
//! account.
//!
//! For random pairs of a user and an item: posts a view, then at once requests the longest slate (k = 500, seen items
//! allowed) with `explain`. The event has to be in the answer's history, and some item's `because` has to name its
//! item. An item without neighbours can't be a reason, so `/items/{id}/similar` is requested first.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use clap::Args;
use hyper::StatusCode;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use shared::contract::api::{Accepted, GivenTime, ItemList, MAX_K, NewEvent, NewEvents, Recommendations};
use shared::contract::id::{ItemId, UserId};
use shared::contract::kind::KindName;
use tokio::task::JoinSet;

use crate::client::{Call, ClientError, Connection, encode};
use crate::clock::now_ms;
use crate::events::{self, EventsError};
use crate::options::Common;
use crate::progress::Progress;
use crate::verdict::{Format, Verdict};

/// The maximum number of items tried for a pair until one has neighbours.
const DRAWS: usize = 1000;
/// The maximum number of misses that are shown.
const SHOWN: usize = 5;

/// Checks that an acknowledged event is in the user's very next answer
#[derive(Debug, Clone, Args)]
pub struct ConsistencyArgs {
    #[command(flatten)]
    common: Common,
    /// Events as JSON lines: their users and items are drawn from
    #[arg(long, value_name = "FILE")]
    events: PathBuf,
    /// The number of pairs of a user and an item
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pairs: u64,
    /// Seed of the draw
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Takes a new user for each pair instead of one of the file
    #[arg(long)]
    fresh_users: bool,
    /// The number of pairs in flight; never two of the same user
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    connections: u16,
}

/// Why the check could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ConsistencyError {
    /// The events cannot be read.
    #[error(transparent)]
    Events(#[from] EventsError),
    /// A call was not answered.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The served artifact knows hardly any of the items.
    #[error("none of {DRAWS} items drawn has neighbours; give events of the log that the artifact was made of")]
    NoNeighbours,
}

/// How an acknowledged event was missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Miss {
    /// It was acknowledged as durable only (202).
    Unapplied,
    /// It is not in the answer's history.
    Forgotten,
    /// It is in the history, but not the reason for any item.
    Unused,
}

/// A pair that missed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missed {
    user: UserId,
    item: ItemId,
    timestamp_ms: i64,
    miss: Miss,
}

/// What the check found.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct ConsistencyReport {
    /// The number of pairs that were checked.
    pub pairs: u64,
    /// Events acknowledged with 202.
    pub not_applied: u64,
    /// Acknowledged events that are not in the next answer's history.
    pub not_in_history: u64,
    /// Events that are in the history, but not the reason for any item.
    pub not_a_reason: u64,
    /// Different items left out because they have no neighbours.
    pub items_without_neighbours: usize,
    /// The first misses.
    pub examples: Vec<Missed>,
}

/// The users and items that the connections draw from.
struct Pool {
    users: Vec<UserId>,
    items: Vec<ItemId>,
    /// Whether an item has neighbours, for items already requested.
    neighbours: Mutex<HashMap<ItemId, bool>>,
    run: String,
    progress: Progress,
}

impl ConsistencyArgs {
    /// How the report is to be written.
    pub fn format(&self) -> Format {
        self.common.format
    }
}

/// Checks every pair.
///
/// # Errors
/// [`ConsistencyError`] if a call fails or no item has neighbours.
pub async fn check(args: &ConsistencyArgs) -> Result<ConsistencyReport, ConsistencyError> {
    let records = events::read_in_file_order(&args.events)?;
    let mut users: Vec<UserId> = records.iter().map(|record| record.user.clone()).collect();
    let mut items: Vec<ItemId> = records.into_iter().map(|record| record.item).collect();
    users.sort_unstable();
    users.dedup();
    items.sort_unstable();
    items.dedup();
    // At most one connection per user, so that each has users of its own.
    let connections = u64::from(args.connections).min(users.len() as u64);
    let run = format!("consistency-{}-{}", args.seed, now_ms());
    let progress = Progress::start("consistency".to_owned(), Some(args.pairs));
    let pool = Arc::new(Pool { users, items, neighbours: Mutex::default(), run, progress });
    let mut workers = JoinSet::new();
    for first in 0..connections {
        let pairs = (first..args.pairs).step_by(connections as usize).collect();
        let rng = ChaCha8Rng::seed_from_u64(args.seed.wrapping_add(first));
        workers.spawn(work(args.clone(), pool.clone(), pairs, rng));
    }
    let mut report = ConsistencyReport { pairs: args.pairs, ..ConsistencyReport::default() };
    while let Some(missed) = workers.join_next().await {
        missed.expect("a connection's task does not panic")?.into_iter().for_each(|missed| report.add(missed));
    }
    let neighbours = pool.neighbours.lock().expect("a look-up does not panic");
    report.items_without_neighbours = neighbours.values().filter(|&&has_neighbours| !has_neighbours).count();
    Ok(report)
}

async fn work(
    args: ConsistencyArgs,
    pool: Arc<Pool>,
    pairs: Vec<u64>,
    mut rng: ChaCha8Rng,
) -> Result<Vec<Missed>, ConsistencyError> {
    let mut connection = args.common.connection();
    let connections = usize::from(args.connections).min(pool.users.len());
    let mut misses = Vec::new();
    for pair in pairs {
        let user = if args.fresh_users {
            UserId::new(format!("{}-{pair}", pool.run)).expect("ASCII of some 50 bytes")
        } else {
            // Every connection has users of its own: the n-th, and each one `connections` further.
            let first = pair as usize % connections;
            let own = (pool.users.len() - first).div_ceil(connections);
            pool.users[first + connections * rng.random_range(0..own)].clone()
        };
        let item = draw_item(&mut connection, &pool, &mut rng).await?;
        misses.extend(try_pair(&mut connection, user, item, format!("{}-{pair}", pool.run)).await?);
        pool.progress.done();
    }
    Ok(misses)
}

async fn draw_item(connection: &mut Connection, pool: &Pool, rng: &mut ChaCha8Rng) -> Result<ItemId, ConsistencyError> {
    for _ in 0..DRAWS {
        let item = pool.items.choose(rng).expect("event files are not empty");
        let known = pool.neighbours.lock().expect("a look-up does not panic").get(item).copied();
        let has_neighbours = match known {
            Some(has_neighbours) => has_neighbours,
            None => {
                let asked = has_neighbours(connection, item).await?;
                pool.neighbours.lock().expect("a look-up does not panic").insert(item.clone(), asked);
                asked
            }
        };
        if has_neighbours {
            return Ok(item.clone());
        }
    }
    Err(ConsistencyError::NoNeighbours)
}

async fn has_neighbours(connection: &mut Connection, item: &ItemId) -> Result<bool, ClientError> {
    let call = Call::get(&format!("/items/{}/similar?k=1", encode(item.as_str())));
    match connection.fetch_json::<ItemList>(&call).await {
        Ok((_, similar)) => {
            let first = similar.items.first();
            Ok(first.is_some_and(|first| first.sources.iter().any(|source| source != "popularity")))
        }
        Err(ClientError::Refused { status: StatusCode::NOT_FOUND, .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn try_pair(
    connection: &mut Connection,
    user: UserId,
    item: ItemId,
    event_id: String,
) -> Result<Option<Missed>, ClientError> {
    let timestamp_ms = now_ms();
    let event = NewEvent {
        user: Some(user.clone()),
        session: None,
        item: item.clone(),
        kind: KindName::VIEW,
        timestamp: Some(GivenTime::ms(timestamp_ms)),
        transaction_id: None,
        recommendation_id: None,
        event_id: Some(event_id),
    };
    let (status, accepted) = connection.fetch_json::<Accepted>(&events::post_call(&NewEvents::one(event))).await?;
    let path = format!("/recommendations?user_id={}&k={MAX_K}&seen=allow&explain=true", encode(user.as_str()));
    let (_, slate) = connection.fetch_json::<Recommendations>(&Call::get(&path)).await?;
    // Where this clock is ahead of the service's, the event has the service's time.
    let known = |event: &shared::contract::api::HistoryItem| event.item_id == item && event.timestamp <= timestamp_ms;
    let miss = if status != StatusCode::OK || !accepted.applied {
        Some(Miss::Unapplied)
    } else if !slate.history.unwrap_or_default().iter().any(known) {
        Some(Miss::Forgotten)
    } else if !slate.items.iter().any(|recommended| recommended.because.as_ref() == Some(&item)) {
        Some(Miss::Unused)
    } else {
        None
    };
    Ok(miss.map(|miss| Missed { user, item, timestamp_ms, miss }))
}

impl ConsistencyReport {
    fn add(&mut self, missed: Missed) {
        match missed.miss {
            Miss::Unapplied => self.not_applied += 1,
            Miss::Forgotten => self.not_in_history += 1,
            Miss::Unused => self.not_a_reason += 1,
        }
        if self.examples.len() < SHOWN {
            self.examples.push(missed);
        }
    }

    /// Broken by any miss.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let misses = self.not_applied + self.not_in_history + self.not_a_reason;
        if misses == 0 { Verdict::Kept } else { Verdict::Broken }
    }

    /// The report for people.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { pairs, not_applied, not_in_history, not_a_reason, items_without_neighbours, examples } = self;
        let mut text = format!(
            "{pairs} pairs: {not_applied} not applied, {not_in_history} not in the next history, {not_a_reason} not a \
             reason\n{items_without_neighbours} items left out: without neighbours\n"
        );
        for Missed { user, item, timestamp_ms, miss } in examples {
            text.push_str(&format!("  user {user}, item {item}, timestamp {timestamp_ms}: {miss:?}\n"));
        }
        text.push_str(if self.verdict() == Verdict::Kept { "kept: 0 misses\n" } else { "BROKEN: read-your-writes\n" });
        text
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use shared::contract::api::{HistoryItem, RecommendedItem};
    use shared::contract::time::Number;

    use super::*;
    use crate::stub::{self, Stub};

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        check: ConsistencyArgs,
    }

    /// What the stub does with an event.
    #[derive(Clone, Copy, PartialEq)]
    enum Does {
        Knows,
        Forgets,
        IgnoresReasons,
    }

    fn recommended(id: &str, because: Option<ItemId>, source: &str) -> RecommendedItem {
        let (item_id, sources) = (ItemId::new(id).expect("an id"), vec![source.to_owned()]);
        RecommendedItem { item_id, name: None, score: 1.0, sources, because, propensity: None }
    }

    async fn service(does: Does) -> Stub {
        let histories = Mutex::new(HashMap::<String, Vec<HistoryItem>>::new());
        stub::serve(move |asked| {
            let mut histories = histories.lock().expect("no panic");
            if asked.path == "/events" {
                let event: NewEvent = serde_json::from_slice(&asked.body).expect("one event");
                let Some(GivenTime::Number(Number::Whole(timestamp))) = event.timestamp else { panic!("no time") };
                let known = HistoryItem { item_id: event.item, event: event.kind, timestamp };
                if does != Does::Forgets {
                    let user = event.user.expect("a user");
                    histories.entry(user.to_string()).or_default().push(known);
                }
                return stub::ok(r#"{"accepted":1,"applied":true,"event_ids":["e"]}"#);
            }
            if asked.path.starts_with("/items/") {
                let source = if asked.path.contains("lonely") { "popularity" } else { "item_knn" };
                return stub::json(&ItemList {
                    model_version: "v".into(),
                    items: vec![recommended("n", None, source)],
                });
            }
            let user = asked.parameter("user_id").expect("a user");
            let history = histories.get(user).cloned().unwrap_or_default();
            let because = history.last().filter(|_| does == Does::Knows).map(|event| event.item_id.clone());
            stub::json(&Recommendations {
                user_id: UserId::new(user).expect("an id"),
                recommendation_id: "r".into(),
                model_version: "v".into(),
                items: vec![recommended("n", because, "item_knn")],
                cursor: None,
                history: Some(history),
            })
        })
        .await
    }

    async fn report(does: Does, options: &str, items: [&str; 2]) -> Result<ConsistencyReport, ConsistencyError> {
        let stub = service(does).await;
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let line = |user: usize| format!("{{\"visitorid\":{user},\"itemid\":\"{}\"}}\n", items[user % 2]);
        std::fs::write(file.path(), (0..7).map(line).collect::<String>()).expect("written");
        let line = format!("c --url {} --events {} --pairs 20 {options}", stub.url(), file.path().display());
        check(&Cli::try_parse_from(line.split_whitespace()).expect("good options").check).await
    }

    #[tokio::test]
    async fn a_service_that_knows_every_event_has_no_miss() {
        for options in ["", "--fresh-users", "--connections 64"] {
            let report = report(Does::Knows, options, ["x", "lonely"]).await.expect("checked");
            assert_eq!((report.verdict(), report.pairs, report.items_without_neighbours), (Verdict::Kept, 20, 1));
        }
    }

    #[tokio::test]
    async fn every_kind_of_miss_is_found() {
        let forgetful = report(Does::Forgets, "", ["x", "y"]).await.expect("checked");
        assert_eq!((forgetful.not_in_history, forgetful.examples.len()), (20, SHOWN));
        let silent = report(Does::IgnoresReasons, "", ["x", "y"]).await.expect("checked");
        assert_eq!((silent.not_in_history, silent.not_a_reason), (0, 20));
        assert_eq!(silent.verdict(), Verdict::Broken);
    }

    #[tokio::test]
    async fn items_without_neighbours_alone_are_an_error() {
        let error = report(Does::Knows, "", ["lonely", "lonely"]).await.expect_err("no reason is possible");
        assert!(matches!(error, ConsistencyError::NoNeighbours));
    }
}
