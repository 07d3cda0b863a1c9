//! What lies beside versions and logs: rejected rows, torn ends; and a look for files that still name somebody.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use memchr::memmem::Finder;
use shared::contract::artifact::manifest::replace;
use shared::contract::event_log::{LogFile, is_aside};

use super::{EraseError, Users};

/// The shortest id that is looked for in all bytes; shorter ones stand anywhere by chance.
pub const SEARCHED_BYTES: usize = 8;

/// Drops the rejected rows that have an id in their text; returns how many.
///
/// # Errors
/// [`EraseError`] when the file can't be read or written.
pub fn rejects(artifacts: &Path, users: &Users) -> Result<usize, EraseError> {
    const REJECTS: &str = "rejects.jsonl";
    let path = artifacts.join(REJECTS);
    if !path.is_file() {
        return Ok(0);
    }
    let text = fs::read(&path).map_err(EraseError::io(&path))?;
    let text = String::from_utf8_lossy(&text);
    let (named, rest): (Vec<&str>, Vec<&str>) =
        text.split_inclusive('\n').partition(|line| users.iter().any(|user| line.contains(user.as_str())));
    if !named.is_empty() {
        replace(artifacts, REJECTS, &rest.concat())?;
    }
    Ok(named.len())
}

/// Removes the torn ends in a folder of the event log that name one of the users: nobody reads them.
///
/// # Errors
/// [`EraseError::Io`].
pub fn torn_ends(folder: &Path, users: &Users) -> Result<Vec<PathBuf>, EraseError> {
    let mut removed = Vec::new();
    for path in files(folder)?.into_iter().filter(|path| is_aside(path)) {
        let bytes = fs::read(&path).map_err(EraseError::io(&path))?;
        if users.iter().any(|user| Finder::new(user.as_str()).find(&bytes).is_some()) {
            fs::remove_file(&path).map_err(EraseError::io(&path))?;
            removed.push(path);
        }
    }
    Ok(removed)
}

/// The files of these paths, folders with all that is in them, that have one of the ids in their bytes.
///
/// # Errors
/// [`EraseError::Io`].
pub fn still_named(paths: &[PathBuf], users: &Users) -> Result<Vec<PathBuf>, EraseError> {
    let finders: Vec<Finder<'_>> = users
        .iter()
        .filter(|user| user.as_str().len() >= SEARCHED_BYTES)
        .map(|user| Finder::new(user.as_str()))
        .collect();
    let mut found = Vec::new();
    for path in paths {
        let all = if path.is_dir() { files(path)? } else { vec![path.clone()] };
        for file in all {
            // A version's files may be pruned, and a log's removed, while this looks.
            let Ok(bytes) = unpacked(&file) else { continue };
            if finders.iter().any(|finder| finder.find(&bytes).is_some()) {
                found.push(file);
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// The bytes of a file; of one of the event log as they are unpacked.
fn unpacked(file: &Path) -> io::Result<Vec<u8>> {
    let Some(log) = LogFile::at(file) else { return fs::read(file) };
    let mut bytes = Vec::new();
    log.open()?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// All files below a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>, EraseError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(EraseError::io(folder))? {
        let path = entry.map_err(EraseError::io(folder))?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    found.sort();
    Ok(found)
}
