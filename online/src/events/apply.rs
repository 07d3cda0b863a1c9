//! Applies the event log to the histories: one task, the only writer of this replica's events.
//!
//! Groups arrive as they become durable and are applied at once; that is read-your-writes. Beside that the task knows
//! how far its log is applied without a gap (`done`). When the store was away, came back empty or went back in time,
//! `done` lies behind the log's end, and the log is applied again from there, a chunk at a time, between groups.
//! Applying twice changes nothing, so no care is needed where the two overlap.
//!
//! Every second the mark in the store follows `done` by compare-and-set; a mark that is not where this task left it
//! betrays a store that lost something.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::reader::{self, Chunk};
use super::writer::{Group, Reply};
use super::{LogError, Settings, Visible, files, now_ms};
use crate::metrics::Metrics;
use crate::store::{Arrival, Bounds, Mark, Position, UserStore};

/// How often the mark moves.
const TICK: Duration = Duration::from_secs(1);
/// The pause after a failure of the store; it doubles up to the tick.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Bytes of the log read at a time.
const CHUNK_BYTES: u64 = 1 << 20;
/// Events applied in one call.
const MAX_EVENTS: usize = 8192;
/// Failures of the store that a start tolerates.
const START_FAILURES: u32 = 5;

/// The store, as far as the last call shows.
#[derive(Debug, Clone, Copy)]
enum Health {
    Up,
    /// Not to be tried before a time; how long the pause was.
    Down(Instant, Duration),
}

/// Applies one replica's log.
pub struct Applier {
    folder: PathBuf,
    replica: String,
    ttl_ms: i64,
    store: Arc<dyn UserStore>,
    covered_ms: Arc<AtomicI64>,
    metrics: Arc<Metrics>,
    /// The log is durable so far.
    end: Position,
    /// The log is applied so far.
    done: Position,
    /// The mark as this task left it in the store.
    mark: Option<Position>,
    /// Logs of other replicas that an emptied store lacks too, with how far they are applied.
    others: Vec<(String, Position)>,
    health: Health,
}

