//! The applier: one task that applies this replica's event log to the histories in the store, and is the only one to do
//! so.
//!
//! Groups of events arrive as they become durable and are applied at once; this gives read-your-writes. The task also
//! tracks how far its log is applied without a gap (`done`). When the store was away, came back empty or was reset to
//! an earlier state, `done` is behind the log's end, and the log is applied again from there, a chunk at a time,
//! between groups. Applying an event twice changes nothing, so the two may overlap. The log is also applied again when
//! a version is served that covers less of it than those before.
//!
//! Histories that can't be read are skipped and rebuilt from the log at the same time. Until they are written the mark
//! does not move, so that a crash does not lose their events.
//!
//! Changes of items go to the catalogue, whatever the store does, and into the store for other replicas.
//!
//! Every second the mark in the store is moved to `done` by compare-and-set; a mark that differs from what this task
//! wrote shows that the store lost data.

mod health;
mod let_go;
mod mark;
mod rebuild;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use shared::contract::event::Event;
use shared::contract::event_log::{self, Coverage};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior};

use self::health::{FIRST_PAUSE, Health};
use self::let_go::LettingGo;
use self::rebuild::Rebuild;
use super::reader::{self, Chunk, Logged};
use super::writer::{Group, Placed, Reply};
use super::{LogError, Settings, Visible, now_ms};
use crate::catalogue::{Catalogue, logs};
use crate::metrics::Metrics;
use crate::store::{Added, Arrival, Bounds, Departure, Moved, Position, Said, Told, UserStore};

/// How often the mark moves.
const TICK: Duration = Duration::from_secs(1);
/// Bytes of the log read at a time.
const CHUNK_BYTES: u64 = 1 << 20;
/// Events applied in one call.
const MAX_EVENTS: usize = 8192;
/// The number of consecutive failures of the store that a start tolerates.
const START_FAILURES: u32 = 5;

/// The applier of one replica's log.
pub struct Applier {
    settings: Settings,
    store: Arc<dyn UserStore>,
    catalogue: Arc<Catalogue>,
    metrics: Arc<Metrics>,
    /// How much of the log is in every version that may be served.
    covered: watch::Receiver<Arc<Coverage>>,
    /// The coverage by which the histories were last shortened.
    followed: Arc<Coverage>,
    /// The position up to which the log is durable.
    end: Position,
    /// The position up to which the log is applied without a gap.
    done: Position,
    /// The mark as this task left it in the store.
    mark: Option<Position>,
    /// The logs of other replicas that an emptied store lacks too, with the position up to which each is applied.
    others: Vec<(String, Position)>,
    /// The rebuild of histories that is under way.
    rebuild: Option<Rebuild>,
    /// The pass that forgets what was said of users and every version has, which each change of these begins again.
    letting_go: Option<LettingGo>,
    health: Health,
}

impl Applier {
    /// An applier of a log that ends at `end`.
    #[must_use]
    pub fn new(
        settings: &Settings,
        end: Position,
        store: Arc<dyn UserStore>,
        catalogue: Arc<Catalogue>,
        covered: watch::Receiver<Arc<Coverage>>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let followed = covered.borrow().clone();
        Self {
            settings: settings.clone(),
            store,
            catalogue,
            metrics,
            covered,
            followed,
            end,
            done: Position::START,
            mark: None,
            others: Vec::new(),
            rebuild: None,
            letting_go: Some(LettingGo::default()),
            health: Health::Up,
        }
    }

    /// Brings the store and the catalogue up to date before the first request; returns the time of the latest erasure
    /// or merge that the logs tell of.
    ///
    /// # Errors
    /// [`LogError`] when the log can't be read or the store fails several times.
    pub async fn recover(&mut self) -> Result<i64, LogError> {
        let covered = self.followed.clone();
        let logs::Read { said, cut_ms } = self.in_folder(move |folder| logs::read(folder, &covered)).await?;
        self.catalogue.tell(said);
        let mark = self.store.applied().await?;
        self.restart_from(mark).await?;
        let (before, started) = (self.metrics.events_reapplied.get(), Instant::now());
        let mut failures = 0;
        while self.is_behind() {
            match self.catch_up().await {
                Ok(()) => failures = 0,
                Err(error) if failures == START_FAILURES => return Err(error),
                Err(error) => {
                    failures += 1;
                    tracing::warn!(%error, "event log not applied yet");
                    tokio::time::sleep(FIRST_PAUSE * failures).await;
                }
            }
        }
        self.move_mark().await?;
        self.metrics.store_up.set(1);
        let (events, seconds) = (self.metrics.events_reapplied.get() - before, started.elapsed().as_secs_f32());
        tracing::info!(events, seconds, end = %self.end, "event log applied");
        Ok(cut_ms)
    }

