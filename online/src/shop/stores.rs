//! The object stores of the config: where artifacts come from, and where the logs go.

use std::time::Duration;

use shared::contract::event_log::Log;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::StartError;
use crate::background::Background;
use crate::config::{Config, store_at};
use crate::metrics::Metrics;
use crate::objects::artifacts::Cache;
use crate::objects::on_thread;
use crate::objects::shipping::{Shipping, name};

/// Brings what the batch published in an object store, if the config names one.
pub async fn bring_artifacts(config: &Config, metrics: &Metrics) -> Result<Option<Cache>, StartError> {
    let Some(location) = store_at(&config.artifacts.url) else { return Ok(None) };
    let (folder, max_bytes) = (config.artifacts.path.clone(), config.artifacts.max_cache_bytes);
    let mut cache = Cache::of(&location, folder, max_bytes, metrics.artifact_objects.clone())?;
    let brought = on_thread("artifacts", move || async move {
        let began = cache.begin().await;
        began.map(|()| cache)
    });
    let brought = brought.map_err(StartError::Thread)?.await;
    Ok(Some(brought.map_err(|_| StartError::Part("what brings the artifacts"))??))
}

/// Goes on bringing it, for ever.
pub fn watch_artifacts(cache: Cache, poll: Duration, parts: &mut Background) -> Result<(), StartError> {
    let (stays, gone) = oneshot::channel::<()>();
    let watch = move || async move {
        tokio::select! {
            () = cache.watch(poll) => {}
            // The shop is closed: the folder is free for who opens it next.
            _ = gone => {}
        }
    };
    let ended = on_thread("artifacts", watch).map_err(StartError::Thread)?;
    parts.spawn(async move {
        let _stays = stays;
        // Before that it ends by a panic alone.
        let _ = ended.await;
        "the watch over the object store"
    });
    Ok(())
}

/// The thread that ships a log.
pub struct Ships {
    log: Log,
    /// Says that the log is written no more.
    closed: watch::Sender<bool>,
    ended: oneshot::Receiver<()>,
}

/// Ships a log to an object store, if the config names one.
pub fn ship(log: Log, config: &Config, metrics: &Metrics) -> Result<Option<Ships>, StartError> {
    let (url, folder, of_log) = match log {
        Log::Events => (&config.events.ship_to, &config.events.path, &metrics.event_objects),
        Log::Slates => (&config.slates.ship_to, &config.slates.path, &metrics.slate_objects),
    };
    let Some(location) = store_at(url) else { return Ok(None) };
    let (folder, replica) = (folder.clone(), config.events.replica.clone());
    let open_every = Duration::from_secs(config.events.ship_open_every_s);
    let shipping = Shipping::of(log, &location, folder, replica, open_every, of_log.clone())?;
    let (closed, closing) = watch::channel(false);
    let thread = format!("ship {}", name(log));
    let ended = on_thread(&thread, move || shipping.run(closing)).map_err(StartError::Thread)?;
    Ok(Some(Ships { log, closed, ended }))
}

impl Ships {
    /// Ships what is left of a log that is closed.
    pub async fn finish(self, until: Instant) {
        self.closed.send_replace(true);
        if tokio::time::timeout_at(until, self.ended).await.is_err() {
            tracing::warn!(
                what = name(self.log),
                "the end of a log is not in the object store yet; it is shipped after the next start"
            );
        }
    }
}
