//! The Redis store: packed histories and user records shared by all replicas, see [`shared::keys`].
//!
//! A read is one `MGET` of two keys. An apply is two round trips for any number of users: the histories are read, the
//! events applied here by the same code as in the embedded store, and each history written if it is still the one that
//! was read; a lost race is read and tried again. Reads and writes have a connection each, so that a long pipeline of
//! writes does not hold up a read.

mod link;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Pipeline, cmd};
use shared::id::UserId;
use shared::keys::{applied_key, history_key, pack_history, unpack_history, user_key};
use shared::state::{LiveEvent, LiveHistory};
use shared::url::RedisUrl;

use self::link::{IoThread, Link};
use super::{
    Answer, Arrival, Bounds, Change, Mark, Position, Retention, StoreError, Stored, UserStore, by_user, forget,
};
use crate::metrics::Metrics;

/// Writes a key with an expiry if it holds what it is thought to (an absent key holds the empty value), and returns 1.
/// Sent as a whole each time: it is shorter than the values, and `EVALSHA` would fail after each restart of Redis.
/// `MGET` of one key, here and where it is read: a key of a foreign type is then absent, and replaced, where `GET`
/// would fail for ever and hold up all users.
const SWAP: &str = "if (redis.call('MGET',KEYS[1])[1] or '')~=ARGV[1] then return 0 end \
                    redis.call('SET',KEYS[1],ARGV[2],'PXAT',ARGV[3]) return 1";
/// The same for the mark, which does not expire; returns what it found.
const ADVANCE: &str = "local found=redis.call('GET',KEYS[1]) or '' \
                       if found==ARGV[1] then redis.call('SET',KEYS[1],ARGV[2]) end return found";
/// Users written in one pipeline; bounds the memory of a large refill.
const USERS_PER_PIPELINE: usize = 512;
/// Attempts to connect at the start.
const ATTEMPTS: u32 = 5;
/// The pause after the first failed attempt; it doubles.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(100);
/// How often a history is tried again when others write it at the same time.
const RACES: usize = 50;

/// Why the Redis store can't be opened.
#[derive(Debug, thiserror::Error)]
#[error(
    "Redis at {url} can't be used: {source}; start it (`redis-server`), correct store.redis_url \
     (TANDEM_STORE__REDIS_URL), or leave it empty for the embedded store"
)]
pub struct OpenError {
    /// Where.
    url: RedisUrl,
    source: redis::RedisError,
}

/// What the Redis store goes by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where.
    pub url: RedisUrl,
    /// Before every key.
    pub prefix: String,
    /// Whose event log the mark is about.
    pub replica: String,
    /// The deadline of a read.
    pub timeout: Duration,
    /// The deadline of each round trip of an apply.
    pub write_timeout: Duration,
    /// How long is remembered.
    pub retention: Retention,
}

