//! The slate log: lines wait in memory, are written and synced together once a second, and the oldest files leave at a
//! bound.
//!
//! On disk it is as the event log ([`crate::events::appender`]), with other rules around it. What the disk does not take is
//! dropped and counted, since nobody waits for it: the log goes on as soon as there is room. A crash costs the slates of
//! the last second, and those in the queue. Files that are closed are packed at once, since nothing that serves reads
//! them: one each time that lines are written, so that what waits waits for one at most.

use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::contract::event_log::packed::pack;
use shared::contract::event_log::{Log, LogFile};
use shared::contract::id::UserId;
use shared::contract::slate_log::LoggedSlate;

use super::LogSettings;
use crate::events::LogError;
use crate::events::appender::{Appender, Target};
use crate::metrics::Metrics;

/// How long a line waits at most.
const EVERY: Duration = Duration::from_secs(1);
/// So many bytes don't wait, nor do as many as a file may have.
const MAX_BYTES: u64 = 1 << 20;

/// The log of slates.
pub struct SlateLog {
    target: Target,
    max_disk_bytes: u64,
    metrics: Arc<Metrics>,
    open: Option<Open>,
    /// What is not written yet.
    lines: Vec<u8>,
    /// How many slates that is.
    slates: u64,
    /// When it is to be written; `None` without lines.
    due: Option<Instant>,
    /// Whether the last lines could not be written.
    fails: bool,
}

/// The log on disk.
struct Open {
    appender: Appender,
    /// How many bytes it had when it was last looked at, and what was appended since.
    stored: u64,
    /// Whether files before the last may be plain.
    has_plain: bool,
}

impl SlateLog {
    /// Opens the log, or says why it can't, and tries again with the first lines.
    pub fn new(settings: LogSettings, metrics: Arc<Metrics>) -> Self {
        let LogSettings { folder, replica, max_file_bytes, max_disk_bytes } = settings;
        let target = Target { log: Log::Slates, folder, replica, max_file_bytes };
        let (lines, open) = (Vec::new(), None);
        let mut log = Self { target, max_disk_bytes, metrics, open, lines, slates: 0, due: None, fails: false };
        let opened = log.open().map(|_| ());
        log.tell(&opened);
        log
    }

    /// Adds a slate.
    pub fn add(&mut self, slate: &LoggedSlate) {
        slate.write(&mut self.lines);
        self.slates += 1;
        if self.lines.len() as u64 >= MAX_BYTES.min(self.target.max_file_bytes) {
            self.write();
        } else {
            self.due.get_or_insert_with(|| Instant::now() + EVERY);
        }
    }

    /// Drops what waits of a user. Costs a pass over all that waits.
    pub fn forget(&mut self, user: &UserId) {
        let is_theirs = |line: &[u8]| LoggedSlate::read(line).is_some_and(|slate| slate.user == *user);
        let lines = self.lines.split_inclusive(|&byte| byte == b'\n');
        let kept: Vec<&[u8]> = lines.filter(|line| !is_theirs(line)).collect();
        let (slates, lines) = (kept.len() as u64, kept.concat());
        self.due = self.due.filter(|_| slates > 0);
        (self.lines, self.slates) = (lines, slates);
    }

    /// When [`Self::write`] is to be called; `None` while there is nothing to write.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Writes and syncs what waits; what can't be written is dropped.
    pub fn write(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        let mut lines = std::mem::take(&mut self.lines);
        let written = self.append(&lines);
        match &written {
            Ok(()) => self.metrics.slates.slates_logged.inc_by(self.slates),
            Err(_) => self.metrics.slates.slates_dropped("disk", self.slates),
        }
        self.tell(&written);
        lines.clear();
        (self.lines, self.slates, self.due) = (lines, 0, None);
    }

    /// Tells the first of several failures, and their end.
    fn tell(&mut self, written: &Result<(), LogError>) {
        match written {
            Ok(()) if self.fails => tracing::info!(folder = %self.target.folder.display(), "slates are logged again"),
            Err(error) if !self.fails => {
                tracing::error!(%error, "slates can't be logged and are dropped; it is tried again")
            }
            _ => {}
        }
        self.fails = written.is_err();
    }

    fn open(&mut self) -> Result<&mut Open, LogError> {
        match &mut self.open {
            Some(open) => Ok(open),
            open => {
                let appender = Appender::open(self.target.clone())?;
                let stored = self.target.stored()?;
                Ok(open.insert(Open { appender, stored, has_plain: true }))
            }
        }
    }

