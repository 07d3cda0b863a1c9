//! Keeps the served snapshot: watches the champion pointer, loads the version that it names, and swaps it in, with what was
//! said of items since it was learnt.
//!
//! In: the artifacts folder, changes of items, and the folder of the event log for what a version lacks of these. Out: an
//! `Arc<Snapshot>` that a request takes once and uses throughout; a swap never fails a request. Loading verifies checksums
//! and takes up to seconds, on a thread of its own. A version that can't be loaded leaves the old one serving.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use shared::contract::artifact::alias::Alias;
use shared::contract::artifact::manifest::{MANIFEST, may_be_served};
use shared::contract::artifact::{ArtifactError, Manifest};
use shared::contract::event_log::Coverage;
use shared::engine::snapshot::Snapshot;
use tokio::sync::{Mutex as AsyncMutex, Notify, watch};
use tokio::time::Instant;

use crate::catalogue::{Catalogue, Known, logs};
use crate::metrics::Metrics;
use crate::store::Said;

/// The time after which what could not be loaded is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// The served snapshot.
pub struct Champion {
    folder: PathBuf,
    /// Which version is served: the champion, or another that is tried.
    alias: Alias,
    /// The folder of the event log.
    log: PathBuf,
    /// Empty until a recommender is published, for a service that began with models of rows alone.
    current: ArcSwapOption<Snapshot>,
    /// What it is made of. Whoever holds the lock swaps.
    base: Arc<AsyncMutex<Base>>,
    /// Snapshots that are served no more, until no request uses them.
    retired: Mutex<Vec<Arc<Snapshot>>>,
    catalogue: Arc<Catalogue>,
    covered: watch::Sender<Arc<Coverage>>,
    /// The manifest of the served version as a file: another one when `offline erase` has rewritten the version.
    stamp: Mutex<Option<Stamp>>,
    metrics: Arc<Metrics>,
}

/// What the served snapshot is made of.
#[derive(Default)]
struct Base {
    /// The version without changes of items.
    plain: Option<Arc<Snapshot>>,
    /// These changes.
    known: Known,
}

/// What tells one file of a name from another: its number and when it was changed.
pub type Stamp = (u64, i64, i64);

/// The stamp of a version's manifest; `None` if it is not there.
#[must_use]
pub fn stamp(folder: &Path, version: &str) -> Option<Stamp> {
    let manifest = std::fs::metadata(folder.join(version).join(MANIFEST)).ok()?;
    Some((manifest.ino(), manifest.mtime(), manifest.mtime_nsec()))
}

/// A loaded version that is about to be served.
struct Loaded {
    snapshot: Snapshot,
    covered: Coverage,
}

/// What is served instead of the version that is.
struct Next {
    snapshot: Arc<Snapshot>,
    covered: Arc<Coverage>,
    /// What was forgotten, and this version may lack.
    said: Vec<Said>,
}

