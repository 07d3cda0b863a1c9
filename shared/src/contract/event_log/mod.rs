//! The service's event log on disk: the names of its files, the position of an event in it ([`Place`]), and how much of
//! it a version covers ([`Coverage`]).
//!
//! ```text
//! events-<replica>-<number>.jsonl           a replica's events, one JSON object per line; numbers ascend
//! events-<replica>-<number>.jsonl.zst       the same, packed: [`packed`]
//! events-<replica>-<number>.torn-<offset>   an unfinished last line, cut off when the service started; never read
//! events-<replica>.lock                     held by the process that writes
//! events-<replica>.id                       of a log of rows: which log this is, for the marks in a store
//! slates-<replica>-<number>.jsonl           what was answered, a log of its own: [`super::slate_log`]
//! ```
//!
//! A file is only ever appended to, and not even that once its end was cut off: the bytes up to a line end stay the
//! same for ever, but for lines of an erased user, which are overwritten in place ([`super::erasure`]). [`FileId`]
//! identifies a file by its name and first line, so that a copy in another folder counts as the same file, and a new file
//! under an old name as another one.

pub mod line;
mod names;
pub mod packed;
mod seek_table;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, BufRead};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use crate::contract::erasure;

pub use names::{Log, is_aside, is_half_packed, is_torn_end};

/// A file of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// Which log it is of.
    pub log: Log,
    /// The replica that wrote it.
    pub replica: String,
    /// Numbers ascend with time.
    pub number: u64,
    /// Its path.
    pub path: PathBuf,
}

/// The path of a file of the event log.
#[must_use]
pub fn path(folder: &Path, replica: &str, number: u64) -> PathBuf {
    Log::Events.path(folder, replica, number)
}

/// The path of the lock of a replica's event log.
#[must_use]
pub fn lock_path(folder: &Path, replica: &str) -> PathBuf {
    Log::Events.lock_path(folder, replica)
}

/// The path of the file that says which log of a replica this is.
#[must_use]
pub fn id_path(folder: &Path, replica: &str) -> PathBuf {
    Log::Events.id_path(folder, replica)
}

/// The path for the end of a file of the event log that was cut off at `offset`.
///
/// * `copy`: a number, from 0, that makes the name unique if the same offset was cut off before.
#[must_use]
pub fn torn_path(folder: &Path, replica: &str, number: u64, offset: u64, copy: u32) -> PathBuf {
    Log::Events.torn_path(folder, replica, number, offset, copy)
}

/// The files of the event logs of all replicas in a folder, as [`Log::list`] has them.
///
/// # Errors
/// [`io::Error`] when the folder can't be read; one that is not there has no files.
pub fn list(folder: &Path) -> io::Result<Vec<LogFile>> {
    Log::Events.list(folder)
}

/// The files of one replica's event log, in the order they were written.
///
/// # Errors
/// [`io::Error`] when the folder can't be read.
pub fn of_replica(folder: &Path, replica: &str) -> io::Result<Vec<LogFile>> {
    Log::Events.of_replica(folder, replica)
}

impl LogFile {
    /// The file of the event log at a path; `None` if its name is not that of one.
    #[must_use]
    pub fn at(path: &Path) -> Option<Self> {
        Log::Events.file_at(path)
    }

    /// Its name without the ending.
    fn stem(&self) -> String {
        self.log.stem(&self.replica, self.number)
    }

    /// Reads the first line and returns the id of the file; `None` while it has no whole line.
    ///
    /// # Errors
    /// [`io::Error`] when it can't be read.
    pub fn id(&self) -> io::Result<Option<FileId>> {
        let mut line = Vec::new();
        self.open()?.read_until(b'\n', &mut line)?;
        Ok((line.last() == Some(&b'\n')).then(|| FileId::of_stem(&self.stem(), &line)))
    }
}

/// Identifies a file of the log: the first bytes of the SHA-256 of its name and first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(NonZeroU64);

impl FileId {
    /// The id of the file of a replica's event log with this number and first line; of an erased first line the one that
    /// it states.
    ///
    /// * `bytes`: the first line or more.
    #[must_use]
    pub fn of(replica: &str, number: u64, bytes: &[u8]) -> Self {
        Self::of_stem(&Log::Events.stem(replica, number), bytes)
    }

