//! What is counted at the addresses of the service, whichever shop a request is for.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use super::register;

/// The metrics of connections and keys.
#[derive(Debug, Clone)]
pub struct DoorMetrics {
    /// Connections, at all addresses.
    pub connections: IntGauge,
    /// Requests that were refused for their key, by reason.
    pub refused: IntCounterVec,
    /// Changed files of keys and certificates that could not be used, by file.
    pub reload_failures: IntCounterVec,
    /// TLS handshakes that came to nothing.
    pub tls_failures: IntCounter,
}

impl DoorMetrics {
    /// Registers them.
    #[must_use]
    pub fn of(registry: &Registry) -> Self {
        let counters =
            |name: &str, help: &str, label| register(registry, IntCounterVec::new(Opts::new(name, help), &[label]));
        Self {
            connections: register(registry, IntGauge::new("tandem_http_connections", "Connections at all addresses")),
            refused: counters("tandem_requests_refused_total", "Requests refused for their key by reason", "reason"),
            reload_failures: counters(
                "tandem_reload_failures_total",
                "Changed files of keys and certificates that could not be used",
                "file",
            ),
            tls_failures: register(
                registry,
                IntCounter::new("tandem_tls_handshake_failures_total", "TLS handshakes that came to nothing"),
            ),
        }
    }
}
