//! Finds the files to read, and says which are left out.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use shared::contract::artifact::manifest::sha256;
use shared::contract::event_log::{self, Log, LogFile};

use crate::log::ingest::IngestError;

/// The endings of the files that are read of a folder, in any case; `.gz` or `.zst` may follow.
const ENDINGS: [&str; 10] = ["csv", "tsv", "txt", "dat", "inter", "item", "json", "jsonl", "ndjson", "parquet"];
/// The endings of packed files.
const PACKED: [&str; 4] = ["gz", "gzip", "zst", "zstd"];
/// Why files of the log of slates are left out.
const SLATES: &str = "the log of slates, which has no events";

/// The files of some paths.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Those to read.
    pub files: Vec<PathBuf>,
    /// Those that are left out, and why.
    pub left_out: Vec<(PathBuf, String)>,
    /// The folder of each file to read that is not named itself, nor by a pattern.
    pub folder_of: BTreeMap<PathBuf, PathBuf>,
}

impl Found {
    /// Whether a file only stands in a folder beside others, and is none of the service's log.
    #[must_use]
    pub fn may_be_another_thing(&self, path: &Path) -> bool {
        self.folder_of.contains_key(path) && LogFile::at(path).is_none()
    }
}

/// Finds the files of paths, folders and patterns, in the order given, those of each sorted by name.
///
/// A file that is named or matched by a pattern is read whatever its ending; of a folder those with a known one. Locks
/// and torn ends beside the service's event log are passed over unless they are named themselves; everything else that
/// is not read is left out with a reason: another copy of a file too. A folder may have no files, such as that of a
/// service that has not recorded an event yet.
///
/// # Errors
/// [`IngestError::Absent`] where nothing is at a path, or nothing matches a pattern; [`IngestError::Unnamed`] as
/// [`with_packed`].
pub fn files(paths: &[PathBuf]) -> Result<Found, IngestError> {
    let found = every(paths)?;
    with_packed(&found.files)?;
    once(found)
}

/// The same, with copies: equal rows of a table are rows all the same.
///
/// # Errors
/// [`IngestError::Absent`] where nothing is at a path, or nothing matches a pattern.
pub fn every(paths: &[PathBuf]) -> Result<Found, IngestError> {
    let (mut found, mut named) = (Found::default(), BTreeSet::new());
    for path in paths {
        if path.is_file() {
            named.insert(path.clone());
            found.files.push(path.clone());
        } else if path.is_dir() {
            of_folder(path, &mut found).map_err(|error| IngestError::read(path, error))?;
        } else {
            of_pattern(path, &mut found)?;
        }
    }
    found.folder_of.retain(|path, _| !named.contains(path));
    Ok(found)
}

fn of_folder(folder: &Path, found: &mut Found) -> io::Result<()> {
    let entries: io::Result<Vec<PathBuf>> = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect();
    let mut entries = entries?;
    entries.retain(|path| !event_log::is_aside(path));
    entries.sort();
    let of_interactions = entries.iter().any(|path| ending(path).as_deref() == Some("inter"));
    let before = found.files.len();
    for path in entries {
        match left_out(&path) {
            None if of_interactions && ending(&path).as_deref() == Some("item") => {
                found.left_out.push((path, "an item table beside .inter files; --items reads it".to_owned()));
            }
            None => {
                found.folder_of.insert(path.clone(), folder.to_owned());
                found.files.push(path);
            }
            Some(reason) => found.left_out.push((path, reason)),
        }
    }
    if found.files.len() == before {
        let reason = format!("no file in it that can be read; known endings: .{}", ENDINGS.join(", ."));
        found.left_out.push((folder.to_owned(), reason));
    }
    Ok(())
}

/// Why what is in a folder is not read.
fn left_out(path: &Path) -> Option<String> {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    if name.starts_with('.') {
        return Some("hidden".to_owned());
    }
    if Log::Slates.file_at(path).is_some() {
        return Some(SLATES.to_owned());
    }
    if name.starts_with("~$") {
        return Some("the lock of an office program".to_owned());
    }
    if path.is_dir() {
        return Some("a folder within the folder; name it too, or a pattern such as folder/**/*.csv".to_owned());
    }
    if !path.is_file() {
        return Some("no file".to_owned());
    }
    match ending(path) {
        None => Some("no ending; name the file itself to read it".to_owned()),
        Some(ending) if ENDINGS.contains(&ending.as_str()) => None,
        Some(ending) => Some(format!("unknown ending .{ending}; name the file itself to read it")),
    }
}