    fn append(&mut self, lines: &[u8]) -> Result<(), LogError> {
        self.make_room(lines.len() as u64)?;
        let Open { appender, stored, has_plain } = self.open()?;
        *has_plain |= appender.append(lines)?.offset == 0;
        *stored += lines.len() as u64;
        if *has_plain && let Err(error) = self.pack_one() {
            tracing::warn!(%error, "a closed file of the slate log can't be packed; it is tried again with the next");
        }
        Ok(())
    }

    /// Removes the oldest files until there is room for more bytes; the one that is being written stays.
    fn make_room(&mut self, more: u64) -> Result<(), LogError> {
        let bound = self.max_disk_bytes;
        let (removed, target) = (self.metrics.slates.slate_files_removed.clone(), self.target.clone());
        let Open { appender, stored, .. } = self.open()?;
        if bound == 0 || *stored + more <= bound {
            return Ok(());
        }
        // Files may have been moved away, or packed, since.
        *stored = target.stored()?;
        for LogFile { path, number, .. } in target.files()? {
            if *stored + more <= bound || number == appender.end().file {
                break;
            }
            let bytes = path.metadata().map_or(0, |file| file.len());
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(LogError::io(path)(error)),
                _ => *stored = stored.saturating_sub(bytes),
            }
            removed.inc();
            tracing::info!(path = %path.display(), "the oldest slates are removed: slates.max_disk_bytes is reached");
        }
        Ok(())
    }

    /// Packs the first of the files that are closed and plain.
    fn pack_one(&mut self) -> Result<(), LogError> {
        // What fails is left alone until another file is closed.
        self.open()?.has_plain = false;
        let mut files = self.target.files()?;
        files.pop();
        let mut plain = files.iter().filter(|file| !file.is_packed());
        let Some(file) = plain.next() else { return Ok(()) };
        pack(file).map_err(LogError::io(&file.path))?;
        let (stored, has_plain) = (self.target.stored()?, plain.next().is_some());
        let open = self.open()?;
        (open.stored, open.has_plain) = (stored, has_plain);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use shared::contract::slate_log::Role;

    fn settings(folder: &Path) -> LogSettings {
        LogSettings { folder: folder.to_owned(), replica: "a".to_owned(), max_file_bytes: 1 << 20, max_disk_bytes: 0 }
    }

    fn user(id: &str) -> UserId {
        UserId::new(id).expect("an id")
    }

    fn slate(of: &str) -> LoggedSlate {
        LoggedSlate {
            role: Role::Served,
            recommendation_id: "r".into(),
            timestamp_ms: 5,
            user: user(of),
            version: "v1".into(),
            scenario: None,
            page: None,
            category: None,
            fallback: false,
            items: Vec::new(),
        }
    }

    #[test]
    fn files_that_were_left_plain_are_packed_one_each_time_that_lines_are_written() {
        let folder = tempfile::tempdir().expect("a folder");
        for number in 1..=3 {
            fs::write(Log::Slates.path(folder.path(), "a", number), "{\"slate\":1}\n").expect("writes");
        }
        let mut log = SlateLog::new(settings(folder.path()), Arc::default());
        let mut packed = Vec::new();
        for _ in 0..5 {
            log.add(&slate("u"));
            log.write();
            let files = Log::Slates.list(folder.path()).expect("lists");
            packed.push((files.len(), files.iter().filter(|file| file.is_packed()).count()));
        }
        assert_eq!(packed, [(4, 1), (4, 2), (4, 3), (4, 3), (4, 3)]);
    }

    #[test]
    fn what_waits_of_a_user_who_is_erased_is_not_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let metrics: Arc<Metrics> = Arc::default();
        let mut log = SlateLog::new(settings(folder.path()), metrics.clone());
        ["u", "v", "u"].iter().for_each(|of| log.add(&slate(of)));
        log.forget(&user("u"));
        log.write();
        let text = fs::read(Log::Slates.path(folder.path(), "a", 1)).expect("reads");
        assert_eq!(LoggedSlate::read(&text), Some(slate("v")));
        assert_eq!(metrics.slates.slates_logged.get(), 1);
        log.add(&slate("u"));
        log.forget(&user("u"));
        assert_eq!(log.due(), None, "nothing is left to write");
    }
}
