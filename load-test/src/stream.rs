//! `load-test stream`: posts events and repeats each until it is acknowledged; to be run while the service is killed.
//!
//! Events are sent one by one at a bounded rate, each with an id and a time of its own; an event is sent again, with
//! the same id, until it is acknowledged. Acknowledged events are written to a log, which `load-test audit` compares
//! with the service.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clap::Args;
use hyper::StatusCode;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use shared::contract::api::{Accepted, GivenTime, NewEvent, NewEvents};
use shared::contract::id::{ItemId, UserId};
use shared::contract::kind::KindName;
use tokio::task::JoinSet;

use crate::acknowledged::{Acknowledged, AcknowledgedLog, LogError};
use crate::client::{ClientError, Connection};
use crate::clock::now_ms;
use crate::events::{self, EventsError};
use crate::options::{self, Common};
use crate::progress::Progress;
use crate::verdict::{Format, Verdict};

/// The first pause before an event is sent again; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// How far the clock of the service may be behind this one, in milliseconds.
const CLOCKS_DIFFER_MS: i64 = 60_000;
/// The number of different items if no file is given.
const MADE_ITEMS: u32 = 1000;

/// Posts events and repeats each until it is acknowledged
#[derive(Debug, Clone, Args)]
pub struct StreamArgs {
    #[command(flatten)]
    common: Common,
    /// The number of events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    events_total: u64,
    /// The number of users, who take turns; events / users should be below the maximum length of a history in the
    /// service
    #[arg(long, value_name = "U", value_parser = clap::value_parser!(u64).range(1..))]
    users: u64,
    /// Seed of the draw of items
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The file for the acknowledged events, as JSON lines
    #[arg(long, value_name = "FILE")]
    log: PathBuf,
    /// Events as JSON lines, whose items are drawn from; without this option the items are made up
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Events per second; at most 1000, since each event has a millisecond of its own
    #[arg(long, value_name = "PER_SEC", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// The number of events in flight
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    connections: u16,
    /// Seconds after which an event that is not acknowledged ends the stream
    #[arg(long, value_name = "SECS", default_value = "30", value_parser = options::seconds)]
    give_up: Duration,
}

/// Why the stream ended early.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The items cannot be read.
    #[error(transparent)]
    Events(#[from] EventsError),
    /// The log cannot be written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The service says that the event is wrong; sending it again would not help.
    #[error(transparent)]
    Refused(ClientError),
}

/// The report of a stream.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct StreamReport {
    /// Events to be sent.
    pub events: u64,
    /// Acknowledged events, which are in the log.
    pub acknowledged: u64,
    /// Those of them that were durable but not applied yet (202).
    pub not_applied: u64,
    /// How often an event was sent again.
    pub repeats: u64,
    /// Events that were not acknowledged in time; later events were not sent.
    pub given_up: u64,
}

/// The state that the connections share.
struct Shared {
    args: StreamArgs,
    items: Vec<ItemId>,
    run: String,
    start: Instant,
    next: AtomicU64,
    given_up: AtomicU64,
    last_timestamp_ms: Mutex<i64>,
    log: AcknowledgedLog,
    progress: Progress,
}

impl StreamArgs {
    /// How the report is to be written.
    pub fn format(&self) -> Format {
        self.common.format
    }
}

