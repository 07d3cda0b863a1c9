//! Goes on with what models remember of keys: logs the rows that were sent or scored, and keeps them in the store.
//!
//! ```text
//! POST /models/{name}/rows ─▶ check ─▶ follower: append many, sync once ─▶ add to the store ─▶ answer
//! POST /models/{name}/predict ─▶ rows of keys from the store ─▶ score ─▶ answer, and a line to the follower
//! ```
//!
//! There is a follower for each model and origin of rows. Its log is the truth: lines of JSON, one a row, that
//! training can read. What the store keeps is derived from it, and each history has a mark of its own there, so that a
//! version that remembers something else is told all that was logged.

mod follower;
mod logs;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shared::engine::tabular::column::{Column, Level};
use shared::engine::tabular::history::milliseconds;
use shared::engine::tabular::live::{HistoryId, Live, LiveRow, Origin};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tracing::Instrument;

use self::follower::{Follower, Lines};
use crate::events::{AcceptError, LogError, Settings};
use crate::metrics::Metrics;
use crate::models::rows::Rows;
use crate::models::{Models, Place, Served};
use crate::store::RowStore;

/// The most bytes that may wait for a follower.
const MAX_WAITING_BYTES: usize = 128 << 20;

/// A model and the origin of its rows.
type Name = (String, Origin);

/// Whether the next prediction takes rows into account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It does.
    Now,
    /// It will once the store is back.
    Later,
}

/// The channel to a follower.
#[derive(Clone)]
struct Sender {
    lines: mpsc::Sender<Lines>,
    /// How many bytes wait there.
    waiting: Arc<AtomicUsize>,
}

impl Sender {
    /// Passes lines on, if there is room.
    fn send(&self, lines: Lines) -> Result<(), AcceptError> {
        if self.waiting.load(Ordering::Relaxed) > MAX_WAITING_BYTES {
            return Err(AcceptError::Full);
        }
        let bytes = lines.lines.len();
        self.waiting.fetch_add(bytes, Ordering::Relaxed);
        self.lines.try_send(lines).map_err(|error| {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            match error {
                mpsc::error::TrySendError::Full(_) => AcceptError::Full,
                mpsc::error::TrySendError::Closed(_) => AcceptError::Closed,
            }
        })
    }
}

/// What models remember.
pub struct Memory {
    settings: Settings,
    models: Arc<Models>,
    store: Arc<dyn RowStore>,
    metrics: Arc<Metrics>,
    followers: Mutex<HashMap<Name, Handle>>,
    /// Held while a follower is opened, so that no two are.
    opening: tokio::sync::Mutex<()>,
}

struct Handle {
    sender: Sender,
    task: JoinHandle<()>,
}

impl Memory {
    /// What models remember, in a store.
    ///
    /// * `settings`: of the logs; those of each model have a folder of their own in that of the settings.
    #[must_use]
    pub fn new(settings: Settings, models: Arc<Models>, store: Arc<dyn RowStore>, metrics: Arc<Metrics>) -> Self {
        let (followers, opening) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { settings, models, store, metrics, followers, opening }
    }

    /// Opens the logs of all models that remember rows, and brings the store up to date.
    ///
    /// # Errors
    /// [`LogError`] when a log can't be used, the first of those; the others are followed.
    pub async fn open(&self) -> Result<(), LogError> {
        let _opening = self.opening.lock().await;
        let mut result = Ok(());
        for (name, served) in self.models.all().iter() {
            for origin in origins(served) {
                let key = (name.clone(), origin);
                if self.sender(&key).is_none() {
                    result = result.and(self.follow(key).await);
                }
            }
        }
        result
    }

    /// Opens the logs of models that are served later on, for ever.
    pub async fn watch(self: Arc<Self>, poll: Duration) {
        let mut ticks = tokio::time::interval(poll);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut told = false;
        loop {
            ticks.tick().await;
            match self.open().await {
                Ok(()) => told = false,
                Err(error) if !told => {
                    tracing::error!(%error, "rows can't be remembered; it is tried again");
                    told = true;
                }
                Err(_) => {}
            }
        }
    }

    async fn follow(&self, (model, origin): Name) -> Result<(), LogError> {
        let folder: PathBuf = self.settings.folder.join(&model).join(origin.as_str());
        let settings = Settings { folder, ..self.settings.clone() };
        let (models, store, metrics) = (self.models.clone(), self.store.clone(), self.metrics.clone());
        let follower = Follower::open(model.clone(), origin, settings, models, store, metrics).await?;
        // From now on the series is there, so that the first rows that are forgotten are an increase.
        self.metrics.models.count_forgotten(&model, 0);
        let (lines, queue) = mpsc::channel(self.settings.queue);
        let waiting = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(follower.run(queue, waiting.clone()).in_current_span());
        let sender = Sender { lines, waiting };
        let mut followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        followers.insert((model, origin), Handle { sender, task });
        Ok(())
    }

