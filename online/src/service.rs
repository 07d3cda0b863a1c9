//! The service as a whole: load, wire, bind; stop in order.
//!
//! ```text
//! start: artifact ▶ store ▶ event log applied ▶ bind ▶ serve
//! ended: a part of the event log has ended by a fault ▶ not ready; the binary stops, and exits with 1
//! stop:  not ready ▶ no new connections ▶ requests finish ▶ log closed ▶ mark moved
//! ```

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use shared::artifact::ArtifactError;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::api::query::Clock;
use crate::api::{self, App};
use crate::champion::Champion;
use crate::config::{self, Config};
use crate::connections;
use crate::events::{self, Ended, Events, LogError, now_ms};
use crate::metrics::Metrics;
use crate::serve::Server;
use crate::store::redis::{self, OpenError};
use crate::store::{Embedded, Redis, Retention, UserStore};

/// How often the embedded store forgets what is past its time.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Nothing can be served.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// Redis is away.
    #[error(transparent)]
    Redis(#[from] OpenError),
    /// The event log can't be used.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The address can't be had.
    #[error("{address}: {source}; choose another address by server.listen (TANDEM_SERVER__LISTEN)")]
    Listen {
        /// `server.listen`.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A task that loads something panicked.
    #[error("loading failed: {0}")]
    Panic(#[from] tokio::task::JoinError),
}

/// A service that answers.
pub struct Service {
    address: SocketAddr,
    app: Arc<App>,
    events: Arc<Events>,
    running: events::Running,
    stop: watch::Sender<()>,
    server: JoinHandle<()>,
    background: Vec<JoinHandle<()>>,
    shutdown_timeout: Duration,
}

/// Starts the service; it answers when this returns.
///
/// # Errors
/// [`StartError`] says what is missing and what to do.
pub async fn start(config: &Config) -> Result<Service, StartError> {
    start_with(config, None).await
}

/// Starts the service on a store of the caller's instead of the one that the config names.
///
/// # Errors
/// [`StartError`] says what is missing and what to do.
pub async fn start_on(config: &Config, store: Arc<dyn UserStore>) -> Result<Service, StartError> {
    start_with(config, Some(store)).await
}

async fn start_with(config: &Config, store: Option<Arc<dyn UserStore>>) -> Result<Service, StartError> {
    let metrics = Arc::new(Metrics::default());
    let champion = {
        let (folder, metrics) = (config.artifacts.path.clone(), metrics.clone());
        Arc::new(tokio::task::spawn_blocking(move || Champion::open(&folder, metrics)).await??)
    };
    let mut background = Vec::new();
    let store = match store {
        Some(store) => store,
        None => open_store(config, &metrics, &mut background).await?,
    };
    let settings = events::Settings {
        folder: config.events.path.clone(),
        replica: config.events.replica.clone(),
        max_file_bytes: config.events.max_file_bytes,
        queue: config.events.queue,
        retention: retention(config),
    };
    let (events, running) = Events::open(settings, store.clone(), champion.covered(), metrics.clone()).await?;
    let events = Arc::new(events);
    background.push(tokio::spawn(champion.clone().watch(Duration::from_millis(config.artifacts.poll_ms))));
    let server = Server::new(champion, store, metrics.clone(), config.server.seen);
    let settings = api::Settings {
        clock: if config.server.replay { Clock::Replay } else { Clock::Service },
        max_body_bytes: config.server.max_body_bytes,
        max_in_flight: config.server.max_in_flight,
        request_timeout: Duration::from_millis(config.server.request_timeout_ms),
    };
    let app = Arc::new(App::new(server, events.clone(), metrics, settings));
    background.push(tokio::spawn(watch_over(running.ended(), app.clone())));
    let listen_error = |source| StartError::Listen { address: config.server.listen, source };
    let listener = TcpListener::bind(config.server.listen).await.map_err(listen_error)?;
    let address = listener.local_addr().map_err(listen_error)?;
    let (stop, stopped) = watch::channel(());
    let idle_timeout = Duration::from_millis(config.server.idle_timeout_ms);
    let server = tokio::spawn(connections::serve(listener, api::service(app.clone()), idle_timeout, stopped));
    if config.server.replay {
        tracing::warn!("replay mode: queries set the time; not for production");
    }
    tracing::info!(%address, "listening");
    let shutdown_timeout = Duration::from_millis(config.server.shutdown_timeout_ms);
    Ok(Service { address, app, events, running, stop, server, background, shutdown_timeout })
}

fn retention(config: &Config) -> Retention {
    const DAY_MS: i64 = 24 * 3600 * 1000;
    let config::History { max_events, max_older, ttl_days } = config.history;
    Retention { max_events, max_older, ttl_ms: i64::from(ttl_days) * DAY_MS }
}

/// Opens the store that the config names.
async fn open_store(
    config: &Config,
    metrics: &Arc<Metrics>,
    background: &mut Vec<JoinHandle<()>>,
) -> Result<Arc<dyn UserStore>, StartError> {
    let retention = retention(config);
    if config.store.redis_url.is_empty() {
        let store = Arc::new(Embedded::new(retention));
        background.push(tokio::spawn(sweep(store.clone())));
        return Ok(store);
    }
    let settings = redis::Settings {
        url: config.store.redis_url.clone(),
        prefix: config.store.prefix.clone(),
        replica: config.events.replica.clone(),
        timeout: Duration::from_millis(config.store.timeout_ms),
        write_timeout: Duration::from_millis(config.store.write_timeout_ms),
        retention,
    };
    Ok(Arc::new(Redis::open(settings, metrics.clone()).await?))
}

/// Frees what the embedded store may forget, for ever.
async fn sweep(store: Arc<Embedded>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let users = store.sweep(now_ms());
        tracing::debug!(users, "embedded store swept");
    }
}

/// Takes the service out of use when a part of the event log ends.
async fn watch_over(ended: watch::Receiver<Option<Ended>>, app: Arc<App>) {
    let reason = first(ended).await;
    app.stop();
    tracing::error!(%reason, "out of use");
}

/// Waits for the part that ends first.
async fn first(mut ended: watch::Receiver<Option<Ended>>) -> Ended {
    let reason = ended.wait_for(Option::is_some).await.ok().and_then(|ended| *ended);
    match reason {
        Some(reason) => reason,
        // Parts tell of their end before they are gone.
        None => std::future::pending().await,
    }
}

impl Service {
    /// Where the service answers.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until a part of the event log ends by a fault: events can't be accepted any more, `/ready` says no, and the
    /// service is to be stopped and started again.
    pub async fn ended(&self) -> Ended {
        first(self.running.ended()).await
    }

    /// Stops in order: requests in flight finish, within the shutdown timeout, and the event log is closed.
    pub async fn stop(mut self) {
        tracing::info!("stopping");
        self.app.stop();
        // Without a receiver the server has ended already.
        let _ = self.stop.send(());
        match tokio::time::timeout(self.shutdown_timeout, &mut self.server).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the server ended with an error"),
            Err(_) => {
                tracing::warn!("requests were still in flight at the shutdown timeout");
                self.server.abort();
            }
        }
        for task in self.background {
            task.abort();
        }
        self.events.close(self.running).await;
        tracing::info!("stopped");
    }
}
