//! Overwrites the lines of the event log that name erased users, in place and by as many bytes: every offset stays true, those
//! that a running service holds, those that manifests cover, and the marks in a store.
//!
//! The service may append to the file meanwhile. It cuts off the parts of a failed append under the file's lock, which is
//! taken here for each line, so that a line that was cut off is not written again. The events of all files go before the
//! first erasure, since an erasure hides what other files have: wherever a run ends, nothing that is left comes to light.
//!
//! A packed file is packed anew. One that the service packs meanwhile is gone when the lock is free, and what was written to it is
//! done once more in the packed one. One of slates that the service removes meanwhile, at its bound, needs nothing.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use serde::Deserialize;
use shared::contract::erasure::{blank, is_half_blank};
use shared::contract::event_log::line::Line as Told;
use shared::contract::event_log::packed::repack;
use shared::contract::event_log::{Log, LogFile};
use shared::contract::id::UserId;
use shared::contract::merge::Merging;

use super::{EraseError, Users};
use crate::log::ingest::Pasts;

/// Whom a line is about: that of an event, an impression or a slate.
#[derive(Deserialize)]
struct About {
    visitorid: UserId,
    received: Option<i64>,
}

/// Which lines are overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    /// All but the others.
    Events,
    /// Erasures, and merges into the users.
    Erasures,
    /// Undos of these: without them a merge would come to light.
    Undos,
}

/// Whose lines are overwritten.
#[derive(Clone, Copy)]
pub struct Whose<'a> {
    /// The users.
    pub users: &'a Users,
    /// What was merged into them is theirs, and what was merged into others is not.
    pub pasts: &'a Pasts,
}

impl Whose<'_> {
    fn is_event(self, user: &UserId, received_ms: Option<i64>) -> bool {
        match received_ms {
            Some(received_ms) if !self.pasts.merges.is_empty() => {
                let mut through = self.pasts.erased_or_last(user.as_str(), received_ms);
                through.any(|user| self.users.iter().any(|erased| erased.as_str() == user))
            }
            _ => self.users.contains(user),
        }
    }

    /// Whether what was said of a user beside events is erased: with the user, and with whom their past of then is.
    fn is_said(self, user: &UserId, received_ms: i64) -> bool {
        self.users.contains(user) || self.is_event(user, Some(received_ms))
    }
}

/// A line that names one of the users, or that an interrupted run left.
struct Line {
    which: Which,
    start: u64,
    bytes: Vec<u8>,
}

/// The lines of a file.
#[derive(Default)]
struct Counts {
    /// Those that were overwritten.
    overwritten: u64,
    /// The erasures, merges and undos, which may be among them.
    erasures: u64,
}

/// Overwrites the lines of some files that name one of the users, and what an interrupted run left; returns how many, by file.
///
/// * `pasts`: what the event logs say of merges and erasures.
/// * `hidden`: users whose erasures stay, since they hide what other logs have of them.
///
/// # Errors
/// [`EraseError::Io`]; no erasure is overwritten then unless all events were.
pub fn erase(
    logs: &[LogFile],
    users: &Users,
    pasts: &Pasts,
    hidden: &Users,
) -> Result<BTreeMap<PathBuf, u64>, EraseError> {
    let mut lines: BTreeMap<PathBuf, u64> = BTreeMap::new();
    let mut with_erasures = Vec::new();
    let mut add = |log: &LogFile, count: u64| *lines.entry(log.path.clone()).or_default() += count;
    for log in logs {
        let Counts { overwritten, erasures } = erase_file(log, Whose { users, pasts }, Which::Events)?;
        add(log, overwritten);
        if erasures > 0 {
            with_erasures.push(log);
        }
    }
    let users = &(users - hidden);
    for which in [Which::Erasures, Which::Undos] {
        for log in &with_erasures {
            add(log, erase_file(log, Whose { users, pasts }, which)?.overwritten);
        }
    }
    lines.retain(|_, count| *count > 0);
    Ok(lines)
}

fn erase_file(log: &LogFile, whose: Whose<'_>, which: Which) -> Result<Counts, EraseError> {
    match erase_there(log, whose, which) {
        Err(EraseError::Io { source, .. }) if log.log == Log::Slates && source.kind() == io::ErrorKind::NotFound => {
            Ok(Counts::default())
        }
        counts => counts,
    }
}

