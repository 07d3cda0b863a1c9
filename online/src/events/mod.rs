//! Accepts events: checks them, appends them to the fsynced event log, and applies them to the histories.
//!
//! ```text
//! request ─▶ check ─▶ writer thread: append many, sync once ─▶ applier task: apply to the store ─▶ answer
//!                        │ can't write: 503, no room: 507          │ store away: 202, applied later from the log
//! ```
//!
//! The log is the truth: an acknowledged event is on disk. The histories are derived from it, see [`apply`]; one that
//! the store can't read is rebuilt from it.

pub mod appender;
pub mod apply;
pub mod check;
pub mod error;
pub mod item;
pub mod kinds;
pub mod lock;
pub mod pack;
pub mod reader;
pub mod repair;
pub mod supervise;
pub mod user;
pub mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use shared::contract::erasure::Erasure;
use shared::contract::event::Event;
use shared::contract::event_log::Coverage;
use shared::contract::id::{ItemId, UserId};
use shared::contract::impression::Impression;
use shared::contract::item_change::ItemChange;
use shared::contract::merge::{Merge, Merging, Undo};
use shared::contract::user_change::UserChange;
use shared::engine::state::LiveHistory;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle as TaskHandle;
use tracing::Instrument;

use self::apply::Applier;
pub use self::error::{AcceptError, LogError, UndoError};
use self::item::Said;
pub use self::supervise::Ended;
use self::supervise::Guard;
use self::writer::{Append, Request, Writer};
use crate::background;
use crate::catalogue::Catalogue;
use crate::metrics::Metrics;
use crate::store::{Retention, State, StoreError, UserStore};

/// The number of groups of events that may wait for the applier; beyond it the writer waits.
const GROUPS: usize = 64;

/// The settings of the event log.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder of the log.
    pub folder: PathBuf,
    /// The replica that writes it.
    pub replica: String,
    /// The size at which a new file is begun, in bytes.
    pub max_file_bytes: u64,
    /// How many bytes all files of this replica's log may have; 0 for no bound.
    pub max_disk_bytes: u64,
    /// The number of requests that may wait for the log.
    pub queue: usize,
    /// The bounds of histories.
    pub retention: Retention,
}

/// Whether the user's next slate takes the events of a request into account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visible {
    /// It takes all of them into account.
    Now {
        /// How many events of the request were no duplicates: the user's history did not have their ids.
        new: usize,
    },
    /// It will once the store is back.
    Later,
}

/// The handle by which the API submits events.
pub struct Events {
    requests: mpsc::Sender<Request>,
    store: Arc<dyn UserStore>,
    catalogue: Arc<Catalogue>,
    /// The latest time of an erasure or a merge; what is accepted after it has a later one.
    cut_ms: AtomicI64,
    /// When the last that was said of a user was accepted.
    said_ms: AtomicI64,
    metrics: Arc<Metrics>,
}

/// The thread and the task behind [`Events`], to be joined at the end.
pub struct Running {
    writer: JoinHandle<()>,
    applier: TaskHandle<()>,
    ended: watch::Receiver<Option<Ended>>,
}

impl Running {
    /// Tells which part ended first; `None` while all run. Only [`Events::close`] ends them in order.
    #[must_use]
    pub fn ended(&self) -> watch::Receiver<Option<Ended>> {
        self.ended.clone()
    }
}

