//! What the service's logs say since a version was built: live histories, as the service derives them, with what was said of
//! their users, and changes of items.
//!
//! In: the folders of the event log, and up to where each file is read, so that a run that is called again reads no more
//! than it did at first. Only of whom a line speaks that the version does not cover has a history here: of all others the
//! service's history says nothing that the version's record does not. Cost: a pass over what the version does not have, and
//! one over the whole log for those users, whose older events bound how many are remembered.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use rayon::prelude::*;
use shared::contract::event::{Event, event_key};
use shared::contract::event_log::line::Line;
use shared::contract::event_log::{self, Coverage, FileId, LogFile, Place};
use shared::contract::id::UserId;
use shared::contract::item_change::Changes;
use shared::contract::merge::Merge;
use shared::engine::retention::{Bounds, Flow, Retention, Sent, first_taken_ms};
use shared::engine::state::{LiveErasure, LiveEvent, LiveHistory, LiveMerge, LiveSaid};

use super::{BulkError, failed};

/// Up to which offset of its text each file of the logs is read, by the path that it has unless it is packed.
pub type Ends = BTreeMap<String, u64>;

/// What the logs say.
#[derive(Debug, Default)]
pub struct Since {
    /// The histories of users of whom a line speaks that the version does not cover.
    pub histories: HashMap<UserId, LiveHistory>,
    /// What was said of items.
    pub changes: Changes,
    /// Lines that are no events to this release.
    pub bad_lines: u64,
}

/// A file, and up to where it is read.
struct Reach {
    file: LogFile,
    id: FileId,
    end: u64,
}

/// What is in a line that concerns a user.
enum Told {
    Event(LiveEvent),
    Erased(LiveErasure),
    Merged(LiveMerge),
    Said(LiveSaid),
}

/// How long the files of folders are now.
///
/// # Errors
/// [`BulkError::NoLog`] for a folder that is not there, else [`BulkError::Io`].
pub fn ends(folders: &[PathBuf]) -> Result<Ends, BulkError> {
    let mut ends = Ends::new();
    for file in list(folders)? {
        let length = file.length().map_err(failed(&file.path))?;
        ends.insert(name(&file), length);
    }
    Ok(ends)
}

/// Reads the logs up to their ends.
///
/// * `covered`: what the version covers.
/// * `now_ms`: the time of the run; what had expired then is left out.
/// * `unfinished`: the folder of the run, for an error.
///
/// # Errors
/// [`BulkError`] when a file can't be read, or one of `ends` is gone.
pub fn since(
    folders: &[PathBuf],
    ends: &Ends,
    covered: &Coverage,
    retention: Retention,
    now_ms: i64,
    unfinished: &Path,
) -> Result<Since, BulkError> {
    let files: BTreeMap<String, LogFile> = list(folders)?.into_iter().map(|file| (name(&file), file)).collect();
    let mut reaches = Vec::new();
    for (name, &end) in ends {
        let gone = || BulkError::LogGone { file: name.clone(), unfinished: unfinished.to_owned() };
        let file = files.get(name).ok_or_else(gone)?.clone();
        if let Some(id) = file.id().map_err(failed(&file.path))? {
            reaches.push(Reach { file, id, end });
        }
    }
    let (users, mut since) = fresh(&reaches, covered)?;
    if users.is_empty() {
        return Ok(since);
    }
    let oldest_ms = retention.oldest_ms(now_ms);
    let told: Result<Vec<_>, BulkError> = reaches.par_iter().map(|reach| of_users(reach, &users, oldest_ms)).collect();
    let bounds = Bounds { covered, now_ms };
    for (user, told) in told?.into_iter().flatten() {
        let history = since.histories.entry(user.clone()).or_default();
        match told {
            Told::Event(event) => {
                retention.merge(&user, history, [&event], bounds);
            }
            Told::Erased(erasure) => retention.erase(&user, history, erasure, bounds),
            Told::Merged(merge) => retention.move_out(&user, history, merge, bounds),
            Told::Said(said) => {
                retention.say(history, &said, bounds);
            }
        }
    }
    pass_on(&mut since.histories, retention, bounds);
    since.histories.retain(|_, history| !history.is_empty());
    Ok(since)
}

/// Passes on what merges move, from history to history, until all of them have what is theirs.
fn pass_on(histories: &mut HashMap<UserId, LiveHistory>, retention: Retention, bounds: Bounds<'_>) {
    let of_all = histories.iter().flat_map(|(user, history)| retention.flows(user, history, i64::MIN, bounds));
    let (mut flows, mut sent): (Vec<Flow>, Sent) = (of_all.collect(), Sent::default());
    while !flows.is_empty() {
        for (user, taken) in sent.new_ones(std::mem::take(&mut flows)) {
            let since_ms = first_taken_ms(&taken);
            let history = histories.entry(user.clone()).or_default();
            retention.take(&user, history, taken, bounds);
            flows.extend(retention.flows(&user, history, since_ms, bounds));
        }
    }
    for history in histories.values_mut() {
        *history = retention.whole(std::mem::take(history));
    }
}

