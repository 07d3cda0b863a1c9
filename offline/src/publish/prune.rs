//! Removes old versions that rollback no longer needs, and lets user records in Redis expire.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use shared::contract::artifact::ArtifactError;
use shared::contract::artifact::alias::aliases;
use shared::contract::artifact::manifest::{EVALUATED, read_champion};
use shared::tables::Users;

use super::{Artifacts, Pointers, PublishError, labels, store, versions};
use crate::config::PublishConfig;
use crate::progress::Progress;

/// Removes every version older than the last `publish.keep` champions, whether it ever was a champion or not, but for those
/// that have an alias. What was said of a version goes with it. The user
/// records of these versions in Redis get a lifetime once more, in case that Redis was away when they were replaced.
///
/// Call this only after a promotion: on nights when nothing is promoted, nothing may be removed. Both locks are held: nobody
/// copies or rewrites what is removed, and nobody names it meanwhile.
///
/// # Errors
/// [`PublishError`] when a version can't be removed, or Redis is away.
pub fn prune(
    artifacts: &Artifacts,
    pointers: &Pointers,
    config: &PublishConfig,
    progress: &mut Progress,
) -> Result<(), PublishError> {
    remove_leftovers(artifacts)?;
    let champion = read_champion(artifacts.path())?;
    let champions = versions::champions(artifacts.path())?;
    let (former, kept) = champions.split_at(champions.len().saturating_sub(config.keep));
    // Nobody removes an evaluated version that was published, but its user records need not stay for ever.
    for version in former.iter().filter(|version| !config.redis_url.is_empty() && version.starts_with(EVALUATED)) {
        expire(pointers, version, config, progress)?;
    }
    versions::write_champions(pointers, kept)?;
    let named: Vec<String> = aliases(artifacts.path())?.into_values().map(|named| named.version).collect();
    let doomed = doomed(&versions::list(artifacts.path())?, kept, &champion);
    for version in doomed.into_iter().filter(|version| !named.contains(version)) {
        if !config.redis_url.is_empty() {
            expire(pointers, &version, config, progress)?;
        }
        // Renamed first, so that a crash leaves no incomplete version under the name.
        let (folder, marked) = (artifacts.version(&version), artifacts.path().join(format!(".{version}{PRUNED}")));
        fs::rename(&folder, &marked).map_err(ArtifactError::io(&folder))?;
        fs::remove_dir_all(&marked).map_err(ArtifactError::io(&marked))?;
        labels::forget(pointers, &version)?;
    }
    Ok(())
}

/// The suffix of the name of a version that is being removed.
const PRUNED: &str = ".pruned";

/// The prefix of the name of a folder in which an evaluation builds a version.
pub const EVALUATING: &str = ".evaluating-";

/// Marks a folder as being in use, until the returned handle is dropped or the process ends.
///
/// # Errors
/// [`io::Error`] when the folder can't be opened or locked.
pub fn in_use(folder: &Path) -> io::Result<File> {
    let handle = File::open(folder)?;
    handle.lock()?;
    Ok(handle)
}

/// Removes what a crash left: versions that were being removed, and those of evaluations that have ended.
fn remove_leftovers(artifacts: &Artifacts) -> Result<(), ArtifactError> {
    let failed = || ArtifactError::io(artifacts.path());
    for entry in fs::read_dir(artifacts.path()).map_err(failed())? {
        let path = entry.map_err(failed())?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let half_removed = name.starts_with('.') && name.ends_with(PRUNED);
        let abandoned = || name.starts_with(EVALUATING) && File::open(&path).is_ok_and(|file| file.try_lock().is_ok());
        if half_removed || abandoned() {
            fs::remove_dir_all(&path).map_err(ArtifactError::io(&path))?;
        }
    }
    Ok(())
}

/// The versions older than every kept one.
fn doomed(versions: &[String], kept: &[String], champion: &str) -> Vec<String> {
    let oldest = kept.iter().map(String::as_str).chain([champion]).min().unwrap_or(champion);
    versions.iter().filter(|version| version.as_str() < oldest).cloned().collect()
}

/// Gives the user records of a version a lifetime, whatever its format, and even if it is damaged. Under the short lock, lest it
/// becomes the champion again meanwhile.
///
/// # Errors
/// [`PublishError`] when Redis is away.
pub(super) fn expire(
    pointers: &Pointers,
    version: &str,
    config: &PublishConfig,
    progress: &mut Progress,
) -> Result<(), PublishError> {
    match Users::open(&pointers.version(version)) {
        Ok(users) => {
            progress.counted("expire", users.len() as u64, |done| store::expire_users(&users, version, config, done))?
        }
        Err(_) => progress.counted("expire", 0, |done| store::expire_version(version, config, done))?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn what_is_older_than_the_kept_champions_goes_and_challengers_between_them_stay() {
        let versions = names(&["v1", "v2", "v3", "v4", "v5"]);
        assert_eq!(doomed(&versions, &names(&["v3", "v5"]), "v5"), ["v1", "v2"]);
    }

    #[test]
    fn the_last_good_one_outlives_newer_ones_that_were_rolled_back() {
        // v2 and v3 were bad and rolled back from; v4 is the next one promoted.
        let versions = names(&["v1", "v2", "v3", "v4"]);
        assert!(doomed(&versions, &names(&["v1", "v4"]), "v4").is_empty());
    }

    #[test]
    fn a_champion_that_was_evaluated_keeps_everything() {
        assert!(doomed(&names(&["v1", "v2"]), &names(&["evaluated-1"]), "evaluated-1").is_empty());
    }
}
