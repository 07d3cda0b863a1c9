//! The served models of rows: watches the champion pointer of each, loads the version that it names, and swaps it in;
//! likewise a challenger beside it.
//!
//! In: `models/` of the artifacts folder. Out: an `Arc<Served>` that a request takes once and uses throughout; a swap
//! never fails a request. A version that can't be loaded leaves the old one serving, or the model away; the others go
//! on. A model whose folder is removed is no longer served.

mod challenger;
mod look;
pub mod rows;
mod served;
mod version;
mod window;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use shared::contract::artifact::alias::Alias;
use shared::engine::tabular::model::MODELS;
use tokio::sync::Notify;

use crate::metrics::Metrics;
pub use challenger::Challenger;
use look::Look;
pub use served::{Answer, By, Explain, Explained, Place, Served};
pub use version::{Compared, Drifted, Version};

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
    alias: Alias,
    current: ArcSwap<ByName>,
    metrics: Arc<Metrics>,
    /// How many rows half of the window has that is compared with the training rows.
    half: u64,
}

impl Models {
    /// Loads the version of each model of an artifacts folder that an alias names, else its champion. Blocks while checksums
    /// are verified.
    ///
    /// * `drift_rows`: drift is that of the latest `drift_rows` to twice as many rows.
    #[must_use]
    pub fn open(artifacts: &Path, alias: &Alias, metrics: Arc<Metrics>, drift_rows: u64) -> Self {
        let (folder, alias) = (artifacts.join(MODELS), alias.clone());
        let models = Self { folder, alias, current: ArcSwap::default(), metrics, half: drift_rows };
        models.look(&mut models.first_look());
        models
    }

    fn first_look(&self) -> Look {
        Look::new(self.metrics.clone(), self.alias.clone(), self.half)
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

    /// Looks for other champions and challengers every `poll`, and when there is news, for ever.
    pub async fn watch(self: Arc<Self>, poll: Duration, news: Arc<Notify>) {
        let mut ticks = tokio::time::interval(poll);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut look = self.first_look();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = news.notified() => {}
            }
            let (models, mut known) = (self.clone(), look);
            let looked = crate::background::blocking(move || {
                models.look(&mut known);
                known
            });
            look = looked.await.unwrap_or_else(|panic| {
                tracing::error!(%panic, "the look for models failed");
                self.first_look()
            });
        }
    }

    /// Sets the metrics of drift to what they are now.
    pub fn observe_drift(&self) {
        let metrics = &self.metrics.models;
        for (name, served) in self.all().iter() {
            metrics.set_input_drift(name, served.champion.drifted().and_then(|drifted| drifted.largest()));
            for version in served.versions() {
                let scores = version.drifted().into_iter().flat_map(|drifted| drifted.scores);
                for (output, compared) in version.manifest().outputs.iter().zip(scores) {
                    metrics.set_score_drift(name, version.version(), &output.label, compared.psi());
                }
            }
        }
    }

    /// Loads what is not served yet, and drops models that are gone.
    fn look(&self, look: &mut Look) {
        let old = self.current.load_full();
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let new: ByName = names
            .filter_map(|name| {
                let served = look.at(&name, &self.folder.join(&name), old.get(&name))?;
                Some((name, served))
            })
            .collect();
        let changed = old.len() != new.len() || old.values().zip(new.values()).any(|(old, new)| !Arc::ptr_eq(old, new));
        if changed {
            tell_of_shared_paths(&new);
            self.current.store(Arc::new(new.clone()));
            self.note(&old, &new);
        }
    }

    /// Notes in the log and in the metrics what has changed.
    fn note(&self, old: &ByName, new: &ByName) {
        let metrics = &self.metrics.models;
        for (name, served) in old {
            if !new.contains_key(name) {
                tracing::warn!(model = name, "its folder is gone: the model is no longer served");
            }
            if let Some(challenger) = &served.challenger {
                metrics.end_share(name, challenger.version.version(), challenger.mode());
            }
            let is_used = |version: &Arc<Version>| {
                new.get(name).is_some_and(|served| served.versions().any(|used| Arc::ptr_eq(used, version)))
            };
            served.versions().filter(|version| !is_used(version)).for_each(|version| version.forget(&self.metrics));
        }
        for (name, served) in new {
            let before = old.get(name).map(|served| served.version());
            if before != Some(served.version()) {
                tracing::info!(model = name, version = served.version(), before, "model swapped in");
                metrics.serve(name, before, served.version());
                self.metrics.swaps.inc_by(u64::from(before.is_some()));
            }
            if let Some(challenger) = &served.challenger {
                metrics.set_share(name, challenger.version.version(), challenger.mode(), challenger.share());
            }
        }
    }
}

/// Tells of models that declare the path of another.
fn tell_of_shared_paths(models: &ByName) {
    let mut paths: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, served) in models {
        let Some(serve) = &served.manifest().serve else { continue };
        match paths.entry(serve.path()) {
            Entry::Vacant(free) => drop(free.insert(name)),
            Entry::Occupied(taken) => {
                let (path, by) = (serve.path(), taken.get());
                tracing::warn!(model = name, path, by, "the path is answered by another model; see serve.path");
            }
        }
    }
}