/// The service's clock: milliseconds since the epoch.
#[must_use]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Events {
    /// Opens the event log, applies the part that the store lacks, and starts to accept events.
    ///
    /// * `covered`: how much of the log is in the artifacts, see [`shared::engine::state::HistoryBounds`].
    ///
    /// # Errors
    /// [`LogError`] when the log can't be written, another process holds its lock, or the store fails.
    pub async fn open(
        settings: Settings,
        store: Arc<dyn UserStore>,
        catalogue: Arc<Catalogue>,
        covered: watch::Receiver<Arc<Coverage>>,
        metrics: Arc<Metrics>,
    ) -> Result<(Self, Running), LogError> {
        let writer = Writer::open(&settings, metrics.clone())?;
        let (requests, queue) = mpsc::channel(settings.queue);
        let (groups, durable) = mpsc::channel(GROUPS);
        let mut applier =
            Applier::new(&settings, writer.end(), store.clone(), catalogue.clone(), covered, metrics.clone());
        let cut_ms = AtomicI64::new(applier.recover().await?);
        let (sender, ended) = watch::channel(None);
        let guard = Guard::new(Ended::Writer, &sender);
        let write = move || {
            let _guard = guard;
            writer.run(queue, &groups);
        };
        let writer = background::thread("event-log", write).map_err(LogError::io(&settings.folder))?;
        let guard = Guard::new(Ended::Applier, &sender);
        let apply = async move {
            let _guard = guard;
            applier.run(durable).await;
        };
        let applier = tokio::spawn(apply.in_current_span());
        let events = Self { requests, store, catalogue, cut_ms, said_ms: AtomicI64::new(i64::MIN), metrics };
        Ok((events, Running { writer, applier, ended }))
    }

    /// Makes events and impressions durable, and applies the events.
    ///
    /// # Errors
    /// [`AcceptError`]; then none of them is acknowledged, and sending them again is safe.
    pub async fn accept(
        &self,
        mut events: Vec<Event>,
        mut impressions: Vec<Impression>,
    ) -> Result<Visible, AcceptError> {
        let (count, seen) = (events.len() as u64, impressions.len() as u64);
        let earliest_ms = self.cut_ms.load(Ordering::Acquire).saturating_add(1);
        events.iter_mut().for_each(|event| event.received_ms = event.received_ms.max(earliest_ms));
        impressions.iter_mut().for_each(|seen| seen.received_ms = seen.received_ms.max(earliest_ms));
        let (reply, answer) = oneshot::channel();
        let append = Append::new(events, &impressions, reply);
        let refused = |error: AcceptError| {
            let reason = match error {
                AcceptError::Full => "queue_full",
                AcceptError::NoRoom(_) => "no_room",
                AcceptError::Write(_) | AcceptError::Closed => "log",
            };
            self.metrics.events_refused.with_label_values(&[reason]).inc_by(count + seen);
            error
        };
        let visible = self.append(append, answer).await.map_err(refused)?;
        self.metrics.events_accepted.inc_by(count);
        self.metrics.impressions_accepted.inc_by(seen);
        if count == 0 {
            // No history waits for an impression.
            return Ok(Visible::Now { new: 0 });
        }
        if visible == Visible::Later {
            self.metrics.events_deferred.inc_by(count);
        }
        Ok(visible)
    }

    /// Makes the erasure of a user durable and applies it: of all that was accepted before, on any replica, nothing counts.
    ///
    /// # Errors
    /// [`AcceptError`]; then the erasure is not acknowledged, and asking again is safe.
    pub async fn erase(&self, user: UserId) -> Result<Visible, AcceptError> {
        let now_ms = now_ms();
        let stored = self.store.read(&user, "", now_ms).await.unwrap_or_default();
        let received_ms = self.later_than(&stored.history, now_ms);
        let (reply, answer) = oneshot::channel();
        let visible = self.append(Append::erasure(Erasure { user, received_ms }, reply), answer).await?;
        self.cut_ms.fetch_max(received_ms, Ordering::AcqRel);
        self.metrics.users_erased.inc();
        Ok(visible)
    }

    /// Makes a merge durable and applies it: all that was accepted of `from` before, on any replica, is `into`'s.
    ///
    /// # Errors
    /// [`AcceptError`]; then the merge is not acknowledged, and asking again is safe.
    pub async fn merge(&self, from: UserId, into: UserId) -> Result<Visible, AcceptError> {
        let now_ms = now_ms();
        let stored = self.store.read(&from, "", now_ms).await.unwrap_or_default();
        let received_ms = self.later_than(&stored.history, now_ms);
        self.move_past(Merging::Merge(Merge { from, into, received_ms })).await
    }

    /// Makes the undo of the last merge of `from` into `into` durable and applies it.
    ///
    /// # Errors
    /// [`UndoError`]; then nothing was undone.
    pub async fn undo_merge(&self, from: UserId, into: UserId) -> Result<Visible, UndoError> {
        let now_ms = now_ms();
        let stored = self.store.read(&from, "", now_ms).await?;
        if stored.state == State::Unreadable {
            return Err(StoreError::Unreadable.into());
        }
        let merged_ms = match stored.history.merges.last_into(&into) {
            None => return Err(UndoError::NotMerged { from, into }),
            Some(of) if of.undone => return Err(UndoError::Undone { from, into }),
            Some(of) => of.received_ms,
        };
        let received_ms = self.later_than(&stored.history, now_ms);
        Ok(self.move_past(Merging::Undo(Undo { from, into, merged_ms, received_ms })).await?)
    }

    /// A time that is not before now, nor before what the store has of a user and what was accepted here, and after every
    /// merge of theirs: the clock of another replica may be ahead.
    fn later_than(&self, history: &LiveHistory, now_ms: i64) -> i64 {
        let events = history.recent.last().map(|event| event.received_ms);
        let said = history.said.values().map(|latest| latest.stamp.received_ms);
        let cuts = history.merges.newest_ms().into_iter().chain([self.cut_ms.load(Ordering::Acquire)]);
        events.into_iter().chain(said).chain(cuts.map(|cut_ms| cut_ms.saturating_add(1))).fold(now_ms, i64::max)
    }

    async fn move_past(&self, merging: Merging) -> Result<Visible, AcceptError> {
        let received_ms = merging.received_ms();
        let (reply, answer) = oneshot::channel();
        let visible = self.append(Append::merging(merging, reply), answer).await?;
        self.cut_ms.fetch_max(received_ms, Ordering::AcqRel);
        self.metrics.users_merged.inc();
        Ok(visible)
    }

    /// Makes changes of items durable, all or none, and waits until they are in service.
    ///
    /// A change is accepted later than those before it that this replica knows of, so that of two without times of their
    /// own the one that came last counts; of two in one list the one behind.
    ///
    /// # Errors
    /// [`AcceptError`]; then no change is acknowledged, and asking again is safe.
    pub async fn change(&self, said: Vec<(ItemId, Said)>) -> Result<Visible, AcceptError> {
        let received_ms = self.catalogue.accept_ms(now_ms());
        let change = |(item, Said { set, timestamp_ms })| {
            let timestamp_ms = timestamp_ms.unwrap_or(received_ms);
            ItemChange { item, set, timestamp_ms, received_ms }
        };
        let changes: Vec<ItemChange> = said.into_iter().map(change).collect();
        let count = changes.len() as u64;
        let (reply, answer) = oneshot::channel();
        let visible = self.append(Append::changes(changes, reply), answer).await?;
        self.metrics.item_changes.inc_by(count);
        self.catalogue.in_service().await;
        Ok(visible)
    }

    /// Makes what is said of users durable, all or nothing, and adds it to their histories.
    ///
    /// It is accepted later than what was said here before it, so that of two without times of their own the one that came
    /// last counts; of two in one list the one behind.
    ///
    /// # Errors
    /// [`AcceptError`]; then nothing is acknowledged, and asking again is safe.
    pub async fn say(&self, said: Vec<(UserId, Said)>) -> Result<Visible, AcceptError> {
        let earliest_ms = now_ms().max(self.cut_ms.load(Ordering::Acquire).saturating_add(1));
        let next = |last: i64| last.saturating_add(1).max(earliest_ms);
        let last = self.said_ms.fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| Some(next(last)));
        let received_ms = last.map_or_else(next, next);
        let change = |(user, Said { set, timestamp_ms })| {
            let timestamp_ms = timestamp_ms.unwrap_or(received_ms);
            UserChange { set, user, timestamp_ms, received_ms }
        };
        let told: Vec<UserChange> = said.into_iter().map(change).collect();
        let count = told.len() as u64;
        let (reply, answer) = oneshot::channel();
        let visible = self.append(Append::told(told, reply), answer).await?;
        self.metrics.user_changes.inc_by(count);
        Ok(visible)
    }

    async fn append(
        &self,
        append: Append,
        answer: oneshot::Receiver<Result<Visible, AcceptError>>,
    ) -> Result<Visible, AcceptError> {
        self.requests.try_send(Request::Append(append)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => AcceptError::Full,
            mpsc::error::TrySendError::Closed(_) => AcceptError::Closed,
        })?;
        answer.await.unwrap_or(Err(AcceptError::Closed))
    }

    /// Writes and applies the events that have been submitted, and closes the log.
    pub async fn close(&self, running: Running) {
        // An error means that the writer is gone already.
        let _ = self.requests.send(Request::Close).await;
        let Running { writer, applier, .. } = running;
        let applied = applier.await.is_ok();
        let written = matches!(tokio::task::spawn_blocking(|| writer.join()).await, Ok(Ok(())));
        if !applied || !written {
            tracing::error!("the event log did not close in order; it is checked at the next start");
        }
    }
}
