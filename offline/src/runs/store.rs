//! Records on disk: begun, ended, read, found by a name.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use shared::contract::artifact::ArtifactError;
use shared::contract::artifact::manifest::replace;

use super::record::{Run, Status};
use super::{RunError, RunId};

/// The folder of the records in an artifacts folder.
const RUNS: &str = "runs";
/// The suffix of a record's name.
const RECORD: &str = ".json";

/// The folder of the records of an artifacts folder.
#[must_use]
pub fn folder(artifacts: &Path) -> PathBuf {
    artifacts.join(RUNS)
}

/// A run that is under way: as long as this lives, nobody takes it for killed.
#[derive(Debug)]
pub struct Begun {
    folder: PathBuf,
    id: RunId,
    _lock: File,
}

/// Writes the record of a run that begins. The folder is made if it is not there.
///
/// # Errors
/// [`RunError::Taken`] where a run has the id.
pub fn begin(folder: &Path, run: &Run) -> Result<Begun, RunError> {
    fs::create_dir_all(folder).map_err(ArtifactError::io(folder))?;
    let lock = lock_of(folder, &run.id);
    let taken = || RunError::Taken { folder: folder.to_owned(), id: run.id.clone() };
    let file = File::options().read(true).write(true).create(true).truncate(false).open(&lock);
    let file = file.map_err(ArtifactError::io(&lock))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(taken()),
        Err(TryLockError::Error(error)) => return Err(ArtifactError::io(&lock)(error).into()),
    }
    let begun = Begun { folder: folder.to_owned(), id: run.id.clone(), _lock: file };
    if record_of(folder, &run.id).exists() {
        return Err(taken());
    }
    begun.write(run)?;
    Ok(begun)
}

impl Begun {
    /// The folder of the records.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes the record anew, whole and durable.
    ///
    /// # Errors
    /// [`RunError::Artifact`] when it can't be written.
    pub fn write(&self, run: &Run) -> Result<(), RunError> {
        write(&self.folder, run)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        // One that stays is held by nobody, and removed when the record is next looked at.
        let _ = fs::remove_file(lock_of(&self.folder, &self.id));
    }
}

/// Reads a record.
///
/// # Errors
/// [`RunError::Unknown`] where there is none, [`RunError::Torn`] for a file that is no record.
pub fn read(folder: &Path, id: &RunId) -> Result<Run, RunError> {
    let unknown = || RunError::Unknown { folder: folder.to_owned(), name: id.to_string() };
    read_if_there(folder, id)?.ok_or_else(unknown)
}

/// Reads a record; `None` where there is none.
///
/// # Errors
/// [`RunError::Torn`] for a file that is no record.
pub fn read_if_there(folder: &Path, id: &RunId) -> Result<Option<Run>, RunError> {
    let path = record_of(folder, id);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ArtifactError::Io { path, source }.into()),
    };
    let mut run: Run = serde_json::from_slice(&text).map_err(|source| RunError::Torn { path, source })?;
    if run.status == Status::Running && !is_alive(folder, id) {
        run.status = Status::Killed;
    }
    Ok(Some(run))
}

/// All records, oldest first, and those that can't be read.
///
/// # Errors
/// [`RunError::Artifact`] when the folder can't be read.
pub fn list(folder: &Path) -> Result<(Vec<Run>, Vec<RunError>), RunError> {
    let read: Vec<Result<Run, RunError>> = ids(folder)?.par_iter().map(|id| read(folder, id)).collect();
    let (mut runs, mut unreadable) = (Vec::new(), Vec::new());
    for run in read {
        match run {
            Ok(run) => runs.push(run),
            Err(error) => unreadable.push(error),
        }
    }
    runs.sort_by(|a, b| (a.started_ms, &a.id).cmp(&(b.started_ms, &b.id)));
    Ok((runs, unreadable))
}

/// The run that a text names: its id or a beginning of it, or `last`, or `last-1` for the one before, and so on.
///
/// # Errors
/// [`RunError::Unknown`] and [`RunError::Ambiguous`].
pub fn find(folder: &Path, name: &str) -> Result<Run, RunError> {
    let unknown = || RunError::Unknown { folder: folder.to_owned(), name: name.to_owned() };
    if let Some(back) = name.strip_prefix("last") {
        let back = match back.strip_prefix('-') {
            None if back.is_empty() => 0,
            Some(number) => number.parse::<usize>().map_err(|_| unknown())?,
            None => return Err(unknown()),
        };
        return list(folder)?.0.into_iter().rev().nth(back).ok_or_else(unknown);
    }
    let mut ids = ids(folder)?;
    if let Some(at) = ids.iter().position(|id| id.as_str() == name) {
        ids = vec![ids.swap_remove(at)];
    } else {
        ids.retain(|id| id.as_str().starts_with(name));
    }
    match &ids[..] {
        [] => Err(unknown()),
        [id] => read(folder, id),
        ids => Err(RunError::Ambiguous { name: name.to_owned(), ids: ids.iter().map(ToString::to_string).collect() }),
    }
}

