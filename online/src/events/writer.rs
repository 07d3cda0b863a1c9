//! The writer: one thread that appends events to the log, with group commit.
//!
//! In: the lines of many requests. Out: one write and one sync for all requests that are waiting; then the group goes
//! to the applier, each event with its position. So a request costs only a share of one sync: the more requests wait,
//! the smaller the share.
//!
//! A write that fails is cut off again. A file that was cut, or that was written before this start, is never appended
//! to: else new lines could stand at offsets where a reader has already seen other ones.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shared::contract::erasure::Erasure;
use shared::contract::event::Event;
use shared::contract::event_log::{self, FileId, Log, LogFile, Place, lock_path};
use shared::contract::item_change::ItemChange;
use tokio::sync::{mpsc, oneshot};

use super::lock::{last_number, lock, note_number};
use super::reader::Logged;
use super::repair::cut_torn_end;
use super::{AcceptError, LogError, Settings, Visible};
use crate::metrics::Metrics;
use crate::store::{Arrival, Departure, Position};

/// The size in bytes at which a group is closed, so that its first request need not wait for ever.
const MAX_GROUP_BYTES: usize = 4 << 20;

/// The answer to a request.
pub type Reply = oneshot::Sender<Result<Visible, AcceptError>>;

/// A message to the writer.
pub enum Request {
    /// Events to be made durable.
    Append(Append),
    /// The last message.
    Close,
}

/// Events, an erasure, or a change of an item, to be made durable.
pub struct Append {
    /// Their lines.
    pub lines: Vec<u8>,
    /// The events for the histories, each with the offset where its line ends in `lines`.
    pub arrivals: Vec<(Arrival, u64)>,
    /// The erasure, which has the only line.
    pub erasure: Option<Erasure>,
    /// The change, which has the only line.
    pub change: Option<ItemChange>,
    /// The channel for the answer.
    pub reply: Reply,
}

impl Append {
    /// Makes the lines and arrivals of events.
    ///
    /// # Panics
    /// Never: an event consists of texts and numbers, which JSON can represent.
    #[must_use]
    pub fn new(events: Vec<Event>, reply: Reply) -> Self {
        let mut lines = Vec::with_capacity(events.len() * 192);
        let mut arrivals = Vec::with_capacity(events.len());
        for event in events {
            serde_json::to_writer(&mut lines, &event).expect("texts and numbers serialise into memory");
            lines.push(b'\n');
            arrivals.push((Arrival::from(event), lines.len() as u64));
        }
        Self { lines, arrivals, erasure: None, change: None, reply }
    }

    /// Makes the line of an erasure.
    ///
    /// # Panics
    /// Never: as [`Self::new`].
    #[must_use]
    pub fn erasure(erasure: Erasure, reply: Reply) -> Self {
        let mut lines = serde_json::to_vec(&erasure).expect("texts and numbers serialise into memory");
        lines.push(b'\n');
        Self { lines, arrivals: Vec::new(), erasure: Some(erasure), change: None, reply }
    }

    /// Makes the line of a change.
    ///
    /// # Panics
    /// Never: as [`Self::new`].
    #[must_use]
    pub fn change(change: ItemChange, reply: Reply) -> Self {
        let mut lines = serde_json::to_vec(&change).expect("texts and numbers serialise into memory");
        lines.push(b'\n');
        Self { lines, arrivals: Vec::new(), erasure: None, change: Some(change), reply }
    }
}

/// What a request appended, with its positions in the log.
pub struct Placed {
    /// Its events for the histories.
    pub arrivals: Vec<Arrival>,
    /// Its erasure.
    pub departure: Option<Departure>,
    /// Its change of an item.
    pub change: Option<Logged<ItemChange>>,
    /// The channel for the answer.
    pub reply: Reply,
}

/// Events that are durable, with the requests that wait for them.
pub struct Group {
    /// The position where the previous group ended.
    pub start: Position,
    /// The position where the group ends.
    pub end: Position,
    /// What it has, by request.
    pub appends: Vec<Placed>,
}