/// Loads the version that is served next.
///
/// * `before`: what the versions cover that were served before.
fn next(folder: &Path, version: &str, log: &Path, before: &Coverage) -> Result<Next, String> {
    let Loaded { snapshot, covered } = load(folder, version).map_err(|error| error.to_string())?;
    let said = match covered.includes(before) {
        true => Vec::new(),
        false => logs::read(log, &covered).map_err(|error| format!("{}: {error}", log.display()))?.said,
    };
    Ok(Next { snapshot: Arc::new(snapshot), covered: Arc::new(covered), said })
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
    /// Loads the version that the alias names.
    ///
    /// * `log`: the folder of the event log.
    ///
    /// # Errors
    /// [`ArtifactError`] when nothing is published, or it is torn or foreign.
    pub fn open(
        folder: &Path,
        alias: &Alias,
        log: &Path,
        catalogue: Arc<Catalogue>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, ArtifactError> {
        let version = alias.read(folder)?;
        let stamp = stamp(folder, &version);
        let Loaded { snapshot, covered } = load(folder, &version)?;
        let manifest = snapshot.manifest();
        metrics.serve(&manifest.version, manifest.built_ms);
        tracing::info!(version = manifest.version, items = snapshot.items().len(), "artifact loaded");
        let snapshot = Arc::new(snapshot);
        let mut champion = Self::awaited(folder, alias, log, catalogue, metrics);
        *champion.stamp.lock().unwrap_or_else(PoisonError::into_inner) = stamp;
        champion.base = Arc::new(AsyncMutex::new(Base { plain: Some(snapshot.clone()), known: Known::default() }));
        champion.current.store(Some(snapshot));
        champion.covered.send_replace(Arc::new(covered));
        Ok(champion)
    }

    /// Nothing yet: [`Self::watch`] loads what is published.
    #[must_use]
    pub fn awaited(folder: &Path, alias: &Alias, log: &Path, catalogue: Arc<Catalogue>, metrics: Arc<Metrics>) -> Self {
        Self {
            folder: folder.to_owned(),
            alias: alias.clone(),
            log: log.to_owned(),
            current: ArcSwapOption::empty(),
            base: Arc::default(),
            retired: Mutex::default(),
            catalogue,
            covered: watch::Sender::default(),
            stamp: Mutex::default(),
            metrics,
        }
    }

    /// The snapshot to answer with, if one was published.
    #[must_use]
    pub fn current(&self) -> Option<Arc<Snapshot>> {
        self.current.load_full()
    }

    /// Another version with the changes of items that the served snapshot has. Blocks while a snapshot is made; nobody waits
    /// for that but the caller.
    #[must_use]
    pub fn with_changes(&self, plain: &Arc<Snapshot>) -> Arc<Snapshot> {
        let changes = self.base.blocking_lock().known.changes.clone();
        plain.with_changes(&changes)
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
            if let Err(error) = self.serve(None).await {
                tracing::error!(error, "changes of items can't be served yet");
                tokio::time::sleep(RETRY_AFTER).await;
            }
            self.release().await;
        }
    }

    /// Serves a version, or the one that is served, with all that was said of items so far.
    ///
    /// # Errors
    /// The panic of the thread that makes the snapshot; then nothing has changed.
    async fn serve(&self, next: Option<Next>) -> Result<(), String> {
        let mut base = self.base.clone().lock_owned().await;
        let (told, times) = self.catalogue.take();
        base.known.add(told);
        if next.is_some() || base.known.is_news {
            let metrics = self.metrics.clone();
            let patch = move || {
                let _timer = metrics.catalogue_patch_seconds.start_timer();
                let (plain, covered) = match next {
                    Some(Next { snapshot, covered, said }) => {
                        base.known.add(said);
                        (Some(snapshot), Some(covered))
                    }
                    None => (base.plain.clone(), None),
                };
                let patched = plain.as_ref().map(|plain| plain.with_changes(&base.known.changes));
                // Only now, so that after a panic all is as it was.
                if let Some(covered) = covered {
                    base.known.changes.forget(&covered);
                }
                base.known.is_news = false;
                (std::mem::replace(&mut base.plain, plain), patched, base)
            };
            let made = crate::background::blocking(patch).await;
            let (plain, patched, base) = made.map_err(|panic| panic.to_string())?;
            let old = self.current.swap(patched.clone());
            self.metrics.items_changed.set(base.known.changes.len() as i64);
            let used = [&base.plain, &patched].map(Option::as_ref);
            self.retire(plain.into_iter().chain(old), &used);
        }
        self.catalogue.serve(times);
        Ok(())
    }

    /// Keeps snapshots until no request uses them, but for those that are still in service.
    fn retire(&self, snapshots: impl Iterator<Item = Arc<Snapshot>>, used: &[Option<&Arc<Snapshot>>]) {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        for snapshot in snapshots {
            let mut others = used.iter().copied().flatten().chain(retired.iter());
            if !others.any(|other| Arc::ptr_eq(other, &snapshot)) {
                retired.push(snapshot);
            }
        }
    }

    /// Frees the snapshots that no request uses any more, off the request path: unmapping gigabytes takes a while.
    async fn release(&self) {
        let free = {
            let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
            let (free, used) = retired.drain(..).partition::<Vec<_>, _>(|snapshot| Arc::strong_count(snapshot) == 1);
            *retired = used;
            free
        };
        if !free.is_empty() && crate::background::blocking(move || drop(free)).await.is_err() {
            tracing::warn!("freeing a snapshot panicked");
        }
    }

    /// Reads the pointer every `poll`, and when there is news, and swaps in the version that it names, for ever.
    pub async fn watch(self: Arc<Self>, poll: Duration, news: Arc<Notify>) {
        let mut ticks = tokio::time::interval(poll);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failed: Option<(String, Instant)> = None;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = news.notified() => {}
            }
            self.release().await;
            let version = match self.alias.read(&self.folder) {
                Ok(version) => version,
                Err(ArtifactError::NoChampion { .. } | ArtifactError::NoAlias { .. })
                    if self.current.load().is_none() =>
                {
                    continue;
                }
                Err(error) => {
                    // The pointer is replaced by a rename, so it is never half written: it has been removed.
                    if failed.as_ref().is_none_or(|(version, _)| !version.is_empty()) {
                        tracing::warn!(%error, "the alias can't be read; the loaded version keeps serving");
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
                Ok(()) => {
                    *self.stamp.lock().unwrap_or_else(PoisonError::into_inner) = stamp;
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

    /// Loads a version and serves it from now on.
    async fn swap(&self, version: &str) -> Result<(), String> {
        let (folder, log, name) = (self.folder.clone(), self.log.clone(), version.to_owned());
        let before = self.covered.borrow().clone();
        let next = crate::background::blocking(move || next(&folder, &name, &log, &before))
            .await
            .map_err(|panic| panic.to_string())??;
        let (covered, built_ms) = (next.covered.clone(), next.snapshot.manifest().built_ms);
        let old = self.current();
        self.serve(Some(next)).await?;
        self.covered.send_replace(covered);
        self.metrics.serve(version, built_ms);
        self.metrics.swaps.inc();
        let before = old.as_ref().map_or("none", |old| &old.manifest().version);
        tracing::info!(version, before, "snapshot swapped");
        Ok(())
    }
}