/// Overwrites the lines of a file that is there under one of its two names.
fn erase_there(log: &LogFile, whose: Whose<'_>, which: Which) -> Result<Counts, EraseError> {
    if log.is_packed() {
        return erase_packed(log, whose, which);
    }
    let counts = match erase_plain(log, whose, which) {
        Err(EraseError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Counts::default(),
        counts => counts?,
    };
    let Some(packed) = log.log.file_at(&log.packed_path()).filter(|packed| packed.path.is_file()) else {
        return Ok(counts);
    };
    let again = erase_packed(&packed, whose, which)?;
    Ok(Counts { overwritten: counts.overwritten.max(again.overwritten), erasures: counts.erasures.max(again.erasures) })
}

fn erase_packed(log: &LogFile, whose: Whose<'_>, which: Which) -> Result<Counts, EraseError> {
    let failed = || EraseError::io(&log.path);
    let mut bytes = Vec::new();
    log.open().and_then(|mut lines| lines.read_to_end(&mut bytes)).map_err(failed())?;
    let Some(id) = log.id().map_err(failed())? else { return Ok(Counts::default()) };
    let (lines, counts) = counted(lines_of(&bytes[..], whose).map_err(failed())?, which);
    for Line { start, bytes: line, .. } in &lines {
        let at = *start as usize;
        blank(&mut bytes[at..at + line.len()], (*start == 0).then_some(id.get()));
    }
    if !lines.is_empty() {
        repack(log, &bytes).map_err(failed())?;
    }
    Ok(counts)
}

fn erase_plain(log: &LogFile, whose: Whose<'_>, which: Which) -> Result<Counts, EraseError> {
    let failed = || EraseError::io(&log.path);
    let Some(id) = log.id().map_err(failed())? else { return Ok(Counts::default()) };
    let file = File::options().read(true).write(true).open(&log.path).map_err(failed())?;
    let (lines, counts) = counted(lines_of(&file, whose).map_err(failed())?, which);
    for Line { start, bytes, .. } in &lines {
        let mut there = vec![0; bytes.len()];
        let mut blanked = bytes.clone();
        blank(&mut blanked, (*start == 0).then_some(id.get()));
        file.lock().map_err(failed())?;
        let is_there = file.read_exact_at(&mut there, *start).is_ok() && there == *bytes;
        let written = if is_there { file.write_all_at(&blanked, *start) } else { Ok(()) };
        file.unlock().and(written).map_err(failed())?;
    }
    if !lines.is_empty() {
        file.sync_data().map_err(failed())?;
    }
    Ok(counts)
}

/// The lines that are to be overwritten, and how many there are.
fn counted(mut lines: Vec<Line>, which: Which) -> (Vec<Line>, Counts) {
    let erasures = lines.iter().filter(|line| line.which != Which::Events).count() as u64;
    lines.retain(|line| line.which == which);
    let overwritten = lines.len() as u64;
    (lines, Counts { overwritten, erasures })
}

fn lines_of(file: impl Read, whose: Whose<'_>) -> io::Result<Vec<Line>> {
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let (mut lines, mut start, mut line) = (Vec::new(), 0, Vec::new());
    while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
        let users = whose.users;
        let (is_theirs, which) = match Told::read(&line) {
            Told::Erasure(erasure) => (users.contains(&erasure.user), Which::Erasures),
            Told::Merging(Merging::Merge(merge)) => (users.contains(&merge.into), Which::Erasures),
            Told::Merging(Merging::Undo(undo)) => (users.contains(&undo.into), Which::Undos),
            Told::Change(_) | Told::Blank => (false, Which::Events),
            Told::User(change) => (whose.is_said(&change.user, change.received_ms), Which::Events),
            // Of slates and what was seen of them nothing is merged.
            Told::Impression(seen) => (users.contains(&seen.user), Which::Events),
            Told::Other => {
                let about = serde_json::from_slice(&line).ok();
                let is_theirs = about.is_some_and(|About { visitorid, received }| whose.is_event(&visitorid, received));
                (is_theirs, Which::Events)
            }
        };
        if is_theirs || is_half_blank(&line) {
            lines.push(Line { which, start, bytes: line.clone() });
        }
        start += line.len() as u64;
        line.clear();
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use shared::contract::event_log::packed::pack;

    use super::*;

    fn erase(log: &LogFile, users: &Users) -> Result<u64, EraseError> {
        super::erase(std::slice::from_ref(log), users, &Pasts::default(), &Users::new())
            .map(|lines| lines.values().sum())
    }

    fn event(user: &str) -> String {
        format!("{{\"timestamp\":1,\"visitorid\":\"{user}\",\"event\":\"view\",\"itemid\":\"u1\"}}\n")
    }

    const ERASURE: &str = "{\"erase\":\"u1\",\"received\":5}\n";

    #[test]
    fn impressions_and_slates_of_a_user_are_overwritten_too() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let users: Users = [UserId::new("u1").expect("an id")].into();
        let seen = |user: &str| {
            format!(
                "{{\"impression\":[\"i\"],\"visitorid\":\"{user}\",\"recommendation_id\":\"r\",\"timestamp\":1,\"received\":2}}\n"
            )
        };
        let slate = |user: &str| {
            format!("{{\"slate\":\"r\",\"timestamp\":1,\"visitorid\":\"{user}\",\"version\":\"v\",\"items\":[]}}\n")
        };
        for (kind, text) in [(Log::Events, [seen("u2"), seen("u1")]), (Log::Slates, [slate("u2"), slate("u1")])] {
            let path = kind.path(folder.path(), "a", 1);
            fs::write(&path, text.concat()).expect("writes");
            let log = kind.file_at(&path).expect("a log file");
            assert_eq!(erase(&log, &users).expect("erases"), 1);
            let erased = fs::read_to_string(&path).expect("reads");
            assert!(erased.starts_with(&text[0]) && !erased.contains("u1") && erased.len() == text.concat().len());
        }
    }

    #[test]
    fn what_was_merged_into_a_user_is_overwritten_with_the_merge_and_what_was_merged_into_others_stays() {
        let event = |user: &str, received: i64| {
            format!(
                "{{\"timestamp\":1,\"visitorid\":\"{user}\",\"event\":\"view\",\"itemid\":\"i\",\"received\":{received}}}\n"
            )
        };
        let text = [
            event("s", 1),
            event("u1", 1),
            "{\"merge\":\"s\",\"into\":\"u1\",\"received\":2}\n".to_owned(),
            event("s", 3),
            "{\"merge\":\"s\",\"into\":\"u2\",\"received\":4}\n".to_owned(),
            event("s", 5),
        ];
        assert_eq!(left(&text, &["u1"]), [false, false, false, true, true, true]);
        assert_eq!(left(&text, &["u2"]), [true, true, true, false, false, true]);
        assert_eq!(left(&text, &["s"]), [true, true, true, true, true, false]);
    }

    /// Which lines of a log are left when some users are erased.
    fn left(lines: &[String], users: &[&str]) -> Vec<bool> {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("events-a-00000001.jsonl");
        let log = LogFile::at(&path).expect("a log file");
        fs::write(&path, lines.concat()).expect("writes");
        let users: Users = users.iter().map(|user| UserId::new(*user).expect("an id")).collect();
        let pasts = Pasts::of_files(std::slice::from_ref(&log)).expect("reads");
        super::erase(std::slice::from_ref(&log), &users, &pasts, &Users::new()).expect("erases");
        let erased = fs::read_to_string(&path).expect("reads");
        let is_left = |line: &str| !line.trim().is_empty() && !line.contains("blank");
        erased.lines().map(is_left).collect()
    }

    #[test]
    fn what_was_said_of_a_user_is_overwritten_with_them_and_with_whom_their_past_of_then_is() {
        let said = |user: &str, received: i64| {
            format!("{{\"profile\":{{\"age\":3}},\"visitorid\":\"{user}\",\"timestamp\":1,\"received\":{received}}}\n")
        };
        let merge = "{\"merge\":\"s\",\"into\":\"u1\",\"received\":2}\n".to_owned();
        let text = [said("s", 1), said("u1", 1), merge, said("s", 3), said("u2", 1)];
        assert_eq!(left(&text, &["u1"]), [false, false, false, true, true]);
        assert_eq!(left(&text, &["s"]), [false, true, true, false, true]);
        assert_eq!(left(&text, &["u2"]), [true, true, true, true, false]);
    }

    #[test]
    fn a_packed_file_of_slates_that_is_gone_is_no_error_and_one_of_events_is() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let users: Users = [UserId::new("u1").expect("an id")].into();
        let gone =
            |log: Log| log.file_at(&log.path(folder.path(), "a", 1).with_extension("jsonl.zst")).expect("a file");
        assert_eq!(erase(&gone(Log::Slates), &users).expect("is gone"), 0);
        assert!(erase(&gone(Log::Events), &users).is_err());
    }

    #[test]
    fn a_run_that_fails_at_any_file_leaves_the_erasures_that_hide_what_it_left() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let [first, packed, last] = ["a", "b", "c"].map(|replica| {
            LogFile::at(&shared::contract::event_log::path(folder.path(), replica, 1)).expect("a log file")
        });
        fs::write(&first.path, [&event("u1"), ERASURE, &event("u1")].concat()).expect("writes");
        fs::write(&packed.path, [ERASURE, &event("u1")].concat()).expect("writes");
        pack(&packed).expect("packs");
        fs::create_dir(&last.path).expect("makes what can't be read");
        let (logs, users) = ([first, packed, last], [UserId::new("u1").expect("an id")].into());
        let has = |log: &LogFile, what: &str| {
            let mut text = String::new();
            log.open().and_then(|mut lines| lines.read_to_string(&mut text)).expect("reads");
            text.contains(what)
        };
        assert!(super::erase(&logs, &users, &Pasts::default(), &Users::new()).is_err());
        for log in &logs[..2] {
            assert!(has(log, "erase") && !has(log, "visitorid"), "{}", log.path.display());
        }
        fs::remove_dir(&logs[2].path).and_then(|()| fs::write(&logs[2].path, event("u1"))).expect("writes");
        let lines = super::erase(&logs, &users, &Pasts::default(), &Users::new()).expect("erases");
        assert_eq!(lines.values().copied().collect::<Vec<_>>(), [1, 1, 1]);
        assert!(logs.iter().all(|log| !has(log, "u1")));
        assert!(super::erase(&logs, &users, &Pasts::default(), &Users::new()).expect("erases").is_empty());
    }

    #[test]
    fn what_a_user_did_is_overwritten_in_place_and_an_interrupted_run_is_finished() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("events-a-00000001.jsonl");
        let log = LogFile::at(&path).expect("a log file");
        let text = [event("u1"), event("u2"), "no event of u1\n".to_owned(), event("u1"), ERASURE.to_owned()];
        fs::write(&path, text.concat() + "{\"visitorid\":\"u1\"").expect("writes");
        let id = log.id().expect("reads");
        let users: Users = [UserId::new("u1").expect("an id")].into();
        assert_eq!(erase(&log, &users).expect("erases"), 3);
        let erased = fs::read_to_string(&path).expect("reads");
        assert_eq!(erased.len(), text.concat().len() + 17);
        let lines: Vec<&str> = erased.lines().map(str::trim_end).collect();
        assert!(lines[0].starts_with("{\"blank\":") && lines[3].is_empty() && lines[4].is_empty());
        assert_eq!(lines[1], event("u2").trim_end());
        assert_eq!(log.id().expect("reads"), id);
        assert_eq!(erase(&log, &users).expect("erases"), 0);
        let fourth = erased.lines().take(3).map(|line| line.len() + 1).sum::<usize>();
        let half = [&erased[..fourth + 7], &text.concat()[fourth + 7..]].concat();
        fs::write(&path, half).expect("writes");
        assert_eq!(erase(&log, &Users::new()).expect("erases"), 1);
        // In a packed file, and in one that was packed since it was listed.
        fs::write(&path, text.concat()).expect("writes");
        let id = log.id().expect("reads");
        pack(&log).expect("packs");
        let packed = LogFile::at(&log.packed_path()).expect("a log file");
        let others: Users = [UserId::new("u2").expect("an id")].into();
        assert_eq!((erase(&packed, &others).expect("erases"), erase(&log, &users).expect("erases")), (1, 3));
        let mut unpacked = String::new();
        packed.open().and_then(|mut lines| lines.read_to_string(&mut unpacked)).expect("reads");
        assert_eq!((unpacked.len(), unpacked.lines().count()), (text.concat().len(), 5));
        assert!(!unpacked.contains("visitorid") && !unpacked.contains("erase") && !path.exists());
        assert_eq!(log.id().expect("reads"), id);
        assert_eq!(erase(&log, &users).expect("erases"), 0);
    }
}
