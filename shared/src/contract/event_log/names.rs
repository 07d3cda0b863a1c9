//! The names of the files of the service's logs, which begin with a word for each log and are alike otherwise.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::LogFile;

/// Digits of a file's number, at least.
const NUMBER_DIGITS: usize = 8;
/// The ending of a file that is being packed.
pub(super) const PACKING: &str = "packing";
/// The ending of a packed file that is being packed anew.
pub(super) const REPACKING: &str = "repacking";

/// A log of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Log {
    /// The event log, and the logs of rows: `events-<replica>-<number>.jsonl`.
    Events,
    /// The log of slates: `slates-<replica>-<number>.jsonl`.
    Slates,
}

impl Log {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Events, Self::Slates];

    /// What the names of its files begin with.
    fn word(self) -> &'static str {
        match self {
            Self::Events => "events-",
            Self::Slates => "slates-",
        }
    }

    /// A file's name without its ending.
    pub(super) fn stem(self, replica: &str, number: u64) -> String {
        format!("{}{replica}-{number:0NUMBER_DIGITS$}", self.word())
    }

    /// The path of a file of the log.
    #[must_use]
    pub fn path(self, folder: &Path, replica: &str, number: u64) -> PathBuf {
        folder.join(self.stem(replica, number) + ".jsonl")
    }

    /// The path of a replica's lock.
    #[must_use]
    pub fn lock_path(self, folder: &Path, replica: &str) -> PathBuf {
        folder.join(format!("{}{replica}.lock", self.word()))
    }

    /// The path of the file that says which log of a replica this is.
    #[must_use]
    pub fn id_path(self, folder: &Path, replica: &str) -> PathBuf {
        folder.join(format!("{}{replica}.id", self.word()))
    }

    /// The path for the end of a file that was cut off at `offset`.
    ///
    /// * `copy`: a number, from 0, that makes the name unique if the same offset was cut off before.
    #[must_use]
    pub fn torn_path(self, folder: &Path, replica: &str, number: u64, offset: u64, copy: u32) -> PathBuf {
        let suffix = if copy == 0 { String::new() } else { format!("-{copy}") };
        folder.join(format!("{}.torn-{offset}{suffix}", self.stem(replica, number)))
    }

    /// The file of this log at a path; `None` if its name is not that of one.
    #[must_use]
    pub fn file_at(self, path: &Path) -> Option<LogFile> {
        let name = path.file_name()?.to_str()?;
        let stem = name.strip_suffix(".zst").unwrap_or(name).strip_suffix(".jsonl")?;
        let (replica, number) = stem.strip_prefix(self.word())?.rsplit_once('-')?;
        if number.len() < NUMBER_DIGITS || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (replica, number) = (replica.to_owned(), number.parse().ok()?);
        Some(LogFile { log: self, replica, number, path: path.to_owned() })
    }

    /// The file of whichever log at a path; `None` if its name is not that of one.
    #[must_use]
    pub fn any_at(path: &Path) -> Option<LogFile> {
        Self::ALL.iter().find_map(|log| log.file_at(path))
    }

    /// The files of one replica in a folder, in the order they were written.
    ///
    /// # Errors
    /// [`io::Error`] when the folder can't be read; one that is not there has no files.
    pub fn of_replica(self, folder: &Path, replica: &str) -> io::Result<Vec<LogFile>> {
        let mut files = self.list(folder)?;
        files.retain(|file| file.replica == replica);
        Ok(files)
    }

    /// The files of all replicas in a folder, those of each replica in the order they were written. Of a file that is there
    /// both packed and not, as after a crash, the plain one.
    ///
    /// # Errors
    /// [`io::Error`] when the folder can't be read; one that is not there has no files.
    pub fn list(self, folder: &Path) -> io::Result<Vec<LogFile>> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut files = Vec::new();
        for entry in entries {
            files.extend(self.file_at(&entry?.path()));
        }
        files.sort_by(|a, b| (&a.replica, a.number, a.is_packed()).cmp(&(&b.replica, b.number, b.is_packed())));
        files.dedup_by(|packed, plain| (&packed.replica, packed.number) == (&plain.replica, plain.number));
        Ok(files)
    }
}

/// Whether a path is that of an end that was cut off.
#[must_use]
pub fn is_torn_end(path: &Path) -> bool {
    ending(path).starts_with("torn-") && is_of_log(path)
}

/// Whether a path is that of a file that is being packed, or that was when a process ended.
#[must_use]
pub fn is_half_packed(path: &Path) -> bool {
    [PACKING, REPACKING].contains(&ending(path)) && is_of_log(path)
}

/// Whether a path is that of a lock, an id, a torn end or a half-packed file: these lie beside a log and are no part of it.
#[must_use]
pub fn is_aside(path: &Path) -> bool {
    let is_named = is_of_log(path) && ["lock", "id"].contains(&ending(path));
    is_named || is_torn_end(path) || is_half_packed(path) || is_of_mirror(path)
}

/// Whether a path is that of what a mirror of an object store notes of itself.
fn is_of_mirror(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(".mirror."))
}

fn ending(path: &Path) -> &str {
    path.extension().and_then(|ending| ending.to_str()).unwrap_or_default()
}

fn is_of_log(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    Log::ALL.iter().any(|log| name.starts_with(log.word()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLDER: &str = "/log";

    #[test]
    fn a_name_is_taken_apart_as_it_was_made() {
        for (log, name) in [(Log::Events, "events-eu-1-00000007.jsonl"), (Log::Slates, "slates-eu-1-00000007.jsonl")] {
            let path = log.path(Path::new(FOLDER), "eu-1", 7);
            assert_eq!(path, Path::new(FOLDER).join(name));
            let file = LogFile { log, replica: "eu-1".to_owned(), number: 7, path: path.clone() };
            assert_eq!(log.file_at(&path), Some(file));
            assert_eq!(LogFile::at(&path).is_some(), log == Log::Events);
        }
        for other in ["sample.jsonl", "events-2026-06.jsonl", "events-a-0000000x.jsonl", "events-a-00000007.csv"] {
            assert_eq!(LogFile::at(&Path::new(FOLDER).join(other)), None, "{other}");
        }
    }

    #[test]
    fn locks_and_torn_ends_lie_beside_the_log() {
        let folder = Path::new(FOLDER);
        let torn = |copy| Log::Events.torn_path(folder, "a", 3, 12, copy);
        assert_eq!(torn(2), Path::new("/log/events-a-00000003.torn-12-2"));
        let of_slates = [Log::Slates.lock_path(folder, "a"), Log::Slates.torn_path(folder, "a", 3, 12, 0)];
        for path in [Log::Events.lock_path(folder, "a"), torn(0), torn(2)].into_iter().chain(of_slates) {
            assert!(is_aside(&path) && LogFile::at(&path).is_none(), "{}", path.display());
        }
        assert!(!is_aside(&Log::Events.path(folder, "a", 3)) && !is_aside(Path::new("/log/events.csv")));
    }
}
