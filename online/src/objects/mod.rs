//! Object stores: artifacts are brought from one, and logs are shipped to one.
//!
//! Each has a thread of its own, with a runtime: writing gigabytes must not hold up requests. What a store does not
//! answer is tried again at the next turn; nothing of the service waits for it.

pub mod artifacts;
pub mod shipping;

use std::future::Future;
use std::io;
use std::time::{Duration, Instant};

use shared::objects::ObjectsError;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::background;
use crate::metrics::ObjectMetrics;

/// Runs a part on a thread with a runtime of its own, and waits until it ends.
///
/// # Errors
/// [`io::Error`] when there can be no thread.
pub fn on_thread<T, F>(name: &str, part: impl FnOnce() -> F + Send + 'static) -> io::Result<oneshot::Receiver<T>>
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    let (sender, ended) = oneshot::channel();
    background::thread(name, move || {
        match Builder::new_current_thread().enable_all().build() {
            // Nobody may be waiting any more.
            Ok(runtime) => drop(sender.send(runtime.block_on(part()))),
            Err(error) => tracing::error!(%error, "no runtime"),
        }
    })?;
    Ok(ended)
}

/// Logs a failure of a store when it begins, and its end: not at every try.
#[derive(Debug, Default)]
struct Outage(Option<Instant>);

impl Outage {
    fn observe<T>(
        &mut self,
        what: &'static str,
        result: Result<T, ObjectsError>,
        metrics: &ObjectMetrics,
    ) -> Option<T> {
        match result {
            Ok(value) => {
                metrics.succeeded();
                if let Some(since) = self.0.take() {
                    let away: Duration = since.elapsed();
                    tracing::info!(what, ?away, "the object store is back");
                }
                Some(value)
            }
            Err(error) => {
                metrics.failures.inc();
                if self.0.is_none() {
                    tracing::warn!(what, %error, "the object store fails; tried again at each turn");
                    self.0 = Some(Instant::now());
                }
                None
            }
        }
    }
}