/// The ending of a file, in lower case, without that of a packed file behind it.
fn ending(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    let mut endings = name.rsplit('.').collect::<Vec<_>>();
    endings.pop();
    match endings.as_slice() {
        [packed, ending, ..] if PACKED.contains(packed) => Some((*ending).to_owned()),
        [ending, ..] => Some((*ending).to_owned()),
        [] => None,
    }
}

fn of_pattern(pattern: &Path, found: &mut Found) -> Result<(), IngestError> {
    let absent = || IngestError::Absent { path: pattern.to_owned() };
    let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::new() };
    let matches = glob::glob_with(&pattern.to_string_lossy(), options).map_err(|_| absent())?;
    let mut matches: Vec<PathBuf> = matches.flatten().filter(|path| !event_log::is_aside(path)).collect();
    let others = matches.extract_if(.., |path| !path.is_file());
    found.left_out.extend(others.map(|path| (path, "no file".to_owned())));
    let slates = matches.extract_if(.., |path| Log::Slates.file_at(path).is_some());
    found.left_out.extend(slates.map(|path| (path, SLATES.to_owned())));
    if matches.is_empty() {
        return Err(absent());
    }
    matches.sort();
    found.files.append(&mut matches);
    Ok(())
}

/// Makes sure that who names plain files of the service's log names the packed ones of the same folder, too: a pattern
/// that had all of them, such as `log/*.jsonl`, has fewer each night.
///
/// # Errors
/// [`IngestError::Unnamed`] names the folder.
pub fn with_packed(files: &[PathBuf]) -> Result<(), IngestError> {
    let mut named: BTreeMap<&Path, Vec<LogFile>> = BTreeMap::new();
    for path in files {
        let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        named.entry(folder).or_default().extend(LogFile::at(path));
    }
    for (folder, named) in named.into_iter().filter(|(_, named)| named.iter().any(|log| !log.is_packed())) {
        let is_named = |log: &LogFile| named.iter().any(|one| (&one.replica, one.number) == (&log.replica, log.number));
        let listed = event_log::list(folder).map_err(|error| IngestError::read(folder, error))?;
        let mut unnamed = listed.into_iter().filter(|log| log.is_packed() && !is_named(log));
        if let Some(first) = unnamed.next() {
            let (folder, first) = (folder.to_owned(), first.path);
            return Err(IngestError::Unnamed { folder, first, count: 1 + unnamed.count() });
        }
    }
    Ok(())
}

/// Leaves out files that are found more than once, and copies of others.
fn once(found: Found) -> Result<Found, IngestError> {
    let Found { files, mut left_out, mut folder_of } = found;
    let mut places = BTreeSet::new();
    let mut kept: Vec<PathBuf> = Vec::with_capacity(files.len());
    for path in files {
        let place = path.canonicalize().map_err(|error| IngestError::read(&path, error))?;
        if places.insert(place) {
            kept.push(path);
        } else {
            left_out.push((path, "named twice".to_owned()));
        }
    }
    let spared = in_several(&kept)?;
    let others = kept.extract_if(.., |path| spared.contains_key(path));
    left_out.extend(others.map(|path| {
        let reason = spared[&path].clone();
        (path, reason)
    }));
    // Files of the service's log come first: how much of them was read is noted.
    let mut order: Vec<usize> = (0..kept.len()).collect();
    order.sort_by_key(|&at| LogFile::at(&kept[at]).is_none());
    let mut by_size: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for at in order {
        let size = kept[at].metadata().map_err(|error| IngestError::read(&kept[at], error))?.len();
        by_size.entry(size).or_default().push(at);
    }
    let mut copies = BTreeMap::new();
    for (_, same) in by_size.into_iter().filter(|(size, same)| *size > 0 && same.len() > 1) {
        let mut firsts = BTreeMap::new();
        for at in same {
            let digest = sha256(&kept[at]).map_err(|error| IngestError::read(&kept[at], error))?;
            match firsts.get(&digest) {
                None => {
                    firsts.insert(digest, at);
                }
                Some(&first) if is_other_log(&kept[at], &kept[first]) => {}
                Some(&first) => {
                    copies.insert(at, format!("the same bytes as {}", kept[first].display()));
                }
            }
        }
    }
    let mut files = Vec::with_capacity(kept.len());
    for (at, path) in kept.into_iter().enumerate() {
        match copies.remove(&at) {
            None => files.push(path),
            Some(reason) => left_out.push((path, reason)),
        }
    }
    folder_of.retain(|path, _| files.contains(path));
    Ok(Found { files, left_out, folder_of })
}

