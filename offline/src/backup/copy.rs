//! Copies one file, and says what was copied.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};
use shared::contract::artifact::manifest::{hex, sha256, sync_folder};

use super::{BackupError, Sealed};

/// Bytes read at a time.
const BUFFER_BYTES: usize = 1 << 18;

/// How much of a file is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// Up to the last line end: somebody may be appending a line.
    Lines,
}

/// Copies a file to a path that is free, with its time, and syncs both the copy and its folder.
///
/// # Errors
/// [`BackupError::Io`].
pub fn copy(from: &Path, to: &Path, extent: Extent) -> Result<Sealed, BackupError> {
    let source = File::open(from).map_err(BackupError::io(from))?;
    let modified = source.metadata().and_then(|file| file.modified()).map_err(BackupError::io(from))?;
    let folder = to.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(BackupError::io(folder))?;
    let mut target = File::create_new(to).map_err(BackupError::io(to))?;
    let (mut digest, mut bytes, mut buffer) = (Sha256::new(), 0, Vec::with_capacity(BUFFER_BYTES));
    loop {
        let read = (&source).take(BUFFER_BYTES as u64).read_to_end(&mut buffer).map_err(BackupError::io(from))?;
        let end = match extent {
            Extent::Whole => buffer.len(),
            Extent::Lines => buffer.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1),
        };
        target.write_all(&buffer[..end]).map_err(BackupError::io(to))?;
        digest.update(&buffer[..end]);
        bytes += end as u64;
        buffer.drain(..end);
        if read == 0 {
            break;
        }
    }
    target.set_modified(modified).and_then(|()| target.sync_all()).map_err(BackupError::io(to))?;
    sync_folder(folder).map_err(|error| BackupError::io(folder)(io::Error::other(error)))?;
    Ok(Sealed { bytes, sha256: hex(&digest.finalize()) })
}

/// Reads a file, and says what is in it.
///
/// # Errors
/// [`BackupError::Io`].
pub fn sealed(path: &Path) -> Result<Sealed, BackupError> {
    let bytes = path.metadata().map_err(BackupError::io(path))?.len();
    Ok(Sealed { bytes, sha256: sha256(path).map_err(BackupError::io(path))? })
}
