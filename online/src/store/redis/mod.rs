//! The Redis store: packed histories, user records, and the rows of keys, shared by all replicas, see
//! [`shared::engine::keys`].
//!
//! A read is one `MGET` of two keys; an apply takes two round trips for any number of users, see `histories`. Reads and
//! writes have separate connections, so that a long pipeline of writes does not delay a read. Redis is one server, or a
//! Redis Cluster: every command keeps to one slot, and `nodes` sends it to the node that has the slot.

mod breaker;
mod endpoints;
mod histories;
mod items;
mod link;
mod marks;
mod merges;
mod nodes;
mod rows;
mod served;
mod slots;
mod users;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::RedisError;
use shared::contract::event_log::Coverage;
use shared::contract::id::UserId;
use shared::contract::url::RedisUrl;
use shared::engine::served::ServedSlate;
use shared::engine::state::LiveHistory;

use self::endpoints::Endpoints;
use self::link::IoThread;
use self::nodes::Nodes;
use super::{
    Added, Answer, Arrival, Bounds, Departure, Keep, Kept, Mark, Moved, Position, Retention, Said, StoreError, Stored,
    Told, UserStore,
};
use crate::metrics::Metrics;

/// The number of attempts to connect at the start.
const ATTEMPTS: u32 = 5;
/// The pause after the first failed attempt; it doubles.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the Redis store can't be opened.
#[derive(Debug, thiserror::Error)]
#[error(
    "Redis at {url} can't be used: {source}; start it (`redis-server`), correct store.redis_url \
     (TANDEM_STORE__REDIS_URL), or leave it empty for the embedded store"
)]
pub struct OpenError {
    /// The URL of the server, which prints without a password.
    url: RedisUrl,
    source: RedisError,
}

/// The settings of the Redis store.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The URL of the server or the URLs of nodes of a cluster, which print without a password.
    pub url: RedisUrl,
    /// The certificates that `rediss://` servers must be signed by; the system's if absent.
    pub ca: Option<PathBuf>,
    /// The prefix of every key.
    pub prefix: String,
    /// The replica whose mark is kept.
    pub replica: String,
    /// The deadline of a read.
    pub timeout: Duration,
    /// The deadline of each round trip of an apply.
    pub write_timeout: Duration,
    /// The bounds of histories.
    pub retention: Retention,
}

/// Histories and user records in Redis.
pub struct Redis {
    settings: Settings,
    /// The keys of the mark, see [`marks`].
    marks: Vec<String>,
    reads: Nodes,
    writes: Nodes,
    metrics: Arc<Metrics>,
    /// The users whose histories are damaged.
    damaged: Mutex<BTreeSet<UserId>>,
    /// Whether an event or an erasure waits for a history that a newer release wrote.
    waits_for_upgrade: AtomicBool,
    /// Whether such a history has been warned of.
    told_of_upgrade: AtomicBool,
    /// Dropped last.
    _thread: IoThread,
}

impl Redis {
    /// Connects, trying a few times within about three seconds.
    ///
    /// # Errors
    /// [`OpenError`] with the remedy.
    pub async fn open(settings: Settings, metrics: Arc<Metrics>) -> Result<Self, OpenError> {
        let failed = |source| OpenError { url: settings.url.clone(), source };
        let endpoints = Arc::new(Endpoints::new(&settings.url, settings.ca.as_deref()).map_err(failed)?);
        let (thread, io) = IoThread::start().map_err(|error| failed(error.into()))?;
        let open = |link| metrics.store_breaker_open.with_label_values(&[link]);
        let mut attempt = 1;
        let mut pause = ATTEMPT_PAUSE;
        let reads = loop {
            match Nodes::open(endpoints.clone(), settings.timeout, open("reads"), &io).await {
                Ok(nodes) => break nodes,
                Err(error) if attempt == ATTEMPTS || !error.is_io_error() => return Err(failed(error)),
                Err(error) => tracing::warn!(%error, attempt, "Redis can't be reached yet"),
            }
            tokio::time::sleep(pause).await;
            attempt += 1;
            pause *= 2;
        };
        let writes = Nodes::open(endpoints, settings.write_timeout, open("writes"), &io).await.map_err(failed)?;
        metrics.store_up.set(1);
        let marks = marks::keys(&settings, writes.are_cluster());
        Ok(Self {
            settings,
            marks,
            reads,
            writes,
            metrics,
            damaged: Mutex::default(),
            waits_for_upgrade: AtomicBool::default(),
            told_of_upgrade: AtomicBool::default(),
            _thread: thread,
        })
    }

