//! What the files of the service's event log say beside events, and up to where they are read.
//!
//! In: the files of a log, to which a service may be appending. Out: erasures and merges of users, and what was said of
//! items and users in them, and the length that each file had before the first was looked at. Nothing behind it is read in this run, neither
//! here nor among the rows: a version that covers the line of an erasure or of a change has heard it. Costs a pass over
//! the service's files.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use shared::contract::event_log::line::Line;
use shared::contract::event_log::{FileId, LogFile, Place};

use super::IngestError;
use super::items::ItemChanges;
use super::pasts::Pasts;
use super::users::SaidOfUsers;

/// The files of the service's event log, as they were at one time.
#[derive(Debug, Default)]
pub struct ServiceLog {
    /// Which users were erased, and whose pasts were merged.
    pub pasts: Pasts,
    /// What was said of items.
    pub changes: ItemChanges,
    /// What was said of users.
    pub said: SaidOfUsers,
    ends: BTreeMap<PathBuf, u64>,
}

impl ServiceLog {
    /// Reads what the service's files among these say beside events.
    ///
    /// # Errors
    /// [`IngestError::Read`] when one can't be read.
    pub fn of_files(files: &[PathBuf]) -> Result<Self, IngestError> {
        let logs: Vec<LogFile> = files.iter().filter_map(|path| LogFile::at(path)).collect();
        let mut read = Self::default();
        for log in &logs {
            let length = log.length().map_err(|error| IngestError::read(&log.path, error))?;
            read.ends.insert(log.path.clone(), length);
        }
        for log in &logs {
            read.add(log).map_err(|error| IngestError::read(&log.path, error))?;
        }
        Ok(read)
    }

    /// Up to which offset of its text a file is read; `None` if it is none of the service's.
    #[must_use]
    pub fn end(&self, path: &Path) -> Option<u64> {
        self.ends.get(path).copied()
    }

    fn add(&mut self, log: &LogFile) -> std::io::Result<()> {
        let mut lines = log.open()?.take(self.end(&log.path).unwrap_or_default());
        let (mut line, mut end, mut file) = (Vec::new(), 0, None);
        while lines.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            end += line.len() as u64;
            let file = *file.get_or_insert_with(|| FileId::of(&log.replica, log.number, &line));
            match Line::read(&line) {
                said @ (Line::Erasure(_) | Line::Merging(_)) => self.pasts.add(&said),
                Line::Change(change) => self.changes.add(change, Place { file, end }),
                Line::User(change) => self.said.add(change, Place { file, end }),
                Line::Impression(_) | Line::Blank | Line::Other => {}
            }
            line.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Write;

    use shared::contract::event_log;
    use shared::contract::event_log::packed::pack;
    use shared::contract::kind::Kinds;

    use super::super::covered::covered;
    use super::super::gather::{Reader, gather, gather_files};
    use super::super::raw::Keep;
    use super::super::settings::IngestConfig;
    use super::super::{Catalogue, read};
    use super::*;

    fn view(user: &str) -> String {
        format!(
            r#"{{"timestamp":1764223441000,"visitorid":"{user}","event":"view","itemid":"a","received":1764223441000}}"#
        ) + "\n"
    }

    const ERASURE: &str = "{\"erase\":\"u1\",\"received\":1764223442000}\n";
    const SEEN: &str = "{\"impression\":[\"a\"],\"visitorid\":\"u2\",\"recommendation_id\":\"r\",\"timestamp\":1764223441000,\"received\":1764223441000}\n";
    const CHANGE: &str =
        "{\"change\":\"a\",\"set\":{\"price\":2.5},\"timestamp\":1764223443000,\"received\":1764223443000}\n";

    #[test]
    fn what_is_appended_while_a_log_is_read_is_all_left_to_the_next_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = event_log::path(folder.path(), "0", 1);
        let before = [view("u1"), view("u2"), SEEN.to_owned()].concat();
        fs::write(&path, &before).expect("writes");
        let (config, kinds) = (IngestConfig::of_tests(), Kinds::default());
        let rejects = folder.path().join("rejects.jsonl");
        let reader =
            Reader { config: &config, kinds: &kinds, keep: Keep::Learnt, rejects: &rejects, progress: &|_| () };
        let (paths, catalogue) = (std::slice::from_ref(&path), Catalogue::default());
        let found = read::files(paths).expect("finds");
        let service = ServiceLog::of_files(&found.files).expect("reads");
        let after = [ERASURE, CHANGE, &view("u3")].concat();
        let mut file = File::options().append(true).open(&path).expect("opens");
        file.write_all(after.as_bytes()).expect("writes");

        let (raw, report) = gather_files(&found, service, reader, &catalogue).expect("reads");
        assert_eq!((report.rows, report.rejected.total(), raw.events.len()), (3, 0, 2));
        assert!(report.changes.is_empty() && !report.pasts.erased.has("u1"));
        assert_eq!(covered(&report.service_files)[0].bytes, before.len() as u64);
        let (raw, report) = gather(paths, reader, &catalogue).expect("reads");
        assert_eq!((report.rows, report.rejected.total(), raw.events.len()), (6, 0, 2));
        assert!(!report.changes.is_empty() && report.pasts.erased.has("u1"));
        assert_eq!(covered(&report.service_files)[0].bytes, (before.len() + after.len()) as u64);
    }

