//! Restores a shop into empty folders.

use std::fs;
use std::path::{Component, Path};

use super::copy::{Extent, copy, sealed};
use super::{BackupError, Contents, FORMAT, LIST, Part, make_empty};

/// Reads the list of a backup, and compares every file with it.
///
/// # Errors
/// [`BackupError`] names the first file that is missing or differs.
pub fn check(from: &Path) -> Result<Contents, BackupError> {
    let no_backup = |reason: String| BackupError::NoBackup { path: from.to_owned(), reason };
    let text = fs::read(from.join(LIST)).map_err(|error| no_backup(format!("{LIST}: {error}")))?;
    let contents: Contents = serde_json::from_slice(&text).map_err(|error| no_backup(format!("{LIST}: {error}")))?;
    if contents.format != FORMAT {
        return Err(no_backup(format!("format {}, this release reads {FORMAT}", contents.format)));
    }
    for (name, expected) in &contents.files {
        if !Path::new(name).components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(no_backup(format!("{LIST} names {name:?}, which is not in the backup")));
        }
        if sealed(&from.join(name))? != *expected {
            return Err(BackupError::Differs(from.join(name)));
        }
    }
    Ok(contents)
}

/// Copies the parts of a backup that was checked to their folders, which must be empty; compares what was written with the list.
/// Pointers to champions come last, so that nobody serves half of a version. Returns how many files were restored.
///
/// * `done`: called with the number of bytes copied.
///
/// # Errors
/// [`BackupError`]; what was written stays, and is to be removed by who asked.
pub fn restore(from: &Path, contents: &Contents, parts: &[Part], done: &dyn Fn(u64)) -> Result<usize, BackupError> {
    let mut files = Vec::with_capacity(contents.files.len());
    for (name, expected) in &contents.files {
        let in_part = |part: &Part| Some(part.folder.join(Path::new(name).strip_prefix(&part.name).ok()?));
        let Some(to) = parts.iter().find_map(in_part) else {
            let part = Path::new(name).iter().next().unwrap_or_default();
            return Err(BackupError::NoPlace(part.to_string_lossy().into_owned()));
        };
        files.push((name, expected, to));
    }
    for part in parts.iter().filter(|part| contents.files.keys().any(|name| Path::new(name).starts_with(&part.name))) {
        make_empty(&part.folder)?;
    }
    files.sort_by_key(|(_, _, to)| to.file_name().is_some_and(|name| name == "champion"));
    let (mut restored, mut bytes) = (0, 0);
    for (name, expected, to) in files {
        let copied = copy(&from.join(name), &to, Extent::Whole)?;
        if copied != *expected {
            return Err(BackupError::Differs(from.join(name)));
        }
        if sealed(&to)? != *expected {
            return Err(BackupError::Differs(to));
        }
        (restored, bytes) = (restored + 1, bytes + copied.bytes);
        done(bytes);
    }
    Ok(restored)
}
