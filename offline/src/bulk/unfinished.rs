//! A file that is written in parts, so that a run that was killed goes on where it was.
//!
//! ```text
//! .NAME.unfinished/begun.json     what the run is of: version, arguments, its time, and up to where it reads the logs
//! .NAME.unfinished/done.json      how many parts are whole, and what they count; replaced after each part
//! .NAME.unfinished/000000.part    the first users
//! .NAME.unfinished/whole          the parts, one behind the other; becomes NAME
//! ```
//!
//! A part that is not counted yet is written again. The folder goes when the file has its name.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::live::Ends;
use super::rows::{Format, Line, append, arrays, columns, json};
use super::slates::Counts;
use super::{BulkError, failed, parquet};
use crate::log::parquet::Writer;

/// What a run is of. Two runs of the same give the same file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The version.
    pub version: String,
    /// What was asked, by the names of the options.
    pub arguments: BTreeMap<String, String>,
    /// The time of the run, milliseconds since the epoch.
    pub now_ms: i64,
    /// Up to where the logs are read.
    pub ends: Ends,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The parts that are whole.
    pub parts: u64,
    /// What they count.
    pub counts: Counts,
}

/// A file that is being written.
#[derive(Debug)]
pub struct Unfinished {
    out: PathBuf,
    folder: PathBuf,
    format: Format,
    begun: Begun,
    done: Done,
    /// Held while the process works here.
    _lock: File,
}

/// The folder of the parts of a file.
#[must_use]
pub fn folder_of(out: &Path) -> PathBuf {
    out.with_file_name(format!(".{}.unfinished", out.file_name().unwrap_or_default().to_string_lossy()))
}

impl Unfinished {
    /// Begins a file, or goes on with one that lies unfinished: with the time and the ends of the logs that it has.
    ///
    /// * `asked`: what the run is of; its time and its ends count where nothing lies unfinished.
    /// * `now_ms`: the time that the run must have, if one was asked for.
    ///
    /// # Errors
    /// [`BulkError`] where another process writes it, what lies there is of another call, or it can't be written.
    pub fn begin(out: &Path, asked: Begun, now_ms: Option<i64>) -> Result<Self, BulkError> {
        let format = Format::of(out)?;
        if out.is_dir() {
            return Err(failed(out)(io::ErrorKind::IsADirectory.into()));
        }
        let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !parent.is_dir() {
            return Err(BulkError::NoFolder(parent.to_owned()));
        }
        let folder = folder_of(out);
        fs::create_dir_all(&folder).map_err(failed(&folder))?;
        let path = folder.join("lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(BulkError::Held(out.to_owned())),
            Err(TryLockError::Error(error)) => return Err(failed(&path)(error)),
        }
        let begun = match read::<Begun>(&folder.join(BEGUN))? {
            None => {
                replace(&folder, BEGUN, &asked)?;
                asked
            }
            Some(begun) => {
                let differences = differences(&begun, &asked, now_ms);
                if !differences.is_empty() {
                    return Err(BulkError::Other { out: out.to_owned(), folder, differences });
                }
                begun
            }
        };
        let done = read(&folder.join(DONE))?.unwrap_or_default();
        Ok(Self { out: out.to_owned(), folder, format, begun, done, _lock: lock })
    }

    /// What the run is of.
    #[must_use]
    pub fn begun(&self) -> &Begun {
        &self.begun
    }

    /// How far it is.
    #[must_use]
    pub fn done(&self) -> Done {
        self.done
    }