fn list(folders: &[PathBuf]) -> Result<Vec<LogFile>, BulkError> {
    let mut files = Vec::new();
    for folder in folders {
        if !folder.is_dir() {
            return Err(BulkError::NoLog(folder.clone()));
        }
        files.extend(event_log::list(folder).map_err(failed(folder))?);
    }
    Ok(files)
}

fn name(file: &LogFile) -> String {
    let folder = file.path.parent().unwrap_or(Path::new(""));
    event_log::path(folder, &file.replica, file.number).display().to_string()
}

/// Who did something that is not covered, and what was said of items.
fn fresh(reaches: &[Reach], covered: &Coverage) -> Result<(HashSet<UserId>, Since), BulkError> {
    let (mut users, mut since) = (HashSet::new(), Since::default());
    for reach in reaches {
        let each = |line: &[u8], place: Place| match Line::read(line) {
            Line::Erasure(erasure) => {
                users.insert(erasure.user);
            }
            Line::Merging(merging) => {
                let Merge { from, into, .. } = merging.merge();
                users.extend([from, into]);
            }
            Line::Change(change) => {
                since.changes.add(change, place);
            }
            Line::User(change) => {
                users.insert(change.user);
            }
            Line::Impression(_) | Line::Blank => {}
            Line::Other => match serde_json::from_slice::<Event>(line) {
                Ok(event) => {
                    users.insert(event.user);
                }
                Err(_) => since.bad_lines += 1,
            },
        };
        lines(reach, covered.of(reach.id), each).map_err(failed(&reach.file.path))?;
    }
    Ok((users, since))
}

/// What a file says of some users. Of one that was last written before `oldest_ms` events do not count, as in the service.
fn of_users(reach: &Reach, users: &HashSet<UserId>, oldest_ms: i64) -> Result<Vec<(UserId, Told)>, BulkError> {
    let path = &reach.file.path;
    let oldest = UNIX_EPOCH + Duration::from_millis(oldest_ms.max(0).unsigned_abs());
    let is_older = reach.file.modified().map_err(failed(path))? < oldest;
    let mut told = Vec::new();
    let each = |line: &[u8], place: Place| match Line::read(line) {
        Line::Erasure(erasure) if users.contains(&erasure.user) => {
            let erased = LiveErasure { received_ms: erasure.received_ms, place: Some(place) };
            told.push((erasure.user, Told::Erased(erased)));
        }
        Line::Merging(merging) => {
            let (from, merge) = LiveMerge::of(&merging, place);
            if users.contains(&from) {
                told.push((from, Told::Merged(merge)));
            }
        }
        Line::User(change) if users.contains(&change.user) => {
            let stamp = change.stamp(place);
            told.push((change.user, Told::Said(LiveSaid { set: change.set, stamp })));
        }
        Line::Other if !is_older => match serde_json::from_slice::<Event>(line) {
            Ok(event) if users.contains(&event.user) => told.push(live(event, place)),
            _ => {}
        },
        _ => {}
    };
    lines(reach, 0, each).map_err(failed(path))?;
    Ok(told)
}

fn live(event: Event, place: Place) -> (UserId, Told) {
    let Event { timestamp_ms, user, kind, item, event_id, received_ms, .. } = event;
    let (event_key, place) = (event_key(&event_id), Some(place));
    (user, Told::Event(LiveEvent { received_ms, event_key, timestamp_ms, kind, item, place }))
}