/// Files of the service's log that are there more than once, one of them packed, with the reason not to read them: others have
/// all their events. A file that is packed and not, as after a crash, or in an archive, is such a one.
fn in_several(paths: &[PathBuf]) -> Result<BTreeMap<PathBuf, String>, IngestError> {
    let mut by_name: BTreeMap<(String, u64), Vec<LogFile>> = BTreeMap::new();
    for log in paths.iter().filter_map(|path| LogFile::at(path)) {
        by_name.entry((log.replica.clone(), log.number)).or_default().push(log);
    }
    by_name.retain(|_, logs| logs.len() > 1 && logs.iter().any(LogFile::is_packed));
    let mut spared = BTreeMap::new();
    for logs in by_name.into_values() {
        let mut longest: BTreeMap<_, (u64, PathBuf)> = BTreeMap::new();
        for log in logs {
            let failed = |error| IngestError::read(&log.path, error);
            let (id, length) = (log.id().map_err(failed)?, log.length().map_err(failed)?);
            let path = match longest.entry(id) {
                Entry::Vacant(first) => {
                    first.insert((length, log.path));
                    continue;
                }
                Entry::Occupied(mut other) if other.get().0 < length => other.insert((length, log.path)).1,
                Entry::Occupied(_) => log.path,
            };
            let reason = format!("the same events as {}", longest[&id].1.display());
            spared.insert(path, reason);
        }
    }
    Ok(spared)
}

