//! Appends to the event log: one thread, group commit.
//!
//! In: the lines of many requests. Out: one write and one sync for all that are waiting, then the group goes to the
//! applier. A request so costs a share of one sync; the more wait, the smaller the share. What can't be written whole
//! is taken back before anything else is appended.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shared::event::Event;
use tokio::sync::{mpsc, oneshot};

use super::files;
use super::{AcceptError, LogError, Settings, Visible};
use crate::metrics::Metrics;
use crate::store::{Arrival, Position};

/// A group is closed at this size, so that the first in it need not wait for ever.
const MAX_GROUP_BYTES: usize = 4 << 20;

/// The answer to a request.
pub type Reply = oneshot::Sender<Result<Visible, AcceptError>>;

/// What is sent to the writer.
pub enum Request {
    /// Events to be made durable.
    Append(Append),
    /// Nothing follows.
    Close,
}

/// Events to be made durable.
pub struct Append {
    /// Their lines, see [`lines`].
    pub lines: Vec<u8>,
    /// What the histories get of them.
    pub arrivals: Vec<Arrival>,
    /// Where the answer goes.
    pub reply: Reply,
}

/// Events that are durable, with the requests that wait for them.
pub struct Group {
    /// Where they begin: the end of the group before.
    pub start: Position,
    /// Where they end.
    pub end: Position,
    /// What the histories get.
    pub appends: Vec<(Vec<Arrival>, Reply)>,
}

/// The log lines of events.
///
/// # Panics
/// Never: an event is made of texts and numbers, which JSON can hold.
#[must_use]
pub fn lines(events: &[Event]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(events.len() * 192);
    for event in events {
        serde_json::to_writer(&mut lines, event).expect("texts and numbers serialise into memory");
        lines.push(b'\n');
    }
    lines
}

/// The writing end of a replica's log.
pub struct Writer {
    folder: PathBuf,
    replica: String,
    max_file_bytes: u64,
    file: File,
    /// Everything before it is synced.
    end: Position,
    tail: Tail,
    metrics: Arc<Metrics>,
    /// Held as long as the writer lives.
    _lock: File,
}

/// What is behind the synced end of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// Nothing.
    Clean,
    /// Perhaps parts of an append that failed.
    Torn,
}

/// Opens a file for appending, and makes its name durable if it is new.
fn open_file(folder: &Path, replica: &str, number: u64) -> Result<File, LogError> {
    let path = files::path(folder, replica, number);
    let file = File::options().create(true).append(true).open(&path).map_err(LogError::io(&path))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(LogError::io(folder))?;
    Ok(file)
}

/// How much of a file is whole: without a last line that has no end or is no event, as a crash leaves it.
fn whole_length(bytes: &[u8]) -> usize {
    let mut length = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
    while length > 0 {
        let start = bytes[..length - 1].iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        if serde_json::from_slice::<Event>(&bytes[start..length]).is_ok() {
            break;
        }
        length = start;
    }
    length
}

impl Writer {
    /// Takes the lock of the replica's log, cuts a torn tail off and goes on at its end.
    ///
    /// # Errors
    /// [`LogError`] when another process has the log, or the folder can't be written.
    pub fn open(settings: &Settings, metrics: Arc<Metrics>) -> Result<Self, LogError> {
        let Settings { folder, replica, max_file_bytes, .. } = settings;
        fs::create_dir_all(folder).map_err(LogError::io(folder))?;
        let lock = files::lock(folder, replica)?;
        let last = files::of_replica(folder, replica).map_err(LogError::io(folder))?.pop();
        let number = last.map_or(1, |last| last.number);
        let file = open_file(folder, replica, number)?;
        let path = files::path(folder, replica, number);
        let bytes = fs::read(&path).map_err(LogError::io(&path))?;
        let whole = whole_length(&bytes);
        if whole < bytes.len() {
            let torn = bytes.len() - whole;
            tracing::warn!(path = %path.display(), bytes = torn, "torn end of the event log cut off");
            let cut = |file: &File| file.set_len(whole as u64).and_then(|()| file.sync_all());
            cut(&file).map_err(LogError::io(&path))?;
        }
        Ok(Self {
            folder: folder.clone(),
            replica: replica.clone(),
            max_file_bytes: *max_file_bytes,
            file,
            end: Position { file: number, offset: whole as u64 },
            tail: Tail::Clean,
            metrics,
            _lock: lock,
        })
    }

