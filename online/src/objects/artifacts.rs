//! The artifacts folder as a cache of what the batch published in an object store.
//!
//! In: the store. Out: a folder with the versions that pointers name, which [`crate::champion`] and [`crate::models`]
//! watch as they watch any. One small request a turn asks whether anything was published. A version is in the folder
//! before the pointer moves; what was cut goes on where it was.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use shared::objects::mirror::{REVISION, look};
use shared::objects::pull::{Beside, Need, pull, shrink};
use shared::objects::{Location, ObjectsError, Remote, Tag};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::Outage;
use crate::metrics::ObjectMetrics;

/// How long a start waits for a store that does not answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often all objects are listed, should a publisher have died before it said that it was done.
const LIST_EVERY: Duration = Duration::from_secs(60);

/// The lock of a folder that mirrors a store.
const LOCK: &str = ".cache.lock";

/// A folder that mirrors a store.
pub struct Cache {
    remote: Remote,
    folder: PathBuf,
    max_bytes: u64,
    metrics: Arc<ObjectMetrics>,
    /// Wakes those who watch the folder when something was brought.
    news: Arc<Notify>,
    /// Held as long as this lives: two processes would bring into one folder.
    _lock: File,
    /// What the store's revision was when the folder was brought up to date.
    revision: Option<Tag>,
    listed: Option<Instant>,
    outage: Outage,
}

impl Cache {
    /// A folder that is to mirror a store.
    ///
    /// * `max_bytes`: the most bytes of versions in it, but for those that a pointer names.
    ///
    /// # Errors
    /// [`ObjectsError`] when variables don't fit, or another process has the folder.
    pub fn of(
        location: &Location,
        folder: PathBuf,
        max_bytes: u64,
        metrics: Arc<ObjectMetrics>,
    ) -> Result<Self, ObjectsError> {
        let (remote, lock) = (location.open()?, lock(&folder)?);
        // From here on it is missed if it does not answer.
        metrics.succeeded();
        let (revision, listed, outage, news) = (None, None, Outage::default(), Arc::default());
        Ok(Self { remote, folder, max_bytes, metrics, news, _lock: lock, revision, listed, outage })
    }

    /// Wakes those who wait for it whenever something was brought, so that it is served at once.
    #[must_use]
    pub fn news(&self) -> Arc<Notify> {
        self.news.clone()
    }

    /// Brings what is published, for a start. If the store does not answer, what the folder has is served.
    ///
    /// # Errors
    /// [`ObjectsError`] when the folder has nothing either.
    pub async fn begin(&mut self) -> Result<(), ObjectsError> {
        let failed = match timeout(PATIENCE, self.remote.read(REVISION)).await {
            Ok(Ok(_)) => match self.refresh().await {
                Ok(()) => return Ok(()),
                Err(error) => Some(error),
            },
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        self.metrics.failures.inc();
        let has_versions = self.folder.is_dir() && !look(&self.folder)?.versions.is_empty();
        match failed {
            failed if has_versions => {
                let failed = failed.map_or_else(|| format!("no answer within {PATIENCE:?}"), |error| error.to_string());
                tracing::warn!(store = self.remote.location(), failed, "the object store fails; the cache is served");
                Ok(())
            }
            Some(error) => Err(error),
            // Without a cache there is nothing to do but wait.
            None => self.refresh().await,
        }
    }

    /// Looks for what is published, for ever.
    pub async fn watch(mut self, poll: Duration) {
        let mut turns = tokio::time::interval(poll);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            let looked = self.refresh().await;
            self.outage.observe("artifacts", looked, &self.metrics);
        }
    }

    /// Brings the folder up to date, if anything was published.
    async fn refresh(&mut self) -> Result<(), ObjectsError> {
        let changed = self.remote.read_unless(REVISION, self.revision.as_ref()).await?;
        let is_listed = self.listed.is_some_and(|at| at.elapsed() < LIST_EVERY);
        if changed.is_none() && is_listed {
            return Ok(());
        }
        let begin = Instant::now();
        let seen = pull(&self.remote, &self.folder, Need::Named, Beside::Nobody, &[], &mut |_, _| {}).await?;
        if seen.objects.is_empty() {
            return Err(ObjectsError::Empty { location: self.remote.location().to_owned() });
        }
        if seen.brought > 0 {
            self.metrics.bytes.inc_by(seen.brought);
            tracing::info!(bytes = seen.brought, took = ?begin.elapsed(), "artifacts brought from the object store");
        }
        // A cache that can't be made smaller is no reason not to serve what was brought.
        match shrink(&self.folder, self.max_bytes) {
            Ok(0) => {}
            Ok(freed) => tracing::info!(freed, "versions that no pointer names left the cache"),
            Err(error) => tracing::warn!(%error, "the cache can't be made smaller"),
        }
        if let Some(found) = changed {
            self.revision = found.map(|revision| revision.tag);
        }
        self.listed = Some(Instant::now());
        self.news.notify_waiters();
        Ok(())
    }
}

/// Takes a folder for this process.
fn lock(folder: &Path) -> Result<File, ObjectsError> {
    let path = folder.join(LOCK);
    let open = || {
        fs::create_dir_all(folder)?;
        File::options().create(true).truncate(false).write(true).open(&path)
    };
    let failed = |source| ObjectsError::File { path: path.clone(), source };
    let file = open().map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::Error(error)) => Err(failed(error)),
        Err(TryLockError::WouldBlock) => Err(ObjectsError::Held {
            location: folder.display().to_string(),
            holder: "another process, and each replica needs an artifacts.path of its own".to_owned(),
        }),
    }
}
