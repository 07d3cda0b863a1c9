//! Overwrites the lines of the event log that name erased users, in place and by as many bytes: every offset stays true, those
//! that a running service holds, those that manifests cover, and the marks in a store.
//!
//! The service may append to the file meanwhile. It cuts off the parts of a failed append under the file's lock, which is
//! taken here for each line, so that a line that was cut off is not written again. Events go before the erasures that hide
//! them.
//!
//! A packed file is packed anew. One that the service packs meanwhile is gone when the lock is free, and what was written to it is
//! done once more in the packed one.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;

use serde::Deserialize;
use shared::contract::erasure::{blank, is_half_blank};
use shared::contract::event_log::LogFile;
use shared::contract::event_log::packed::repack;
use shared::contract::id::UserId;

use super::{EraseError, Users};

/// Whom a line is about.
#[derive(Deserialize)]
struct About {
    visitorid: Option<UserId>,
    erase: Option<UserId>,
}

/// A line to overwrite.
struct Line {
    is_erasure: bool,
    start: u64,
    bytes: Vec<u8>,
}

/// Overwrites the lines of a file that name one of the users, and what an interrupted run left; returns how many.
///
/// # Errors
/// [`EraseError::Io`].
pub fn erase(log: &LogFile, users: &Users) -> Result<u64, EraseError> {
    if log.is_packed() {
        return erase_packed(log, users);
    }
    let lines = match erase_plain(log, users) {
        Err(EraseError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => 0,
        lines => lines?,
    };
    match LogFile::at(&log.packed_path()).filter(|packed| packed.path.is_file()) {
        Some(packed) => erase_packed(&packed, users).map(|again| lines.max(again)),
        None => Ok(lines),
    }
}

fn erase_packed(log: &LogFile, users: &Users) -> Result<u64, EraseError> {
    let failed = || EraseError::io(&log.path);
    let mut bytes = Vec::new();
    log.open().and_then(|mut lines| lines.read_to_end(&mut bytes)).map_err(failed())?;
    let Some(id) = log.id().map_err(failed())? else { return Ok(0) };
    let lines = lines_of(&bytes[..], users).map_err(failed())?;
    for Line { start, bytes: line, .. } in &lines {
        let at = *start as usize;
        blank(&mut bytes[at..at + line.len()], (*start == 0).then_some(id.get()));
    }
    if !lines.is_empty() {
        repack(log, &bytes).map_err(failed())?;
    }
    Ok(lines.len() as u64)
}

fn erase_plain(log: &LogFile, users: &Users) -> Result<u64, EraseError> {
    let failed = || EraseError::io(&log.path);
    let Some(id) = log.id().map_err(failed())? else { return Ok(0) };
    let file = File::options().read(true).write(true).open(&log.path).map_err(failed())?;
    let mut lines = lines_of(&file, users).map_err(failed())?;
    lines.sort_by_key(|line| line.is_erasure);
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
    Ok(lines.len() as u64)
}

fn lines_of(file: impl Read, users: &Users) -> io::Result<Vec<Line>> {
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let (mut lines, mut start, mut line) = (Vec::new(), 0, Vec::new());
    while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
        let about = serde_json::from_slice::<About>(&line).ok();
        let named = about.as_ref().and_then(|about| about.erase.as_ref().or(about.visitorid.as_ref()));
        if named.is_some_and(|user| users.contains(user)) || is_half_blank(&line) {
            let is_erasure = about.is_some_and(|about| about.erase.is_some());
            lines.push(Line { is_erasure, start, bytes: line.clone() });
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

    #[test]
    fn what_a_user_did_is_overwritten_in_place_and_an_interrupted_run_is_finished() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("events-a-00000001.jsonl");
        let log = LogFile::at(&path).expect("a log file");
        let event =
            |user: &str| format!("{{\"timestamp\":1,\"visitorid\":\"{user}\",\"event\":\"view\",\"itemid\":\"u1\"}}\n");
        let text = [
            event("u1"),
            event("u2"),
            "no event of u1\n".to_owned(),
            event("u1"),
            "{\"erase\":\"u1\",\"received\":5}\n".to_owned(),
        ];
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
