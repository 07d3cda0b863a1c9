//! What a folder and a store have in common: which files, and what was seen of each when they were last alike.
//!
//! ```text
//! <folder>/.mirror.json     { "location": …, "files": { "champion": { "etag": …, "sha256": … }, … } }
//! <folder>/.incoming/       versions that are being brought, file by file
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{ObjectsError, Tag};
use crate::contract::artifact::manifest::{CHAMPION, MANIFEST, hex, read_any, replace};

/// The file of the state.
const STATE: &str = ".mirror.json";
/// The object that changes with every publication.
pub const REVISION: &str = ".revision";
/// The list of the versions that rollback can go back to.
const CHAMPIONS: &str = "champions";
/// The folder of aliases.
const ALIASES: &str = "aliases";
/// What of an artifacts folder is the folder's own: notes for people about a batch that ran there.
const OWN: [&str; 1] = ["rejects.jsonl"];
/// So many digits of its SHA-256 tell one file of a version from another.
const DIGITS: usize = 16;

/// The state of a mirror.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Mirror {
    /// The store that it mirrors.
    location: String,
    /// The small files that were alike, manifests among them, by name.
    pub(super) files: BTreeMap<String, Alike>,
}

/// A file when the folder and the store were alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alike {
    /// The tag of the object.
    pub tag: Tag,
    /// The SHA-256 of the content.
    pub sha256: String,
}

/// What tells a file from one that was written anew in its place, be it with the same content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl Stamp {
    /// That of the file at a path; `None` where there is none.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        Some(Self { inode: file.ino(), seconds: file.mtime(), nanoseconds: file.mtime_nsec() })
    }
}

/// The part of every manifest that lists files.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Files {
    /// SHA-256 by name.
    pub files: BTreeMap<String, String>,
}

impl Mirror {
    /// Reads the state of a folder; a new one where it mirrors nothing yet, or another store.
    ///
    /// # Errors
    /// [`ObjectsError::File`].
    pub fn read(folder: &Path, location: &str) -> Result<Self, ObjectsError> {
        let path = folder.join(STATE);
        let new = Self { location: location.to_owned(), files: BTreeMap::new() };
        match fs::read(&path) {
            // A state that can't be read is as good as none: what is alike is found so again.
            Ok(text) => {
                Ok(serde_json::from_slice(&text).ok().filter(|old: &Self| old.location == location).unwrap_or(new))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(new),
            Err(source) => Err(ObjectsError::File { path, source }),
        }
    }

    /// Writes the state.
    ///
    /// # Errors
    /// [`ObjectsError::Artifact`].
    pub fn write(&self, folder: &Path) -> Result<(), ObjectsError> {
        let text = serde_json::to_string(self).expect("texts are JSON");
        Ok(replace(folder, STATE, &text)?)
    }

    /// Notes that a file is alike here and there.
    pub(super) fn alike(&mut self, name: &str, tag: Tag, content: &[u8]) {
        self.files.insert(name.to_owned(), Alike { tag, sha256: digest(content) });
    }

    /// Gives up what is here of a file that the store has another of: the next pull takes the store's, whoever works here.
    pub(super) fn give_up(&mut self, name: &str, content: &[u8]) {
        // With the tag of no object, so that the store's is read even if it has become what it was.
        self.alike(name, Tag::default(), content);
    }

    /// Whether a file was given up, and no pull has taken the store's since.
    pub(super) fn is_given_up(&self, name: &str) -> bool {
        self.files.get(name).is_some_and(|alike| alike.tag.is_of_none())
    }

    /// Notes that a file is what the object of a tag is.
    pub(super) fn note(&mut self, name: &str, tag: Tag) {
        self.files.insert(name.to_owned(), Alike { tag, sha256: String::new() });
    }
}

/// The SHA-256 of a content, in hexadecimal.
pub(super) fn digest(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

/// The folder of a version, if a name is that of its manifest.
#[must_use]
pub fn version_of(name: &str) -> Option<&str> {
    name.strip_suffix(MANIFEST)?.strip_suffix('/')
}

/// The object of a file of a version.
#[must_use]
pub fn object_of(version: &str, file: &str, sha256: &str) -> String {
    format!("{version}/{}/{file}", sha256.get(..DIGITS).unwrap_or(sha256))
}

/// The version that an object is a file of, by its name alone: also of one whose manifest is not there, or not yet.
#[must_use]
pub fn part_of(name: &str) -> Option<&str> {
    let (folder, _) = name.rsplit_once('/')?;
    let (version, digest) = folder.rsplit_once('/')?;
    let is_digest = digest.len() == DIGITS && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then_some(version)
}

/// Whether a small file says which version is served, or was: it moves when all else is there.
#[must_use]
pub fn is_pointer(name: &str) -> bool {
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    [CHAMPION, CHAMPIONS, "challenger", "challenge"].contains(&file) || folder.rsplit('/').next() == Some(ALIASES)
}

/// Whether two pointers move together, as a champion and the list of those before it do. Aliases move one by one.
#[must_use]
pub(super) fn move_together(one: &str, other: &str) -> bool {
    let [folder, beside] = [one, other].map(|name| name.rsplit_once('/').map_or("", |(folder, _)| folder));
    is_pointer(one) && is_pointer(other) && folder == beside && folder.rsplit('/').next() != Some(ALIASES)
}

/// Whether a pointer is the list of the versions that rollback can go back to, and not one that is served.
#[must_use]
pub fn is_list(name: &str) -> bool {
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    file == CHAMPIONS && folder.rsplit('/').next() != Some(ALIASES)
}

/// Whether a pointer, which is beside the version or in a folder there, names it.
#[must_use]
pub(super) fn names(pointer: &str, text: &str, version: &str) -> bool {
    let (beside, name) = version.rsplit_once('/').unwrap_or(("", version));
    let of_same = match beside {
        "" => !pointer.starts_with("models/"),
        beside => pointer.strip_prefix(beside).is_some_and(|rest| rest.starts_with('/')),
    };
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    of_same && text.split(|c| !is_of_name(c)).any(|word| word == name)
}

/// The small files of an artifacts folder, and the folders of its versions.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Relative paths of small files, without manifests.
    pub small: BTreeSet<String>,
    /// Relative paths of folders with a manifest.
    pub versions: BTreeSet<String>,
}

/// Looks through an artifacts folder. Names that begin with a dot are the folder's own.
///
/// # Errors
/// [`ObjectsError::File`].
pub fn look(folder: &Path) -> Result<Found, ObjectsError> {
    let mut found = Found::default();
    let mut folders: Vec<(PathBuf, String)> = vec![(folder.to_owned(), String::new())];
    while let Some((path, prefix)) = folders.pop() {
        let failed = || ObjectsError::file(&path);
        if !prefix.is_empty() && path.join(MANIFEST).is_file() {
            found.versions.insert(prefix.trim_end_matches('/').to_owned());
            continue;
        }
        for entry in fs::read_dir(&path).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let relative = format!("{prefix}{name}");
            if name.starts_with('.') || OWN.contains(&relative.as_str()) || name.ends_with(".lock") {
                continue;
            }
            if entry.file_type().map_err(failed())?.is_dir() {
                folders.push((entry.path(), relative + "/"));
            } else {
                found.small.insert(relative);
            }
        }
    }
    Ok(found)
}

