//! The only writer of what is served: the artifact folder, user records in Redis, the champion pointer.
//!
//! ```text
//! working folder ─▶ rename to artifacts/<version>/ ─▶ user records to Redis ─▶ champion pointer ─▶ prune
//! ```
//!
//! The pointer moves only when the version and its user records are complete. A crash at any point leaves the old
//! champion served, and at worst a folder that the next run cleans up.

pub mod store;
pub mod versions;

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shared::artifact::manifest::{read_champion, sync_folder, write_champion};
use shared::artifact::{ArtifactError, Manifest};
use shared::snapshot::Snapshot;

use crate::progress::Progress;
use store::StoreError;

/// Where versions go. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct PublishConfig {
    pub keep: usize,
    pub redis_url: String,
    pub prefix: String,
}

/// Why a version can't be published or put back.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// An artifact can't be read or written.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// Redis can't be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such version.
    #[error("{artifacts}: no version {version}; kept are: {}", kept.join(", "))]
    NoVersion {
        /// The artifacts folder.
        artifacts: PathBuf,
        /// The version asked for.
        version: String,
        /// The versions there are.
        kept: Vec<String>,
    },
    /// No version is older than the champion.
    #[error("{artifacts}: no version before the champion {champion} is kept; name one with --to")]
    NothingBefore {
        /// The artifacts folder.
        artifacts: PathBuf,
        /// The version being served.
        champion: String,
    },
}

/// Moves a sealed working folder to its place among the versions, under the name its manifest gives it.
///
/// # Errors
/// [`PublishError`] when the folder can't be moved.
pub fn place(working: &Path, artifacts: &Path, version: &str) -> Result<PathBuf, PublishError> {
    let target = artifacts.join(version);
    fs::rename(working, &target).map_err(ArtifactError::io(&target))?;
    sync_folder(artifacts)?;
    Ok(target)
}

/// Makes a placed version the champion: its user records go to the store first, the pointer moves last, old versions are
/// pruned.
///
/// # Errors
/// [`PublishError`]; the champion is then what it was before.
pub fn promote(
    artifacts: &Path,
    version: &str,
    config: &PublishConfig,
    progress: &mut Progress,
) -> Result<(), PublishError> {
    let snapshot = Snapshot::load(&artifacts.join(version))?;
    copy_users(&snapshot, config, progress)?;
    write_champion(artifacts, version)?;
    prune(artifacts, config, progress)
}

/// Makes an earlier version the champion again: `to`, or the last one before the champion. Returns its name.
///
/// # Errors
/// [`PublishError`] when there is no such version, or it is torn.
pub fn rollback(
    artifacts: &Path,
    to: Option<&str>,
    config: &PublishConfig,
    progress: &mut Progress,
) -> Result<String, PublishError> {
    let kept = versions::list(artifacts)?;
    let champion = read_champion(artifacts)?;
    let version = match to {
        Some(version) if kept.iter().any(|kept| kept == version) => version.to_owned(),
        Some(version) => {
            let (artifacts, version) = (artifacts.to_owned(), version.to_owned());
            return Err(PublishError::NoVersion { artifacts, version, kept });
        }
        None => kept.iter().rev().find(|&version| *version < champion).cloned().ok_or_else(|| {
            PublishError::NothingBefore { artifacts: artifacts.to_owned(), champion: champion.clone() }
        })?,
    };
    let snapshot = Snapshot::load(&artifacts.join(&version))?;
    copy_users(&snapshot, config, progress)?;
    write_champion(artifacts, &version)?;
    Ok(version)
}

/// Copies the user records of a version to Redis, where one is configured. Records that are there are written again.
fn copy_users(snapshot: &Snapshot, config: &PublishConfig, progress: &mut Progress) -> Result<(), PublishError> {
    if config.redis_url.is_empty() {
        return Ok(());
    }
    let users = snapshot.users().len() as u64;
    progress.counted("redis", users, |done| store::write_users(snapshot, &config.redis_url, &config.prefix, done))?;
    Ok(())
}

/// Removes versions beyond the keep count, oldest first, but never the champion; their records in Redis get a lifetime
/// that outlasts any replica still serving them.
fn prune(artifacts: &Path, config: &PublishConfig, progress: &mut Progress) -> Result<(), PublishError> {
    let kept = versions::list(artifacts)?;
    let champion = read_champion(artifacts)?;
    let surplus = kept.len().saturating_sub(config.keep);
    for version in kept.iter().filter(|version| **version != champion).take(surplus) {
        let folder = artifacts.join(version);
        if !config.redis_url.is_empty() && Manifest::read(&folder).is_ok() {
            let snapshot = Snapshot::load(&folder)?;
            let users = snapshot.users().len() as u64;
            progress.counted("prune", users, |done| {
                store::expire_users(&snapshot, &config.redis_url, &config.prefix, done)
            })?;
        }
        // The name goes first, so that a crash leaves no half version under it.
        let doomed = artifacts.join(format!(".{version}.pruned"));
        fs::rename(&folder, &doomed).map_err(ArtifactError::io(&folder))?;
        fs::remove_dir_all(&doomed).map_err(ArtifactError::io(&doomed))?;
    }
    Ok(())
}
