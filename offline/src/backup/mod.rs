//! Backup and restore of a shop: what can't be made anew from something else.
//!
//! ```text
//! artifacts ─▶ event logs ─▶ rows of models ─▶ backup.json: length and SHA-256 of every file, written last
//! ```
//!
//! | part | why it is saved | as of |
//! |---|---|---|
//! | versions, models and which of them are champions | learning them again takes a night | one moment: the folder is held, and every model's |
//! | the event log, the rows of models | everything else is made from them | the last whole line when a file is read |
//! | the log of slates, as far as it reaches | what came of slates is told by it alone | the same |
//!
//! Redis is not saved. Its histories are applied from the logs, its records copied from the champion, and both again whenever a
//! service finds a Redis without its mark. The log is read after the versions, so that it has all that they cover. Services go on
//! meanwhile.

mod copy;
mod restore;
mod save;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use restore::{check, restore};
pub use save::save;

/// The name of the list in a backup.
const LIST: &str = "backup.json";
/// The format of the list.
const FORMAT: u32 = 1;

/// A part of a backup: the folder of its name there, and the folder of the shop.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// The folder of the shop.
    pub folder: PathBuf,
}

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    format: u32,
    /// Every file, by its path in the backup.
    pub files: BTreeMap<String, Sealed>,
}

/// A file as it was saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

impl Contents {
    /// The length of all files together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|file| file.bytes).sum()
    }
}

/// Why a shop can't be saved or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file can't be read or written.
    #[error("{path}: {}", shared::contract::artifact::advice(.source))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something is there already.
    #[error("{0}: is not empty, and nothing is ever overwritten; name another folder, or move away what is there")]
    Occupied(PathBuf),
    /// There is no whole backup.
    #[error(
        "{path}: no whole backup of this release: {reason}; take another one, or make it anew with `offline backup`"
    )]
    NoBackup {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The backup would be a part of itself.
    #[error("{to}: lies in {folder}, which is saved; name a folder outside of it")]
    Inside {
        /// The folder of the backup.
        to: PathBuf,
        /// The folder of the shop.
        folder: PathBuf,
    },
    /// The backup has a folder that nothing is named for.
    #[error("the backup has {0}, and no folder is named for it; name as many event logs by --events as were saved")]
    NoPlace(String),
    /// A file is not what was saved.
    #[error("{0}: is not the file that was saved: its length or SHA-256 differs; take another backup")]
    Differs(PathBuf),
}

impl BackupError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}

/// Makes a folder that is to be written to; one that is there must be empty but for hidden files, such as locks.
///
/// # Errors
/// [`BackupError::Occupied`].
fn make_empty(folder: &Path) -> Result<(), BackupError> {
    std::fs::create_dir_all(folder).map_err(BackupError::io(folder))?;
    for entry in std::fs::read_dir(folder).map_err(BackupError::io(folder))? {
        let name = entry.map_err(BackupError::io(folder))?.file_name();
        if !is_hidden(&name.to_string_lossy()) {
            return Err(BackupError::Occupied(folder.to_owned()));
        }
    }
    Ok(())
}

/// Whether a file is a lock, or a folder one that is being worked in.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.')
}
