//! Saves a shop.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{self, Path, PathBuf};

use shared::contract::artifact::manifest::replace;
use shared::contract::event_log::{Log, LogFile, is_aside};

use super::copy::{Extent, copy};
use super::{BackupError, Contents, FORMAT, LIST, Part, is_hidden, make_empty};

/// Copies the parts of a shop, in this order, to a new folder, and writes the list last: a folder without it is no backup.
///
/// * `done`: called with the number of bytes copied.
///
/// # Errors
/// [`BackupError`]; what was copied stays there, and is no backup.
pub fn save(parts: &[Part], to: &Path, done: &dyn Fn(u64)) -> Result<Contents, BackupError> {
    outside(parts, to)?;
    make_empty(to)?;
    let mut contents = Contents { format: FORMAT, files: BTreeMap::new() };
    for Part { name, folder } in parts {
        save_folder(folder, to, Path::new(name), &mut contents, done)?;
    }
    let text = serde_json::to_string_pretty(&contents).expect("texts and numbers serialise into memory");
    replace(to, LIST, &text).map_err(|error| BackupError::io(to)(io::Error::other(error)))?;
    Ok(contents)
}

/// Refuses a folder for the backup that is in one of those that are saved.
fn outside(parts: &[Part], to: &Path) -> Result<(), BackupError> {
    let to = place(to).map_err(BackupError::io(to))?;
    for Part { folder, .. } in parts {
        if to.starts_with(folder.canonicalize().map_err(BackupError::io(folder))?) {
            return Err(BackupError::Inside { to, folder: folder.clone() });
        }
    }
    Ok(())
}

/// Where a folder is or would be made.
fn place(folder: &Path) -> io::Result<PathBuf> {
    let absolute = path::absolute(folder)?;
    let there = absolute.ancestors().find_map(|there| Some((there, there.canonicalize().ok()?)));
    Ok(match there {
        Some((there, place)) => place.join(absolute.strip_prefix(there).unwrap_or(Path::new(""))),
        None => absolute,
    })
}

/// Copies a folder, and those in it.
///
/// * `below`: its path in the backup.
fn save_folder(
    folder: &Path,
    to: &Path,
    below: &Path,
    contents: &mut Contents,
    done: &dyn Fn(u64),
) -> Result<(), BackupError> {
    let logs: Vec<Vec<LogFile>> =
        Log::ALL.iter().map(|log| logs(*log, folder)).collect::<Result<_, _>>().map_err(BackupError::io(folder))?;
    let mut others = Vec::new();
    for entry in fs::read_dir(folder).map_err(BackupError::io(folder))? {
        let path = entry.map_err(BackupError::io(folder))?.path();
        if !is_left_out(&path) {
            others.push(path);
        }
    }
    others.sort();
    let mut add = |from: &Path, extent: Extent| -> Result<(), BackupError> {
        let path = below.join(from.file_name().unwrap_or_default());
        let sealed = copy(from, &to.join(&path), extent)?;
        contents.files.insert(path.to_string_lossy().into_owned(), sealed);
        done(contents.bytes());
        Ok(())
    };
    for log in logs.into_iter().flatten() {
        let packed = log.packed_path();
        let added = match add(&log.path, if log.is_packed() { Extent::Whole } else { Extent::Lines }) {
            // It was packed since it was listed.
            Err(BackupError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                add(&packed, Extent::Whole)
            }
            added => added,
        };
        match added {
            // It is gone, since the log of slates has a bound: the service removes its oldest files as it goes on.
            Err(BackupError::Io { path, source })
                if log.log == Log::Slates && source.kind() == io::ErrorKind::NotFound && path == packed => {}
            added => added?,
        }
    }
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) = others.into_iter().partition(|path| path.is_dir());
    for file in files {
        add(&file, Extent::Whole)?;
    }
    for inner in folders {
        let below = below.join(inner.file_name().unwrap_or_default());
        save_folder(&inner, to, &below, contents, done)?;
    }
    Ok(())
}

/// The files of a log in a folder, up to the last one of each replica.
///
/// A listing may miss a file that is being packed, under both its names, so that there are two. A file that is new in the second
/// is left out: lines that were appended to the one before it may be missing.
fn logs(log: Log, folder: &Path) -> io::Result<Vec<LogFile>> {
    let (mut found, again) = (log.list(folder)?, log.list(folder)?);
    let known: BTreeSet<(String, u64)> = found.iter().map(|log| (log.replica.clone(), log.number)).collect();
    let is_missing = |log: &LogFile| {
        let last = found.iter().rev().find(|other| other.replica == log.replica);
        !known.contains(&(log.replica.clone(), log.number)) && last.is_some_and(|last| log.number < last.number)
    };
    let missing: Vec<LogFile> = again.into_iter().filter(is_missing).collect();
    found.extend(missing);
    Ok(found)
}

/// Whether what is in a folder is not saved, or as a file of a log: locks, torn ends, folders that are worked in.
fn is_left_out(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_id = path.extension().is_some_and(|ending| ending == "id");
    is_hidden(&name) || Log::any_at(path).is_some() || (is_aside(path) && !is_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_slates_that_is_gone_since_it_was_listed_is_passed_over_and_one_of_events_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let saved = |log: Log| {
            let from = folder.path().join(format!("{log:?}"));
            fs::create_dir(&from).expect("makes");
            // It is listed, and can't be found.
            std::os::unix::fs::symlink("nothing", log.path(&from, "a", 1)).expect("links");
            fs::write(log.path(&from, "a", 2), "{}\n").expect("writes");
            let parts = [Part { name: "log".to_owned(), folder: from }];
            save(&parts, &folder.path().join(format!("{log:?} saved")), &|_| ())
        };
        let contents = saved(Log::Slates).expect("saves");
        assert_eq!(contents.files.keys().collect::<Vec<_>>(), ["log/slates-a-00000002.jsonl"]);
        assert!(matches!(saved(Log::Events), Err(BackupError::Io { .. })));
    }

    #[test]
    fn a_backup_is_not_made_in_what_it_saves_by_whatever_way_it_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log");
        fs::create_dir_all(log.join("old")).expect("makes");
        std::os::unix::fs::symlink(&log, folder.path().join("link")).expect("links");
        let parts = [Part { name: "events".to_owned(), folder: log.join("../link") }];
        for inside in ["log", "log/old", "log/new/new", "link/new", "log/old/../new"] {
            let error = save(&parts, &folder.path().join(inside), &|_| ()).expect_err("is inside").to_string();
            assert!(error.contains("which is saved"), "{inside}: {error}");
        }
        assert!(fs::read_dir(&log).expect("a folder").count() == 1, "nothing was made");
        for outside in ["log-2", "new/new", "link/../beside"] {
            save(&parts, &folder.path().join(outside), &|_| ()).expect("saves");
        }
    }
}