impl Applier {
    /// An applier of a log that ends at `end`.
    #[must_use]
    pub fn new(
        settings: &Settings,
        end: Position,
        store: Arc<dyn UserStore>,
        covered_ms: Arc<AtomicI64>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            folder: settings.folder.clone(),
            replica: settings.replica.clone(),
            ttl_ms: settings.ttl_ms,
            store,
            covered_ms,
            metrics,
            end,
            done: Position::START,
            mark: None,
            others: Vec::new(),
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
                Health::Up if self.is_behind() => Some(Instant::now()),
                Health::Up => None,
                Health::Down(until, _) => Some(until),
            };
            tokio::select! {
                group = groups.recv() => match group {
                    Some(group) => self.take(group, &mut groups).await,
                    None => break,
                },
                () = sleep_until(pause) => {
                    let result = if self.is_behind() { self.catch_up().await } else { self.move_mark().await };
                    self.note(result);
                }
                _ = ticks.tick() => if matches!(self.health, Health::Up) {
                    let result = self.move_mark().await;
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

    /// Applies a group, with those that wait behind it, and answers its requests.
    async fn take(&mut self, group: Group, groups: &mut mpsc::Receiver<Group>) {
        let (start, mut end) = (group.start, group.end);
        let mut replies: Vec<Reply> = Vec::new();
        let mut arrivals: Vec<Arrival> = Vec::new();
        let mut next = Some(group);
        while let Some(group) = next {
            end = group.end;
            for (events, reply) in group.appends {
                arrivals.extend(events);
                replies.push(reply);
            }
            next = if arrivals.len() < MAX_EVENTS { groups.try_recv().ok() } else { None };
        }
        self.end = end;
        let visible = match self.health {
            Health::Down(..) => Visible::Later,
            Health::Up => {
                let result = self.store.apply(&arrivals, self.bounds()).await.map_err(LogError::from);
                let visible = if result.is_ok() { Visible::Now } else { Visible::Later };
                self.note(result);
                visible
            }
        };
        if visible == Visible::Now && self.done == start {
            self.done = end;
        }
        for reply in replies {
            // Who no longer waits has gone away or timed out.
            let _ = reply.send(Ok(visible));
        }
    }

    /// Applies the next chunk of what the store lacks: other replicas' logs first, for the mark vouches for them too.
    async fn catch_up(&mut self) -> Result<(), LogError> {
        let (replica, from, until) = match self.others.last() {
            Some((replica, from)) => (replica.clone(), *from, None),
            None => (self.replica.clone(), self.done, Some(self.end)),
        };
        let chunk = self.read(replica, from, until).await?;
        self.metrics.log_bad_lines.inc_by(chunk.bad_lines);
        if chunk.bad_lines > 0 {
            tracing::warn!(lines = chunk.bad_lines, before = %chunk.next, "lines of the event log are no events");
        }
        let arrivals: Vec<Arrival> = chunk.events.into_iter().map(Arrival::from).collect();
        for part in arrivals.chunks(MAX_EVENTS) {
            self.store.apply(part, self.bounds()).await?;
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

    async fn read(&self, replica: String, from: Position, until: Option<Position>) -> Result<Chunk, LogError> {
        let folder = self.folder.clone();
        let oldest_ms = now_ms().saturating_sub(self.ttl_ms);
        tokio::task::spawn_blocking(move || reader::read(&folder, &replica, from, until, oldest_ms, CHUNK_BYTES))
            .await
            .unwrap_or_else(|panic| Err(std::io::Error::other(panic)))
            .map_err(LogError::io(&self.folder))
    }

    /// Moves the mark to `done`; if the store is not where it was left, begins again from where it is.
    async fn move_mark(&mut self) -> Result<(), LogError> {
        let target = if self.others.is_empty() { self.done } else { Position::START };
        match self.store.advance(self.mark, target).await? {
            Mark::Moved => self.mark = Some(target),
            Mark::Found(found) => {
                let text = |mark: Option<Position>| mark.map_or("nothing".to_owned(), |mark| mark.to_string());
                tracing::warn!(
                    left = text(self.mark),
                    found = text(found),
                    "the store lost events; applying them again from the event log"
                );
                self.restart_from(found)?;
            }
        }
        Ok(())
    }

    /// Takes the store as being at `mark`: what of the log is after it will be applied.
    fn restart_from(&mut self, mark: Option<Position>) -> Result<(), LogError> {
        self.mark = mark;
        let holds = |at| reader::holds(&self.folder, &self.replica, at).map_err(LogError::io(&self.folder));
        self.done = match mark {
            Some(at) if at <= self.end && holds(at)? => at,
            _ => Position::START,
        };
        self.others.clear();
        if self.done == Position::START {
            let files = files::list(&self.folder).map_err(LogError::io(&self.folder))?;
            let names: BTreeSet<String> = files.into_iter().map(|file| file.replica).collect();
            let others = names.into_iter().filter(|name| *name != self.replica);
            self.others = others.map(|name| (name, Position::START)).collect();
        }
        Ok(())
    }

    fn bounds(&self) -> Bounds {
        Bounds { covered_ms: self.covered_ms.load(Ordering::Relaxed), now_ms: now_ms() }
    }

    /// Draws the conclusion from a call: whether the store is to be tried again at once or after a pause.
    fn note(&mut self, result: Result<(), LogError>) {
        match (result, self.health) {
            (Ok(()), Health::Up) => {}
            (Ok(()), Health::Down(..)) => {
                self.health = Health::Up;
                self.metrics.store_up.set(1);
                tracing::info!("the store is back");
            }
            (Err(error), Health::Up) => {
                self.health = Health::Down(Instant::now() + FIRST_PAUSE, FIRST_PAUSE);
                self.metrics.store_up.set(0);
                tracing::warn!(%error, "the store is away; events are accepted and applied later");
            }
            (Err(error), Health::Down(_, pause)) => {
                let pause = (pause * 2).min(TICK);
                self.health = Health::Down(Instant::now() + pause, pause);
                tracing::debug!(%error, "the store is still away");
            }
        }
    }
}

/// Waits until a time, or for ever.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
