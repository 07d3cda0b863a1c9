//! A challenger beside the champion: which rows it scores, and what becomes of its answers.
//!
//! ```text
//! artifacts/models/<name>/challenge     {"version": "v000002-...", "mode": "split", "share": 0.1}
//! ```
//!
//! Which rows are the challenger's is decided by what names a row, so that the same row always has the same version as
//! long as version and share stay. A larger share has the rows of a smaller one, and more.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::column::Level;
use crate::contract::artifact::ArtifactError;
use crate::contract::artifact::manifest::{replace, sync_folder};

/// The file's name, beside the champion pointer.
pub const CHALLENGE: &str = "challenge";

/// A challenger beside the champion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Challenge {
    /// The challenger.
    pub version: String,
    /// What becomes of its answers.
    pub mode: Mode,
    /// The share of the rows that it scores, above 0 and at most 1.
    pub share: f64,
}

/// What becomes of a challenger's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// They are measured; the champion answers.
    Shadow,
    /// They are the answers of its rows.
    Split,
}

impl Mode {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::Split => "split",
        }
    }
}

impl Challenge {
    /// Reads the challenge of a model's folder; `None` where there is none.
    ///
    /// # Errors
    /// [`ArtifactError`] when it can't be read.
    pub fn read(folder: &Path) -> Result<Option<Self>, ArtifactError> {
        let path = folder.join(CHALLENGE);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|error| ArtifactError::Challenge { path, reason: error.to_string() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ArtifactError::Io { path, source }),
        }
    }

    /// Writes it, atomically and durably.
    ///
    /// # Errors
    /// [`ArtifactError`] when it can't be written.
    pub fn write(&self, folder: &Path) -> Result<(), ArtifactError> {
        let text = serde_json::to_string(self)
            .map_err(|error| ArtifactError::Challenge { path: folder.join(CHALLENGE), reason: error.to_string() })?;
        replace(folder, CHALLENGE, format!("{text}\n"))
    }

    /// Ends the challenge of a model's folder; nothing where there is none.
    ///
    /// # Errors
    /// [`ArtifactError::Io`].
    pub fn end(folder: &Path) -> Result<(), ArtifactError> {
        let path = folder.join(CHALLENGE);
        match fs::remove_file(&path) {
            Ok(()) => sync_folder(folder),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(ArtifactError::Io { path, source }),
        }
    }

    /// Whether the challenger scores a row.
    ///
    /// * `row`: what names it. The version is added, so that another challenger has other rows.
    #[must_use]
    pub fn takes(&self, row: Level) -> bool {
        let drawn = Level::of(&self.version).and(row).0 as f64 / 2f64.powi(64);
        drawn < self.share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(version: &str, share: f64) -> Challenge {
        Challenge { version: version.to_owned(), mode: Mode::Split, share }
    }

    fn taken(challenge: &Challenge) -> Vec<usize> {
        (0..10_000).filter(|row| challenge.takes(Level::of(&row.to_string()))).collect()
    }

    #[test]
    fn a_share_of_the_rows_is_taken_always_the_same() {
        let some = taken(&challenge("v2", 0.2));
        // Binomial: 2000 with a standard deviation of 40.
        assert!((1800..2200).contains(&some.len()), "{}", some.len());
        assert_eq!(some, taken(&challenge("v2", 0.2)));
        let more = taken(&challenge("v2", 0.4));
        assert!(more.len() > some.len() && some.iter().all(|row| more.contains(row)), "a larger share has them, too");
        let other = taken(&challenge("v3", 0.2)).into_iter().filter(|row| some.contains(row)).count();
        assert!((300..500).contains(&other), "another version has rows of its own: {other}");
        assert_eq!((taken(&challenge("v2", 0.0)).len(), taken(&challenge("v2", 1.0)).len()), (0, 10_000));
    }

    #[test]
    fn it_is_read_as_it_was_written_and_ends() {
        let folder = tempfile::tempdir().expect("temporary folder");
        assert_eq!(Challenge::read(folder.path()).expect("reads"), None);
        challenge("v2", 0.25).write(folder.path()).expect("writes");
        assert_eq!(Challenge::read(folder.path()).expect("reads"), Some(challenge("v2", 0.25)));
        fs::write(folder.path().join(CHALLENGE), "0.5").expect("writes");
        let told = Challenge::read(folder.path()).expect_err("torn").to_string();
        assert!(told.contains("offline score challenge"), "{told}");
        Challenge::end(folder.path()).expect("ends");
        Challenge::end(folder.path()).expect("has ended");
        assert_eq!(Challenge::read(folder.path()).expect("reads"), None);
    }
}