/// Histories and user records in Redis.
pub struct Redis {
    settings: Settings,
    mark: String,
    reads: Link,
    writes: Link,
    metrics: Arc<Metrics>,
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
        Ok(Self { settings, mark, reads, writes, metrics, _thread: thread })
    }

    async fn query<T: redis::FromRedisValue>(&self, command: Cmd) -> Result<T, StoreError> {
        let deadline = self.settings.write_timeout;
        self.writes.call(deadline, |mut connection| async move { command.query_async(&mut connection).await }).await
    }

    async fn pipeline<T: redis::FromRedisValue>(&self, pipeline: Pipeline) -> Result<T, StoreError> {
        let deadline = self.settings.write_timeout;
        self.writes.call(deadline, |mut connection| async move { pipeline.query_async(&mut connection).await }).await
    }

    async fn get(&self, user: &UserId, version: &str, now_ms: i64) -> Result<Stored, StoreError> {
        let prefix = &self.settings.prefix;
        let key = history_key(prefix, user);
        let mut command = cmd("MGET");
        command.arg(&key).arg(user_key(prefix, user, version));
        let (history, record) = self
            .reads
            .call(self.settings.timeout, |mut connection| async move {
                command.query_async::<(Option<Vec<u8>>, Option<Vec<u8>>)>(&mut connection).await
            })
            .await?;
        let mut history = match history {
            Some(bytes) => unpack_history(&bytes).map_err(|source| StoreError::Packed { key, source })?,
            None => LiveHistory::default(),
        };
        forget(&mut history, self.settings.retention.oldest_ms(now_ms));
        Ok(Stored { history: Arc::new(history), record })
    }

    async fn put(&self, arrivals: &[Arrival], bounds: Bounds) -> Result<(), StoreError> {
        let users: Vec<(&UserId, Vec<&LiveEvent>)> = by_user(arrivals).into_iter().collect();
        for chunk in users.chunks(USERS_PER_PIPELINE) {
            let mut open: BTreeMap<String, &[&LiveEvent]> = chunk
                .iter()
                .map(|(user, events)| (history_key(&self.settings.prefix, user), events.as_slice()))
                .collect();
            for _ in 0..RACES {
                self.put_once(&mut open, bounds).await?;
                if open.is_empty() {
                    break;
                }
            }
            if !open.is_empty() {
                return Err(StoreError::Contended(RACES));
            }
        }
        Ok(())
    }

    /// Applies events to the histories behind their keys; those that others wrote in between remain in `open`.
    async fn put_once(&self, open: &mut BTreeMap<String, &[&LiveEvent]>, bounds: Bounds) -> Result<(), StoreError> {
        // One command per key: the keys are of different users, and so of different slots of a cluster.
        let mut gets = Pipeline::with_capacity(open.len());
        for key in open.keys() {
            gets.cmd("MGET").arg(key);
        }
        let before: Vec<[Option<Vec<u8>>; 1]> = self.pipeline(gets).await?;
        let mut swaps = Pipeline::with_capacity(open.len());
        let mut written = Vec::with_capacity(open.len());
        for ((key, events), [before]) in open.iter().zip(before) {
            let before = before.unwrap_or_default();
            let mut history = read_or_renew(key, &before);
            if self.settings.retention.merge(&mut history, events.iter().copied(), bounds) == Change::None {
                continue;
            }
            let expires_ms = self.settings.retention.expires_ms(&history);
            swaps.cmd("EVAL").arg(SWAP).arg(1).arg(key).arg(before).arg(pack_history(&history)).arg(expires_ms);
            written.push(key.clone());
        }
        if written.is_empty() {
            open.clear();
            return Ok(());
        }
        let won: Vec<u8> = self.pipeline::<Vec<i64>>(swaps).await?.into_iter().map(|won| u8::from(won == 1)).collect();
        let lost: Vec<String> = written.into_iter().zip(won).filter(|(_, won)| *won == 0).map(|(key, _)| key).collect();
        open.retain(|key, _| lost.contains(key));
        Ok(())
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

/// Reads a history for writing; one that can't be read is begun anew, for the log still has it.
fn read_or_renew(key: &str, bytes: &[u8]) -> LiveHistory {
    if bytes.is_empty() {
        return LiveHistory::default();
    }
    unpack_history(bytes).unwrap_or_else(|error| {
        tracing::warn!(key, %error, "history can't be read and is begun anew");
        LiveHistory::default()
    })
}

/// The mark as it is stored: empty stands for none.
fn parse_mark(text: &str) -> Result<Option<Position>, StoreError> {
    if text.is_empty() { Ok(None) } else { text.parse().map(Some) }
}

impl UserStore for Redis {
    fn read<'a>(&'a self, user: &'a UserId, version: &'a str, now_ms: i64) -> Answer<'a, Stored> {
        Box::pin(self.observed("read", self.get(user, version, now_ms)))
    }

    fn apply<'a>(&'a self, arrivals: &'a [Arrival], bounds: Bounds) -> Answer<'a, ()> {
        Box::pin(self.observed("apply", self.put(arrivals, bounds)))
    }

    fn applied(&self) -> Answer<'_, Option<Position>> {
        Box::pin(self.observed("applied", async {
            let mut command = cmd("GET");
            command.arg(&self.mark);
            parse_mark(&self.query::<Option<String>>(command).await?.unwrap_or_default())
        }))
    }

    fn advance(&self, from: Option<Position>, to: Position) -> Answer<'_, Mark> {
        Box::pin(self.observed("advance", async move {
            let mut command = cmd("EVAL");
            let from_text = from.map(|position| position.to_string()).unwrap_or_default();
            command.arg(ADVANCE).arg(1).arg(&self.mark).arg(&from_text).arg(to.to_string());
            let found: String = self.query(command).await?;
            if found == from_text { Ok(Mark::Moved) } else { Ok(Mark::Found(parse_mark(&found)?)) }
        }))
    }
}
