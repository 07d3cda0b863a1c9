//! The service in the process of a test, over an artifacts folder.
#![allow(dead_code)]

use std::path::Path;

use online::config::Config;
use online::service::{self, Service};

#[path = "../../../online/tests/common/http.rs"]
pub mod http;

/// A service with a runtime of its own.
pub struct Running {
    runtime: tokio::runtime::Runtime,
    service: Option<Service>,
    /// Where it answers.
    pub client: http::Client,
}

impl Running {
    /// Starts a service over `artifacts` of a folder.
    pub fn start(folder: &Path) -> Self {
        Self::start_with(folder, |_| {})
    }

    /// Starts a service with other settings.
    pub fn start_with(folder: &Path, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::load(None).expect("defaults are valid");
        "127.0.0.1:0".clone_into(&mut config.server.listen);
        config.server.drain_ms = 0;
        config.artifacts.path = folder.join("artifacts");
        config.artifacts.poll_ms = 10;
        config.events.path = folder.join("log");
        config.models.rows = folder.join("rows");
        config.slates.path = folder.join("slates");
        config.served.path = folder.join("served");
        change(&mut config);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let service = runtime.block_on(service::start(&config)).unwrap_or_else(|error| panic!("{error}"));
        let client = http::Client::new(service.address());
        Self { runtime, service: Some(service), client }
    }

    /// Its address, as of a client.
    pub fn url(&self) -> String {
        format!("http://{}", self.service.as_ref().expect("it runs").address())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(service) = self.service.take() {
            self.runtime.block_on(service.stop(std::future::pending()));
        }
    }
}
