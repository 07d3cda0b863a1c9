//! The lock of a replica's log, which allows only one writer, and holds the number of the last file that was written.
//!
//! With that number no name is given twice, even if all files were moved to another folder.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use super::LogError;

/// Takes the lock at a path; it is held until the file is dropped or the process ends, even if it is killed.
///
/// # Errors
/// [`LogError::Locked`] when another process holds it.
pub fn lock(path: &Path) -> Result<File, LogError> {
    let opened = File::options().create(true).read(true).write(true).truncate(false).open(path);
    let file = opened.map_err(LogError::io(path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LogError::Locked(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(LogError::Io { path: path.to_owned(), source }),
    }
}

/// The number of the last file that was written, as far as the lock knows; 0 if it knows none.
///
/// # Errors
/// [`io::Error`] when the lock can't be read.
pub fn last_number(mut lock: &File) -> io::Result<u64> {
    let mut text = Vec::new();
    lock.rewind()?;
    lock.read_to_end(&mut text)?;
    Ok(std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok()).unwrap_or_default())
}

/// Notes the number of a file that is about to be written, for good.
///
/// # Errors
/// [`io::Error`], such as on a full disk.
pub fn note_number(mut lock: &File, number: u64) -> io::Result<()> {
    lock.rewind()?;
    // Of one length, so that a later one covers all of it.
    lock.write_all(format!("{number:020}\n").as_bytes())?;
    lock.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_is_the_one_that_was_noted_last() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let held = lock(&folder.path().join("a.lock")).expect("free");
        assert_eq!(last_number(&held).expect("reads"), 0);
        for number in [9, 10, 7] {
            note_number(&held, number).expect("writes");
            assert_eq!(last_number(&held).expect("reads"), number);
        }
        drop(held);
        assert_eq!(last_number(&lock(&folder.path().join("a.lock")).expect("free again")).expect("reads"), 7);
    }

    #[test]
    fn a_log_is_locked_by_one_at_a_time() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let held = lock(&folder.path().join("a.lock")).expect("free");
        assert!(matches!(lock(&folder.path().join("a.lock")), Err(LogError::Locked(_))));
        lock(&folder.path().join("b.lock")).expect("another replica's");
        drop(held);
        lock(&folder.path().join("a.lock")).expect("free again");
    }
}
