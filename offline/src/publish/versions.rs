//! The versions in an artifacts folder: `v<number>-<first digits of the data's fingerprint>`.
//!
//! Numbers only grow, so that the order of the names is the order of the builds, and equal builds into equal folders get
//! equal names.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use shared::artifact::ArtifactError;
use shared::artifact::manifest::MANIFEST;

/// The complete versions of a folder, oldest first; none where there is no folder.
///
/// # Errors
/// [`ArtifactError::Io`].
pub fn list(artifacts: &Path) -> Result<Vec<String>, ArtifactError> {
    let mut versions = named(artifacts)?;
    versions.retain(|name| artifacts.join(name).join(MANIFEST).is_file());
    Ok(versions)
}

/// What has the name of a version, complete or not, in order.
fn named(artifacts: &Path) -> Result<Vec<String>, ArtifactError> {
    let entries = match fs::read_dir(artifacts) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(ArtifactError::Io { path: artifacts.to_owned(), source }),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(ArtifactError::io(artifacts))?.file_name().to_string_lossy().into_owned();
        if number(&name).is_some() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// The name of the version after those of the folder.
///
/// # Errors
/// [`ArtifactError::Io`].
pub fn next(artifacts: &Path, fingerprint: &str) -> Result<String, ArtifactError> {
    let last = named(artifacts)?.iter().filter_map(|name| number(name)).max().unwrap_or(0);
    Ok(format!("v{:06}-{}", last + 1, fingerprint.get(..8).unwrap_or(fingerprint)))
}

/// An empty working folder beside the versions; what an earlier crash left there is removed.
///
/// # Errors
/// [`ArtifactError::Io`].
pub fn working_folder(artifacts: &Path) -> Result<PathBuf, ArtifactError> {
    let folder = artifacts.join(".working");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(ArtifactError::io(&folder))?;
    }
    fs::create_dir_all(&folder).map_err(ArtifactError::io(&folder))?;
    Ok(folder)
}

fn number(name: &str) -> Option<u64> {
    name.strip_prefix('v')?.split_once('-')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_grow_and_foreign_folders_are_left_alone() {
        let folder = tempfile::tempdir().expect("temporary folder");
        for name in ["v000009-aa", "other", "v000010-bb"] {
            fs::create_dir(folder.path().join(name)).expect("creates");
            fs::write(folder.path().join(name).join(MANIFEST), "{}").expect("writes");
        }
        assert_eq!(list(folder.path()).expect("lists"), ["v000009-aa", "v000010-bb"]);
        assert_eq!(next(folder.path(), "0123456789").expect("names"), "v000011-01234567");
        // A folder that lost its manifest is no version, and in nobody's way.
        fs::create_dir(folder.path().join("v000011-cc")).expect("creates");
        assert_eq!(list(folder.path()).expect("lists").len(), 2);
        assert_eq!(next(folder.path(), "0123456789").expect("names"), "v000012-01234567");
    }
}
