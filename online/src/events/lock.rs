//! The lock of a replica's event log, which allows only one writer.

use std::fs::{File, TryLockError};
use std::path::Path;

use shared::contract::event_log::lock_path;

use super::LogError;

/// Takes the lock of a replica's log; it is held until the file is dropped or the process ends, even if it is killed.
///
/// # Errors
/// [`LogError::Locked`] when another process holds it.
pub fn lock(folder: &Path, replica: &str) -> Result<File, LogError> {
    let path = lock_path(folder, replica);
    let file = File::options().create(true).write(true).truncate(false).open(&path).map_err(LogError::io(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LogError::Locked(path)),
        Err(TryLockError::Error(source)) => Err(LogError::Io { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_locked_by_one_at_a_time() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let held = lock(folder.path(), "a").expect("free");
        assert!(matches!(lock(folder.path(), "a"), Err(LogError::Locked(_))));
        lock(folder.path(), "b").expect("another replica's");
        drop(held);
        lock(folder.path(), "a").expect("free again");
    }
}
