//! Keeps the shop of a tenant open: one that does not start, or fails, is started again, and no other notices.

use std::sync::Arc;
use std::time::Duration;

use shared::contract::complaint::complaint;
use tokio::sync::{oneshot, watch};

use super::directory::Tenant;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::shop;

/// How long after a failure a shop is started again.
const AGAIN: Duration = Duration::from_secs(5);

/// Keeps a shop open until the service stops.
///
/// * `first`: is told how the first start went.
pub(super) async fn supervise(
    tenant: Arc<Tenant>,
    config: Config,
    mut stopping: watch::Receiver<bool>,
    first: oneshot::Sender<Result<(), shop::StartError>>,
) {
    let mut first = Some(first);
    // Nobody listens once the service has given up.
    let mut tell = |started| drop(first.take().map(|first| first.send(started)));
    loop {
        let started = tokio::select! {
            started = shop::start(&config, Arc::new(Metrics::default()), None) => started,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        match started {
            Ok(mut shop) => {
                tenant.open(shop.app());
                tracing::info!(tenant = tenant.name, "open");
                tell(Ok(()));
                let failure = tokio::select! {
                    failure = shop.failed() => Some(failure),
                    _ = stopping.wait_for(|stopping| *stopping) => None,
                };
                if let Some(failure) = &failure {
                    tracing::error!(tenant = tenant.name, error = complaint(failure), "failed; it is started again");
                    tenant.fail(complaint(failure));
                }
                shop.close().await;
                if failure.is_none() {
                    return;
                }
            }
            Err(error) => {
                tracing::error!(tenant = tenant.name, error = complaint(&error), "does not start; it is tried again");
                tenant.fail(complaint(&error));
                tell(Err(error));
            }
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}
