//! Appends to the event log: one thread, group commit.
//!
//! In: the lines of many requests. Out: one write and one sync for all that are waiting, then the group goes to the
//! applier, each event with its place. A request so costs a share of one sync; the more wait, the smaller the share.
//!
//! What can't be written whole is taken back. A file from which something was taken back or cut off, or that an earlier
//! start wrote, is not appended to any more: a reader that saw more of it than remains can't take what follows for what
//! it saw.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shared::event::Event;
use shared::event_log::{self, FileId, LogFile, Place};
use tokio::sync::{mpsc, oneshot};

use super::lock::lock;
use super::repair::cut_torn_end;
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
    /// Their lines.
    pub lines: Vec<u8>,
    /// What the histories get of them, each with where its line ends in `lines`.
    pub arrivals: Vec<(Arrival, u64)>,
    /// Where the answer goes.
    pub reply: Reply,
}

impl Append {
    /// The lines and arrivals of events.
    ///
    /// # Panics
    /// Never: an event is made of texts and numbers, which JSON can hold.
    #[must_use]
    pub fn new(events: Vec<Event>, reply: Reply) -> Self {
        let mut lines = Vec::with_capacity(events.len() * 192);
        let mut arrivals = Vec::with_capacity(events.len());
        for event in events {
            serde_json::to_writer(&mut lines, &event).expect("texts and numbers serialise into memory");
            lines.push(b'\n');
            arrivals.push((Arrival::from(event), lines.len() as u64));
        }
        Self { lines, arrivals, reply }
    }
}

/// Events that are durable, with the requests that wait for them.
pub struct Group {
    /// Where the group before ended.
    pub start: Position,
    /// Where they end.
    pub end: Position,
    /// What the histories get.
    pub appends: Vec<(Vec<Arrival>, Reply)>,
}

/// Where bytes were appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// In which file.
    pub file: FileId,
    /// From which offset on.
    pub start: u64,
}

/// The writing end of a replica's log.
pub struct Writer {
    settings: Settings,
    metrics: Arc<Metrics>,
    file: File,
    path: PathBuf,
    /// Which file it is; nothing before the first append to it.
    id: Option<FileId>,
    /// Everything before it is synced.
    end: Position,
    tail: Tail,
    /// Held as long as the writer lives.
    _lock: File,
}

/// What may follow the synced end of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// The next lines.
    Open,
    /// Nothing, unless the file is empty: the next lines go into a new one.
    Closed,
    /// Perhaps parts of an append that failed are there; they are to be taken back.
    Torn,
}

/// Opens a file of the log, and makes its name durable if it is new.
fn open_file(folder: &Path, path: &Path) -> Result<File, LogError> {
    let file = File::options().create(true).read(true).append(true).open(path).map_err(LogError::io(path))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(LogError::io(folder))?;
    Ok(file)
}

impl Writer {
    /// Takes the lock of the replica's log, cuts a torn end off, and goes on behind it.
    ///
    /// # Errors
    /// [`LogError`] when another process has the log, or the folder can't be written.
    pub fn open(settings: &Settings, metrics: Arc<Metrics>) -> Result<Self, LogError> {
        let Settings { folder, replica, .. } = settings;
        fs::create_dir_all(folder).map_err(LogError::io(folder))?;
        let lock = lock(folder, replica)?;
        let last = event_log::of_replica(folder, replica).map_err(LogError::io(folder))?.pop();
        let number = last.map_or(1, |last| last.number);
        let path = event_log::path(folder, replica, number);
        let mut file = open_file(folder, &path)?;
        let log = LogFile { replica: replica.clone(), number, path };
        let offset = cut_torn_end(folder, &log, &mut file)?;
        let (path, end) = (log.path, Position { file: number, offset });
        Ok(Self { settings: settings.clone(), metrics, file, path, id: None, end, tail: Tail::Closed, _lock: lock })
    }

    /// Where the log ends.
    #[must_use]
    pub fn end(&self) -> Position {
        self.end
    }

    /// Appends whole lines and syncs them; on an error they are not in the log.
    ///
    /// # Errors
    /// [`LogError::Io`], such as on a full disk.
    pub fn append(&mut self, lines: &[u8]) -> Result<Appended, LogError> {
        let _timer = self.metrics.log_append_seconds.start_timer();
        if self.tail == Tail::Torn {
            self.take_back()?;
        }
        let Position { file: number, offset: start } = self.end;
        if start > 0 && (self.tail == Tail::Closed || start >= self.settings.max_file_bytes) {
            self.begin_file(number + 1)?;
        }
        if let Err(source) = self.file.write_all(lines).and_then(|()| self.file.sync_data()) {
            self.tail = Tail::Torn;
            // Tried again before the next append if it fails.
            if let Err(error) = self.take_back() {
                tracing::error!(%error, "a failed append can't be taken back yet");
            }
            return Err(LogError::Io { path: self.path.clone(), source });
        }
        let Position { file: number, offset: start } = self.end;
        let file = *self.id.get_or_insert_with(|| FileId::of(&self.settings.replica, number, lines));
        self.end.offset += lines.len() as u64;
        self.tail = Tail::Open;
        Ok(Appended { file, start })
    }

    fn begin_file(&mut self, number: u64) -> Result<(), LogError> {
        let path = event_log::path(&self.settings.folder, &self.settings.replica, number);
        self.file = open_file(&self.settings.folder, &path)?;
        (self.path, self.id, self.end) = (path, None, Position { file: number, offset: 0 });
        Ok(())
    }

    /// Cuts off what a failed append left.
    fn take_back(&mut self) -> Result<(), LogError> {
        let cut = self.file.set_len(self.end.offset).and_then(|()| self.file.sync_all());
        cut.map_err(LogError::io(&self.path))?;
        self.tail = Tail::Closed;
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
                    Request::Append(append) => {
                        bytes.extend_from_slice(&append.lines);
                        appends.push(append);
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
    fn commit(&mut self, bytes: &[u8], appends: Vec<Append>, groups: &mpsc::Sender<Group>) {
        let start = self.end;
        match self.append(bytes) {
            Ok(appended) => {
                // Without an applier the replies are dropped, and the requests answered as failed: they may try again.
                let _ = groups.blocking_send(Group { start, end: self.end, appends: placed(appends, appended) });
            }
            Err(error) => {
                tracing::error!(%error, "events refused");
                for Append { reply, .. } in appends {
                    let _ = reply.send(Err(AcceptError::Write(error.to_string())));
                }
            }
        }
    }
}

/// The arrivals of requests, each with its place in the log; their lines were appended one behind the other.
fn placed(appends: Vec<Append>, Appended { file, mut start }: Appended) -> Vec<(Vec<Arrival>, Reply)> {
    let place = |Append { lines, arrivals, reply }: Append| {
        let arrival = |(mut arrival, end): (Arrival, u64)| {
            arrival.event.place = Some(Place { file, end: start + end });
            arrival
        };
        let arrivals = arrivals.into_iter().map(arrival).collect();
        start += lines.len() as u64;
        (arrivals, reply)
    };
    appends.into_iter().map(place).collect()
}
