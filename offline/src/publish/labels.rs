//! What people say of versions: tags and notes, in files beside them, since a version itself is never changed.
//!
//! ```text
//! artifacts/labels/<version>.json    { "tags": { "approved-by": "ana" }, "notes": [{ "at_ms": ..., "text": "..." }] }
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use shared::contract::artifact::ArtifactError;
use shared::contract::artifact::manifest::{replace, sync_folder};

use super::Pointers;

/// The folder of the labels.
const LABELS: &str = "labels";

/// What was said of a version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    /// Tags by name.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Notes, oldest first.
    #[serde(default)]
    pub notes: Vec<Note>,
}

/// A note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When it was written, milliseconds since the epoch.
    pub at_ms: i64,
    /// The text.
    pub text: String,
}

/// A change of tags: `name=value` sets one, `name=` takes it away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    name: String,
    value: String,
}

impl FromStr for Tag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => {
                Ok(Self { name: name.trim().to_owned(), value: value.trim().to_owned() })
            }
            _ => Err("expected NAME=VALUE; NAME= takes the tag away".to_owned()),
        }
    }
}

impl Labels {
    /// What was said of a version.
    ///
    /// # Errors
    /// [`ArtifactError`] when the file is there, and can't be read.
    pub fn read(artifacts: &Path, version: &str) -> Result<Self, ArtifactError> {
        let path = artifacts.join(LABELS).join(file(version));
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| ArtifactError::shape(&path, error.to_string())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(ArtifactError::Io { path, source }),
        }
    }

    /// Changes tags.
    #[must_use]
    pub fn tagged(mut self, tags: &[Tag]) -> Self {
        for Tag { name, value } in tags {
            match value.is_empty() {
                true => drop(self.tags.remove(name)),
                false => drop(self.tags.insert(name.clone(), value.clone())),
            }
        }
        self
    }

    /// Writes what is said of a version.
    ///
    /// # Errors
    /// [`ArtifactError::Io`].
    pub fn write(&self, pointers: &Pointers, version: &str) -> Result<(), ArtifactError> {
        let folder = pointers.path().join(LABELS);
        fs::create_dir_all(&folder).map_err(ArtifactError::io(&folder))?;
        let text = serde_json::to_string_pretty(self).expect("texts and numbers are JSON");
        replace(&folder, &file(version), &text)?;
        sync_folder(pointers.path())
    }
}

/// Removes what was said of a version that is gone.
///
/// # Errors
/// [`ArtifactError::Io`].
pub fn forget(pointers: &Pointers, version: &str) -> Result<(), ArtifactError> {
    let path = pointers.path().join(LABELS).join(file(version));
    match fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(ArtifactError::Io { path, source }),
        _ => Ok(()),
    }
}

fn file(version: &str) -> String {
    format!("{version}.json")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn tags_are_set_and_taken_away_and_go_with_the_version() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let pointers = Pointers::take(folder.path(), "a test", Duration::ZERO).expect("is free");
        let tags = |texts: &[&str]| texts.iter().map(|text| text.parse().expect("a tag")).collect::<Vec<Tag>>();
        let read = || Labels::read(folder.path(), "v1").expect("reads");
        read().tagged(&tags(&["stage = trial", "by=ana=b"])).write(&pointers, "v1").expect("writes");
        assert_eq!(
            read().tags,
            [("by", "ana=b"), ("stage", "trial")].map(|(a, b)| (a.to_owned(), b.to_owned())).into()
        );
        read().tagged(&tags(&["by="])).write(&pointers, "v1").expect("writes");
        assert_eq!(read().tags.len(), 1);
        forget(&pointers, "v1").expect("removes");
        forget(&pointers, "v1").expect("is gone already");
        assert_eq!(read(), Labels::default());
        assert!(["", "a", "=b"].iter().all(|text| text.parse::<Tag>().is_err()));
    }
}