/// The files of a version in the folder, as its manifest has them; `None` where there is no version.
///
/// # Errors
/// [`ObjectsError::Artifact`].
pub fn files_of(folder: &Path, version: &str) -> Result<Option<Files>, ObjectsError> {
    let path = folder.join(version).join(MANIFEST);
    if !path.is_file() {
        return Ok(None);
    }
    Ok(Some(read_any(&path)?))
}

/// Whether all files of a version are in the folder, and not its manifest alone.
#[must_use]
pub fn is_whole(folder: &Path, version: &str, files: &Files) -> bool {
    files.files.keys().all(|file| folder.join(version).join(file).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifacts_folder_has_versions_and_small_files() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let put = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("makes");
            fs::write(path, "{}").expect("writes");
        };
        let own = [".lock", ".working/a/manifest.json", "rejects.jsonl", "runs/r1.lock", "champion/.new"];
        let versions = ["v1/manifest.json", "v1/als.safetensors", "models/loan/v1/manifest.json"];
        let small = ["champions", "aliases/trial", "models/loan/champion", "runs/r1.json"];
        own.iter().chain(&versions).chain(&small).for_each(|name| put(name));
        let found = look(folder.path()).expect("looks");
        assert_eq!(found.small, small.map(str::to_owned).into());
        assert_eq!(found.versions, ["v1", "models/loan/v1"].map(str::to_owned).into());
        assert!(
            ["champion", "aliases/trial", "models/loan/champion", "models/loan/aliases/trial"]
                .into_iter()
                .all(is_pointer)
        );
        assert!(!["runs/r1.json", "labels/v1.json"].into_iter().any(is_pointer));
        assert!(is_list("champions") && is_list("models/loan/champions") && !is_list("aliases/champions"));
        assert!(move_together("champions", "champion") && !move_together("champion", "models/loan/champion"));
        assert!(!move_together("aliases/a", "aliases/b") && !move_together("champion", "runs.json"));
        assert_eq!(version_of("models/loan/v1/manifest.json"), Some("models/loan/v1"));
        assert_eq!(version_of("manifest.json"), None);
        let object = object_of("models/loan/v1", "trees.bin", &digest(b""));
        assert_eq!(part_of(&object), Some("models/loan/v1"));
        assert!(["v1/manifest.json", "runs/r1.json", "champion"].into_iter().all(|name| part_of(name).is_none()));
    }
}