    /// Records the duration and failure of a call.
    async fn observed<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let timer = match operation {
            "read" => self.metrics.store_read_seconds.start_timer(),
            _ => self.metrics.store_seconds.with_label_values(&[operation]).start_timer(),
        };
        let result = call.await;
        timer.observe_duration();
        if result.is_err() {
            self.metrics.store_errors.with_label_values(&[operation]).inc();
        }
        result
    }
}

impl UserStore for Redis {
    fn read_until<'a>(
        &'a self,
        until: Option<Instant>,
        user: &'a UserId,
        version: &'a str,
        now_ms: i64,
    ) -> Answer<'a, Stored> {
        Box::pin(self.observed("read", self.get(until, user, version, now_ms)))
    }

    fn read_served<'a>(
        &'a self,
        until: Option<Instant>,
        user: &'a UserId,
        version: &'a str,
        now_ms: i64,
    ) -> Answer<'a, Stored> {
        Box::pin(self.observed("read", self.get_with_served(until, user, version, now_ms)))
    }

    fn remember<'a>(&'a self, until: Instant, user: &'a UserId, slate: &'a ServedSlate, keep: Keep) -> Answer<'a, ()> {
        Box::pin(self.observed("remember", self.push_served(until, user, slate, keep)))
    }

    fn apply<'a>(&'a self, arrivals: &'a [Arrival], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>> {
        Box::pin(self.observed("apply", self.put(arrivals, bounds)))
    }

    fn erase<'a>(&'a self, departures: &'a [Departure], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>> {
        Box::pin(self.observed("erase", async move {
            self.forget_served(departures).await?;
            self.take_out(departures, bounds).await
        }))
    }

    fn merge<'a>(&'a self, moved: &'a [Moved], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>> {
        Box::pin(self.observed("merge", self.move_out(moved, bounds)))
    }

    fn say<'a>(&'a self, told: &'a [Told], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>> {
        Box::pin(self.observed("say", self.tell(told, bounds)))
    }

    fn named<'a>(&'a self, from: Bound<&'a str>, most: usize) -> Answer<'a, Vec<UserId>> {
        Box::pin(self.observed("named", self.named_from(from, most)))
    }

    fn let_go<'a>(&'a self, from: Bound<&'a str>, covered: &'a Coverage) -> Answer<'a, Option<UserId>> {
        Box::pin(self.observed("let_go", self.forget_said(from, covered)))
    }

    fn damaged(&self, most: usize) -> Vec<UserId> {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).iter().take(most).cloned().collect()
    }

    fn waits_for_upgrade(&self) -> bool {
        self.waits_for_upgrade.load(Ordering::Acquire)
    }

    fn rebuild<'a>(&'a self, histories: &'a BTreeMap<UserId, LiveHistory>, bounds: Bounds<'a>) -> Answer<'a, ()> {
        Box::pin(self.observed("rebuild", self.restore(histories, bounds)))
    }

    fn applied(&self) -> Answer<'_, Option<Position>> {
        Box::pin(self.observed("applied", self.lowest_mark()))
    }

    fn advance(&self, from: Option<Position>, to: Position) -> Answer<'_, Mark> {
        Box::pin(self.observed("advance", self.move_marks(from, to)))
    }

    fn keep<'a>(&'a self, said: &'a [Said]) -> Answer<'a, ()> {
        Box::pin(self.observed("keep", self.keep_said(said)))
    }

    fn kept(&self, after: u64) -> Answer<'_, Kept> {
        Box::pin(self.observed("kept", self.said_after(after)))
    }

    fn drop_kept<'a>(&'a self, said: &'a [Said]) -> Answer<'a, ()> {
        Box::pin(self.observed("drop", self.drop_said(said)))
    }
}
