//! The addresses of the service, and who may enter there.
//!
//! In: the config, and the API of each address when it is ready. Out: connections at `server.listen`, and at `server.admin_listen` if
//! there is one, with the keys and the certificate of the config, which follow their files.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use prometheus::IntCounterVec;
use tokio::net::TcpListener;

use crate::api::authorize::{Door, Gate};
use crate::api::page::guard::Hosts;
use crate::api::slash;
use crate::auth::keys::{self, KeyFile};
use crate::background::Background;
use crate::config::Config;
use crate::connections::{Connections, Limits};
use crate::metrics::DoorMetrics;
use crate::tls::{Tls, TlsError};

/// Why nobody can be let in.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The file of API keys can't be used.
    #[error(transparent)]
    Keys(#[from] keys::OpenError),
    /// The certificate can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Others than this machine could call, and nobody needs a key.
    #[error(
        "{0} can be reached from other machines, and there are no API keys: name a file of keys by auth.keys \
         (`online keys new` makes one), listen on 127.0.0.1, or say auth.open = true (TANDEM_AUTH__OPEN=true) where \
         something else keeps strangers away"
    )]
    Open(SocketAddr),
    /// An address can't be bound.
    #[error("{address}: {source}; choose another address by {key}")]
    Listen {
        /// The setting, and its variable.
        key: &'static str,
        /// Its value.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// A listener has no address.
    #[error("the listener has no address: {0}; start the service again")]
    Address(io::Error),
}

/// What is asked of who enters.
pub struct Doors {
    listen: String,
    admin_listen: String,
    open: bool,
    origins: Arc<[String]>,
    limits: Limits,
    keys: Option<Arc<KeyFile>>,
    refused: IntCounterVec,
    tls: Option<Tls>,
}

impl Doors {
    /// Reads the keys and the certificate of a config. What follows their files goes into `parts`.
    ///
    /// # Errors
    /// [`DoorError`] says which file can't be used.
    pub fn new(config: &Config, metrics: &DoorMetrics, parts: &mut Background) -> Result<Self, DoorError> {
        let poll = Duration::from_millis(config.artifacts.poll_ms);
        let idle_timeout = Duration::from_millis(config.server.idle_timeout_ms);
        let mut doors = Self {
            listen: config.server.listen.clone(),
            admin_listen: config.server.admin_listen.clone(),
            open: config.auth.open,
            origins: config.server.cors_origins.clone().into(),
            limits: Limits { idle_timeout, most: config.server.max_connections, open: metrics.connections.clone() },
            keys: None,
            refused: metrics.refused.clone(),
            tls: None,
        };
        if let Some(path) = config.auth.file() {
            doors.keys = Some(keys(path, poll, metrics, parts)?);
        }
        if let Some((certificate, key)) = config.tls.files() {
            let (tls, files) = Tls::open(certificate, key, idle_timeout, metrics.tls_failures.clone())?;
            let failures = metrics.reload_failures.with_label_values(&["certificate"]);
            let watched = tls.clone();
            parts.spawn(async move {
                files.watch(poll, failures, |contents| watched.take(contents)).await;
                "the watch over the certificate"
            });
            doors.tls = Some(tls);
        }
        Ok(doors)
    }

    /// The keys, if there are some.
    #[must_use]
    pub fn keys(&self) -> Option<&Arc<KeyFile>> {
        self.keys.as_ref()
    }

    /// Begins to accept connections.
    ///
    /// * `listener`: that of `server.listen`; the other one is bound here.
    /// * `api`: what answers behind a gate.
    ///
    /// # Errors
    /// [`DoorError`] if an address can't be bound, or strangers could call there.
    pub async fn open(
        &self,
        listener: impl Future<Output = io::Result<TcpListener>>,
        api: impl Fn(Gate) -> Router,
    ) -> Result<Entrances, DoorError> {
        let error = |key, address: &str| {
            let address = address.to_owned();
            move |source| DoorError::Listen { key, address, source }
        };
        let listener = listener.await.map_err(error("server.listen (TANDEM_SERVER__LISTEN)", &self.listen))?;
        if self.admin_listen.is_empty() {
            return Ok(Entrances { main: self.entrance(listener, Door::Everything, &api)?, admin: None });
        }
        let key = "server.admin_listen (TANDEM_SERVER__ADMIN_LISTEN)";
        let admin = TcpListener::bind(&self.admin_listen).await.map_err(error(key, &self.admin_listen))?;
        let admin = Some(self.entrance(admin, Door::Everything, &api)?);
        Ok(Entrances { main: self.entrance(listener, Door::Public, &api)?, admin })
    }

    fn entrance(
        &self,
        listener: TcpListener,
        door: Door,
        api: &impl Fn(Gate) -> Router,
    ) -> Result<Entrance, DoorError> {
        let address = listener.local_addr().map_err(DoorError::Address)?;
        if self.keys.is_none() && !self.open && !address.ip().is_loopback() {
            return Err(DoorError::Open(address));
        }
        // Without keys the name by which the service is called is all that tells a page of this machine from another's.
        let hosts = if self.keys.is_none() && !self.open { Hosts::Loopback } else { Hosts::Any };
        let (keys, refused) = (self.keys.clone(), self.refused.clone());
        let gate = Gate { door, hosts, origins: self.origins.clone(), keys, refused };
        let api = slash::build(api(gate));
        let connections = Connections::open(listener, api, self.tls.clone(), self.limits.clone());
        Ok(Entrance { address, connections })
    }
}

/// Reads a file of keys. What follows it goes into `parts`.
///
/// # Errors
/// [`keys::OpenError`] says what is wrong with it.
pub fn keys(
    path: &Path,
    poll: Duration,
    metrics: &DoorMetrics,
    parts: &mut Background,
) -> Result<Arc<KeyFile>, keys::OpenError> {
    let (file, files) = KeyFile::open(path)?;
    let file = Arc::new(file);
    let (watched, failures) = (file.clone(), metrics.reload_failures.with_label_values(&["keys"]));
    parts.spawn(async move {
        files.watch(poll, failures, |text| watched.take(text)).await;
        "the watch over the keys"
    });
    Ok(file)
}

/// An address, and the connections there.
struct Entrance {
    address: SocketAddr,
    connections: Connections,
}

/// The addresses of a service that accepts connections.
pub struct Entrances {
    main: Entrance,
    admin: Option<Entrance>,
}

impl Entrances {
    /// The address for everybody.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.main.address
    }

    /// The address for operators, if there is one.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|admin| admin.address)
    }

    /// Waits until a listener is lost, and returns the error. Call it once only.
    pub async fn broken(&mut self) -> io::Error {
        let admin = async {
            match &mut self.admin {
                Some(admin) => admin.connections.broken().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            error = self.main.connections.broken() => error,
            error = admin => error,
        }
    }

    /// Stops accepting at both, and waits until all requests in flight are answered.
    pub async fn close(self) {
        let admin = async {
            if let Some(admin) = self.admin {
                admin.connections.close().await;
            }
        };
        tokio::join!(self.main.connections.close(), admin);
    }
}
