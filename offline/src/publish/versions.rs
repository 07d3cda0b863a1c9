//! The names in an artifacts folder: versions, pointers and the working folder.
//!
//! ```text
//! v<number>-<fingerprint>/          a version, named after the first digits of the data's fingerprint
//! evaluated-<number>-<fingerprint>/ a version that was built to be measured, on a part of the log
//! champion                          the version that is served
//! champions                         the versions that rollback can go back to; the served one is the last
//! .working/                         a version that is being built
//! ```
//!
//! Numbers only grow, so that the order of the names is the order of the builds. Equal builds into equal folders get
//! equal names.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use shared::contract::artifact::ArtifactError;
use shared::contract::artifact::manifest::{EVALUATED, MANIFEST, read_champion, replace};

use super::{Artifacts, Pointers, PublishError};

/// The file that lists the versions that rollback can go back to.
const CHAMPIONS: &str = "champions";

/// The complete versions of a folder, oldest first, without evaluated ones; empty if the folder does not exist.
///
/// # Errors
/// [`ArtifactError::Io`].
pub fn list(artifacts: &Path) -> Result<Vec<String>, ArtifactError> {
    complete(artifacts, number)
}

/// The complete evaluated versions of a folder, oldest first.
///
/// # Errors
/// [`ArtifactError::Io`].
pub fn list_evaluated(artifacts: &Path) -> Result<Vec<String>, ArtifactError> {
    complete(artifacts, evaluated_number)
}

/// Every version of a folder, `version` among them.
///
/// # Errors
/// [`PublishError::NoVersion`] when `version` is not among them.
pub fn named(artifacts: &Path, version: &str) -> Result<Vec<String>, PublishError> {
    let mut kept = list(artifacts)?;
    kept.extend(list_evaluated(artifacts)?);
    if kept.iter().any(|known| known == version) {
        return Ok(kept);
    }
    Err(PublishError::NoVersion { artifacts: artifacts.to_owned(), version: version.to_owned(), kept })
}

fn complete(artifacts: &Path, number: fn(&str) -> Option<u64>) -> Result<Vec<String>, ArtifactError> {
    let mut versions = numbered(artifacts, number)?;
    versions.retain(|name| artifacts.join(name).join(MANIFEST).is_file());
    Ok(versions)
}

/// The names with a number, of complete folders or not, in order.
fn numbered(artifacts: &Path, number: fn(&str) -> Option<u64>) -> Result<Vec<String>, ArtifactError> {
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
    Ok(format!("v{}", next_number(artifacts, number, fingerprint)?))
}

/// The name of the evaluated version after those of the folder.
///
/// # Errors
/// [`ArtifactError::Io`].
pub fn next_evaluated(artifacts: &Path, fingerprint: &str) -> Result<String, ArtifactError> {
    Ok(format!("{EVALUATED}{}", next_number(artifacts, evaluated_number, fingerprint)?))
}

fn next_number(artifacts: &Path, number: fn(&str) -> Option<u64>, fingerprint: &str) -> Result<String, ArtifactError> {
    let last = numbered(artifacts, number)?.iter().filter_map(|name| number(name)).max().unwrap_or(0);
    Ok(format!("{:06}-{}", last + 1, fingerprint.get(..8).unwrap_or(fingerprint)))
}

/// Makes an empty working folder beside the versions; what an earlier crash left there is removed.
///
/// # Errors
/// [`ArtifactError::Io`].
pub fn working_folder(artifacts: &Artifacts) -> Result<PathBuf, ArtifactError> {
    let folder = artifacts.path().join(".working");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(ArtifactError::io(&folder))?;
    }
    fs::create_dir_all(&folder).map_err(ArtifactError::io(&folder))?;
    Ok(folder)
}

