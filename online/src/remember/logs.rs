//! The logs of a folder: the one that this replica writes, and those that replicas left which are gone.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use shared::contract::event_log::{self, id_path, lock_path};
use uuid::Uuid;

use crate::events::lock::lock;
use crate::events::{LogError, Settings};
use crate::store::Position;
use crate::store::rows::LogName;

/// A log.
pub struct Log {
    /// Its name, for marks.
    pub name: LogName,
    /// The replica that writes it, or did.
    pub replica: String,
    /// Its end.
    pub end: Position,
    /// Held as long as a log is followed that nobody writes.
    _lock: Option<File>,
}

/// The log of this replica, whose lock its writer has.
///
/// # Errors
/// [`LogError::Io`] when its id can't be read or written.
pub fn own(settings: &Settings, end: Position) -> Result<Log, LogError> {
    let Settings { folder, replica, .. } = settings;
    let name = LogName::new(replica, &id(folder, replica)?);
    Ok(Log { name, replica: replica.clone(), end, _lock: None })
}

/// The logs in the folder that no process writes.
///
/// # Errors
/// [`LogError::Io`] when the folder can't be read.
pub fn left(settings: &Settings) -> Result<Vec<Log>, LogError> {
    let Settings { folder, replica: own, .. } = settings;
    let mut left: Vec<Log> = Vec::new();
    for file in event_log::list(folder).map_err(LogError::io(folder))?.into_iter().rev() {
        if file.replica == *own || left.iter().any(|log| log.replica == file.replica) {
            continue;
        }
        let held = match lock(&lock_path(folder, &file.replica)) {
            Err(LogError::Locked(_)) => continue,
            held => held?,
        };
        let name = LogName::new(&file.replica, &id(folder, &file.replica)?);
        let offset = file.length().map_err(LogError::io(&file.path))?;
        let end = Position { file: file.number, offset };
        left.push(Log { name, replica: file.replica, end, _lock: Some(held) });
    }
    Ok(left)
}

/// The id of a log, made when it is first asked for: a log of the same replica elsewhere has another one.
fn id(folder: &Path, replica: &str) -> Result<String, LogError> {
    let path = id_path(folder, replica);
    let read = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => make(folder, &path),
        read => read,
    };
    Ok(read.map_err(LogError::io(&path))?.trim().to_owned())
}

/// Writes a new id so that there is a whole one or none.
fn make(folder: &Path, path: &Path) -> io::Result<String> {
    let id = Uuid::now_v7().simple().to_string();
    let draft = path.with_extension(format!("id-{id}"));
    let mut file = File::create_new(&draft)?;
    file.write_all(id.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    File::open(folder)?.sync_all()?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Retention;

    fn settings(folder: &Path) -> Settings {
        let retention = Retention { max_events: 1, max_older: 1, ttl_ms: 1 };
        let (folder, replica) = (folder.to_owned(), "a".to_owned());
        Settings { folder, replica, max_file_bytes: 4096, max_disk_bytes: 0, queue: 1, retention }
    }

    #[test]
    fn a_log_keeps_its_id_and_another_has_another() {
        let (one, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let of = |folder: &Path| own(&settings(folder), Position::START).expect("an id").name;
        assert_eq!(of(one.path()), of(one.path()));
        assert_ne!(of(one.path()), of(other.path()));
    }

    #[test]
    fn a_log_is_left_when_nobody_writes_it() {
        let folder = tempfile::tempdir().expect("a folder");
        for (replica, number) in [("a", 1), ("b", 1), ("b", 2), ("c", 1)] {
            fs::write(event_log::path(folder.path(), replica, number), "{}\n").expect("writes");
        }
        let held = lock(&lock_path(folder.path(), "c")).expect("free");
        let names = || -> Vec<(String, Position)> {
            let left = left(&settings(folder.path())).expect("lists");
            left.into_iter().map(|log| (log.replica, log.end)).collect()
        };
        assert_eq!(names(), [("b".to_owned(), Position { file: 2, offset: 3 })]);
        drop(held);
        assert_eq!(names().len(), 2);
    }
}