    fn of_stem(stem: &str, bytes: &[u8]) -> Self {
        if let Some(id) = erasure::file_id(bytes).and_then(Self::new) {
            return id;
        }
        let length = bytes.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |at| at + 1);
        let digest = Sha256::new().chain_update(stem).chain_update(&bytes[..length]).finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        Self(NonZeroU64::new(u64::from_le_bytes(first)).unwrap_or(NonZeroU64::MIN))
    }

    /// The id as a number, for packed values.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// The id with this number, unless that is 0.
    #[must_use]
    pub fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl Serialize for FileId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FileId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let id = u64::from_str_radix(&text, 16).ok().and_then(Self::new);
        id.ok_or_else(|| de::Error::custom(format!("{text:?} is not the id of a log file: 16 hexadecimal digits")))
    }
}

/// The position of an event's line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub file: FileId,
    /// The offset of the end of the line, in bytes from the start of the file.
    pub end: u64,
}

/// How much of a log file is in a version, as the version's manifest records it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CoveredFile {
    /// The replica that wrote it.
    pub replica: String,
    /// The number in its name.
    pub number: u64,
    /// The id of the file.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: FileId,
    /// Every event up to this offset is in the version.
    pub bytes: u64,
}

/// How much of the log is in a version, or in every one of several versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<FileId, u64>);

impl<'a> FromIterator<&'a CoveredFile> for Coverage {
    fn from_iter<T: IntoIterator<Item = &'a CoveredFile>>(files: T) -> Self {
        let mut bytes = BTreeMap::new();
        for file in files {
            let known: &mut u64 = bytes.entry(file.id).or_default();
            *known = file.bytes.max(*known);
        }
        Self(bytes)
    }
}

impl Coverage {
    /// Whether the event at `place` is covered; an event without a known place is not.
    #[must_use]
    pub fn covers(&self, place: Option<Place>) -> bool {
        place.is_some_and(|place| self.0.get(&place.file).is_some_and(|&bytes| place.end <= bytes))
    }

    /// Up to which offset a file is covered.
    #[must_use]
    pub fn of(&self, file: FileId) -> u64 {
        self.0.get(&file).copied().unwrap_or_default()
    }

    /// What is covered by both.
    #[must_use]
    pub fn both(&self, other: &Self) -> Self {
        let common = |(&file, &bytes): (&FileId, &u64)| Some((file, bytes.min(*other.0.get(&file)?)));
        Self(self.0.iter().filter_map(common).collect())
    }

    /// What is covered of these files.
    #[must_use]
    pub fn of_files(&self, files: &BTreeSet<FileId>) -> Self {
        Self(self.0.iter().filter(|(file, _)| files.contains(file)).map(|(&file, &bytes)| (file, bytes)).collect())
    }

    /// Whether this covers everything that `other` covers.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        self.both(other) == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(number: u64, bytes: u64) -> CoveredFile {
        let replica = "a".to_owned();
        CoveredFile { id: FileId::of(&replica, number, b"{}\n"), replica, number, bytes }
    }

    #[test]
    fn a_file_is_known_by_its_name_and_its_first_line_alone() {
        let id = FileId::of("a", 1, b"first\n");
        assert_eq!(id, FileId::of("a", 1, b"first\nsecond\n"));
        for other in [FileId::of("a", 1, b"other\n"), FileId::of("a", 2, b"first\n"), FileId::of("b", 1, b"first\n")] {
            assert_ne!(id, other);
        }
        let text = serde_json::to_string(&id).expect("serialises");
        assert_eq!(serde_json::from_str::<FileId>(&text).expect("reads"), id);
    }

    #[test]
    fn a_file_keeps_its_id_when_its_first_line_is_erased() {
        let mut line = br#"{"timestamp":1,"visitorid":"u1","event":"view"}"#.to_vec();
        let id = FileId::of("a", 1, &line);
        erasure::blank(&mut line, Some(id.get()));
        assert_eq!(FileId::of("a", 1, &line), id);
    }

    #[test]
    fn a_version_covers_the_events_up_to_where_it_read_each_file() {
        let covered: Coverage = [&file(1, 100), &file(2, 30)].into_iter().collect();
        let place = |number, end| Some(Place { file: file(number, 0).id, end });
        assert!(covered.covers(place(1, 100)) && covered.covers(place(2, 30)));
        assert!(!covered.covers(place(1, 101)) && !covered.covers(place(2, 31)) && !covered.covers(place(3, 1)));
        assert!(!covered.covers(None));
    }

    #[test]
    fn two_versions_cover_what_both_read() {
        let first: Coverage = [&file(1, 100), &file(2, 30)].into_iter().collect();
        let second: Coverage = [&file(1, 80), &file(3, 50)].into_iter().collect();
        let both = first.both(&second);
        assert_eq!(both, [&file(1, 80)].into_iter().collect());
        assert!(first.includes(&both) && second.includes(&both) && !both.includes(&first));
        assert!(first.includes(&Coverage::default()) && !Coverage::default().includes(&first));
    }
}
