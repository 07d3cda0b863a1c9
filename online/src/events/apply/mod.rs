//! Applies the event log to the histories: one task, the only writer of this replica's events.
//!
//! Groups arrive as they become durable and are applied at once; that is read-your-writes. Beside that the task knows
//! how far its log is applied without a gap (`done`). When the store was away, came back empty or went back in time,
//! `done` lies behind the log's end, and the log is applied again from there, a chunk at a time, between groups.
//! Applying twice changes nothing, so no care is needed where the two overlap. The log is also applied again when a
//! version is served that covers less of it than those before.
//!
//! Users whose histories can't be read are left out; their histories are made anew from the log beside all that, and
//! until then the mark stays where it is, so that a crash does not forget them.
//!
//! Every second the mark in the store follows `done` by compare-and-set; a mark that is not where this task left it
//! betrays a store that lost something.

mod health;
mod mark;
mod rebuild;

use std::sync::Arc;
use std::time::Duration;

use shared::event_log::{self, Coverage};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior};

use self::health::{FIRST_PAUSE, Health};
use self::rebuild::Rebuild;
use super::reader::{self, Chunk};
use super::writer::{Group, Reply};
use super::{LogError, Settings, Visible, now_ms};
use crate::metrics::Metrics;
use crate::store::{Added, Arrival, Bounds, Position, UserStore};

/// How often the mark moves.
const TICK: Duration = Duration::from_secs(1);
/// Bytes of the log read at a time.
const CHUNK_BYTES: u64 = 1 << 20;
/// Events applied in one call.
const MAX_EVENTS: usize = 8192;
/// Failures of the store that a start tolerates.
const START_FAILURES: u32 = 5;

/// Applies one replica's log.
pub struct Applier {
    settings: Settings,
    store: Arc<dyn UserStore>,
    metrics: Arc<Metrics>,
    /// What of the log is in the artifacts.
    covered: watch::Receiver<Arc<Coverage>>,
    /// That, as the histories were last shortened by it.
    followed: Arc<Coverage>,
    /// The log is durable so far.
    end: Position,
    /// The log is applied so far.
    done: Position,
    /// The mark as this task left it in the store.
    mark: Option<Position>,
    /// Logs of other replicas that an emptied store lacks too, with how far they are applied.
    others: Vec<(String, Position)>,
    /// The histories that are being made anew.
    rebuild: Option<Rebuild>,
    health: Health,
}

impl Applier {
    /// An applier of a log that ends at `end`.
    #[must_use]
    pub fn new(
        settings: &Settings,
        end: Position,
        store: Arc<dyn UserStore>,
        covered: watch::Receiver<Arc<Coverage>>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let followed = covered.borrow().clone();
        Self {
            settings: settings.clone(),
            store,
            metrics,
            covered,
            followed,
            end,
            done: Position::START,
            mark: None,
            others: Vec::new(),
            rebuild: None,
            health: Health::Up,
        }
    }

    /// Brings the store up to date before the first request.
    ///
    /// # Errors
    /// [`LogError`] when the log can't be read or the store fails several times.
    pub async fn recover(&mut self) -> Result<(), LogError> {
        let mark = self.store.applied().await?;
        self.restart_from(mark)?;
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
        Ok(())
    }