/// Sends all events, or as many as are acknowledged in time.
///
/// # Errors
/// [`StreamError`] if an event is refused or a file fails.
pub async fn stream(args: &StreamArgs) -> Result<StreamReport, StreamError> {
    let items = match &args.events {
        Some(path) => events::read_in_file_order(path)?.into_iter().map(|record| record.item).collect(),
        None => (0..MADE_ITEMS).map(|n| ItemId::new(format!("item-{n}")).expect("a short ASCII text")).collect(),
    };
    let shared = Arc::new(Shared {
        args: args.clone(),
        items,
        run: format!("stream-{}-{}", args.seed, now_ms()),
        start: Instant::now(),
        next: AtomicU64::new(0),
        given_up: AtomicU64::new(0),
        last_timestamp_ms: Mutex::new(0),
        log: AcknowledgedLog::create(&args.log)?,
        progress: Progress::start("stream".to_owned(), Some(args.events_total)),
    });
    let mut workers = JoinSet::new();
    for _ in 0..args.connections {
        workers.spawn(work(shared.clone()));
    }
    let mut report = StreamReport { events: args.events_total, ..StreamReport::default() };
    while let Some(part) = workers.join_next().await {
        let part = part.expect("a connection's task does not panic")?;
        report.acknowledged += part.acknowledged;
        report.not_applied += part.not_applied;
        report.repeats += part.repeats;
        report.given_up += part.given_up;
    }
    Ok(report)
}

async fn work(shared: Arc<Shared>) -> Result<StreamReport, StreamError> {
    let mut connection = shared.args.common.connection();
    let mut report = StreamReport::default();
    loop {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        if number >= shared.args.events_total || shared.given_up.load(Ordering::Relaxed) > 0 {
            return Ok(report);
        }
        let due = shared.start + Duration::from_secs_f64(number as f64 / f64::from(shared.args.rate));
        tokio::time::sleep_until(due.into()).await;
        let mut event = shared.event(number);
        let (repeats, acknowledged) = send(&mut connection, &event, shared.args.give_up).await?;
        report.repeats += repeats;
        let Some(applied) = acknowledged else {
            report.given_up += 1;
            shared.given_up.fetch_add(1, Ordering::Relaxed);
            shared.progress.failed();
            continue;
        };
        event.applied = applied;
        shared.log.add(&event)?;
        report.acknowledged += 1;
        report.not_applied += u64::from(!applied);
        shared.progress.done();
    }
}

impl Shared {
    /// The n-th event; its time is a minute and more ago, or the first millisecond behind it that no other event has. It
    /// is never ahead of the service's clock, which would take it for its own time.
    fn event(&self, number: u64) -> Acknowledged {
        let mut rng = ChaCha8Rng::seed_from_u64(self.args.seed);
        rng.set_stream(number);
        let item = self.items.choose(&mut rng).expect("event files are not empty").clone();
        let mut last = self.last_timestamp_ms.lock().expect("arithmetic does not panic");
        let events = i64::try_from(self.args.events_total).unwrap_or(i64::MAX);
        *last = now_ms().saturating_sub(events).saturating_sub(CLOCKS_DIFFER_MS).max(*last + 1);
        Acknowledged {
            user: UserId::new(format!("{}-{}", self.run, number % self.args.users)).expect("ASCII of some 50 bytes"),
            item,
            timestamp: *last,
            event_id: format!("{}-{number}-{:08x}", self.run, rng.random::<u32>()),
            applied: false,
        }
    }
}

