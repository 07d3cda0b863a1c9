//! The Redis store: packed histories, user records, and the rows of keys, shared by all replicas, see
//! [`shared::engine::keys`].
//!
//! A read is one `MGET` of two keys; an apply takes two round trips for any number of users, see `histories`. Reads and
//! writes have separate connections, so that a long pipeline of writes does not delay a read.

mod histories;
mod link;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::{Cmd, Pipeline, cmd};
use shared::contract::id::UserId;
use shared::contract::url::RedisUrl;
use shared::engine::keys::applied_key;
use shared::engine::state::LiveHistory;

use self::link::{IoThread, Link};
use super::{Added, Answer, Arrival, Bounds, Mark, Position, Retention, StoreError, Stored, UserStore};
use crate::metrics::Metrics;

/// The script of a compare-and-set of the mark: writes the mark if it has the expected value (an absent one has the
/// empty value), and returns the value found. A key of another type counts as absent: `SET` replaces it.
const ADVANCE: &str = "local found=redis.pcall('GET',KEYS[1]) if type(found)~='string' then found='' end \
                       if found==ARGV[1] then redis.call('SET',KEYS[1],ARGV[2]) end return found";
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
    source: redis::RedisError,
}

/// The settings of the Redis store.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The URL of the server, which prints without a password.
    pub url: RedisUrl,
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
    mark: String,
    reads: Link,
    writes: Link,
    metrics: Arc<Metrics>,
    /// The users whose histories are damaged.
    damaged: Mutex<BTreeSet<UserId>>,
    /// Whether an event waits for a history that a newer release wrote.
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
        let thread = IoThread::start().map_err(|error| failed(error.into()))?;
        let mut attempt = 1;
        let mut pause = ATTEMPT_PAUSE;
        let reads = loop {
            match Link::open(&settings.url, &thread).await {
                Ok(link) => break link,
                Err(error) if attempt == ATTEMPTS || !error.is_io_error() => return Err(failed(error)),
                Err(error) => tracing::warn!(%error, attempt, "Redis can't be reached yet"),
            }
            tokio::time::sleep(pause).await;
            attempt += 1;
            pause *= 2;
        };
        let writes = Link::open(&settings.url, &thread).await.map_err(failed)?;
        metrics.store_up.set(1);
        let mark = applied_key(&settings.prefix, &settings.replica);
        Ok(Self {
            settings,
            mark,
            reads,
            writes,
            metrics,
            damaged: Mutex::default(),
            waits_for_upgrade: AtomicBool::default(),
            told_of_upgrade: AtomicBool::default(),
            _thread: thread,
        })
    }

    async fn query<T: redis::FromRedisValue>(&self, command: Cmd) -> Result<T, StoreError> {
        let deadline = self.settings.write_timeout;
        self.writes.call(deadline, |mut connection| async move { command.query_async(&mut connection).await }).await
    }

    async fn pipeline<T: redis::FromRedisValue>(&self, pipeline: Pipeline) -> Result<T, StoreError> {
        let deadline = self.settings.write_timeout;
        self.writes.call(deadline, |mut connection| async move { pipeline.query_async(&mut connection).await }).await
    }

    /// Parses the mark as it is stored. A mark that can't be read is deleted, so that the log is applied again from its
    /// start; only this replica writes it.
    async fn read_mark(&self, bytes: &[u8]) -> Result<Option<Position>, StoreError> {
        let mark = std::str::from_utf8(bytes).ok().and_then(Position::parse);
        if mark.is_none() && !bytes.is_empty() {
            self.metrics.store_unreadable.with_label_values(&["mark"]).inc();
            let found = String::from_utf8_lossy(bytes);
            tracing::warn!(key = self.mark, %found, "mark can't be read; the event log is applied again from its start");
            let mut command = cmd("DEL");
            command.arg(&self.mark);
            self.query::<()>(command).await?;
        }
        Ok(mark)
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
    fn read<'a>(&'a self, user: &'a UserId, version: &'a str, now_ms: i64) -> Answer<'a, Stored> {
        Box::pin(self.observed("read", self.get(user, version, now_ms)))
    }

    fn apply<'a>(&'a self, arrivals: &'a [Arrival], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>> {
        Box::pin(self.observed("apply", self.put(arrivals, bounds)))
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
        Box::pin(self.observed("applied", async {
            // `MGET` treats a key of another type as absent, where `GET` would fail.
            let mut command = cmd("MGET");
            command.arg(&self.mark);
            let [found]: [Option<Vec<u8>>; 1] = self.query(command).await?;
            self.read_mark(&found.unwrap_or_default()).await
        }))
    }

    fn advance(&self, from: Option<Position>, to: Position) -> Answer<'_, Mark> {
        Box::pin(self.observed("advance", async move {
            let mut command = cmd("EVAL");
            let from_text = from.map(|position| position.to_string()).unwrap_or_default();
            command.arg(ADVANCE).arg(1).arg(&self.mark).arg(&from_text).arg(to.to_string());
            let found: Vec<u8> = self.query(command).await?;
            if found == from_text.as_bytes() { Ok(Mark::Moved) } else { Ok(Mark::Found(self.read_mark(&found).await?)) }
        }))
    }
}
