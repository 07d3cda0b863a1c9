//! Overwrites the slates of erased users in the file that an embedded store of the service remembers them in, in place
//! and by as many bytes: the service, which may run, only appends to it. A file that it exchanges meanwhile is gone
//! through again.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use shared::engine::served::frame::{blank, frames, is_file};

use super::{EraseError, Users};

/// How often a file is gone through that is exchanged each time.
const TIMES: usize = 10;

/// Overwrites the slates of users in the files of these folders; returns how many, by file. A folder need not be there.
///
/// # Errors
/// [`EraseError::Io`].
pub fn erase(folders: &[PathBuf], users: &Users) -> Result<Vec<(PathBuf, u64)>, EraseError> {
    let mut done = Vec::new();
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        for path in files(folder)? {
            if path.extension().is_some_and(|end| end == "rewriting") {
                remove_left(&path)?;
                continue;
            }
            let mut slates = 0;
            for _ in 0..TIMES {
                let (overwritten, is_same) = overwrite(&path, users).map_err(EraseError::io(&path))?;
                slates += overwritten;
                if is_same {
                    break;
                }
            }
            if slates > 0 {
                done.push((path, slates));
            }
        }
    }
    Ok(done)
}

/// The files of slates in a folder, and those that a service was about to exchange them for.
fn files(folder: &Path) -> Result<Vec<PathBuf>, EraseError> {
    let entries: io::Result<Vec<PathBuf>> =
        fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut entries = entries.map_err(EraseError::io(folder))?;
    entries.retain(|path| {
        is_file(path) || is_file(&path.with_extension("slates")) && path.with_extension("rewriting") == *path
    });
    entries.sort();
    Ok(entries)
}

/// Removes what a crash left of an exchange: whoever is about to exchange holds the lock.
fn remove_left(path: &Path) -> Result<(), EraseError> {
    let lock = File::options().create(true).write(true).truncate(false).open(path.with_extension("lock"));
    let lock = lock.map_err(EraseError::io(path))?;
    if lock.try_lock().is_ok() {
        fs::remove_file(path).map_err(EraseError::io(path))?;
    }
    Ok(())
}

/// Overwrites the slates of users in a file; whether it is still the one that has its name.
fn overwrite(path: &Path, users: &Users) -> io::Result<(u64, bool)> {
    let (mut overwritten, mut bytes) = (0, Vec::new());
    let file = File::options().read(true).write(true).open(path)?;
    io::Read::read_to_end(&mut &file, &mut bytes)?;
    let theirs = frames(&bytes).filter(|frame| frame.user.as_ref().is_some_and(|user| users.contains(user)));
    for frame in theirs {
        file.write_all_at(&blank(frame.place.len()), frame.place.start as u64)?;
        overwritten += 1;
    }
    if overwritten > 0 {
        file.sync_data()?;
    }
    let (opened, named) = (file.metadata()?, fs::metadata(path)?);
    Ok((overwritten, (opened.dev(), opened.ino()) == (named.dev(), named.ino())))
}

#[cfg(test)]
mod tests {
    use shared::contract::id::{ItemId, UserId};
    use shared::engine::served::frame::{file_name, frame};
    use shared::engine::served::{ServedSlate, SlateId};

    use super::*;

    #[test]
    fn slates_of_a_user_are_overwritten_and_what_a_crash_left_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let user = |id: &str| UserId::new(id).expect("an id");
        let framed = |of: &str| {
            let items = vec![ItemId::new("i").expect("an id")];
            frame(&user(of), &ServedSlate { id: SlateId(1), feed: SlateId(1), served_ms: 5, items })
        };
        let path = folder.path().join(file_name("a"));
        // The end is torn, and another file is none of these.
        fs::write(&path, [framed("u1"), framed("u2"), framed("u1"), framed("u1")[..9].to_vec()].concat())
            .expect("writes");
        fs::write(folder.path().join("events-a.slates"), framed("u1")).expect("writes");
        fs::write(path.with_extension("rewriting"), framed("u1")).expect("writes");
        let (folders, users) = ([folder.path().to_owned(), folder.path().join("none")], [user("u1")].into());
        assert_eq!(erase(&folders, &users).expect("erases"), [(path.clone(), 2)]);
        let left = fs::read(&path).expect("reads");
        let users_left: Vec<_> = frames(&left).map(|frame| frame.user).collect();
        assert_eq!(users_left, [None, Some(user("u2")), None]);
        assert!(!path.with_extension("rewriting").exists());
        assert!(erase(&folders, &users).expect("erases").is_empty());
    }
}
