//! Rewrites the versions of an artifacts folder without the erased users.
//!
//! A version is made anew beside the old one, with links to the files that stay as they are, sealed, and exchanged with it in
//! one step: whoever opens it finds the old one or the new one. The service sees that the manifest is another file, and
//! loads the version again. A crash leaves the copy, which the next run removes.
//!
//! The pointers are held for each exchange alone: who checks a version, or copies its records to Redis, has the old one to the
//! end, and whoever comes later finds the new one. So nobody brings back to Redis what is removed from there afterwards, and a
//! rollback waits for a moment at most.

use std::fs;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use shared::contract::artifact::manifest::sync_folder;
use shared::contract::artifact::{ArtifactError, Manifest};
use shared::tables::write_without;

use super::{EraseError, Users};
use crate::publish::{Artifacts, versions};

/// How the name of a version begins that is made anew, or was replaced.
const ERASING: &str = ".erasing-";

/// Rewrites every version that names one of the users; returns them with the number of rows that are gone.
///
/// # Errors
/// [`EraseError`] when a version is torn, of another format, or can't be written: remove it, or build it anew.
pub fn erase(artifacts: &Artifacts, users: &Users) -> Result<Vec<(String, usize)>, EraseError> {
    remove_leftovers(artifacts.path())?;
    let is_erased = |user: &str| users.iter().any(|erased| erased.as_str() == user);
    let mut rewritten = Vec::new();
    for version in all(artifacts.path())? {
        let (old, new) = (artifacts.version(&version), artifacts.path().join(format!("{ERASING}{version}")));
        fs::create_dir(&new).map_err(ArtifactError::io(&new))?;
        let gone = write_without(&old, &new, &is_erased)?;
        if gone > 0 {
            let manifest = Manifest::read(&old)?;
            manifest.verify(&old)?;
            for name in manifest.files.keys().filter(|name| !new.join(name).exists()) {
                fs::hard_link(old.join(name), new.join(name)).map_err(ArtifactError::io(new.join(name)))?;
            }
            manifest.seal(&new)?;
            let _pointers = artifacts.pointers()?;
            renameat_with(CWD, &new, CWD, &old, RenameFlags::EXCHANGE)
                .map_err(|error| ArtifactError::io(&old)(error.into()))?;
            sync_folder(artifacts.path())?;
            rewritten.push((version, gone));
        }
        fs::remove_dir_all(&new).map_err(ArtifactError::io(&new))?;
    }
    Ok(rewritten)
}

/// Every version, those of evaluations among them.
///
/// # Errors
/// [`ArtifactError::Io`].
pub fn all(artifacts: &Path) -> Result<Vec<String>, ArtifactError> {
    Ok([versions::list(artifacts)?, versions::list_evaluated(artifacts)?].concat())
}

/// Removes what a crash left of this or of another command: the folder is held, so that nobody works on it.
fn remove_leftovers(artifacts: &Path) -> Result<(), ArtifactError> {
    for entry in fs::read_dir(artifacts).map_err(ArtifactError::io(artifacts))? {
        let path = entry.map_err(ArtifactError::io(artifacts))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_half_removed = name.starts_with('.') && name.ends_with(".pruned");
        if name.starts_with(ERASING) || name == ".working" || is_half_removed {
            fs::remove_dir_all(&path).map_err(ArtifactError::io(&path))?;
        }
    }
    Ok(())
}
