//! The version that the alias of the shadow names, as the champion would serve it: with what was said of items since.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use shared::contract::artifact::ArtifactError;
use shared::contract::artifact::alias::Alias;
use shared::contract::artifact::manifest::may_be_served;
use shared::engine::snapshot::Snapshot;

use crate::champion::{Champion, Stamp, stamp};
use crate::metrics::Metrics;

/// The time after which what could not be loaded is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// The version that the alias names.
pub struct Challenger {
    folder: PathBuf,
    alias: Alias,
    champion: Arc<Champion>,
    metrics: Arc<Metrics>,
    loaded: Option<Loaded>,
    /// What could not be loaded, and when that was tried.
    failed: Option<(String, Instant)>,
}

/// A version that was loaded.
struct Loaded {
    /// The version without changes of items.
    plain: Arc<Snapshot>,
    stamp: Option<Stamp>,
    /// The version with the changes of items that are in the champion's snapshot, and that snapshot.
    patched: Arc<Snapshot>,
    beside: Weak<Snapshot>,
}

impl Challenger {
    /// Nothing yet.
    pub fn new(folder: PathBuf, alias: Alias, champion: Arc<Champion>, metrics: Arc<Metrics>) -> Self {
        Self { folder, alias, champion, metrics, loaded: None, failed: None }
    }

    /// The snapshot to ask.
    pub fn snapshot(&self) -> Option<&Arc<Snapshot>> {
        self.loaded.as_ref().map(|loaded| &loaded.patched)
    }

    /// Looks what the alias names, and loads it. Takes up to seconds when that has changed.
    pub fn look(&mut self) {
        match self.alias.read(&self.folder) {
            Ok(version) => self.load(version),
            Err(ArtifactError::NoChampion { .. } | ArtifactError::NoAlias { .. }) => {
                if let Some(left) = self.loaded.take() {
                    tracing::info!(
                        version = left.plain.manifest().version,
                        "the shadow's alias names nothing any more"
                    );
                }
                self.failed = None;
                self.metrics.shadow.end_version();
            }
            // What is loaded goes on.
            Err(error) => self.fail(String::new(), &error),
        }
        self.patch();
    }

    fn load(&mut self, version: String) {
        let stamp = stamp(&self.folder, &version);
        let is_same =
            |loaded: &Loaded| loaded.plain.manifest().version == version && (stamp.is_none() || loaded.stamp == stamp);
        let waits = |(other, since): &(String, Instant)| *other == version && since.elapsed() < RETRY_AFTER;
        if self.loaded.as_ref().is_some_and(is_same) || self.failed.as_ref().is_some_and(waits) {
            return;
        }
        if !may_be_served(&version) {
            // It was trained on a part of the log, and nothing keeps what it does not cover of the rest.
            return self.fail(version, &"a version that `offline evaluate` kept can't be compared with the champion");
        }
        match Snapshot::load(&self.folder.join(&version)) {
            Ok(snapshot) => {
                tracing::info!(version, alias = self.alias.as_str(), "answers beside the champion, unseen");
                self.metrics.shadow.begin_version(&version);
                let plain = Arc::new(snapshot);
                self.loaded = Some(Loaded { patched: plain.clone(), plain, stamp, beside: Weak::new() });
                self.failed = None;
            }
            Err(error) => self.fail(version, &error),
        }
    }

    /// Tells the first of several failures.
    fn fail(&mut self, version: String, error: &dyn fmt::Display) {
        self.metrics.shadow.failures.inc();
        if self.failed.as_ref().is_none_or(|(failed, _)| *failed != version) {
            tracing::error!(version, %error, "the shadow's version can't be loaded");
        }
        self.failed = Some((version, Instant::now()));
    }

    /// Takes up the changes of items that the champion's snapshot has.
    fn patch(&mut self) {
        let (Some(loaded), Some(current)) = (&mut self.loaded, self.champion.current()) else { return };
        if !std::ptr::eq(loaded.beside.as_ptr(), Arc::as_ptr(&current)) {
            loaded.patched = self.champion.with_changes(&loaded.plain);
            loaded.beside = Arc::downgrade(&current);
        }
    }
}