/// The position at which bytes were appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The file.
    pub file: FileId,
    /// The offset where they begin.
    pub start: u64,
}

/// The writing end of a replica's log.
pub struct Writer {
    settings: Settings,
    metrics: Arc<Metrics>,
    file: File,
    path: PathBuf,
    /// The id of the file; `None` before the first append to it.
    id: Option<FileId>,
    /// The end of the log; everything before it is synced.
    end: Position,
    /// How many bytes the log had when it was last looked at, and what was appended since.
    stored: u64,
    tail: Tail,
    /// Held as long as the writer lives.
    lock: File,
    /// The number that it holds.
    noted: u64,
}

/// The state of the file after its synced end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// Lines may be appended.
    Open,
    /// The next lines go into a new file, unless this one is empty.
    Closed,
    /// Parts of a failed append may follow; they are to be cut off.
    Torn,
}

/// Opens a file of the log, and makes its name durable if it is new.
fn open_file(folder: &Path, path: &Path) -> Result<File, LogError> {
    let file = File::options().create(true).read(true).append(true).open(path).map_err(LogError::io(path))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(LogError::io(folder))?;
    Ok(file)
}

/// How many bytes the files of a replica's log have.
fn stored(settings: &Settings) -> Result<u64, LogError> {
    let Settings { folder, replica, .. } = settings;
    let files = event_log::of_replica(folder, replica).map_err(LogError::io(folder))?;
    // A file that is moved away meanwhile has none.
    Ok(files.iter().filter_map(|file| file.path.metadata().ok()).map(|file| file.len()).sum())
}

impl Writer {
    /// Takes the lock of the replica's log, and cuts off an unfinished last line.
    ///
    /// # Errors
    /// [`LogError`] when another process holds the lock, or the folder can't be written.
    pub fn open(settings: &Settings, metrics: Arc<Metrics>) -> Result<Self, LogError> {
        let Settings { folder, replica, .. } = settings;
        fs::create_dir_all(folder).map_err(LogError::io(folder))?;
        let lock = lock(folder, replica)?;
        let last = event_log::of_replica(folder, replica).map_err(LogError::io(folder))?.pop();
        let noted = last_number(&lock).map_err(LogError::io(lock_path(folder, replica)))?;
        let number = match last.filter(|last| last.number >= noted) {
            // One that is packed is closed for ever.
            Some(last) => last.number + u64::from(last.is_packed()),
            // The last one was moved away, and keeps its name to itself.
            None => noted + 1,
        };
        let path = event_log::path(folder, replica, number);
        let mut file = open_file(folder, &path)?;
        let log = LogFile { log: Log::Events, replica: replica.clone(), number, path };
        let offset = cut_torn_end(folder, &log, &mut file)?;
        let (path, end) = (log.path, Position { file: number, offset });
        let (settings, stored) = (settings.clone(), stored(settings)?);
        Ok(Self { settings, metrics, file, path, id: None, end, stored, tail: Tail::Closed, lock, noted })
    }

    /// The position where the log ends.
    #[must_use]
    pub fn end(&self) -> Position {
        self.end
    }

    /// Appends whole lines and syncs them; after an error none of them is in the log.
    ///
    /// # Errors
    /// [`LogError::Io`], such as on a full disk; [`LogError::NoRoom`] at the bound of the log.
    pub fn append(&mut self, lines: &[u8]) -> Result<Appended, LogError> {
        let _timer = self.metrics.log_append_seconds.start_timer();
        if self.tail == Tail::Torn {
            self.take_back()?;
        }
        self.check_room(lines.len() as u64)?;
        let Position { file: number, offset: start } = self.end;
        if !self.path.exists() {
            tracing::error!(path = %self.path.display(), "the log's file is gone, and what was in it; a new one is begun");
            fs::create_dir_all(&self.settings.folder).map_err(LogError::io(&self.settings.folder))?;
            self.begin_file(number + 1)?;
        } else if start > 0 && (self.tail == Tail::Closed || start >= self.settings.max_file_bytes) {
            self.begin_file(number + 1)?;
        }
        self.note_number()?;
        if let Err(source) = self.file.write_all(lines).and_then(|()| self.file.sync_data()) {
            self.tail = Tail::Torn;
            // If this fails, it is tried again before the next append.
            if let Err(error) = self.take_back() {
                tracing::error!(%error, "a failed append can't be taken back yet");
            }
            return Err(LogError::Io { path: self.path.clone(), source });
        }
        let Position { file: number, offset: start } = self.end;
        let file = *self.id.get_or_insert_with(|| FileId::of(&self.settings.replica, number, lines));
        self.end.offset += lines.len() as u64;
        self.stored += lines.len() as u64;
        self.tail = Tail::Open;
        Ok(Appended { file, start })
    }

