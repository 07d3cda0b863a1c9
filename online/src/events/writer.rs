//! The writer: one thread that appends events to the log, with group commit.
//!
//! In: the lines of many requests. Out: one write and one sync for all requests that are waiting; then the group goes
//! to the applier, each event with its position. So a request costs only a share of one sync: the more requests wait,
//! the smaller the share.

use std::sync::Arc;

use serde::Serialize;
use shared::contract::erasure::Erasure;
use shared::contract::event::Event;
use shared::contract::event_log::{FileId, Log, Place};
use shared::contract::impression::Impression;
use shared::contract::item_change::ItemChange;
use shared::contract::merge::Merging;
use shared::contract::user_change::UserChange;
use tokio::sync::{mpsc, oneshot};

use super::appender::{Appender, Target};
use super::reader::Logged;
use super::{AcceptError, LogError, Settings, Visible};
use crate::metrics::Metrics;
use crate::store::{Arrival, Departure, Moved, Position, Told};

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

/// Events and impressions, an erasure, a merge, changes of items, or what is said of users, to be made durable.
pub struct Append {
    /// Their lines.
    pub lines: Vec<u8>,
    /// The events for the histories, each with the offset where its line ends in `lines`.
    pub arrivals: Vec<(Arrival, u64)>,
    /// The erasure, which has the only line.
    pub erasure: Option<Erasure>,
    /// The merge or undo, which has the only line.
    pub merging: Option<Merging>,
    /// The changes of items, each with the offset where its line ends in `lines`.
    pub changes: Vec<(ItemChange, u64)>,
    /// What was said of users, each with the offset where its line ends in `lines`.
    pub told: Vec<(UserChange, u64)>,
    /// The channel for the answer.
    pub reply: Reply,
}

impl Append {
    /// Makes the lines and arrivals of events, and the lines of impressions, which are for no history.
    ///
    /// # Panics
    /// Never: both consist of texts and numbers, which JSON can represent.
    #[must_use]
    pub fn new(events: Vec<Event>, impressions: &[Impression], reply: Reply) -> Self {
        let mut lines = Vec::with_capacity(events.len() * 192);
        let mut arrivals = Vec::with_capacity(events.len());
        for event in events {
            serde_json::to_writer(&mut lines, &event).expect("texts and numbers serialise into memory");
            lines.push(b'\n');
            arrivals.push((Arrival::from(event), lines.len() as u64));
        }
        for impression in impressions {
            serde_json::to_writer(&mut lines, impression).expect("texts and numbers serialise into memory");
            lines.push(b'\n');
        }
        Self { arrivals, ..Self::of(lines, reply) }
    }

    /// Makes the line of an erasure.
    ///
    /// # Panics
    /// Never: as [`Self::new`].
    #[must_use]
    pub fn erasure(erasure: Erasure, reply: Reply) -> Self {
        let mut lines = serde_json::to_vec(&erasure).expect("texts and numbers serialise into memory");
        lines.push(b'\n');
        Self { erasure: Some(erasure), ..Self::of(lines, reply) }
    }

    /// Makes the line of a merge or an undo.
    ///
    /// # Panics
    /// Never: as [`Self::new`].
    #[must_use]
    pub fn merging(merging: Merging, reply: Reply) -> Self {
        let mut lines = serde_json::to_vec(&merging).expect("texts and numbers serialise into memory");
        lines.push(b'\n');
        Self { merging: Some(merging), ..Self::of(lines, reply) }
    }

    /// Makes the lines of changes of items.
    ///
    /// # Panics
    /// Never: as [`Self::new`].
    #[must_use]
    pub fn changes(changes: Vec<ItemChange>, reply: Reply) -> Self {
        let (lines, changes) = lines_of(changes);
        Self { changes, ..Self::of(lines, reply) }
    }

    /// Makes the lines of what is said of users.
    ///
    /// # Panics
    /// Never: as [`Self::new`].
    #[must_use]
    pub fn told(told: Vec<UserChange>, reply: Reply) -> Self {
        let (lines, told) = lines_of(told);
        Self { told, ..Self::of(lines, reply) }
    }

    /// Lines of which nothing is known yet.
    fn of(lines: Vec<u8>, reply: Reply) -> Self {
        let (arrivals, changes, told) = (Vec::new(), Vec::new(), Vec::new());
        Self { lines, arrivals, erasure: None, merging: None, changes, told, reply }
    }
}