    /// The folder of its parts.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Adds a part.
    ///
    /// # Errors
    /// [`BulkError`] when it can't be written.
    pub fn add(&mut self, lines: &[Line], counts: Counts) -> Result<(), BulkError> {
        let path = self.part(self.done.parts);
        match self.format {
            Format::JsonLines => {
                let mut file = BufWriter::new(File::create(&path).map_err(failed(&path))?);
                let written = lines.iter().try_for_each(|line| file.write_all(&json(line, &self.begun.version)?));
                written.and_then(|()| file.flush()).map_err(failed(&path))?;
            }
            Format::Parquet => {
                let mut writer = Writer::create(&path, &columns()).map_err(parquet(&path))?;
                // A part of erased users has no rows, and no row group.
                let has_rows = lines.iter().any(|line| !line.items.is_empty());
                let written = if has_rows { writer.write(arrays(lines)) } else { Ok(()) };
                written.and_then(|()| writer.end()).map_err(parquet(&path))?;
            }
        }
        File::open(&path).and_then(|file| file.sync_all()).map_err(failed(&path))?;
        self.done = Done { parts: self.done.parts + 1, counts: self.done.counts.plus(counts) };
        replace(&self.folder, DONE, &self.done)
    }

    /// Puts the parts together and gives the file its name.
    ///
    /// # Errors
    /// [`BulkError`] when it can't be written to its end; it is put together when it is called again.
    pub fn finish(self) -> Result<Done, BulkError> {
        let whole = self.folder.join("whole");
        let parts = (0..self.done.parts).map(|number| self.part(number));
        match self.format {
            Format::JsonLines => {
                let mut file = File::create(&whole).map_err(failed(&whole))?;
                for part in parts {
                    let mut from = File::open(&part).map_err(failed(&part))?;
                    io::copy(&mut from, &mut file).map_err(failed(&whole))?;
                }
            }
            Format::Parquet => {
                let mut writer = Writer::create(&whole, &columns()).map_err(parquet(&whole))?;
                for part in parts {
                    append(&part, &mut writer, &whole)?;
                }
                writer.end().map_err(parquet(&whole))?;
            }
        }
        File::open(&whole).and_then(|file| file.sync_all()).map_err(failed(&whole))?;
        fs::rename(&whole, &self.out).map_err(failed(&self.out))?;
        fs::remove_dir_all(&self.folder).map_err(failed(&self.folder))?;
        Ok(self.done)
    }

    fn part(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:06}.part"))
    }
}

const BEGUN: &str = "begun.json";
const DONE: &str = "done.json";

/// What of a call is not as it was, in words.
fn differences(begun: &Begun, asked: &Begun, now_ms: Option<i64>) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |name: &str, then: Option<&str>, now: Option<&str>| {
        if then != now {
            found.push(format!("{name} was {}, and is {}", then.unwrap_or("absent"), now.unwrap_or("absent")));
        }
    };
    compare("--version", Some(&begun.version), Some(&asked.version));
    if let Some(now_ms) = now_ms {
        compare("--now", Some(&begun.now_ms.to_string()), Some(&now_ms.to_string()));
    }
    let value = |of: &Begun, name: &str| of.arguments.get(name).cloned();
    for name in begun.arguments.keys().chain(asked.arguments.keys().filter(|name| !begun.arguments.contains_key(*name)))
    {
        compare(name, value(begun, name).as_deref(), value(asked, name).as_deref());
    }
    found
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, BulkError> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| BulkError::Notes { path: path.to_owned(), source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path)(error)),
    }
}

