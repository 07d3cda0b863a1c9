//! What lies beside versions and logs: rejected rows, torn ends, half-packed files; and a look for files that still name
//! somebody.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use memchr::memmem::{self, Finder};
use serde::Deserialize;
use shared::contract::artifact::manifest::replace;
use shared::contract::event_log::{Log, is_half_packed, is_torn_end};
use shared::contract::id::UserId;

use super::{EraseError, Users};

/// The shortest id that is looked for in all bytes; shorter ones stand anywhere by chance.
const SEARCHED_BYTES: usize = 8;
/// Of a file that is no text one of the first bytes is 0.
const LOOKED_AT_BYTES: usize = 8192;

/// A row as the batch rejects it, so far as it matters here.
#[derive(Deserialize)]
struct Rejected {
    raw: String,
}

/// Drops the rejected rows that have an id as a word; returns how many.
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
    let is_named = |line: &str| match serde_json::from_str::<Rejected>(line) {
        Ok(Rejected { raw }) => names_any(raw.as_bytes(), users),
        Err(_) => names_any(line.as_bytes(), users),
    };
    let (named, rest): (Vec<&str>, Vec<&str>) = text.split_inclusive('\n').partition(|line| is_named(line));
    if !named.is_empty() {
        replace(artifacts, REJECTS, rest.concat())?;
    }
    Ok(named.len())
}

/// Removes what lies beside a log in a folder and nobody reads: torn ends that name one of the users, and what a
/// crash left of packing, in which no id can be looked for.
///
/// # Errors
/// [`EraseError::Io`].
pub fn beside(folder: &Path, users: &Users) -> Result<Vec<PathBuf>, EraseError> {
    let mut removed = Vec::new();
    for path in entries(folder)? {
        let failed = || EraseError::io(&path);
        let goes = if is_torn_end(&path) {
            names_any(&fs::read(&path).map_err(failed())?, users)
        } else {
            is_half_packed(&path) && is_left(&path).map_err(failed())?
        };
        if goes {
            fs::remove_file(&path).map_err(failed())?;
            removed.push(path);
        }
    }
    Ok(removed)
}

