//! A multiplexed connection to Redis that fails fast: while there is no connection, calls fail at once, and a
//! background task connects again.
//!
//! Calls of all tasks share the connection, each with its own deadline. The connection is dropped after an error that
//! ends it, or after several missed deadlines in a row if a PING fails too; the background task (the keeper) connects
//! again until the link is dropped.
//!
//! The connection is driven by a thread of its own, [`IoThread`]. Slates are computed on the threads that hold the
//! requests; if answers of Redis were read there too, they would queue behind slates, and deadlines would be missed in
//! a burst of requests (with 256 connections on 2 cores, by a quarter of them) though Redis is fast.

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, RedisError, RedisResult};
use shared::contract::url::RedisUrl;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::super::StoreError;

/// How long one attempt to connect, or a PING, may take.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1000);
/// The pause between attempts to connect.
const RECONNECT_EVERY: Duration = Duration::from_millis(100);
/// The number of deadlines missed in a row after which the connection is checked by a PING.
const SUSPICIOUS: u32 = 8;

/// The thread that drives connections.
pub struct IoThread(Option<Runtime>);

impl IoThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`io::Error`] when the system has no thread left.
    pub fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("redis-io")
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    fn spawn<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> Option<JoinHandle<T>> {
        self.0.as_ref().map(|runtime| runtime.spawn(task))
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

/// The number of calls that may wait to be sent; a call beyond it waits twice, here and on the thread that makes it.
const CALLS_IN_LINE: usize = 4096;

/// A connection that is restored when it is lost.
pub struct Link(Arc<Shared>);

struct Shared {
    client: Client,
    connection: ArcSwapOption<MultiplexedConnection>,
    /// Deadlines missed in a row.
    late: AtomicU32,
    /// Wakes the keeper.
    trouble: Notify,
}

/// Connects once.
async fn connect(client: &Client) -> RedisResult<MultiplexedConnection> {
    // Deadlines are set per call, by `Link::call`.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(None)
        .set_pipeline_buffer_size(CALLS_IN_LINE);
    client.get_multiplexed_async_connection_with_config(&config).await
}

impl Link {
    /// Connects, and keeps connected from then on.
    ///
    /// # Errors
    /// [`RedisError`] when the URL is invalid or the server can't be reached.
    pub async fn open(url: &RedisUrl, thread: &IoThread) -> Result<Self, RedisError> {
        let info = url.expose().into_connection_info()?;
        let client = Client::open(info.set_tcp_settings(TcpSettings::default().set_nodelay(true)))?;
        // The connection is driven by the thread on which it is made.
        let connecting = {
            let client = client.clone();
            thread.spawn(async move { connect(&client).await })
        };
        let connection = match connecting {
            Some(connecting) => connecting.await.unwrap_or_else(|panic| Err(io::Error::other(panic).into()))?,
            None => return Err(io::Error::other("the I/O thread has ended").into()),
        };
        let shared = Arc::new(Shared {
            client,
            connection: ArcSwapOption::from_pointee(connection),
            late: AtomicU32::new(0),
            trouble: Notify::new(),
        });
        thread.spawn(keep(Arc::downgrade(&shared)));
        Ok(Self(shared))
    }

    /// Makes a call with a deadline on the connection, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Away`], [`StoreError::Late`] or [`StoreError::Answer`].
    pub async fn call<T, F>(
        &self,
        deadline: Duration,
        call: impl FnOnce(MultiplexedConnection) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let Some(connection) = self.0.connection.load_full() else {
            return Err(StoreError::Away("connecting".to_owned()));
        };
        match tokio::time::timeout(deadline, call(MultiplexedConnection::clone(&connection))).await {
            Ok(Ok(value)) => {
                if self.0.late.load(Ordering::Relaxed) != 0 {
                    self.0.late.store(0, Ordering::Relaxed);
                }
                Ok(value)
            }
            Ok(Err(error)) if error.is_unrecoverable_error() || error.is_io_error() => {
                self.0.drop_connection(&connection);
                Err(StoreError::Away(error.to_string()))
            }
            // Such as LOADING, BUSY or READONLY: the connection works, but the server is not ready.
            Ok(Err(error)) => Err(StoreError::Answer(error.to_string())),
            Err(_) => {
                if self.0.late.fetch_add(1, Ordering::Relaxed) + 1 == SUSPICIOUS {
                    self.0.trouble.notify_one();
                }
                Err(StoreError::Late(deadline.as_millis()))
            }
        }
    }
}

impl Shared {
    /// Drops a connection, unless another one has replaced it already.
    fn drop_connection(&self, broken: &Arc<MultiplexedConnection>) {
        let before = self.connection.compare_and_swap(broken, None);
        if before.as_ref().is_some_and(|before| Arc::ptr_eq(before, broken)) {
            self.trouble.notify_one();
        }
    }
}

/// The keeper: connects whenever there is no connection, until the link is dropped.
async fn keep(link: Weak<Shared>) {
    loop {
        let Some(shared) = link.upgrade() else { return };
        match shared.connection.load_full() {
            Some(connection) => {
                if shared.late.load(Ordering::Relaxed) < SUSPICIOUS {
                    // Looks now and then even without trouble, so that it is not a request that finds the server gone.
                    let _ = tokio::time::timeout(Duration::from_secs(1), shared.trouble.notified()).await;
                }
                let mut probe = MultiplexedConnection::clone(&connection);
                let ping = redis::cmd("PING");
                let pong = tokio::time::timeout(CONNECT_TIMEOUT, ping.query_async::<()>(&mut probe)).await;
                shared.late.store(0, Ordering::Relaxed);
                if !matches!(pong, Ok(Ok(()))) {
                    shared.drop_connection(&connection);
                }
            }
            None => match connect(&shared.client).await {
                Ok(connection) => {
                    shared.late.store(0, Ordering::Relaxed);
                    shared.connection.store(Some(Arc::new(connection)));
                    tracing::info!("connected to Redis again");
                }
                Err(error) => {
                    tracing::debug!(%error, "Redis is still away");
                    drop(shared);
                    tokio::time::sleep(RECONNECT_EVERY).await;
                }
            },
        }
    }
}