    /// Applies groups as they arrive, and what the store lacks of the log, until the channel of groups is closed.
    pub async fn run(mut self, mut groups: mpsc::Receiver<Group>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let pause = match self.health {
                Health::Up if self.has_work() => Some(Instant::now()),
                Health::Up => None,
                Health::Down(until, _) => Some(until),
            };
            tokio::select! {
                group = groups.recv() => match group {
                    Some(group) => self.take(group, &mut groups).await,
                    None => break,
                },
                () = sleep_until(pause) => {
                    let result = self.step().await;
                    self.note(result);
                }
                _ = ticks.tick() => if matches!(self.health, Health::Up) {
                    let result = self.tick().await;
                    self.note(result);
                }
            }
        }
        let result = self.move_mark().await;
        self.note(result);
    }

    /// Whether the store lacks a part of the log.
    fn is_behind(&self) -> bool {
        self.done != self.end || !self.others.is_empty()
    }

    /// Whether there is work besides groups.
    fn has_work(&self) -> bool {
        self.is_behind() || self.is_rebuilding() || self.letting_go.is_some()
    }

    /// Does one step of the work besides groups: catches up, rebuilds, lets go, or moves the mark.
    async fn step(&mut self) -> Result<(), LogError> {
        if self.is_behind() {
            self.catch_up().await
        } else if self.is_rebuilding() {
            self.rebuild().await
        } else if self.letting_go.is_some() {
            self.let_go().await
        } else {
            self.move_mark().await
        }
    }

    /// The work of every second.
    async fn tick(&mut self) -> Result<(), LogError> {
        self.follow().await?;
        self.move_mark().await
    }

    /// The coverage by which histories are shortened from now on. If it covers less than before of the files that are
    /// there, the log is applied again to restore what was forgotten. Each piece of work asks once, before it begins: the
    /// positions that it goes on from may change here.
    async fn follow(&mut self) -> Result<Arc<Coverage>, LogError> {
        let covered = self.covered.borrow().clone();
        if Arc::ptr_eq(&covered, &self.followed) {
            return Ok(covered);
        }
        if !covered.includes(&self.followed) {
            let files = self.in_folder(logs::files).await?;
            if !covered.includes(&self.followed.of_files(&files)) {
                tracing::warn!("a version covers less of the event log than those before; the log is applied again");
                self.begin_again().await?;
            }
        }
        self.followed = covered.clone();
        self.letting_go = Some(LettingGo::default());
        Ok(covered)
    }

    /// Reads the folder of the log, on a thread that may block.
    async fn in_folder<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, LogError> {
        let folder = self.settings.folder.clone();
        let read = crate::background::blocking(move || read(&folder)).await;
        read.unwrap_or_else(|panic| Err(io::Error::other(panic))).map_err(LogError::io(&self.settings.folder))
    }

    /// Applies a group, with those that wait behind it, and answers their requests.
    async fn take(&mut self, group: Group, groups: &mut mpsc::Receiver<Group>) {
        let (start, mut end) = (group.start, group.end);
        // With each, how many events, erasures, merges, and changes of users it brought.
        let mut replies: Vec<(Reply, [usize; 4])> = Vec::new();
        let mut arrivals: Vec<Arrival> = Vec::new();
        let mut departures: Vec<Departure> = Vec::new();
        let mut moves: Vec<Moved> = Vec::new();
        let mut said: Vec<Said> = Vec::new();
        let mut of_users: Vec<Told> = Vec::new();
        let mut next = Some(group);
        while let Some(group) = next {
            end = group.end;
            for Placed { arrivals: events, departure, moved, changes, told, reply } in group.appends {
                let (departs, moves_on) = (usize::from(departure.is_some()), usize::from(moved.is_some()));
                replies.push((reply, [events.len(), departs, moves_on, told.len()]));
                arrivals.extend(events);
                departures.extend(departure);
                moves.extend(moved);
                of_users.extend(told);
                said.extend(changes.into_iter().flat_map(|Logged { event, place }| Said::of(event, place)));
            }
            next = if arrivals.len() < MAX_EVENTS { groups.try_recv().ok() } else { None };
        }
        self.end = end;
        // Whether the store is there or not.
        self.catalogue.tell(said.iter().cloned());
        let added = match self.health {
            Health::Down(..) => None,
            Health::Up => {
                let result = match self.follow().await {
                    Ok(covered) => self.apply(&arrivals, &departures, &moves, said, &of_users, &covered).await,
                    Err(error) => Err(error),
                };
                result.map_err(|error| self.note(Err(error))).ok()
            }
        };
        if added.is_some() && self.done == start {
            self.done = end;
        }
        let mut rest =
            added.map(|Applied { events, erasures, moves, told }| [events, erasures, moves, told].map(Vec::into_iter));
        for (reply, counts) in replies {
            let own = rest.as_mut().map(|rest| {
                let own = rest.iter_mut().zip(counts).flat_map(|(of_kind, count)| of_kind.take(count));
                visible(&own.collect::<Vec<Added>>())
            });
            // A request that no longer waits has been dropped or has timed out.
            let _ = reply.send(Ok(own.unwrap_or(Visible::Later)));
        }
    }

    /// Applies events, erasures, merges, and what was said of items and users; their order does not matter, since they go
    /// by times, but that an erasure may not know of a merge before it: so merges come first.
    async fn apply(
        &self,
        arrivals: &[Arrival],
        departures: &[Departure],
        moves: &[Moved],
        mut said: Vec<Said>,
        told: &[Told],
        covered: &Coverage,
    ) -> Result<Applied, LogError> {
        said.retain(|said| !covered.covers(Some(said.latest.stamp.place)));
        if !said.is_empty() {
            self.store.keep(&said).await?;
        }
        let bounds = Bounds { covered, now_ms: now_ms() };
        let mut applied = Applied::default();
        if !moves.is_empty() {
            applied.moves = self.store.merge(moves, bounds).await?;
        }
        if !departures.is_empty() {
            applied.erasures = self.store.erase(departures, bounds).await?;
        }
        if !told.is_empty() {
            applied.told = self.store.say(told, bounds).await?;
        }
        if !arrivals.is_empty() {
            applied.events = self.store.apply(arrivals, bounds).await?;
        }
        Ok(applied)
    }

    /// Applies the next chunk of what the store lacks: other replicas' logs first, since the mark stands for them too.
    async fn catch_up(&mut self) -> Result<(), LogError> {
        let covered = self.follow().await?;
        let (replica, from) = match self.others.last() {
            Some((replica, from)) => (replica.clone(), *from),
            None => (self.settings.replica.clone(), self.done),
        };
        let chunk = self.read(replica, from).await?;
        let departures: Vec<Departure> = chunk.erasures.into_iter().map(Departure::from).collect();
        let said = chunk.changes.into_iter().flat_map(|Logged { event, place }| Said::of(event, place)).collect();
        let moves: Vec<Moved> = chunk.mergings.into_iter().map(Moved::from).collect();
        let lacks = |told: &Told| !covered.covers(Some(told.said.stamp.place));
        let told: Vec<Told> = chunk.told.into_iter().filter(lacks).collect();
        self.apply(&[], &departures, &moves, said, &told, &covered).await?;
        let arrivals: Vec<Arrival> = chunk.events.into_iter().map(Arrival::from).collect();
        for part in arrivals.chunks(MAX_EVENTS) {
            self.store.apply(part, Bounds { covered: &covered, now_ms: now_ms() }).await?;
        }
        self.metrics.events_reapplied.inc_by(arrivals.len() as u64);
        match self.others.last_mut() {
            Some(_) if chunk.next == from => {
                self.others.pop();
            }
            Some((_, next)) => *next = chunk.next,
            // There is nothing more to read, whatever the position is.
            None if chunk.next == from => self.done = self.end,
            None => self.done = chunk.next,
        }
        Ok(())
    }

    /// Reads a chunk of a replica's log; of this replica's log only the durable part.
    async fn read(&self, replica: String, from: Position) -> Result<Chunk<Event>, LogError> {
        let until = (replica == self.settings.replica).then_some(self.end);
        let oldest_ms = self.settings.retention.oldest_ms(now_ms());
        let read = move |folder: &Path| {
            let chunk = reader::read(folder, &replica, from, until, oldest_ms, CHUNK_BYTES)?;
            if let Some(at) = chunk.first_bad {
                let (lines, first) = (chunk.bad_lines, event_log::path(folder, &replica, at.file));
                let (first, offset) = (first.display(), at.offset);
                tracing::warn!(lines, %first, offset, "lines of the event log are no events to this release; they stay");
            }
            Ok(chunk)
        };
        let chunk: Chunk<Event> = self.in_folder(read).await?;
        self.metrics.log_bad_lines.inc_by(chunk.bad_lines);
        Ok(chunk)
    }
}

/// What the store did with what it was given, one by one.
#[derive(Default)]
struct Applied {
    events: Vec<Added>,
    erasures: Vec<Added>,
    moves: Vec<Added>,
    told: Vec<Added>,
}

/// Whether the next answer takes all that a request brought into account, or not all of them yet.
fn visible(added: &[Added]) -> Visible {
    if added.contains(&Added::Waits) {
        return Visible::Later;
    }
    Visible::Now { new: added.iter().filter(|added| **added == Added::New).count() }
}

/// Waits until a time, or for ever.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
