//! The service as a whole: a shop, or several, behind its addresses; starts in order, and stops in order.
//!
//! ```text
//! start: keys and certificate ▶ shop, or tenants ▶ listener bound ▶ connections accepted
//! fault: a part that must run has ended ▶ not ready; the binary stops in order, and exits with 1
//! stop:  not ready ▶ drain: still answering, until balancers have noticed ▶ no new connections ▶ requests finish
//!        ▶ the shops closed
//! ```

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinError;

use crate::api;
use crate::background::Background;
use crate::config::Config;
use crate::doors::{DoorError, Doors, Entrances};
use crate::metrics::Metrics;
use crate::shop::{self, Shop};
use crate::store::UserStore;
use crate::tenants::{self, Directory, Tenants};

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The shop does not start.
    #[error(transparent)]
    Shop(#[from] shop::StartError),
    /// Tenants can't be served.
    #[error(transparent)]
    Tenants(#[from] tenants::StartError),
    /// Nobody can be let in.
    #[error(transparent)]
    Door(#[from] DoorError),
}

/// Why a running service can't go on.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// New connections can't be accepted any more.
    #[error("no more connections are accepted: {0}; start the service again")]
    Accept(io::Error),
    /// A part that runs as long as the service has ended.
    #[error("{0} ended; start the service again")]
    Ended(&'static str),
    /// A part panicked.
    #[error("a part of the service failed: {0}; start the service again")]
    Panic(JoinError),
    /// The shop can't go on.
    #[error(transparent)]
    Shop(#[from] shop::Failure),
}

/// Who is behind the addresses.
enum Behind {
    /// The shop of the config.
    Shop(Shop),
    /// Those of the configs that it names.
    Tenants(Tenants),
}

/// A running service.
pub struct Service {
    behind: Behind,
    entrances: Entrances,
    /// What follows the files of keys and certificates; a task that ends returns its name.
    parts: Background,
    drain: Duration,
    shutdown_timeout: Duration,
}

/// Starts the service on the address of its config; it accepts requests when this returns.
///
/// # Errors
/// [`StartError`] says what is missing and what to do.
pub async fn start(config: &Config) -> Result<Service, StartError> {
    start_on(config, TcpListener::bind(config.server.listen.as_str())).await
}

/// Starts the service on a listener, which is awaited only when everything else is ready.
///
/// # Errors
/// [`StartError`] says what is missing and what to do.
pub async fn start_on(
    config: &Config,
    listener: impl Future<Output = io::Result<TcpListener>>,
) -> Result<Service, StartError> {
    if config.tenants.is_empty() {
        start_shop(config, None, listener).await
    } else {
        start_tenants(config, listener).await
    }
}

/// Starts the service on a given store instead of the one that the config names.
///
/// # Errors
/// [`StartError`] says what is missing and what to do.
pub async fn start_on_store(config: &Config, store: Arc<dyn UserStore>) -> Result<Service, StartError> {
    start_shop(config, Some(store), TcpListener::bind(config.server.listen.as_str())).await
}

async fn start_shop(
    config: &Config,
    store: Option<Arc<dyn UserStore>>,
    listener: impl Future<Output = io::Result<TcpListener>>,
) -> Result<Service, StartError> {
    let (metrics, mut parts) = (Arc::new(Metrics::default()), Background::default());
    let doors = Doors::new(config, &metrics.doors, &mut parts)?;
    let shop = shop::start(config, metrics, store).await?;
    let app = shop.app().clone();
    let entrances = doors.open(listener, |gate| api::router(app.clone(), gate)).await?;
    Ok(Service::new(config, Behind::Shop(shop), entrances, parts))
}

async fn start_tenants(
    config: &Config,
    listener: impl Future<Output = io::Result<TcpListener>>,
) -> Result<Service, StartError> {
    let mut parts = Background::default();
    let directory = Arc::new(Directory::open(config, &mut parts)?);
    let doors = Doors::new(config, directory.metrics(), &mut parts)?;
    if let Some(operators) = doors.keys() {
        directory.check_operators(operators)?;
    }
    let tenants = tenants::start(config, directory.clone());
    // Checked by the config.
    let origins: Vec<_> = config.server.cors_origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    let entrances = doors.open(listener, |gate| tenants::router(&directory, gate, &origins)).await?;
    Ok(Service::new(config, Behind::Tenants(tenants), entrances, parts))
}

impl Service {
    fn new(config: &Config, behind: Behind, entrances: Entrances, parts: Background) -> Self {
        let admin = entrances.admin_address().map(tracing::field::display);
        tracing::info!(address = %entrances.address(), admin, "listening");
        let drain = Duration::from_millis(config.server.drain_ms);
        let shutdown_timeout = Duration::from_millis(config.server.shutdown_timeout_ms);
        Self { behind, entrances, parts, drain, shutdown_timeout }
    }

    /// The address of the service.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.entrances.address()
    }

    /// The address for operators, if there is one.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.entrances.admin_address()
    }

    /// Waits until the service can't go on, and returns why. `/ready` says no from then on. Call it once only.
    pub async fn failed(&mut self) -> Failure {
        let behind = async {
            match &mut self.behind {
                Behind::Shop(shop) => shop.failed().await,
                // One that fails is started again, and the others go on.
                Behind::Tenants(_) => std::future::pending().await,
            }
        };
        let failure = tokio::select! {
            failure = behind => Failure::Shop(failure),
            error = self.entrances.broken() => Failure::Accept(error),
            Some(ended) = self.parts.join_next() => ended.map_or_else(Failure::Panic, Failure::Ended),
        };
        self.unready();
        failure
    }

    /// Makes `/ready` say no.
    fn unready(&self) {
        match &self.behind {
            Behind::Shop(shop) => shop.app().stop(),
            Behind::Tenants(tenants) => tenants.unready(),
        }
    }

    /// Stops in order.
    ///
    /// * `hurry`: ends the drain at once.
    ///
    /// Requests in flight are waited for within the shutdown timeout, and the event log is closed in any case.
    pub async fn stop(self, hurry: impl Future<Output = ()>) {
        self.unready();
        tracing::info!(drain = ?self.drain, "stopping: not ready, and answering until the drain is over");
        // Either ends it.
        let _ = tokio::time::timeout(self.drain, hurry).await;
        tracing::info!("no more connections are accepted");
        if tokio::time::timeout(self.shutdown_timeout, self.entrances.close()).await.is_err() {
            tracing::warn!("requests were still in flight at the shutdown timeout");
        }
        match self.behind {
            Behind::Shop(shop) => shop.close().await,
            Behind::Tenants(tenants) => tenants.close().await,
        }
        tracing::info!("stopped");
    }
}