    /// Applies groups as they come, and what the store lacks, until no more groups can come.
    pub async fn run(mut self, mut groups: mpsc::Receiver<Group>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let pause = match self.health {
                Health::Up if self.is_behind() || self.is_rebuilding() => Some(Instant::now()),
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

    /// Whether the store lacks something of the log.
    fn is_behind(&self) -> bool {
        self.done != self.end || !self.others.is_empty()
    }

    /// Does a little of what is left to do besides groups.
    async fn step(&mut self) -> Result<(), LogError> {
        if self.is_behind() {
            self.catch_up().await
        } else if self.is_rebuilding() {
            self.rebuild().await
        } else {
            self.move_mark().await
        }
    }

    /// What is done every second.
    async fn tick(&mut self) -> Result<(), LogError> {
        self.follow()?;
        self.move_mark().await
    }

    /// What the histories are shortened by from now on. If that is less than before, what was forgotten is taken from
    /// the log again.
    fn follow(&mut self) -> Result<Arc<Coverage>, LogError> {
        let covered = self.covered.borrow().clone();
        if Arc::ptr_eq(&covered, &self.followed) {
            return Ok(covered);
        }
        if !covered.includes(&self.followed) {
            tracing::warn!("a version covers less of the event log than those before; the log is applied again");
            self.begin_again()?;
        }
        self.followed = covered.clone();
        Ok(covered)
    }

    /// Applies a group, with those that wait behind it, and answers its requests.
    async fn take(&mut self, group: Group, groups: &mut mpsc::Receiver<Group>) {
        let (start, mut end) = (group.start, group.end);
        let mut replies: Vec<(Reply, usize)> = Vec::new();
        let mut arrivals: Vec<Arrival> = Vec::new();
        let mut next = Some(group);
        while let Some(group) = next {
            end = group.end;
            for (events, reply) in group.appends {
                replies.push((reply, events.len()));
                arrivals.extend(events);
            }
            next = if arrivals.len() < MAX_EVENTS { groups.try_recv().ok() } else { None };
        }
        self.end = end;
        let added = match self.health {
            Health::Down(..) => None,
            Health::Up => match self.apply(&arrivals).await {
                Ok(added) => Some(added),
                Err(error) => {
                    self.note(Err(error));
                    None
                }
            },
        };
        if added.is_some() && self.done == start {
            self.done = end;
        }
        let mut rest = added.as_deref();
        for (reply, count) in replies {
            let own = rest.and_then(|added| added.split_at_checked(count));
            rest = own.map(|(_, rest)| rest);
            // Who no longer waits has gone away or timed out.
            let _ = reply.send(Ok(own.map_or(Visible::Later, |(own, _)| visible(own))));
        }
    }

    async fn apply(&mut self, arrivals: &[Arrival]) -> Result<Vec<Added>, LogError> {
        let covered = self.follow()?;
        Ok(self.store.apply(arrivals, Bounds { covered: &covered, now_ms: now_ms() }).await?)
    }

    /// Applies the next chunk of what the store lacks: other replicas' logs first, for the mark vouches for them too.
    async fn catch_up(&mut self) -> Result<(), LogError> {
        let covered = self.follow()?;
        let (replica, from) = match self.others.last() {
            Some((replica, from)) => (replica.clone(), *from),
            None => (self.settings.replica.clone(), self.done),
        };
        let chunk = self.read(replica, from).await?;
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
            // Nothing more can be read, whatever the position says.
            None if chunk.next == from => self.done = self.end,
            None => self.done = chunk.next,
        }
        Ok(())
    }

    /// Reads a chunk of a replica's log; of this one's, as far as it is durable.
    async fn read(&self, replica: String, from: Position) -> Result<Chunk, LogError> {
        let folder = self.settings.folder.clone();
        let until = (replica == self.settings.replica).then_some(self.end);
        let oldest_ms = self.settings.retention.oldest_ms(now_ms());
        let chunk = tokio::task::spawn_blocking(move || {
            let chunk = reader::read(&folder, &replica, from, until, oldest_ms, CHUNK_BYTES)?;
            if let Some(at) = chunk.first_bad {
                let (lines, first) = (chunk.bad_lines, event_log::path(&folder, &replica, at.file));
                let (first, offset) = (first.display(), at.offset);
                tracing::warn!(lines, %first, offset, "lines of the event log are no events to this release; they stay");
            }
            Ok(chunk)
        });
        let chunk = chunk.await.unwrap_or_else(|panic| Err(std::io::Error::other(panic)));
        let chunk = chunk.map_err(LogError::io(&self.settings.folder))?;
        self.metrics.log_bad_lines.inc_by(chunk.bad_lines);
        Ok(chunk)
    }
}

/// What the next answer knows of a request's events: all of them, or not all yet.
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