/// Replaces a file at once, for ever.
fn replace(folder: &Path, name: &str, value: &impl Serialize) -> Result<(), BulkError> {
    let (path, new) = (folder.join(name), folder.join(format!("{name}.new")));
    let write = || {
        let mut file = File::create(&new)?;
        serde_json::to_writer(&mut file, value)?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(failed(&path))
}

#[cfg(test)]
mod tests {
    use shared::contract::api::RecommendedItem;
    use shared::contract::id::{ItemId, UserId};

    use super::*;

    fn asked(version: &str, k: &str) -> Begun {
        let arguments = BTreeMap::from([("--k".to_owned(), k.to_owned())]);
        Begun { version: version.to_owned(), arguments, now_ms: 5, ends: Ends::new() }
    }

    fn lines(user: &str) -> Vec<Line> {
        let item = |id: &str, score, because: Option<&str>| RecommendedItem {
            item_id: ItemId::new(id).expect("valid"),
            name: because.map(|_| "Größe".to_owned()),
            score,
            sources: vec!["als".to_owned(), "popularity".to_owned()],
            because: because.map(|id| ItemId::new(id).expect("valid")),
            propensity: None,
        };
        vec![Line {
            user: UserId::new(user).expect("valid"),
            items: vec![item("a", 0.1, None), item("b", 0.05, Some("c"))],
        }]
    }

    const ONE: Counts = Counts { users: 1, non_personal: 0, unknown: 1, erased: 0 };

    fn written(folder: &Path, name: &str, killed_after: Option<usize>) -> Vec<u8> {
        let out = folder.join(name);
        let mut file = Unfinished::begin(&out, asked("v1", "2"), None).expect("begins");
        for (number, user) in ["u1", "u2", "u3"].iter().enumerate() {
            if killed_after == Some(number) {
                // The next part is half written.
                fs::write(file.part(number as u64), "half").expect("writes");
                drop(file);
                let later = Begun { now_ms: 9, ..asked("v1", "2") };
                file = Unfinished::begin(&out, later, None).expect("goes on");
                assert_eq!((file.begun().now_ms, file.done().parts), (5, number as u64));
            }
            file.add(&lines(user), ONE).expect("writes");
        }
        assert_eq!(file.finish().expect("ends").counts.users, 3);
        assert!(!folder_of(&out).exists());
        fs::read(&out).expect("reads")
    }

    #[test]
    fn a_run_that_was_killed_goes_on_and_its_file_is_that_of_one_that_was_not() {
        for name in ["out.jsonl", "out.parquet"] {
            let folder = tempfile::tempdir().expect("a folder");
            let whole = written(folder.path(), name, None);
            for killed_after in 0..3 {
                assert_eq!(written(folder.path(), name, Some(killed_after)), whole, "{name} {killed_after}");
            }
        }
    }

    #[test]
    fn a_part_without_rows_is_a_part_all_the_same() {
        for name in ["out.jsonl", "out.parquet"] {
            let folder = tempfile::tempdir().expect("a folder");
            let out = folder.path().join(name);
            let mut file = Unfinished::begin(&out, asked("v1", "2"), None).expect("begins");
            file.add(&[], Counts { erased: 1, ..Counts::default() }).expect("writes");
            file.add(&lines("u1"), ONE).expect("writes");
            let done = file.finish().expect("ends");
            assert_eq!((done.parts, done.counts.erased, done.counts.users), (2, 1, 1));
            assert!(fs::metadata(&out).expect("is there").len() > 0);
        }
    }

    #[test]
    fn what_lies_unfinished_of_another_call_is_left_alone_and_one_at_a_time_writes() {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("out.jsonl");
        let first = Unfinished::begin(&out, asked("v1", "2"), None).expect("begins");
        assert!(matches!(Unfinished::begin(&out, asked("v1", "2"), None), Err(BulkError::Held(_))));
        drop(first);
        let said = |asked, now_ms| Unfinished::begin(&out, asked, now_ms).expect_err("another").to_string();
        assert!(said(asked("v2", "2"), None).contains("--version was v1, and is v2; call it as it was called"));
        assert!(said(asked("v1", "3"), Some(6)).contains("--now was 5, and is 6; --k was 2, and is 3"));
        assert!(Unfinished::begin(&out, asked("v1", "2"), Some(5)).is_ok());
    }

    #[test]
    fn an_output_in_no_folder_or_of_no_format_is_refused_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let begin = |name: &str| Unfinished::begin(&folder.path().join(name), asked("v1", "2"), None);
        assert!(matches!(begin("none/out.jsonl"), Err(BulkError::NoFolder(_))));
        assert!(matches!(begin("out.csv"), Err(BulkError::Ending(_))));
        fs::create_dir(folder.path().join("out.jsonl")).expect("makes");
        assert!(matches!(begin("out.jsonl"), Err(BulkError::Io { .. })));
    }
}