    /// Refuses bytes beyond the bound of the log. The folder is looked at only when the bound is met: files may have been
    /// moved away since.
    fn check_room(&mut self, more: u64) -> Result<(), LogError> {
        let bound = self.settings.max_disk_bytes;
        if bound == 0 || self.stored + more <= bound {
            return Ok(());
        }
        self.stored = stored(&self.settings)?;
        if self.stored + more <= bound {
            return Ok(());
        }
        Err(LogError::NoRoom { folder: self.settings.folder.clone(), bound })
    }

    fn begin_file(&mut self, number: u64) -> Result<(), LogError> {
        let path = event_log::path(&self.settings.folder, &self.settings.replica, number);
        self.file = open_file(&self.settings.folder, &path)?;
        (self.path, self.id, self.end) = (path, None, Position { file: number, offset: 0 });
        Ok(())
    }

    /// Notes that the name of the file is taken, before it is first written to.
    fn note_number(&mut self) -> Result<(), LogError> {
        let Settings { folder, replica, .. } = &self.settings;
        if self.end.file > self.noted {
            note_number(&self.lock, self.end.file).map_err(LogError::io(lock_path(folder, replica)))?;
            self.noted = self.end.file;
        }
        Ok(())
    }

    /// Cuts off the parts of a failed append. The lock of the file keeps out who overwrites erased lines: a line that was
    /// cut off must not be written again.
    fn take_back(&mut self) -> Result<(), LogError> {
        let cut = self.file.lock().and_then(|()| {
            let cut = self.file.set_len(self.end.offset).and_then(|()| self.file.sync_all());
            self.file.unlock().and(cut)
        });
        cut.map_err(LogError::io(&self.path))?;
        self.tail = Tail::Closed;
        Ok(())
    }

    /// Writes the requests until [`Request::Close`] or until the channel is closed. Blocks.
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
                        // Requests that are already queued are still written; new ones are refused.
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

    /// Makes a group durable and sends it to the applier, or refuses it.
    fn commit(&mut self, bytes: &[u8], appends: Vec<Append>, groups: &mpsc::Sender<Group>) {
        let start = self.end;
        match self.append(bytes) {
            Ok(appended) => {
                // If the applier is gone, the replies are dropped, and the requests are answered as failed: clients may
                // send again.
                let _ = groups.blocking_send(Group { start, end: self.end, appends: placed(appends, appended) });
            }
            Err(error) => {
                tracing::error!(%error, "events refused");
                for Append { reply, .. } in appends {
                    let _ = reply.send(Err(AcceptError::from(&error)));
                }
            }
        }
    }
}

/// What requests appended, each with its position in the log; their lines were appended one after the other.
fn placed(appends: Vec<Append>, Appended { file, mut start }: Appended) -> Vec<Placed> {
    let place = |Append { lines, arrivals, erasure, change, reply }: Append| {
        let arrival = |(mut arrival, end): (Arrival, u64)| {
            arrival.event.place = Some(Place { file, end: start + end });
            arrival
        };
        let arrivals = arrivals.into_iter().map(arrival).collect();
        start += lines.len() as u64;
        let place = Place { file, end: start };
        let departure = erasure.map(|event| Logged { event, place }.into());
        Placed { arrivals, departure, change: change.map(|event| Logged { event, place }), reply }
    };
    appends.into_iter().map(place).collect()
}