/// A line for each, and with each the offset where its line ends.
fn lines_of<T: Serialize>(all: Vec<T>) -> (Vec<u8>, Vec<(T, u64)>) {
    let mut lines = Vec::with_capacity(all.len() * 128);
    let line = |one: T| {
        serde_json::to_writer(&mut lines, &one).expect("texts and numbers serialise into memory");
        lines.push(b'\n');
        (one, lines.len() as u64)
    };
    let all = all.into_iter().map(line).collect();
    (lines, all)
}

/// What a request appended, with its positions in the log.
pub struct Placed {
    /// Its events for the histories.
    pub arrivals: Vec<Arrival>,
    /// Its erasure.
    pub departure: Option<Departure>,
    /// Its merge or undo.
    pub moved: Option<Moved>,
    /// Its changes of items.
    pub changes: Vec<Logged<ItemChange>>,
    /// What it says of users.
    pub told: Vec<Told>,
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

/// The writer of a replica's log.
pub struct Writer {
    log: Appender,
    /// The id of the file that was appended to.
    id: Option<FileId>,
    /// How many bytes all files of the log may have; 0 for no bound.
    max_disk_bytes: u64,
    /// How many bytes the log had when it was last looked at, and what was appended since.
    stored: u64,
    metrics: Arc<Metrics>,
}

impl Writer {
    /// Takes the lock of the replica's log, and cuts off an unfinished last line.
    ///
    /// # Errors
    /// [`LogError`] when another process holds the lock, or the folder can't be written.
    pub fn open(settings: &Settings, metrics: Arc<Metrics>) -> Result<Self, LogError> {
        let Settings { folder, replica, max_file_bytes, max_disk_bytes, .. } = settings.clone();
        let log = Appender::open(Target { log: Log::Events, folder, replica, max_file_bytes })?;
        let stored = log.target().stored()?;
        Ok(Self { log, id: None, max_disk_bytes, stored, metrics })
    }

    /// The position where the log ends.
    #[must_use]
    pub fn end(&self) -> Position {
        self.log.end()
    }

    /// Appends whole lines and syncs them; after an error none of them is in the log.
    ///
    /// # Errors
    /// [`LogError::Io`], such as on a full disk; [`LogError::NoRoom`] at the bound of the log.
    pub fn append(&mut self, lines: &[u8]) -> Result<Appended, LogError> {
        let _timer = self.metrics.log_append_seconds.start_timer();
        self.check_room(lines.len() as u64)?;
        let start = self.log.append(lines)?;
        self.stored += lines.len() as u64;
        let file = match self.id {
            Some(file) if start.offset > 0 => file,
            _ => FileId::of(&self.log.target().replica, start.file, lines),
        };
        self.id = Some(file);
        Ok(Appended { file, start: start.offset })
    }

    /// Refuses bytes beyond the bound of the log. The folder is looked at only when the bound is met: files may have been
    /// moved away since.
    fn check_room(&mut self, more: u64) -> Result<(), LogError> {
        let bound = self.max_disk_bytes;
        if bound == 0 || self.stored + more <= bound {
            return Ok(());
        }
        self.stored = self.log.target().stored()?;
        if self.stored + more <= bound {
            return Ok(());
        }
        Err(LogError::NoRoom { folder: self.log.target().folder.clone(), bound })
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
        let start = self.end();
        match self.append(bytes) {
            Ok(appended) => {
                // If the applier is gone, the replies are dropped, and the requests are answered as failed: clients may
                // send again.
                let _ = groups.blocking_send(Group { start, end: self.end(), appends: placed(appends, appended) });
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
    let place = |Append { lines, arrivals, erasure, merging, changes, told, reply }: Append| {
        let arrival = |(mut arrival, end): (Arrival, u64)| {
            arrival.event.place = Some(Place { file, end: start + end });
            arrival
        };
        let arrivals = arrivals.into_iter().map(arrival).collect();
        let change = |(event, end)| Logged { event, place: Place { file, end: start + end } };
        let changes = changes.into_iter().map(change).collect();
        let told = told.into_iter().map(|(said, end)| Told::of(said, Place { file, end: start + end })).collect();
        start += lines.len() as u64;
        let place = Place { file, end: start };
        let departure = erasure.map(|event| Logged { event, place }.into());
        let moved = merging.map(|event| Logged { event, place }.into());
        Placed { arrivals, departure, moved, changes, told, reply }
    };
    appends.into_iter().map(place).collect()
}