    /// The channel to a follower that runs.
    fn sender(&self, name: &Name) -> Option<Sender> {
        let mut followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        match followers.entry(name.clone()) {
            Entry::Occupied(ended) if ended.get().sender.lines.is_closed() => {
                ended.remove();
                None
            }
            Entry::Occupied(runs) => Some(runs.get().sender.clone()),
            Entry::Vacant(_) => None,
        }
    }

    /// Makes rows that were sent durable, and adds them to the store.
    ///
    /// * `lines`: a line of JSON for each.
    ///
    /// # Errors
    /// [`AcceptError`]; then none of them is acknowledged.
    pub async fn accept(&self, served: &Served, lines: Vec<u8>, rows: usize) -> Result<Told, AcceptError> {
        let model = &served.manifest().name;
        let sender = self.sender(&(model.clone(), Origin::Sent)).ok_or(AcceptError::Closed)?;
        let (reply, answer) = oneshot::channel();
        sender.send(Lines { lines, rows, reply: Some(reply) })?;
        answer.await.unwrap_or(Err(AcceptError::Closed))
    }

    /// Passes on rows that were scored, if they are counted; nobody waits for them.
    pub fn note(&self, served: &Served, scored: &Rows) {
        if scored.counted.is_empty() {
            return;
        }
        let model = &served.manifest().name;
        let sender = self.sender(&(model.clone(), Origin::Scored));
        let lines = Lines { lines: scored.counted.clone(), rows: scored.rows, reply: None };
        if sender.is_none_or(|sender| sender.send(lines).is_err()) {
            self.metrics.models.count_forgotten(model, scored.rows);
        }
    }

    /// What is known of the keys of rows; nothing where the store does not answer: then the version's own histories tell
    /// what was before.
    pub async fn of(&self, served: &Served, rows: &Rows) -> Live {
        // Rows that are refused are not scored.
        let keys = if rows.refusals.is_empty() { keys(served, rows) } else { BTreeMap::new() };
        if keys.is_empty() {
            return Live::new();
        }
        let mut live = self.store.rows(&keys).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "rows scored without what the store knows");
            self.metrics.models.count_fallback(&served.manifest().name, error.label());
            Live::new()
        });
        if rows.rows > 1 {
            add_themselves(&mut live, served, rows);
        }
        live
    }

    /// Writes what was passed on, and closes the logs.
    pub async fn close(&self) {
        let _opening = self.opening.lock().await;
        let followers = std::mem::take(&mut *self.followers.lock().unwrap_or_else(PoisonError::into_inner));
        for ((model, _), Handle { sender, task }) in followers {
            drop(sender);
            if task.await.is_err() {
                tracing::error!(model, "its log of rows did not close in order; it is checked at the next start");
            }
        }
    }
}

/// The origins of the rows that a model remembers.
fn origins(served: &Served) -> BTreeSet<Origin> {
    served.versions().flat_map(|version| version.followed()).map(|followed| followed.origin).collect()
}

/// Adds the rows themselves where scored rows count: those of a list count for those of later times in it.
fn add_themselves(live: &mut Live, served: &Served, rows: &Rows) {
    let mut known = BTreeSet::new();
    for version in served.versions() {
        for followed in version.followed().iter().filter(|own| own.origin == Origin::Scored && known.insert(own.id)) {
            let [key, time] = followed.columns.map(|column| {
                let place = served.place(&version.manifest().schema[column].name);
                if let Some(Place::Field(at)) = place { rows.columns.get(at) } else { None }
            });
            let (Some(Column::Levels(keys)), Some(Column::Numbers(times))) = (key, time) else { continue };
            let of_history = live.entry(followed.id).or_default();
            for (key, time) in keys.iter().zip(times).filter(|(key, time)| **key != Level::MISSING && !time.is_nan()) {
                let time_ms = milliseconds(*time);
                of_history.entry(*key).or_default().push(LiveRow { time_ms, values: vec![1.0] });
            }
            // Rows of one time add up when they are joined.
            of_history.values_mut().for_each(|rows| rows.sort_by_key(|row| row.time_ms));
        }
    }
}

/// The keys of rows, by history.
fn keys(served: &Served, rows: &Rows) -> BTreeMap<HistoryId, Vec<Level>> {
    let mut keys = BTreeMap::new();
    for version in served.versions() {
        for followed in version.followed() {
            let name = &version.manifest().schema[followed.columns[0]].name;
            let Some(Place::Field(at)) = served.place(name) else { continue };
            let Some(Column::Levels(levels)) = rows.columns.get(at) else { continue };
            let own: BTreeSet<Level> = levels.iter().copied().filter(|level| *level != Level::MISSING).collect();
            keys.entry(followed.id).or_insert_with(|| own.into_iter().collect());
        }
    }
    keys.retain(|_, keys: &mut Vec<Level>| !keys.is_empty());
    keys
}
