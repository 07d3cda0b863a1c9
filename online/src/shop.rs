//! One shop: starts its parts in order, supervises them, and stops them in order. Who may call it, and where, is
//! decided by [`crate::service`].
//!
//! ```text
//! start: artifact ▶ store ▶ event log applied
//! stop:  last traces sent ▶ log closed ▶ mark moved ▶ the rest of it shipped
//!                                    ▶ last slates logged ▶ shipped, beside it
//! ```

mod opening;
mod settings;
mod stores;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use prometheus::{IntGaugeVec, Opts};
use shared::contract::artifact::ArtifactError;
use shared::contract::event_log::Log;
use shared::objects::ObjectsError;
use tokio::sync::watch;
use tokio::task::JoinError;
use tokio::time::Instant;

use crate::api::page::Pages;
use crate::api::query::Clock;
use crate::api::{self, App, Parts};
use crate::background::Background;
use crate::batch::Batch;
use crate::catalogue::Catalogue;
use crate::catalogue::replicas::Replicas;
use crate::compare::Comparison;
use crate::config::{self, Config};
use crate::events::{self, Ended, Events, LogError};
use crate::metrics::Metrics;
use crate::objects::artifacts::Cache;
use crate::outcomes::{self, Outcomes};
use crate::recommender::{Asker, Recommender};
use crate::remember::Memory;
use crate::rules::Rulebook;
use crate::shadow::{self, Shadow};
use crate::store::redis::OpenError;
use crate::store::served::file::ServedFileError;
use crate::store::{EmbeddedRows, RowStore, UserStore};

use self::opening::{open_artifacts, open_store, open_traces};
use self::settings::{deadline, defaults, event_log, logs_of_rows, outcomes_of, shadow_of};

