//! Keeps the served snapshot: watches the champion pointer, loads the version that it names, and swaps it in, with what was
//! said of items since it was learnt.
//!
//! In: the artifacts folder, and changes of items. Out: an `Arc<Snapshot>` that a request takes once and uses throughout; a swap never fails
//! a request. Loading verifies checksums and takes up to seconds, on a thread of its own. A version that can't be
//! loaded leaves the old one serving.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use shared::contract::artifact::manifest::{MANIFEST, may_be_served, read_champion};
use shared::contract::artifact::{ArtifactError, Manifest};
use shared::contract::event_log::Coverage;
use shared::engine::snapshot::Snapshot;
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::time::Instant;

use crate::catalogue::Catalogue;
use crate::metrics::Metrics;

/// The time after which what could not be loaded is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// The served snapshot.
pub struct Champion {
    folder: PathBuf,
    /// Empty until a recommender is published, for a service that began with models of rows alone.
    current: ArcSwapOption<Snapshot>,
    /// The same version without the changes of the catalogue. Whoever holds the lock swaps.
    plain: AsyncMutex<Option<Arc<Snapshot>>>,
    catalogue: Arc<Catalogue>,
    covered: watch::Sender<Arc<Coverage>>,
    /// The manifest of the served version as a file: another one when `offline erase` has rewritten the version.
    stamp: Mutex<Option<Stamp>>,
    metrics: Arc<Metrics>,
}

/// What tells one file of a name from another: its number and when it was changed.
type Stamp = (u64, i64, i64);

fn stamp(folder: &Path, version: &str) -> Option<Stamp> {
    let manifest = std::fs::metadata(folder.join(version).join(MANIFEST)).ok()?;
    Some((manifest.ino(), manifest.mtime(), manifest.mtime_nsec()))
}

/// A loaded version that is about to be served.
struct Loaded {
    snapshot: Snapshot,
    covered: Coverage,
}

/// Loads a version. Blocks while its checksums are verified.
fn load(folder: &Path, version: &str) -> Result<Loaded, ArtifactError> {
    let snapshot = Snapshot::load(&folder.join(version))?;
    let covered = covered_by_all(folder, snapshot.manifest());
    Ok(Loaded { snapshot, covered })
}

/// How much of the event log is in a version and in every other existing one, so that a rollback to any of them forgets
/// no purchase. Versions without a readable manifest are ignored: they can't be served. So are those that were built to
/// be measured: they cover nothing, and if one is published, the log is applied again.
fn covered_by_all(folder: &Path, served: &Manifest) -> Coverage {
    let versions = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let versions = versions.filter(|entry| entry.file_name().to_str().is_some_and(may_be_served));
    let manifests = versions.filter_map(|entry| Manifest::read(&entry.path()).ok());
    let covered_by = |manifest: &Manifest| manifest.covered.iter().collect::<Coverage>();
    manifests.fold(covered_by(served), |covered, manifest| covered.both(&covered_by(&manifest)))
}

impl Champion {
    /// Loads the version that the pointer names.
    ///
    /// # Errors
    /// [`ArtifactError`] when nothing is published, or it is torn or foreign.
    pub fn open(folder: &Path, catalogue: Arc<Catalogue>, metrics: Arc<Metrics>) -> Result<Self, ArtifactError> {
        let version = read_champion(folder)?;
        let stamp = stamp(folder, &version);
        let Loaded { snapshot, covered } = load(folder, &version)?;
        let manifest = snapshot.manifest();
        metrics.serve(&manifest.version, manifest.built_ms);
        tracing::info!(version = manifest.version, items = snapshot.items().len(), "artifact loaded");
        let snapshot = Arc::new(snapshot);
        let mut champion = Self::awaited(folder, catalogue, metrics);
        *champion.stamp.lock().unwrap_or_else(PoisonError::into_inner) = stamp;
        *champion.plain.get_mut() = Some(snapshot.clone());
        champion.current.store(Some(snapshot));
        champion.covered.send_replace(Arc::new(covered));
        Ok(champion)
    }

    /// Nothing yet: [`Self::watch`] loads what is published.
    #[must_use]
    pub fn awaited(folder: &Path, catalogue: Arc<Catalogue>, metrics: Arc<Metrics>) -> Self {
        let (current, plain, covered) = (ArcSwapOption::empty(), AsyncMutex::default(), watch::Sender::default());
        Self { folder: folder.to_owned(), current, plain, catalogue, covered, stamp: Mutex::default(), metrics }
    }

    /// The snapshot to answer with, if one was published.
    #[must_use]
    pub fn current(&self) -> Option<Arc<Snapshot>> {
        self.current.load_full()
    }

    /// How much of the event log the histories need not remember, since it is in every version that may be served.
    #[must_use]
    pub fn covered(&self) -> watch::Receiver<Arc<Coverage>> {
        self.covered.subscribe()
    }