/// Sends one event until it is acknowledged; returns how often it was repeated, and whether it is applied, or nothing
/// if it was not acknowledged in time.
async fn send(
    connection: &mut Connection,
    event: &Acknowledged,
    give_up: Duration,
) -> Result<(u64, Option<bool>), StreamError> {
    let call = events::post_call(&NewEvents::one(NewEvent {
        user: Some(event.user.clone()),
        session: None,
        item: event.item.clone(),
        kind: KindName::VIEW,
        timestamp: Some(GivenTime::ms(event.timestamp)),
        transaction_id: None,
        recommendation_id: None,
        event_id: Some(event.event_id.clone()),
    }));
    let (end, mut pause, mut repeats) = (Instant::now() + give_up, FIRST_PAUSE, 0);
    loop {
        match connection.fetch_json::<Accepted>(&call).await {
            Ok((status, accepted)) => return Ok((repeats, Some(status == StatusCode::OK && accepted.applied))),
            Err(error) if !may_be_repeated(&error) => return Err(StreamError::Refused(error)),
            Err(_) if Instant::now() + pause >= end => return Ok((repeats, None)),
            Err(_) => tokio::time::sleep(pause).await,
        }
        repeats += 1;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn may_be_repeated(error: &ClientError) -> bool {
    match error {
        ClientError::Refused { status, .. } => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
        ClientError::Json { .. } => false,
        ClientError::Connect { .. } | ClientError::Broken(_) | ClientError::Timeout(_) => true,
    }
}

impl StreamReport {
    /// Broken if an event was not acknowledged in time.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.acknowledged == self.events { Verdict::Kept } else { Verdict::Broken }
    }

    /// The report for people.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { events, acknowledged, not_applied, repeats, given_up } = self;
        let word = if self.verdict() == Verdict::Kept { "kept" } else { "BROKEN" };
        format!(
            "{word}: {acknowledged} of {events} events acknowledged ({not_applied} not applied yet), {repeats} repeats, \
             {given_up} given up\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::atomic::AtomicUsize;

    use clap::Parser;

    use super::*;
    use crate::{acknowledged, stub};

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        stream: StreamArgs,
    }

    fn args(url: &str, options: &str, log: &tempfile::NamedTempFile) -> StreamArgs {
        let line = format!("s --url {url} --log {} --rate 1000 {options}", log.path().display());
        Cli::try_parse_from(line.split_whitespace()).expect("good options").stream
    }

    #[tokio::test]
    async fn an_event_is_repeated_with_its_id_until_it_is_acknowledged() {
        let (calls, taken) = (AtomicUsize::new(0), Arc::new(Mutex::new(Vec::new())));
        let seen = taken.clone();
        let stub = stub::serve(move |asked| {
            if calls.fetch_add(1, Ordering::SeqCst) % 3 == 0 {
                return stub::refuse(503, "restarting", "none");
            }
            let event: NewEvent = serde_json::from_slice(&asked.body).expect("one event");
            seen.lock().expect("no panic").push(event.event_id.expect("an id"));
            stub::ok(r#"{"accepted":1,"applied":true,"event_ids":["e"]}"#)
        })
        .await;
        let log = tempfile::NamedTempFile::new().expect("a temporary file");
        let report = stream(&args(&stub.url(), "--events-total 20 --users 5", &log)).await.expect("streamed");
        assert_eq!((report.verdict(), report.acknowledged, report.given_up), (Verdict::Kept, 20, 0));
        assert!(report.repeats > 0);
        let logged = acknowledged::read(log.path()).expect("a log");
        let ids: HashSet<String> = logged.iter().map(|event| event.event_id.clone()).collect();
        assert_eq!(ids, taken.lock().expect("no panic").iter().cloned().collect());
        let distinct = |key: fn(&Acknowledged) -> String| logged.iter().map(key).collect::<HashSet<_>>().len();
        assert!(
            logged.iter().all(|event| event.timestamp < now_ms() - CLOCKS_DIFFER_MS),
            "the service takes no other time"
        );
        assert_eq!((ids.len(), distinct(|e| e.timestamp.to_string()), distinct(|e| e.user.to_string())), (20, 20, 5));
    }

    #[tokio::test]
    async fn a_service_that_stays_away_ends_the_stream() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
        let log = tempfile::NamedTempFile::new().expect("a temporary file");
        let options = "--events-total 50 --users 5 --give-up 0.05 --connections 1";
        let report = stream(&args(&format!("http://{free}"), options, &log)).await.expect("no error");
        assert_eq!((report.verdict(), report.acknowledged, report.given_up), (Verdict::Broken, 0, 1));
    }

    #[tokio::test]
    async fn an_event_that_is_wrong_is_not_repeated() {
        let stub = stub::serve(|_| stub::refuse(400, "no such field", "event")).await;
        let log = tempfile::NamedTempFile::new().expect("a temporary file");
        let refused = stream(&args(&stub.url(), "--events-total 1 --users 1", &log)).await;
        assert!(matches!(refused, Err(StreamError::Refused(_))));
        assert_eq!(stub.requests(), 1);
    }
}