/// Whether a file is one of the service's log, and not the same one as the other: each is covered by itself.
fn is_other_log(path: &Path, other: &Path) -> bool {
    let name = |path| LogFile::at(path).map(|file| (file.replica, file.number));
    name(path).is_some_and(|name_of| name(other) != Some(name_of))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The names of the files that are found, and those left out with the beginning of the reason.
    fn told(paths: &[PathBuf]) -> (Vec<String>, Vec<String>) {
        let name = |path: &PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
        let found = files(paths).expect("files");
        let left_out = found.left_out.iter().map(|(path, reason)| {
            let few: Vec<_> = reason.split_whitespace().take(2).collect();
            format!("{}: {}", name(path), few.join(" "))
        });
        (found.files.iter().map(name).collect(), left_out.collect())
    }

    #[test]
    fn of_a_folder_everything_is_read_or_left_out_with_a_reason() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let names = [
            "MAR.CSV",
            "a.inter",
            "feb.csv.gz",
            "jan.csv",
            "x.Json.ZST",
            "events-0.lock",
            "notes.pdf",
            ".hidden.csv",
            "~$jan.csv",
            "_SUCCESS",
            "events-0-00000001.torn-5",
            "slates-0-00000001.jsonl",
        ];
        names.iter().for_each(|name| fs::write(folder.path().join(name), name).expect("writes"));
        fs::create_dir(folder.path().join("old")).expect("makes");
        let (files, left_out) = told(&[folder.path().to_owned()]);
        assert_eq!(files, ["MAR.CSV", "a.inter", "feb.csv.gz", "jan.csv", "x.Json.ZST"]);
        assert_eq!(
            left_out,
            [
                ".hidden.csv: hidden",
                "_SUCCESS: no ending;",
                "notes.pdf: unknown ending",
                "old: a folder",
                "slates-0-00000001.jsonl: the log",
                "~$jan.csv: the lock"
            ]
        );
        // Patterns and names are taken at their word.
        assert_eq!(told(&[folder.path().join("notes.*")]).0, ["notes.pdf"]);
        assert!(files_of(&folder.path().join("*.xls")).is_err() && files_of(&folder.path().join("none.csv")).is_err());
    }

    #[test]
    fn tables_of_items_beside_interactions_are_no_logs() {
        let folder = tempfile::tempdir().expect("temporary folder");
        for name in ["ml.inter", "ml.item", "ml.user"] {
            fs::write(folder.path().join(name), name).expect("writes");
        }
        let (files, left_out) = told(&[folder.path().to_owned()]);
        assert_eq!(files, ["ml.inter"]);
        assert_eq!(left_out, ["ml.item: an item", "ml.user: unknown ending"]);
    }

    fn files_of(path: &Path) -> Result<Found, IngestError> {
        super::files(&[path.to_owned()])
    }

    #[test]
    fn a_folder_without_files_says_so() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let found = files_of(folder.path()).expect("files");
        assert_eq!(found.left_out[0].0, folder.path());
        assert!(found.files.is_empty() && found.left_out[0].1.contains("no file in it"));
    }

    #[test]
    fn a_file_is_read_once() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = |name: &str| folder.path().join(name);
        for (name, text) in [("a.csv", "x,y"), ("b.csv", "x,z"), ("copy.csv", "x,y"), ("e1.csv", ""), ("e2.csv", "")] {
            fs::write(path(name), text).expect("writes");
        }
        let (files, left_out) = told(&[folder.path().to_owned(), path("./b.csv")]);
        assert_eq!(files, ["a.csv", "b.csv", "e1.csv", "e2.csv"]);
        assert_eq!(left_out, ["b.csv: named twice", "copy.csv: the same"]);
        // Of the service's log the files themselves are read, each.
        for name in ["events-0-00000001.jsonl", "events-1-00000001.jsonl", "backup.jsonl"] {
            fs::write(path(name), "{}").expect("writes");
        }
        let (files, left_out) = told(&[path("*.jsonl")]);
        assert_eq!(files, ["events-0-00000001.jsonl", "events-1-00000001.jsonl"]);
        assert_eq!(left_out, ["backup.jsonl: the same"]);
    }

    #[test]
    fn a_file_of_the_service_s_log_that_is_packed_somewhere_is_read_once_and_the_longest_of_it() {
        let (log, archive) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let (name, packed) = ("events-0-00000001.jsonl", "events-0-00000001.jsonl.zst");
        let pack = |text: &str| zstd::encode_all(text.as_bytes(), 1).expect("packs");
        fs::write(log.path().join(name), "{\"a\":1}\n{\"a\":2}\n").expect("writes");
        fs::write(archive.path().join(packed), pack("{\"a\":1}\n")).expect("writes");
        let both = [archive.path().to_owned(), log.path().to_owned()];
        let (files, left_out) = told(&both);
        assert_eq!((files, left_out), (vec![name.to_owned()], vec![format!("{packed}: the same")]));
        // As after a crash.
        fs::write(log.path().join(packed), pack("{\"a\":1}\n{\"a\":2}\n")).expect("writes");
        assert_eq!(told(&both[1..]).0, [name]);
        // A file of another log has the name, too.
        fs::write(log.path().join(packed), pack("{\"b\":1}\n")).expect("writes");
        assert_eq!(told(&both[1..]).0, [name, packed]);
    }

    #[test]
    fn plain_files_of_the_service_s_log_are_not_read_without_the_packed_ones_beside_them() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = |name: &str| folder.path().join(name);
        for name in ["events-0-00000001.jsonl.zst", "events-0-00000002.jsonl.zst"] {
            fs::write(path(name), zstd::encode_all(name.as_bytes(), 1).expect("packs")).expect("writes");
        }
        for name in ["events-0-00000002.jsonl", "events-0-00000003.jsonl", "events-1-00000001.jsonl"] {
            fs::write(path(name), name).expect("writes");
        }
        for less in ["*.jsonl", "events-0-*.jsonl", "events-1-00000001.jsonl"] {
            let error = files_of(&path(less)).expect_err("refused").to_string();
            assert!(error.contains("1 packed") && error.contains("events-0-00000001.jsonl.zst"), "{less}: {error}");
        }
        // All, and packed ones by themselves.
        for (all, count) in [("", 4), ("*.jsonl*", 4), ("*.zst", 2), ("events-0-00000001.jsonl.zst", 1)] {
            assert_eq!(files_of(&path(all)).expect("files").files.len(), count, "{all}");
        }
    }
}
