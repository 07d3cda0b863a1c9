//! The files of the event log: `events-<replica>-<number>.jsonl`, and one lock per replica.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::LogError;

/// A file of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// Whose.
    pub replica: String,
    /// Numbers ascend with time.
    pub number: u64,
    /// Where.
    pub path: PathBuf,
}

/// The path of a file.
#[must_use]
pub fn path(folder: &Path, replica: &str, number: u64) -> PathBuf {
    folder.join(format!("events-{replica}-{number:08}.jsonl"))
}

/// Takes a file name apart.
fn parse(name: &str) -> Option<(&str, u64)> {
    let (replica, number) = name.strip_prefix("events-")?.strip_suffix(".jsonl")?.rsplit_once('-')?;
    Some((replica, number.parse().ok()?))
}

/// The files of all replicas in a folder, each replica's in the order they were written.
///
/// # Errors
/// [`io::Error`] when the folder can't be read; one that is not there has no files.
pub fn list(folder: &Path) -> io::Result<Vec<LogFile>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        if let Some((replica, number)) = entry.file_name().to_str().and_then(parse) {
            files.push(LogFile { replica: replica.to_owned(), number, path: entry.path() });
        }
    }
    files.sort_by(|a, b| (&a.replica, a.number).cmp(&(&b.replica, b.number)));
    Ok(files)
}

/// The files of one replica, in the order they were written.
///
/// # Errors
/// [`io::Error`] when the folder can't be read.
pub fn of_replica(folder: &Path, replica: &str) -> io::Result<Vec<LogFile>> {
    let mut files = list(folder)?;
    files.retain(|file| file.replica == replica);
    Ok(files)
}

/// Takes the lock of a replica's log; it is held until the file is dropped, also by a kill.
///
/// # Errors
/// [`LogError::Locked`] when another process holds it.
pub fn lock(folder: &Path, replica: &str) -> Result<File, LogError> {
    let path = folder.join(format!("events-{replica}.lock"));
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
    fn a_name_is_taken_apart_as_it_was_made() {
        let path = path(Path::new("/log"), "eu-1", 7);
        assert_eq!(path, Path::new("/log/events-eu-1-00000007.jsonl"));
        assert_eq!(parse("events-eu-1-00000007.jsonl"), Some(("eu-1", 7)));
        assert_eq!(parse("events-eu-1.lock"), None);
        assert_eq!(parse("sample.jsonl"), None);
    }

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
