//! The served models of rows: watches the champion pointer of each, loads the version that it names, and swaps it in.
//!
//! In: `models/` of the artifacts folder. Out: an `Arc<Served>` that a request takes once and uses throughout; a swap
//! never fails a request. A version that can't be loaded leaves the old one serving, or the model away; the others go
//! on. A model whose folder is removed is no longer served.

pub mod rows;
mod served;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use shared::contract::artifact::manifest::read_champion;
use shared::engine::tabular::model::{MODELS, Model};
use tokio::time::Instant;

use crate::metrics::Metrics;
pub use served::{Answer, Explain, Explained, Served};

/// The time after which a version that could not be loaded is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// The served models by name.
type ByName = BTreeMap<String, Arc<Served>>;

/// Why there is no such model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no model {name:?} is served; {}", existing(.known))]
pub struct UnknownModel {
    /// The requested name.
    pub name: String,
    /// The names of those that are.
    pub known: Vec<String>,
}

fn existing(known: &[String]) -> String {
    match known {
        [] => "`offline score train` makes one".to_owned(),
        known => format!("there are: {}", known.join(", ")),
    }
}

/// The served models.
pub struct Models {
    folder: PathBuf,
    current: ArcSwap<ByName>,
    metrics: Arc<Metrics>,
}

/// What could not be loaded, and when.
type Failed = BTreeMap<String, (String, Instant)>;

impl Models {
    /// Loads the champion of each model of an artifacts folder. Blocks while checksums are verified.
    #[must_use]
    pub fn open(artifacts: &Path, metrics: Arc<Metrics>) -> Self {
        let models = Self { folder: artifacts.join(MODELS), current: ArcSwap::default(), metrics };
        models.look(&mut Failed::new());
        models
    }

    /// Whether none is served.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.current.load().is_empty()
    }

    /// All models, by name.
    #[must_use]
    pub fn all(&self) -> Arc<ByName> {
        self.current.load_full()
    }

    /// The model of a name.
    ///
    /// # Errors
    /// [`UnknownModel`] names those that there are.
    pub fn get(&self, name: &str) -> Result<Arc<Served>, UnknownModel> {
        let current = self.current.load();
        current
            .get(name)
            .cloned()
            .ok_or_else(|| UnknownModel { name: name.to_owned(), known: current.keys().cloned().collect() })
    }

    /// Looks for other champions every `poll`, for ever.
    pub async fn watch(self: Arc<Self>, poll: Duration) {
        let mut ticks = tokio::time::interval(poll);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failed = Failed::new();
        loop {
            ticks.tick().await;
            let (models, mut known) = (self.clone(), std::mem::take(&mut failed));
            let looked = tokio::task::spawn_blocking(move || {
                models.look(&mut known);
                known
            });
            match looked.await {
                Ok(known) => failed = known,
                Err(panic) => tracing::error!(%panic, "the look for models failed"),
            }
        }
    }

    /// Loads champions that are not served yet, and drops models that are gone.
    fn look(&self, failed: &mut Failed) {
        let old = self.current.load_full();
        let mut new: ByName = BTreeMap::new();
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for name in entries.filter_map(|entry| entry.file_name().into_string().ok()) {
            let folder = self.folder.join(&name);
            let served = old.get(&name);
            let Ok(version) = read_champion(&folder) else {
                // The pointer is replaced by a rename, so that it is never half written: nothing is promoted yet.
                new.extend(served.map(|served| (name, served.clone())));
                continue;
            };
            let waits = |(other, since): &(String, Instant)| *other == version && since.elapsed() < RETRY_AFTER;
            if served.is_some_and(|served| served.version() == version) || failed.get(&name).is_some_and(waits) {
                new.extend(served.map(|served| (name, served.clone())));
                continue;
            }
            match Model::load(&folder.join(&version)) {
                Ok(model) => {
                    let before = served.map(|served| served.version());
                    tracing::info!(model = name, version, before, "model loaded");
                    self.metrics.serve_model(&name, before, &version);
                    if served.is_some() {
                        self.metrics.swaps.inc();
                    }
                    failed.remove(&name);
                    new.insert(name, Arc::new(Served::new(model)));
                }
                Err(error) => {
                    tracing::error!(model = name, version, %error, "model can't be loaded");
                    self.metrics.swap_failures.inc();
                    failed.insert(name.clone(), (version, Instant::now()));
                    new.extend(served.map(|served| (name, served.clone())));
                }
            }
        }
        let changed = old.len() != new.len() || old.values().zip(new.values()).any(|(old, new)| !Arc::ptr_eq(old, new));
        if changed {
            for name in old.keys().filter(|name| !new.contains_key(*name)) {
                tracing::warn!(model = name, "its folder is gone: the model is no longer served");
            }
            let mut paths: BTreeMap<&str, &str> = BTreeMap::new();
            for (name, served) in &new {
                let Some(serve) = &served.manifest().serve else { continue };
                match paths.entry(serve.path()) {
                    Entry::Vacant(free) => drop(free.insert(name)),
                    Entry::Occupied(taken) => {
                        let (path, by) = (serve.path(), taken.get());
                        tracing::warn!(model = name, path, by, "the path is answered by another model; see serve.path");
                    }
                }
            }
            self.current.store(Arc::new(new));
        }
    }
}