/// The versions that rollback can go back to, in the order in which they became champions; the last one is served. In a
/// folder of an earlier release, which did not record them, all versions up to the champion.
///
/// # Errors
/// [`ArtifactError::Io`].
pub fn champions(artifacts: &Path) -> Result<Vec<String>, ArtifactError> {
    let path = artifacts.join(CHAMPIONS);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.lines().filter(|name| artifacts.join(name).is_dir()).map(str::to_owned).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match read_champion(artifacts) {
            Ok(champion) => Ok(list(artifacts)?.into_iter().filter(|version| *version <= champion).collect()),
            Err(ArtifactError::NoChampion { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        },
        Err(source) => Err(ArtifactError::Io { path, source }),
    }
}

/// Records the versions that rollback can go back to.
pub(super) fn write_champions(pointers: &Pointers, champions: &[String]) -> Result<(), ArtifactError> {
    replace(pointers.path(), CHAMPIONS, champions.iter().map(|name| format!("{name}\n")).collect::<String>())
}

/// Whether a text is one that versions are called, and so no name that people give them.
#[must_use]
pub fn is_name(text: &str) -> bool {
    number(text).or_else(|| evaluated_number(text)).is_some()
}

fn number(name: &str) -> Option<u64> {
    name.strip_prefix('v')?.split_once('-')?.0.parse().ok()
}

fn evaluated_number(name: &str) -> Option<u64> {
    name.strip_prefix(EVALUATED)?.split_once('-')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use shared::contract::artifact::manifest::CHAMPION;

    use super::*;

    fn make(folder: &Path, names: &[&str]) {
        for name in names {
            fs::create_dir(folder.join(name)).expect("creates");
            fs::write(folder.join(name).join(MANIFEST), "{}").expect("writes");
        }
    }

    #[test]
    fn numbers_grow_and_foreign_folders_are_left_alone() {
        let folder = tempfile::tempdir().expect("temporary folder");
        make(folder.path(), &["v000009-aa", "other", "v000010-bb"]);
        assert_eq!(list(folder.path()).expect("lists"), ["v000009-aa", "v000010-bb"]);
        assert_eq!(next(folder.path(), "0123456789").expect("names"), "v000011-01234567");
        // A folder that lost its manifest is no version, and causes no error.
        fs::create_dir(folder.path().join("v000011-cc")).expect("creates");
        assert_eq!(list(folder.path()).expect("lists").len(), 2);
        assert_eq!(next(folder.path(), "0123456789").expect("names"), "v000012-01234567");
    }

    #[test]
    fn evaluated_versions_are_counted_and_listed_apart() {
        let folder = tempfile::tempdir().expect("temporary folder");
        make(folder.path(), &["v000001-aa", "evaluated-000004-bb"]);
        assert_eq!(list(folder.path()).expect("lists"), ["v000001-aa"]);
        assert_eq!(list_evaluated(folder.path()).expect("lists"), ["evaluated-000004-bb"]);
        assert_eq!(next(folder.path(), "01234567").expect("names"), "v000002-01234567");
        assert_eq!(next_evaluated(folder.path(), "01234567").expect("names"), "evaluated-000005-01234567");
    }

    #[test]
    fn a_folder_without_notes_goes_back_to_all_before_the_champion_and_notes_of_what_is_gone_are_passed_over() {
        let folder = tempfile::tempdir().expect("temporary folder");
        make(folder.path(), &["v000001-aa", "v000002-bb", "v000003-cc"]);
        assert!(champions(folder.path()).expect("reads").is_empty(), "nothing was ever a champion");
        replace(folder.path(), CHAMPION, "v000002-bb\n").expect("writes");
        assert_eq!(champions(folder.path()).expect("reads"), ["v000001-aa", "v000002-bb"]);
        let held = Pointers::take(folder.path(), "a test", std::time::Duration::ZERO).expect("is free");
        let noted = ["v000003-cc", "v000000-gone", "v000001-aa"].map(str::to_owned);
        write_champions(&held, &noted).expect("writes");
        assert_eq!(champions(folder.path()).expect("reads"), ["v000003-cc", "v000001-aa"]);
    }
}