/// Whether a half-packed file is there when nobody packs it: who does holds the lock of the plain file.
fn is_left(path: &Path) -> io::Result<bool> {
    // For writing, too: a network's file system gives a lock of one's own for no less.
    match File::options().read(true).write(true).open(path.with_extension("jsonl")) {
        Ok(plain) => plain.lock()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(path.is_file())
}

/// Whether one of the ids stands in a text as a word.
fn names_any(text: &[u8], users: &Users) -> bool {
    users.iter().any(|user| names(text, user))
}

fn names(text: &[u8], user: &UserId) -> bool {
    let is_part = |byte: Option<&u8>| byte.is_some_and(|&byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let id = user.as_str().as_bytes();
    let is_word = |at: usize| !is_part(text[..at].last()) && !is_part(text.get(at + id.len()));
    memmem::find_iter(text, id).any(is_word)
}

/// The users who stand as words in some logs of the shop's own: all of them where one is no text, in which nobody can look.
///
/// # Errors
/// [`EraseError::Io`].
pub fn named(logs: &[&PathBuf], users: &Users) -> Result<Users, EraseError> {
    let mut named = Users::new();
    for path in logs {
        let text = fs::read(path).map_err(EraseError::io(path))?;
        let is_text = !text[..text.len().min(LOOKED_AT_BYTES)].contains(&0);
        named.extend(users.iter().filter(|user| !is_text || names(&text, user)).cloned());
    }
    Ok(named)
}

/// How many ids are too short for [`still_named`] to look for.
#[must_use]
pub fn too_short(users: &Users) -> usize {
    users.iter().filter(|user| is_short(user)).count()
}

fn is_short(user: &UserId) -> bool {
    user.as_str().len() < SEARCHED_BYTES
}

/// The files of these paths, folders with all that is in them, that have one of the ids in their bytes.
///
/// # Errors
/// [`EraseError::Io`].
pub fn still_named(paths: &[PathBuf], users: &Users) -> Result<Vec<PathBuf>, EraseError> {
    let finders: Vec<Finder<'_>> =
        users.iter().filter(|user| !is_short(user)).map(|user| Finder::new(user.as_str())).collect();
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

/// The bytes of a file; of one of a log as they are unpacked.
fn unpacked(file: &Path) -> io::Result<Vec<u8>> {
    let Some(log) = Log::any_at(file) else { return fs::read(file) };
    let mut bytes = Vec::new();
    log.open()?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// All files below a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>, EraseError> {
    let mut found = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    Ok(found)
}

/// What is in a folder, by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, EraseError> {
    let entries: io::Result<Vec<PathBuf>> =
        fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut entries = entries.map_err(EraseError::io(folder))?;
    entries.sort();
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(ids: &[&str]) -> Users {
        ids.iter().map(|id| UserId::new(*id).expect("an id")).collect()
    }

    #[test]
    fn an_id_is_a_word_and_no_part_of_one() {
        let users = users(&["1", "u-7"]);
        for text in ["1", "\"visitorid\":\"1\"", "view\t1\ta", "x=1,", "{u-7", "u-7;", "11 1"] {
            assert!(names_any(text.as_bytes(), &users), "{text}");
        }
        for text in ["", "11", "0b1f", "2026-11-01", "u-77", "u-7-a", "a_1", "u1"] {
            assert!(!names_any(text.as_bytes(), &users), "{text}");
        }
    }

    #[test]
    fn a_rejected_row_goes_by_its_text_and_not_by_its_number() {
        let folder = tempfile::tempdir().expect("a folder");
        let row = |number: u64, raw: &str| serde_json::json!({"file": "1.csv", "row": number, "raw": raw}).to_string();
        let rows = [row(1, "2026,2,view"), row(2, "2026\t1\tview"), row(3, "{\"visitorid\":\"1\"}"), row(11, "11")];
        fs::write(folder.path().join("rejects.jsonl"), rows.join("\n") + "\n").expect("writes");
        assert_eq!(rejects(folder.path(), &users(&["1"])).expect("rewrites"), 2);
        let left = fs::read_to_string(folder.path().join("rejects.jsonl")).expect("reads");
        assert_eq!(left.lines().collect::<Vec<_>>(), [&rows[0], &rows[3]]);
    }

    #[test]
    fn beside_a_log_torn_ends_go_and_what_packing_left_and_nothing_else_nor_deeper() {
        let folder = tempfile::tempdir().expect("a folder");
        let (rows, torn) = (folder.path().join("rows"), "{\"visitorid\":\"1\",\"event\":\"vi");
        fs::create_dir(&rows).expect("makes");
        let [gone, kept] = [
            ["events-0-00000001.torn-9", "events-0-00000002.packing", "events-0-00000003.repacking"],
            ["events-0-00000002.jsonl", "events-0.id", "events-0.lock"],
        ];
        let kept: Vec<PathBuf> = kept
            .map(|name| folder.path().join(name))
            .into_iter()
            .chain(["events-0.id", "events-0-00000001.torn-9"].map(|name| rows.join(name)))
            .chain([folder.path().join("events-0-00000001.torn-8")])
            .collect();
        gone.iter().for_each(|name| fs::write(folder.path().join(name), torn).expect("writes"));
        kept.iter().for_each(|path| fs::write(path, torn).expect("writes"));
        fs::write(folder.path().join("events-0-00000001.torn-8"), torn.replace('1', "101")).expect("writes");
        let removed = beside(folder.path(), &users(&["1"])).expect("removes");
        assert_eq!(removed, gone.map(|name| folder.path().join(name)));
        assert!(kept.iter().all(|path| path.exists()) && removed.iter().all(|path| !path.exists()));
    }

    #[test]
    fn ids_that_stand_anywhere_are_not_looked_for() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("a"), "1 and 12345678").expect("writes");
        let (short, long) = (users(&["1", "1234567"]), users(&["1", "12345678"]));
        assert_eq!((too_short(&short), too_short(&long)), (2, 1));
        let paths = [folder.path().to_owned()];
        assert!(still_named(&paths, &short).expect("looks").is_empty());
        assert_eq!(still_named(&paths, &long).expect("looks"), [folder.path().join("a")]);
    }
}
