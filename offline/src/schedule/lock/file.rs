//! The lock of a state folder: the system's, on the file `.lock`. It ends with its holder however that ends; what stands
//! in the file only tells people who holds it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Seek, Write};
use std::path::Path;

const LOCK: &str = ".lock";

/// The lock of a folder, until it is dropped.
#[derive(Debug)]
pub struct FileLock(File);

/// Takes the lock of a folder, which is made if it is not there.
///
/// * `holder`: who takes it, for people.
///
/// # Errors
/// [`io::Error`] of the folder. `Ok(Err)` names the holder.
pub fn take(folder: &Path, holder: &str) -> io::Result<Result<FileLock, String>> {
    fs::create_dir_all(folder)?;
    let path = folder.join(LOCK);
    let mut file = File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Err(told(&path))),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{holder}")?;
    Ok(Ok(FileLock(file)))
}

/// Who holds the lock of a folder on this machine; `None` if nobody does. It is looked at for a moment by a lock that is
/// shared: a scheduler that asks in that moment asks again.
#[must_use]
pub fn holder_of(folder: &Path) -> Option<String> {
    let path = folder.join(LOCK);
    let file = File::open(&path).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(told(&path)),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

/// Who stands in a lock that is held.
fn told(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    if text.trim().is_empty() { "another process".to_owned() } else { text.trim().to_owned() }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Text that is left here is overwritten by the next holder.
        let _ = self.0.set_len(0);
    }
}