    /// Where the next line goes.
    #[must_use]
    pub fn end(&self) -> Position {
        self.end
    }

    /// Appends bytes and syncs them; on an error they are not in the log.
    ///
    /// # Errors
    /// [`LogError::Io`], such as on a full disk.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), LogError> {
        let _timer = self.metrics.log_append_seconds.start_timer();
        if self.tail == Tail::Torn {
            self.take_back()?;
        }
        if self.end.offset >= self.max_file_bytes {
            let number = self.end.file + 1;
            self.file = open_file(&self.folder, &self.replica, number)?;
            self.end = Position { file: number, offset: 0 };
        }
        let path = files::path(&self.folder, &self.replica, self.end.file);
        if let Err(source) = self.file.write_all(bytes).and_then(|()| self.file.sync_data()) {
            self.tail = Tail::Torn;
            // Tried again before the next append if it fails.
            if let Err(error) = self.take_back() {
                tracing::error!(%error, "a failed append can't be taken back yet");
            }
            return Err(LogError::Io { path, source });
        }
        self.end.offset += bytes.len() as u64;
        Ok(())
    }

    /// Cuts off what a failed append left.
    fn take_back(&mut self) -> Result<(), LogError> {
        let path = files::path(&self.folder, &self.replica, self.end.file);
        let cut = |file: &File| -> io::Result<()> {
            file.set_len(self.end.offset)?;
            file.sync_all()
        };
        cut(&self.file).map_err(LogError::io(path))?;
        self.tail = Tail::Clean;
        Ok(())
    }

    /// Writes what is sent until [`Request::Close`] or until nobody can send any more. Blocks.
    pub fn run(mut self, mut requests: mpsc::Receiver<Request>, groups: &mpsc::Sender<Group>) {
        let mut open = true;
        while open {
            let mut bytes = Vec::new();
            let mut appends = Vec::new();
            let mut next = requests.blocking_recv();
            open = next.is_some();
            while let Some(request) = next {
                match request {
                    Request::Append(Append { lines, arrivals, reply }) => {
                        bytes.extend_from_slice(&lines);
                        appends.push((arrivals, reply));
                    }
                    Request::Close => {
                        // What is already queued is still written, nothing new gets in.
                        requests.close();
                    }
                }
                next = if bytes.len() < MAX_GROUP_BYTES { requests.try_recv().ok() } else { None };
            }
            if !appends.is_empty() {
                self.commit(&bytes, appends, groups);
            }
        }
    }

    /// Makes a group durable and hands it on, or refuses it.
    fn commit(&mut self, bytes: &[u8], appends: Vec<(Vec<Arrival>, Reply)>, groups: &mpsc::Sender<Group>) {
        let start = self.end;
        match self.append(bytes) {
            Ok(()) => {
                // Without an applier the replies are dropped, and the requests answered as failed: they may try again.
                let _ = groups.blocking_send(Group { start, end: self.end, appends });
            }
            Err(error) => {
                tracing::error!(%error, "events refused");
                for (_, reply) in appends {
                    let _ = reply.send(Err(AcceptError::Write(error.to_string())));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"timestamp":5,"visitorid":"u","event":"view","itemid":"7","transactionid":null,"event_id":"e","received":6}"#;

    #[test]
    fn a_last_line_without_an_end_or_a_meaning_is_not_whole() {
        let good = format!("{EVENT}\n");
        assert_eq!(whole_length(good.as_bytes()), good.len());
        assert_eq!(whole_length(format!("{good}{}", &EVENT[..20]).as_bytes()), good.len());
        assert_eq!(whole_length(format!("{good}\0\0\0\n\0\n").as_bytes()), good.len());
        assert_eq!(whole_length(b"rubbish"), 0);
        assert_eq!(whole_length(b""), 0);
    }

    #[test]
    fn a_bad_line_in_the_middle_is_no_torn_tail() {
        let log = format!("{EVENT}\nrubbish\n{EVENT}\n");
        assert_eq!(whole_length(log.as_bytes()), log.len());
    }
}