    #[test]
    fn what_was_merged_is_the_others_in_every_file_and_an_event_of_both_counts_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let event = |user: &str, item: &str, id: &str, at: i64| {
            format!(
                r#"{{"timestamp":1764223441000,"visitorid":"{user}","event":"view","itemid":"{item}","event_id":"{id}","received":{at}}}"#
            ) + "\n"
        };
        let at = 1_764_223_441_000;
        let merge = |from: &str, into: &str, at: i64| {
            format!("{{\"merge\":\"{from}\",\"into\":\"{into}\",\"received\":{at}}}\n")
        };
        let undone = format!("{{\"unmerge\":\"t\",\"into\":\"u\",\"merged\":{at},\"received\":{}}}\n", at + 9);
        // The merge is in another replica's file than the events, and the undo in a third.
        let logs = [
            ("a", [event("s", "a", "1", at), event("s", "b", "2", at + 9), event("t", "c", "3", at)].concat()),
            ("b", [event("u", "a", "1", at), merge("s", "u", at + 5), merge("t", "u", at)].concat()),
            ("c", [undone, event("s", "d", "4", at + 5)].concat()),
        ];
        let paths: Vec<PathBuf> = logs
            .iter()
            .map(|(replica, lines)| {
                let path = event_log::path(folder.path(), replica, 1);
                fs::write(&path, lines).expect("writes");
                path
            })
            .collect();
        let (config, kinds) = (IngestConfig::of_tests(), Kinds::default());
        let rejects = folder.path().join("rejects.jsonl");
        let reader =
            Reader { config: &config, kinds: &kinds, keep: Keep::Learnt, rejects: &rejects, progress: &|_| () };
        let (raw, report) = gather(&paths, reader, &Catalogue::default()).expect("reads");
        let of = |number: &u32| {
            (raw.users.text(raw.events[*number as usize].user), raw.items.text(raw.events[*number as usize].item))
        };
        let mut told: Vec<_> = (0..raw.events.len() as u32).map(|number| of(&number)).collect();
        told.sort_unstable();
        assert_eq!(told, [("s", "b"), ("t", "c"), ("u", "a"), ("u", "d")]);
        assert_eq!((report.merged, report.skipped.total(), report.rejected.total()), (2, 4, 0));
        assert_eq!(covered(&report.service_files).len(), 3);
    }

    #[test]
    fn a_packed_log_says_the_same_at_the_same_places() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = event_log::path(folder.path(), "0", 1);
        fs::write(&path, [&view("u1"), CHANGE, ERASURE, &view("u2")].concat() + "{\"change\":\"b\"").expect("writes");
        let plain = ServiceLog::of_files(std::slice::from_ref(&path)).expect("reads");
        assert!(!plain.changes.is_empty() && plain.pasts.erased.has("u1"));
        let log = LogFile::at(&path).expect("a log file");
        pack(&log).expect("packs");
        let packed = ServiceLog::of_files(&[log.packed_path()]).expect("reads");
        assert_eq!((&packed.pasts, &packed.changes), (&plain.pasts, &plain.changes));
        assert_eq!(packed.end(&log.packed_path()), plain.end(&path));
    }
}