    /// Serves the version with each change of the catalogue, for ever.
    pub async fn follow(&self) {
        loop {
            self.catalogue.wanted().await;
            if let Err(error) = self.patch().await {
                tracing::error!(error, "changes of items can't be served yet");
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }

    /// Serves the version with all that was said of items so far.
    ///
    /// # Errors
    /// The panic of the thread that makes the snapshot.
    pub async fn patch(&self) -> Result<(), String> {
        let plain = self.plain.lock().await;
        self.serve(plain.clone()).await.map(|_| ())
    }

    /// Serves a version with all that was said of items so far; returns the snapshot before. The caller holds the lock of
    /// the version.
    async fn serve(&self, plain: Option<Arc<Snapshot>>) -> Result<Option<Arc<Snapshot>>, String> {
        let told = self.catalogue.told();
        let changes = told.changes.clone();
        let patch = move || plain.map(|plain| plain.with_changes(&changes));
        let timer = self.metrics.catalogue_patch_seconds.start_timer();
        let patched = tokio::task::spawn_blocking(patch).await;
        timer.observe_duration();
        let old = self.current.swap(patched.map_err(|panic| panic.to_string())?);
        self.metrics.items_changed.set(told.changes.len() as i64);
        self.catalogue.serve(told.times);
        Ok(old)
    }

    /// Reads the pointer every `poll` and swaps in the version that it names, for ever.
    pub async fn watch(self: Arc<Self>, poll: Duration) {
        let mut ticks = tokio::time::interval(poll);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failed: Option<(String, Instant)> = None;
        let mut retired: Vec<Arc<Snapshot>> = Vec::new();
        loop {
            ticks.tick().await;
            release(&mut retired).await;
            let version = match read_champion(&self.folder) {
                Ok(version) => version,
                Err(ArtifactError::NoChampion { .. }) if self.current.load().is_none() => continue,
                Err(error) => {
                    // The pointer is replaced by a rename, so it is never half written: it has been removed.
                    if failed.as_ref().is_none_or(|(version, _)| !version.is_empty()) {
                        tracing::warn!(%error, "champion pointer can't be read; the loaded version keeps serving");
                        failed = Some((String::new(), Instant::now()));
                    }
                    continue;
                }
            };
            let waits = |(other, since): &(String, Instant)| *other == version && since.elapsed() < RETRY_AFTER;
            let served = self.current.load().as_ref().is_some_and(|current| current.manifest().version == version);
            let stamp = stamp(&self.folder, &version);
            let is_same = stamp.is_none() || stamp == *self.stamp.lock().unwrap_or_else(PoisonError::into_inner);
            if served && is_same || failed.as_ref().is_some_and(waits) {
                continue;
            }
            match self.swap(&version).await {
                Ok(old) => {
                    *self.stamp.lock().unwrap_or_else(PoisonError::into_inner) = stamp;
                    retired.extend(old);
                    failed = None;
                }
                Err(error) => {
                    self.metrics.swap_failures.inc();
                    tracing::error!(version, error, "version can't be loaded; the old one keeps serving");
                    failed = Some((version, Instant::now()));
                }
            }
        }
    }

    /// Loads a version and serves it from now on; returns the previous snapshots, with the changes and without.
    async fn swap(&self, version: &str) -> Result<Vec<Arc<Snapshot>>, String> {
        let (folder, name) = (self.folder.clone(), version.to_owned());
        let Loaded { snapshot, covered } = tokio::task::spawn_blocking(move || load(&folder, &name))
            .await
            .map_err(|panic| panic.to_string())?
            .map_err(|error| error.to_string())?;
        self.metrics.serve(version, snapshot.manifest().built_ms);
        self.metrics.swaps.inc();
        self.covered.send_replace(Arc::new(covered));
        let snapshot = Arc::new(snapshot);
        let mut plain = self.plain.lock().await;
        let old = self.serve(Some(snapshot.clone())).await?;
        let mut retired = Vec::from_iter(plain.replace(snapshot));
        let before = old.as_ref().map_or("none", |old| &old.manifest().version);
        tracing::info!(version, before, "snapshot swapped");
        retired.extend(old.filter(|old| !retired.iter().any(|plain| Arc::ptr_eq(plain, old))));
        Ok(retired)
    }
}

/// Frees the snapshots that no request uses any more, off the request path: unmapping gigabytes takes a while.
async fn release(retired: &mut Vec<Arc<Snapshot>>) {
    let (free, used) = retired.drain(..).partition::<Vec<_>, _>(|snapshot| Arc::strong_count(snapshot) == 1);
    *retired = used;
    if !free.is_empty() && tokio::task::spawn_blocking(move || drop(free)).await.is_err() {
        tracing::warn!("freeing a snapshot panicked");
    }
}