/// The names of all records, in order; none if the folder is not there.
fn ids(folder: &Path) -> Result<Vec<RunId>, RunError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(ArtifactError::io(folder)(error).into()),
    };
    let mut ids = Vec::new();
    for entry in entries {
        let name = entry.map_err(ArtifactError::io(folder))?.file_name();
        ids.extend(name.to_string_lossy().strip_suffix(RECORD).and_then(|id| id.parse::<RunId>().ok()));
    }
    ids.sort();
    Ok(ids)
}

fn write(folder: &Path, run: &Run) -> Result<(), RunError> {
    let name = format!("{}{RECORD}", run.id);
    let text =
        serde_json::to_string(run).map_err(|source| RunError::Torn { path: record_of(folder, &run.id), source })?;
    Ok(replace(folder, &name, &text)?)
}

/// Whether a run that has not ended still has its process.
fn is_alive(folder: &Path, id: &RunId) -> bool {
    // Without a lock there is nobody who holds it.
    File::open(lock_of(folder, id)).is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn record_of(folder: &Path, id: &RunId) -> PathBuf {
    folder.join(format!("{id}{RECORD}"))
}

fn lock_of(folder: &Path, id: &RunId) -> PathBuf {
    folder.join(format!(".{id}.lock"))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn run(id: &str, started_ms: i64) -> Run {
        let now = Timestamp::from_millisecond(started_ms).expect("a time");
        Run::begins(id.parse().expect("a name"), "run", now)
    }

    #[test]
    fn a_run_is_running_while_it_holds_its_lock_and_killed_after_that_unless_it_said_how_it_ended() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let folder = folder.path().join("runs");
        let (mut first, second) = (run("r1", 1), run("r2", 2));
        let status = |run: &Run| read(&folder, &run.id).expect("reads").status;
        assert_eq!(read_if_there(&folder, &first.id).expect("reads"), None);
        assert!(matches!(read(&folder, &first.id), Err(RunError::Unknown { .. })));
        let begun = begin(&folder, &first).expect("begins");
        drop(begin(&folder, &second).expect("begins"));
        assert_eq!((status(&first), status(&second)), (Status::Running, Status::Killed));
        assert!(matches!(begin(&folder, &first), Err(RunError::Taken { .. })), "it runs");
        assert!(matches!(begin(&folder, &second), Err(RunError::Taken { .. })), "it ran");
        (first.status, first.ended_ms) = (Status::Succeeded, Some(3));
        begun.write(&first).expect("writes");
        drop(begun);
        assert_eq!(read(&folder, &first.id).expect("reads"), first);
        let names: Vec<_> =
            fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("one").file_name()).collect();
        assert_eq!(names.len(), 2, "no lock stays: {names:?}");
    }

    #[test]
    fn a_run_is_found_by_its_id_its_beginning_and_how_long_ago_it_was() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let folder = folder.path();
        for (at, id) in ["r20-a", "r21-a", "r21-b"].into_iter().enumerate() {
            drop(begin(folder, &run(id, at as i64)).expect("begins"));
        }
        fs::write(folder.join("r22-torn.json"), "{").expect("writes");
        let found = |name: &str| find(folder, name).map(|run| run.id.to_string());
        assert_eq!(found("r20").expect("one"), "r20-a");
        assert_eq!(found("r21-b").expect("one"), "r21-b");
        assert_eq!((found("last").expect("one"), found("last-2").expect("one")), ("r21-b".into(), "r20-a".into()));
        assert!(matches!(found("r21"), Err(RunError::Ambiguous { ids, .. }) if ids.len() == 2));
        assert!(
            ["r3", "last-3", "last-x", "lasting"]
                .iter()
                .all(|name| matches!(found(name), Err(RunError::Unknown { .. })))
        );
        assert_eq!(list(folder).expect("lists").1.len(), 1, "a torn record is told, and hides no other");
    }
}
