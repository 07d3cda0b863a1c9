//! A multiplexed connection to one server, which is restored when it is lost; calls fail at once meanwhile.
//!
//! Calls of all tasks share the connection, each with its own deadline. A background task (the keeper) connects and
//! probes until the link is dropped: the connection goes after an error that ends it, or a PING that is not answered
//! within [`CONNECT_TIMEOUT`]. Whether calls are made at all is up to the [`Breaker`].
//!
//! The connection is driven by a thread of its own, [`IoThread`]. Slates are computed on the threads that hold the
//! requests; if answers of Redis were read there too, they would queue behind slates, and deadlines would be missed in
//! a burst of requests (with 256 connections on 2 cores, by a quarter of them) though Redis is fast.

use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use prometheus::IntGauge;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, Pipeline, RedisResult};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Instrument;

use super::super::StoreError;
use super::breaker::Breaker;

/// How long one attempt to connect, or a PING, may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_millis(1000);
/// The pause between attempts to connect, and between probes while the breaker is open.
pub const RETRY_EVERY: Duration = Duration::from_millis(100);
/// How often a connection without trouble is looked at, so that it is not a request that finds the server gone.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The number of calls that may wait to be sent; a call beyond it waits twice, here and on the thread that makes it.
const CALLS_IN_LINE: usize = 4096;

/// The thread that drives connections.
pub struct IoThread(Option<Runtime>);

impl IoThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`io::Error`] when the system has no thread left.
    pub fn start() -> io::Result<(Self, Handle)> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("redis-io")
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        Ok((Self(Some(runtime)), handle))
    }
}

impl Drop for IoThread {
    fn drop(&mut self) {
        // Waiting for the thread would block the task that drops the store.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Connects once; the connection is driven by the thread on which this runs.
pub async fn connect(client: &Client) -> RedisResult<MultiplexedConnection> {
    // Deadlines are set per call, by `Link::pipeline`.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(None)
        .set_pipeline_buffer_size(CALLS_IN_LINE);
    client.get_multiplexed_async_connection_with_config(&config).await
}

/// A connection that is restored when it is lost.
pub struct Link(Arc<Shared>);

struct Shared {
    client: Client,
    /// Within which a call is to be answered.
    deadline: Duration,
    connection: ArcSwapOption<MultiplexedConnection>,
    breaker: Breaker,
    /// Wakes the keeper.
    trouble: Notify,
}

impl Link {
    /// A link that keeps connected from now on, on the thread of `io`.
    ///
    /// * `connection`: one that is there already.
    /// * `deadline`: within which a call, and so a probe, must be answered.
    pub fn new(
        client: Client,
        connection: Option<MultiplexedConnection>,
        deadline: Duration,
        open: IntGauge,
        io: &Handle,
    ) -> Self {
        let shared = Arc::new(Shared {
            client,
            deadline,
            connection: ArcSwapOption::empty(),
            breaker: Breaker::open_at_first(open),
            trouble: Notify::new(),
        });
        if let Some(connection) = connection {
            shared.connected(connection);
        }
        io.spawn(keep(Arc::downgrade(&shared)).in_current_span());
        Self(shared)
    }

    /// Whether calls are made at all.
    pub fn answers(&self) -> bool {
        !self.0.breaker.is_open()
    }

    /// Sends commands in one round trip, if the breaker is closed, and returns the result of each.
    ///
    /// # Errors
    /// [`StoreError::Away`] or [`StoreError::Late`].
    pub async fn pipeline<T: FromRedisValue>(
        &self,
        until: Instant,
        commands: &Pipeline,
    ) -> Result<Vec<RedisResult<T>>, StoreError> {
        let Shared { connection, breaker, trouble, deadline, .. } = &*self.0;
        let connection = match connection.load_full() {
            Some(connection) if !breaker.is_open() => connection,
            Some(_) => return Err(StoreError::Away("it was late several times in a row".to_owned())),
            None => return Err(StoreError::Away("connecting".to_owned())),
        };
        let asked = Instant::now();
        let mut sender = MultiplexedConnection::clone(&connection);
        match timeout_at(until, commands.query_async(&mut sender)).await {
            Ok(Ok(answers)) => {
                breaker.answered();
                Ok(answers)
            }
            Ok(Err(error)) if error.is_unrecoverable_error() || error.is_io_error() => {
                self.0.drop_connection(&connection);
                Err(StoreError::Away(error.to_string()))
            }
            Ok(Err(error)) => Err(StoreError::Answer(error.to_string())),
            Err(_) => {
                let given = until.saturating_duration_since(asked);
                // Who asks at the last moment learns nothing of the server.
                if given >= *deadline / 2 {
                    breaker.missed();
                }
                if breaker.is_open() {
                    trouble.notify_one();
                }
                Err(StoreError::Late(given.as_millis()))
            }
        }
    }
}

impl Shared {
    fn connected(&self, connection: MultiplexedConnection) {
        self.connection.store(Some(Arc::new(connection)));
        self.breaker.close();
    }

    /// Drops a connection, unless another one has replaced it already.
    fn drop_connection(&self, broken: &Arc<MultiplexedConnection>) {
        let before = self.connection.compare_and_swap(broken, None);
        if before.as_ref().is_some_and(|before| Arc::ptr_eq(before, broken)) {
            self.breaker.open();
            self.trouble.notify_one();
        }
    }

    /// Asks a connection for a sign of life, and closes the breaker if it comes within the deadline of a call.
    async fn probe(&self, connection: &Arc<MultiplexedConnection>) {
        let (mut sender, asked) = (MultiplexedConnection::clone(connection), Instant::now());
        match timeout(CONNECT_TIMEOUT, redis::cmd("PING").query_async::<()>(&mut sender)).await {
            Ok(Ok(())) if !self.breaker.is_open() => {}
            Ok(Ok(())) if asked.elapsed() <= self.deadline => {
                tracing::info!("Redis answers in time again");
                self.breaker.close();
            }
            Ok(Ok(())) => tokio::time::sleep(RETRY_EVERY).await,
            _ => self.drop_connection(connection),
        }
    }
}

/// The keeper: connects whenever there is no connection and probes the one there is, until the link is dropped.
async fn keep(link: Weak<Shared>) {
    loop {
        let Some(shared) = link.upgrade() else { return };
        match shared.connection.load_full() {
            Some(connection) => {
                if !shared.breaker.is_open() {
                    // Either is reason enough to look.
                    let _ = timeout(LOOK_EVERY, shared.trouble.notified()).await;
                }
                shared.probe(&connection).await;
            }
            None => match connect(&shared.client).await {
                Ok(connection) => {
                    shared.connected(connection);
                    tracing::info!("connected to Redis again");
                }
                Err(error) => {
                    tracing::debug!(%error, "Redis is still away");
                    drop(shared);
                    tokio::time::sleep(RETRY_EVERY).await;
                }
            },
        }
    }
}
