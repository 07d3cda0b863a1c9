//! One published version on disk: a manifest, and tables as safetensors files that are mapped, not parsed.
//!
//! ```text
//! artifacts/champion                     the version being served, one line
//! artifacts/aliases/<alias>              a version by another name, one line
//! artifacts/<version>/manifest.json      data it was built from, settings, SHA-256 of every file
//! artifacts/<version>/*.safetensors      tables; the same files open in Python
//! artifacts/<version>/ann.hnsw.*         the graph over the item factors, for large catalogues
//! ```
//!
//! Writing is symmetric to reading: [`columns`] for tables, [`strings`] for id columns,
//! [`manifest`] for the rest; [`alias`] names versions.

pub mod alias;
pub mod columns;
pub mod manifest;
pub mod strings;

use std::io;
use std::path::PathBuf;

pub use manifest::Manifest;

/// Why a published artifact can't be served or written.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// A file can't be read or written.
    #[error("{path}: {}", advice(.source))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The manifest is not what this build writes.
    #[error(
        "{path}: not a manifest of this release: {source}; run the release that wrote it, or publish again with this one (`offline run`; a model of rows: `offline score train`)"
    )]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Where it goes wrong.
        source: serde_json::Error,
    },
    /// Written by another release.
    #[error(
        "{path}: format {found}, this build reads {expected}; publish again with this release (`offline run`; a model of rows: `offline score train`)"
    )]
    Version {
        /// The manifest.
        path: PathBuf,
        /// The format found.
        found: u32,
        /// The format this build reads.
        expected: u32,
    },
    /// A file is not the one the manifest was written with.
    #[error(
        "{path}: torn or foreign: its SHA-256 is not the manifest's; `offline rollback` serves an earlier version, \
         `offline run` publishes anew; of a model of rows `offline score rollback` and `offline score train`"
    )]
    Checksum {
        /// The file.
        path: PathBuf,
    },
    /// A table is missing from its file, or its shape does not fit the other tables.
    #[error("{path}: {reason}; publish again with `offline run`, a model of rows with `offline score train`")]
    Shape {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The challenge of a model can't be read.
    #[error("{path}: no challenge: {reason}; `offline score challenge` writes it anew, and ends it with --share 0")]
    Challenge {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An alias names no version.
    #[error("{path}: no version is called {alias}; `offline versions alias {alias} VERSION` names one")]
    NoAlias {
        /// The file of the alias.
        path: PathBuf,
        /// The alias.
        alias: String,
    },
    /// No version has been published.
    #[error(
        "{path}: no champion; publish one with `offline run --events ... --artifacts ...`, or a model of rows with `offline score train`"
    )]
    NoChampion {
        /// The champion pointer.
        path: PathBuf,
    },
}

/// What an error of the system means for who chose a path, and what to do; its own text where nothing better is known.
#[must_use]
pub fn advice(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder; make it, or name another",
        io::ErrorKind::PermissionDenied => "it may not be read or written; change its owner or its mode",
        io::ErrorKind::NotADirectory => "a part of the path is a file and no folder; name another path",
        io::ErrorKind::IsADirectory => "it is a folder and no file; name another path",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk is full; make room, or name another path"
        }
        io::ErrorKind::ReadOnlyFilesystem => "nothing can be written there; name another path",
        _ => return error.to_string(),
    }
    .to_owned()
}

impl ArtifactError {
    /// Wraps an I/O error with its path.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// Makes an [`ArtifactError::Shape`].
    pub fn shape(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::Shape { path: path.into(), reason: reason.into() }
    }
}
