//! Keeps the shop of a tenant open: one that does not start, fails or panics is started again, and no other notices.

use std::sync::Arc;
use std::time::Duration;

use shared::contract::complaint::complaint;
use tokio::sync::watch;
use tracing::{Instrument, error_span};

use super::directory::Tenant;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::shop;

/// How long after a failure a shop is started again.
const AGAIN: Duration = Duration::from_secs(5);

/// Keeps a shop open until the service stops.
pub(super) async fn supervise(tenant: Arc<Tenant>, config: Config, mut stopping: watch::Receiver<bool>) {
    loop {
        // A task of its own: a panic ends this opening, and not the next.
        let opened = open(tenant.clone(), config.clone(), stopping.clone());
        let opened = tokio::spawn(opened.instrument(error_span!("tenant", name = tenant.name))).await;
        let reason = match opened {
            Ok(Ok(())) => return,
            Ok(Err(reason)) => reason,
            Err(panic) => panic.to_string(),
        };
        tracing::error!(tenant = tenant.name, reason, "not open; it is started again");
        tenant.fail(reason);
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}

/// Opens the shop and closes it: when the service stops, or when it fails, with the reason.
async fn open(tenant: Arc<Tenant>, config: Config, mut stopping: watch::Receiver<bool>) -> Result<(), String> {
    let mut shop = tokio::select! {
        started = shop::start(&config, Arc::new(Metrics::default()), None) => started.map_err(|error| complaint(&error))?,
        _ = stopping.wait_for(|stopping| *stopping) => return Ok(()),
    };
    tenant.open(shop.app());
    tracing::info!("open");
    let failure = tokio::select! {
        failure = shop.failed() => Some(complaint(&failure)),
        _ = stopping.wait_for(|stopping| *stopping) => None,
    };
    if let Some(failure) = &failure {
        tenant.fail(failure.clone());
    }
    shop.close().await;
    failure.map_or(Ok(()), Err)
}