/// Calls `each` with the whole lines from an offset up to the end, and their places.
fn lines(reach: &Reach, from: u64, mut each: impl FnMut(&[u8], Place)) -> io::Result<()> {
    if from >= reach.end {
        return Ok(());
    }
    let mut reader = reach.file.open_at(from)?;
    let (mut line, mut place) = (Vec::new(), Place { file: reach.id, end: from });
    while place.end < reach.end {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)? as u64;
        place.end += length;
        if place.end > reach.end || line.last() != Some(&b'\n') {
            break;
        }
        each(&line, place);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use shared::contract::event_log::CoveredFile;
    use shared::contract::event_log::packed::pack;

    use super::*;

    fn event(user: &str, item: &str, at: i64) -> String {
        format!(
            "{{\"timestamp\":{at},\"visitorid\":\"{user}\",\"event\":\"view\",\"itemid\":\"{item}\",\
             \"event_id\":\"{user}{at}\",\"received\":{at}}}\n"
        )
    }

    const RETENTION: Retention = Retention { max_events: 3, max_older: 10, ttl_ms: 1000 };

    fn items(since: &Since, user: &str) -> String {
        let user = UserId::new(user).expect("valid");
        let events = since.histories.get(&user).into_iter().flat_map(|history| &history.recent);
        events.map(|event| event.item.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn who_did_nothing_since_the_version_has_no_history_and_others_have_all_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = event_log::path(folder.path(), "0", 1);
        let before = [event("u1", "a", 500), event("u2", "b", 501), event("u1", "expired", 3)].concat();
        let change = "{\"change\":\"i\",\"set\":{\"price\":2.5},\"timestamp\":600,\"received\":600}\n";
        let after = [event("u1", "c", 600), change.to_owned(), "no event\n".to_owned()].concat();
        fs::write(&path, [before.as_str(), &after].concat()).expect("writes");
        let (folders, id) = ([folder.path().to_owned()], FileId::of("0", 1, before.as_bytes()));
        let bytes = before.len() as u64;
        let covered: Coverage = [&CoveredFile { replica: "0".to_owned(), number: 1, id, bytes }].into_iter().collect();
        let ends = ends(&folders).expect("lists");
        let read = || since(&folders, &ends, &covered, RETENTION, 1100, Path::new("x")).expect("reads");
        let first = read();
        assert_eq!((items(&first, "u1").as_str(), first.histories.len(), first.bad_lines), ("a c", 1, 1));
        assert!(!first.changes.is_empty());
        // What is appended later, and packing, change nothing.
        fs::write(&path, [before.as_str(), &after, &event("u2", "d", 700)].concat()).expect("writes");
        assert_eq!(read().histories, first.histories);
        pack(&LogFile::at(&path).expect("a log file")).expect("packs");
        assert_eq!(read().histories, first.histories);
    }

    #[test]
    fn an_erasure_since_the_version_leaves_what_came_after_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let erasure = "{\"erase\":\"u1\",\"received\":550}\n".to_owned();
        let text = [event("u1", "a", 500), erasure, event("u1", "b", 600)].concat();
        fs::write(event_log::path(folder.path(), "0", 1), text).expect("writes");
        let folders = [folder.path().to_owned()];
        let (ends, covered) = (ends(&folders).expect("lists"), Coverage::default());
        let since = since(&folders, &ends, &covered, RETENTION, 1100, Path::new("x")).expect("reads");
        assert_eq!(items(&since, "u1"), "b");
        assert!(since.histories.values().all(|history| history.hides(&covered)));
    }

    #[test]
    fn what_was_said_of_a_user_is_in_their_history_unless_the_version_covers_it_or_they_were_erased_since() {
        let folder = tempfile::tempdir().expect("a folder");
        let said = |user: &str, field: &str, at: i64| {
            format!(
                "{{\"profile\":{{\"{field}\":{at}}},\"visitorid\":\"{user}\",\"timestamp\":{at},\"received\":{at}}}\n"
            )
        };
        let before = [said("u1", "age", 500), said("u2", "age", 501)].concat();
        let after = [
            said("u1", "plan", 600),
            "{\"merge\":\"u1\",\"into\":\"u3\",\"received\":610}\n".to_owned(),
            said("u4", "age", 620),
            "{\"erase\":\"u4\",\"received\":630}\n".to_owned(),
            said("u4", "plan", 640),
        ];
        fs::write(event_log::path(folder.path(), "0", 1), [before.as_str(), &after.concat()].concat()).expect("writes");
        let (folders, id) = ([folder.path().to_owned()], FileId::of("0", 1, before.as_bytes()));
        let bytes = before.len() as u64;
        let covered: Coverage = [&CoveredFile { replica: "0".to_owned(), number: 1, id, bytes }].into_iter().collect();
        let ends = ends(&folders).expect("lists");
        // Long after all of it: what was said does not expire.
        let since = since(&folders, &ends, &covered, RETENTION, 1_000_000, Path::new("x")).expect("reads");
        let fields = |user: &str| {
            let history = since.histories.get(&UserId::new(user).expect("valid"));
            let said = history.into_iter().flat_map(|history| history.said.keys());
            said.map(|field| field.to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(["u1", "u2", "u3", "u4"].map(fields), ["plan", "", "", "plan"]);
        assert_eq!(since.bad_lines, 0);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_and_so_is_a_file_that_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(matches!(ends(&[folder.path().join("none")]), Err(BulkError::NoLog(_))));
        let folders = [folder.path().to_owned()];
        let ends = Ends::from([(folder.path().join("events-0-1.jsonl").display().to_string(), 9)]);
        let read = since(&folders, &ends, &Coverage::default(), RETENTION, 0, Path::new("x"));
        assert!(matches!(read, Err(BulkError::LogGone { .. })));
    }
}
