//! Opens what the config names: what is served, the store of the user side, the collector of traces.

use std::sync::Arc;
use std::time::Duration;

use shared::contract::artifact::ArtifactError;

use super::StartError;
use super::settings::{deadline, keep, retention};
use crate::background::Background;
use crate::catalogue::Catalogue;
use crate::champion::Champion;
use crate::config::Config;
use crate::events::now_ms;
use crate::metrics::Metrics;
use crate::models::Models;
use crate::recommender::store_share;
use crate::store::redis;
use crate::store::served::embedded::EmbeddedServed;
use crate::store::served::file::{ServedFile, ServedFileError};
use crate::store::{Embedded, EmbeddedRows, Redis, Retention, RowStore, UserStore};
use crate::traces::{Collector, Traces};

/// How often the embedded store drops expired histories.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Loads the recommender and the models of rows. Either alone will do: the other is loaded when it is published. Where nothing is
/// yet, the service waits for the first version; an alias that names none is a mistake.
pub fn open_artifacts(
    config: &Config,
    catalogue: &Arc<Catalogue>,
    metrics: &Arc<Metrics>,
) -> Result<(Arc<Champion>, Arc<Models>), ArtifactError> {
    let (folder, alias, log) = (&config.artifacts.path, &config.artifacts.alias, &config.events.path);
    let models = Arc::new(Models::open(folder, alias, metrics.clone(), config.models.drift_rows));
    let champion = match Champion::open(folder, alias, log, catalogue.clone(), metrics.clone()) {
        Err(ArtifactError::NoChampion { .. } | ArtifactError::NoAlias { .. }) if !models.is_empty() => {
            Champion::awaited(folder, alias, log, catalogue.clone(), metrics.clone())
        }
        Err(ArtifactError::NoChampion { .. }) => {
            tracing::warn!(folder = %folder.display(), "nothing is published yet; `offline run` publishes the first version");
            Champion::awaited(folder, alias, log, catalogue.clone(), metrics.clone())
        }
        opened => opened?,
    };
    Ok((Arc::new(champion), models))
}

/// Opens the store that the config names, of users and of what models remember.
pub async fn open_store(
    config: &Config,
    metrics: &Arc<Metrics>,
    parts: &mut Background,
) -> Result<(Arc<dyn UserStore>, Arc<dyn RowStore>), StartError> {
    let retention = retention(config);
    if config.store.redis_url.is_empty() {
        let of_config = config.clone();
        let served = crate::background::blocking(move || open_served(&of_config)).await??;
        let store = Arc::new(Embedded::with_served(retention, served.clone()));
        let rows = Arc::new(EmbeddedRows::default());
        parts.spawn(sweep(store.clone(), rows.clone(), retention));
        parts.spawn(sweep_served(served, Duration::from_millis(keep(config).ttl_ms.unsigned_abs())));
        return Ok((store, rows));
    }
    let settings = redis::Settings {
        url: config.store.redis_url.clone(),
        ca: (!config.store.ca.as_os_str().is_empty()).then(|| config.store.ca.clone()),
        prefix: config.store.prefix.clone(),
        replica: config.events.replica.clone(),
        // Not longer than requests wait, so that the breaker sees who is late.
        timeout: Duration::from_millis(config.store.timeout_ms).min(store_share(deadline(config))),
        write_timeout: Duration::from_millis(config.store.write_timeout_ms),
        retention,
    };
    let redis = Arc::new(Redis::open(settings, metrics.clone()).await?);
    Ok((redis.clone(), redis))
}

/// The remembered slates of the embedded store.
fn open_served(config: &Config) -> Result<Arc<EmbeddedServed>, ServedFileError> {
    let folder = &config.served.path;
    if folder.as_os_str().is_empty() {
        return Ok(Arc::default());
    }
    let file = ServedFile::new(folder, &config.events.replica);
    EmbeddedServed::open(file, keep(config), now_ms()).map(Arc::new)
}

/// Drops what has expired of them from time to time, and rewrites their file, for ever.
async fn sweep_served(served: Arc<EmbeddedServed>, kept: Duration) -> &'static str {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let swept = served.clone();
        match crate::background::blocking(move || swept.sweep(kept)).await {
            Ok(Ok(users)) => tracing::debug!(users, "served slates swept"),
            Ok(Err(error)) => tracing::warn!(%error, "the file of served slates is not rewritten; it is tried again"),
            Err(_) => return "the sweep of served slates",
        }
    }
}

/// Drops expired histories of the embedded store from time to time, for ever.
async fn sweep(store: Arc<Embedded>, rows: Arc<EmbeddedRows>, retention: Retention) -> &'static str {
    let kept = Duration::from_millis(retention.ttl_ms.unsigned_abs());
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let (users, keys) = (store.sweep(now_ms()), rows.sweep(kept));
        tracing::debug!(users, keys, "embedded store swept");
    }
}

/// The traces that the config asks for, with the task that sends them.
pub fn open_traces(config: &Config, metrics: &Metrics, parts: &mut Background) -> Traces {
    // Checked by the config.
    let Ok(collector) = config.traces.endpoint.parse::<Collector>() else { return Traces::default() };
    tracing::info!(%collector, "traces are sent");
    let (every, replica) = (config.traces.every, config.events.replica.clone());
    let (traces, exporter) = Traces::to(collector, every, replica, metrics.traces_dropped.clone());
    parts.spawn(async move {
        exporter.run().await;
        "the export of traces"
    });
    traces
}
