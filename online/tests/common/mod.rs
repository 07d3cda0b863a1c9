//! What the integration tests share: a tiny shop, a service on a free port or in a process of its own, a plain HTTP
//! client, a Redis of their own.

// Each test binary uses its own part of this module.
#![allow(dead_code)]

pub mod collector;
pub mod http;
pub mod process;
pub mod proxy;
#[path = "../../../shared/tests/support/redis_cluster.rs"]
pub mod redis_cluster;
#[path = "../../../shared/tests/support/redis_server.rs"]
pub mod redis_server;
pub mod shop;
pub mod tls;

use std::path::Path;
use std::time::{Duration, Instant};

use online::config::Config;
use online::service::{self, Service};
use serde_json::json;

/// The longest wait for something that must happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Asks again until `check` has an answer.
pub fn eventually<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(Instant::now() < deadline, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A folder with the published shop.
pub fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    shop::publish(&folder.path().join("artifacts"), "v1");
    folder
}

/// The JSON of a view.
pub fn event(user: &str, item: &str, id: &str) -> String {
    json!({"visitorid": user, "itemid": item, "event": "view", "event_id": id}).to_string()
}

/// A config over a folder that holds `artifacts` and will hold the log.
pub fn config(folder: &Path) -> Config {
    let mut config = Config::load(None).expect("defaults are valid");
    config.server.listen = "127.0.0.1:0".parse().expect("an address");
    config.server.drain_ms = 0;
    // The machine may be busy with other tests.
    config.server.deadline_ms = 10_000;
    config.artifacts.path = folder.join("artifacts");
    config.artifacts.poll_ms = 10;
    config.events.path = folder.join("log");
    config.models.rows = folder.join("rows");
    config.slates.path = folder.join("slates");
    config.served.path = folder.join("served");
    config
}

/// A service in this process, with a runtime of its own.
pub struct Running {
    runtime: tokio::runtime::Runtime,
    service: Option<Service>,
    /// Where it answers.
    pub client: http::Client,
}

impl Running {
    /// Starts a service, or says why it does not start.
    pub fn try_start(config: &Config) -> Result<Self, service::StartError> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let service = runtime.block_on(service::start(config))?;
        let client = http::Client::new(service.address());
        Ok(Self { runtime, service: Some(service), client })
    }

    /// Starts a service.
    pub fn start(config: &Config) -> Self {
        Self::try_start(config).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Where it answers operators.
    pub fn admin_address(&self) -> Option<std::net::SocketAddr> {
        self.service.as_ref().and_then(Service::admin_address)
    }

    /// Stops it in order.
    pub fn stop(mut self) {
        if let Some(service) = self.service.take() {
            self.runtime.block_on(service.stop(std::future::pending()));
        }
    }
}
