//! A log on its way to an object store, where the batch reads it: the event log, or that of slates.
//!
//! In: the folder of this replica's log. Out: its files in the store, closed ones within ten seconds, the one that is
//! written at its own pace, and all of them when the service stops. The log here stays the truth: shipping removes
//! nothing, and nothing waits for it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use shared::contract::event_log::Log;
use shared::objects::logs::{Round, Ship, Shipped, ship};
use shared::objects::{Location, ObjectsError, Remote};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Outage;
use crate::metrics::ObjectMetrics;

/// How often closed files are looked for.
const CLOSED_EVERY: Duration = Duration::from_secs(10);

/// A log that is shipped.
pub struct Shipping {
    log: Log,
    remote: Remote,
    folder: PathBuf,
    replica: String,
    /// How often the file that is written is shipped as far as it is.
    open_every: Duration,
    shipped: Shipped,
    metrics: Arc<ObjectMetrics>,
    outage: Outage,
}

impl Shipping {
    /// A log of a replica, which is to be shipped.
    ///
    /// # Errors
    /// [`ObjectsError::Location`].
    pub fn of(
        log: Log,
        location: &Location,
        folder: PathBuf,
        replica: String,
        open_every: Duration,
        metrics: Arc<ObjectMetrics>,
    ) -> Result<Self, ObjectsError> {
        let (shipped, outage) = (Shipped::default(), Outage::default());
        // From here on it is missed if it does not answer.
        metrics.succeeded();
        Ok(Self { log, remote: location.open()?, folder, replica, open_every, shipped, metrics, outage })
    }

    /// Ships until `closed` says that the log is written no more, and then what is left.
    pub async fn run(mut self, mut closed: watch::Receiver<bool>) {
        let mut open_at = Instant::now();
        loop {
            let which = if open_at.elapsed() >= self.open_every { Ship::All } else { Ship::Closed };
            if self.round(which).await && which == Ship::All {
                open_at = Instant::now();
            }
            tokio::select! {
                () = tokio::time::sleep(CLOSED_EVERY.min(self.open_every)) => {}
                // A sender that is gone has nothing more to write either.
                _ = closed.wait_for(|&closed| closed) => break,
            }
        }
        self.round(Ship::All).await;
    }

    async fn round(&mut self, which: Ship) -> bool {
        let Self { log, remote, folder, replica, shipped, .. } = self;
        let round = ship(remote, *log, folder, replica, which, shipped).await;
        let what = name(*log);
        let Some(Round { files, bytes, foreign }) = self.outage.observe(what, round, &self.metrics) else {
            return false;
        };
        if files > 0 {
            self.metrics.bytes.inc_by(bytes);
            tracing::debug!(what, files, bytes, "a log is shipped");
        }
        for file in foreign {
            self.metrics.failures.inc();
            tracing::error!(
                file,
                store = self.remote.location(),
                "not shipped: the store has the file of another log under this name; give this replica its own events.replica"
            );
        }
        true
    }
}

/// What a log is called in metrics and in lines for people.
pub fn name(log: Log) -> &'static str {
    match log {
        Log::Events => "events",
        Log::Slates => "slates",
    }
}
