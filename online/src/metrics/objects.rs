//! What is told of an object store.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::register;

/// The counters of one use of a store.
#[derive(Debug)]
pub struct ObjectMetrics {
    /// When the store last did what it was asked, seconds since the epoch; 0 where none is used.
    succeeded: IntGauge,
    /// What it did not do.
    pub failures: IntCounter,
    /// Bytes of versions or of logs that were moved.
    pub bytes: IntCounter,
}

impl ObjectMetrics {
    /// Notes that the store did what it was asked.
    pub fn succeeded(&self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.succeeded.set(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    }
}

/// Artifacts from a store, and the event log and that of slates to one.
pub(super) fn of(registry: &Registry) -> [Arc<ObjectMetrics>; 3] {
    let succeeded = register(
        registry,
        IntGaugeVec::new(
            Opts::new(
                "tandem_objects_succeeded_timestamp_seconds",
                "When the object store last did what it was asked; 0: unused",
            ),
            &["what"],
        ),
    );
    let counters = |name: &str, help: &str| register(registry, IntCounterVec::new(Opts::new(name, help), &["what"]));
    let failures = counters("tandem_objects_failures_total", "What an object store did not do");
    let bytes = counters("tandem_objects_bytes_total", "Bytes moved from and to object stores");
    ["artifacts", "events", "slates"].map(|what| {
        Arc::new(ObjectMetrics {
            succeeded: succeeded.with_label_values(&[what]),
            failures: failures.with_label_values(&[what]),
            bytes: bytes.with_label_values(&[what]),
        })
    })
}