/// Why a shop does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no version that can be served.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// Redis is away.
    #[error(transparent)]
    Redis(#[from] OpenError),
    /// The file of slates that are remembered can't be used.
    #[error(transparent)]
    Served(#[from] ServedFileError),
    /// The event log can't be used.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An object store can't be used.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    /// The system has no thread for a part.
    #[error("no thread: {0}; raise the limit of processes (`ulimit -u`)")]
    Thread(io::Error),
    /// A thread of the start panicked.
    #[error("{0} panicked, which is a fault of this program; its lines above tell where, report them")]
    Part(&'static str),
    /// A task of the start panicked.
    #[error("loading failed: {0}")]
    Panic(#[from] tokio::task::JoinError),
}

/// Why a running shop can't go on.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A part that runs as long as the shop has ended.
    #[error("{0} ended; start the service again")]
    Ended(&'static str),
    /// A part of the event log ended.
    #[error(transparent)]
    Log(#[from] Ended),
    /// A part panicked.
    #[error("a part of the service failed: {0}; start the service again")]
    Panic(JoinError),
}

/// A running shop.
pub struct Shop {
    app: Arc<App>,
    events: Arc<Events>,
    running: events::Running,
    slates: outcomes::Running,
    shadowing: Option<shadow::Running>,
    /// The background tasks, which run as long as the shop; a task that ends returns its name.
    parts: Background,
    /// Of the event log.
    shipping: Option<stores::Ships>,
    /// Of the slate log.
    shipping_slates: Option<stores::Ships>,
    shutdown_timeout: Duration,
}

/// Starts a shop.
///
/// * `store`: the store of its users, instead of the one that the config names.
///
/// # Errors
/// [`StartError`] says what is missing and what to do.
pub async fn start(
    config: &Config,
    metrics: Arc<Metrics>,
    store: Option<Arc<dyn UserStore>>,
) -> Result<Shop, StartError> {
    let catalogue = Arc::new(Catalogue::default());
    let cache = stores::bring_artifacts(config, &metrics).await?;
    let (champion, models) = {
        let (config, catalogue, metrics) = (config.clone(), catalogue.clone(), metrics.clone());
        crate::background::blocking(move || open_artifacts(&config, &catalogue, &metrics)).await??
    };
    let mut parts = Background::default();
    let (store, rows) = match store {
        Some(store) => (store, Arc::new(EmbeddedRows::default()) as Arc<dyn RowStore>),
        None => open_store(config, &metrics, &mut parts).await?,
    };
    let settings = event_log(config);
    let (covered, poll) = (champion.covered(), Duration::from_millis(config.artifacts.poll_ms));
    let (events, running) =
        Events::open(settings.clone(), store.clone(), catalogue.clone(), covered, metrics.clone()).await?;
    let events = Arc::new(events);
    let changed = champion.clone();
    parts.spawn(async move {
        changed.follow().await;
        "the watch over the catalogue"
    });
    if !config.store.redis_url.is_empty() {
        let mut replicas = Replicas::new(store.clone(), catalogue.clone(), champion.covered());
        // What is not heard now is heard later.
        let _ = replicas.listen().await;
        parts.spawn(async move {
            replicas.watch(poll).await;
            "the watch over what other replicas are told"
        });
    }
    catalogue.in_service().await;
    if config.events.compress {
        let packing = events::pack::watch(settings.folder.clone(), settings.replica.clone(), champion.covered());
        parts.spawn(async move {
            packing.await;
            "the packing of the event log"
        });
    }
    let news = cache.as_ref().map(Cache::news).unwrap_or_default();
    let (watched, of_champion) = (champion.clone(), news.clone());
    parts.spawn(async move {
        watched.watch(poll, of_champion).await;
        "the watch over the champion pointer"
    });
    if let Some(cache) = cache {
        stores::watch_artifacts(cache, poll, &mut parts)?;
    }
    let shipping = stores::ship(Log::Events, config, &metrics)?;
    let shipping_slates = stores::ship(Log::Slates, config, &metrics)?;
    let watched = models.clone();
    parts.spawn(async move {
        watched.watch(poll, news).await;
        "the watch over the models"
    });
    let memory = Arc::new(Memory::new(logs_of_rows(config), models.clone(), rows, metrics.clone()));
    // What can't be opened is told and tried again by the watch.
    let _ = memory.open().await;
    let watched = memory.clone();
    parts.spawn(async move {
        watched.watch(poll).await;
        "the watch over what models remember"
    });
    let asker =
        |lacks: &IntGaugeVec| Asker::new(Rulebook::new(config.scenarios.clone(), lacks.clone()), defaults(config));
    // What a version lacks of the scenarios is told of those that answer alone.
    let untold = IntGaugeVec::new(Opts::new("compared_lacks", "Not registered"), &["scenario"]);
    let untold = untold.expect("names are valid constants");
    let comparison = Arc::new(Comparison::new(
        config.artifacts.path.clone(),
        champion.clone(),
        store.clone(),
        [asker(&untold), asker(&untold)],
    ));
    let recommender = Recommender::new(champion.clone(), store, metrics.clone(), asker(&metrics.scenario_lacks));
    recommender.observe_scenarios();
    let settings = api::Settings {
        filters: config.filters.clone(),
        kinds: config.clients.kinds.clone(),
        home_rows: config.home.rows.clone(),
        artifacts: config.artifacts.path.clone(),
        clock: if config.server.replay { Clock::Replay } else { Clock::Service },
        max_body_bytes: config.server.max_body_bytes,
        max_rows_bytes: config.models.max_body_bytes,
        max_rows: config.models.max_rows,
        max_explained_rows: config.models.max_explained_rows,
        max_in_flight: config.server.max_in_flight,
        pages: if config.page.enabled { Pages::On } else { Pages::Off },
        batch: batch(config),
        scheme: if config.tls.certificate.as_os_str().is_empty() { "http" } else { "https" },
        // Checked by the config.
        cors_origins: config.server.cors_origins.iter().filter_map(|origin| origin.parse().ok()).collect(),
        deadline: deadline(config),
        request_timeout: Duration::from_millis(config.server.request_timeout_ms),
    };
    let traces = open_traces(config, &metrics, &mut parts);
    let scenarios: Vec<String> = config.scenarios.keys().cloned().collect();
    let (outcomes, slates) =
        Outcomes::start(outcomes_of(config), &scenarios, metrics.clone()).map_err(StartError::Thread)?;
    let (events_too, outcomes) = (events.clone(), Arc::new(outcomes));
    let start_shadow = |settings| {
        let asker = asker(&metrics.shadow.scenario_lacks);
        Shadow::start(settings, asker, champion, outcomes.clone(), metrics.clone()).map_err(StartError::Thread)
    };
    let (shadow, shadowing) = shadow_of(config).map(start_shadow).transpose()?.unzip();
    let called =
        Parts { recommender, models, memory, events: events_too, outcomes, shadow, comparison, metrics, traces };
    let app = Arc::new(App::new(called, settings));
    parts.spawn(watch_over(running.ended(), app.clone()));
    if config.server.replay {
        tracing::warn!("replay mode: queries set the time; not for production");
    }
    let shutdown_timeout = Duration::from_millis(config.server.shutdown_timeout_ms);
    Ok(Shop { app, events, running, slates, shadowing, parts, shipping, shipping_slates, shutdown_timeout })
}

/// The batch's program, if the config names one.
fn batch(config: &Config) -> Option<Batch> {
    let config::Page { batch, batch_config, .. } = &config.page;
    let given = |path: &Path| (!path.as_os_str().is_empty()).then(|| path.to_owned());
    let (artifacts, url) = (&config.artifacts.path, &config.artifacts.url);
    let artifacts = if url.is_empty() { artifacts.display().to_string() } else { url.clone() };
    Some(Batch::new(given(batch)?, given(batch_config), artifacts))
}

/// Makes the service unready when a part of the event log ends.
async fn watch_over(ended: watch::Receiver<Option<Ended>>, app: Arc<App>) -> &'static str {
    let reason = first(ended).await;
    app.stop();
    tracing::error!(%reason, "out of use");
    "the event log"
}

/// Waits for the part that ends first.
async fn first(mut ended: watch::Receiver<Option<Ended>>) -> Ended {
    let reason = ended.wait_for(Option::is_some).await.ok().and_then(|ended| *ended);
    match reason {
        Some(reason) => reason,
        // Parts report their end before they are gone.
        None => std::future::pending().await,
    }
}

impl Shop {
    /// What answers its requests.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Waits until the shop can't go on, and returns why. `/ready` says no from then on. Call it once only.
    pub async fn failed(&mut self) -> Failure {
        let failure = tokio::select! {
            // The failure is reported before the task that watches for it ends.
            biased;
            ended = first(self.running.ended()) => Failure::Log(ended),
            Some(ended) = self.parts.join_next() => ended.map_or_else(Failure::Panic, Failure::Ended),
        };
        self.app.stop();
        failure
    }

    /// Closes it, when no request is being answered any more; the event log is closed in any case.
    pub async fn close(mut self) {
        self.app.traces.flush().await;
        self.parts.shutdown().await;
        self.app.memory.close().await;
        self.events.close(self.running).await;
        // Neither log waits for the other's store, and both have as long as requests had.
        let until = Instant::now() + self.shutdown_timeout;
        let (ships, ships_slates) = (self.shipping, self.shipping_slates);
        let of_events = async {
            if let Some(ships) = ships {
                ships.finish(until).await;
            }
        };
        let of_slates = async {
            if let Some((shadow, running)) = self.app.shadow.as_ref().zip(self.shadowing) {
                shadow.close(running, until).await;
            }
            self.app.outcomes.close(self.slates, until).await;
            if let Some(ships) = ships_slates {
                ships.finish(until).await;
            }
        };
        tokio::join!(of_events, of_slates);
    }
}
