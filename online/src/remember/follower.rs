//! A follower: one task that appends the rows of a model to their log, with group commit, and adds them to the store.
//!
//! Each history of the served versions has a mark in the store, the position up to which the log is in it. Where a
//! history is behind (the store was away, came back empty, or a new version remembers something else), the log is read
//! from the mark on, a chunk at a time. A mark moves together with the rows, so that none counts twice.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use shared::engine::tabular::column::Level;
use shared::engine::tabular::live::{Followed, HistoryId, Kept, LiveRow, Origin};
use shared::engine::tabular::schema::Field;
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use super::Told;
use crate::events::reader::{self, Chunk, holds};
use crate::events::writer::Writer;
use crate::events::{AcceptError, LogError, Settings, now_ms};
use crate::metrics::Metrics;
use crate::models::{Models, Served};
use crate::store::rows::{Merge, Step, Target};
use crate::store::{Mark, Position, RowStore};

/// How often histories that are behind are tried again.
const TICK: Duration = Duration::from_secs(1);
/// Bytes of the log added at a time: some thousand rows, so that a script does not hold Redis for long.
const CHUNK_BYTES: u64 = 1 << 17;
/// The size in bytes at which a group is closed.
const MAX_GROUP_BYTES: usize = 4 << 20;
/// How often a mark that is elsewhere is followed before the next tick.
const FOLLOWED: usize = 3;

/// A row as the log has it.
type Row = Map<String, Value>;

/// Rows to be logged.
pub struct Lines {
    /// A line of JSON for each.
    pub lines: Vec<u8>,
    /// How many.
    pub rows: usize,
    /// The channel for the answer; `None` if nobody waits.
    pub reply: Option<oneshot::Sender<Result<Told, AcceptError>>>,
}

/// The follower of a model and an origin of rows.
pub struct Follower {
    model: String,
    origin: Origin,
    settings: Settings,
    models: Arc<Models>,
    store: Arc<dyn RowStore>,
    metrics: Arc<Metrics>,
    /// `None` only while it writes.
    writer: Option<Writer>,
    /// The position up to which the log is durable.
    end: Position,
    /// The marks as they were last seen in the store.
    marks: HashMap<HistoryId, Option<Position>>,
    /// Whether the store is known to fail.
    failing: bool,
}

impl Follower {
    /// Opens the log, and brings the histories of the served versions up to date.
    ///
    /// # Errors
    /// [`LogError`] when the log can't be used, or the store fails.
    pub async fn open(
        model: String,
        origin: Origin,
        settings: Settings,
        models: Arc<Models>,
        store: Arc<dyn RowStore>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, LogError> {
        let writer = Writer::open(&settings, metrics.clone())?;
        let end = writer.end();
        let (marks, failing) = (HashMap::new(), false);
        let mut follower =
            Self { model, origin, settings, models, store, metrics, writer: Some(writer), end, marks, failing };
        follower.catch_up().await?;
        tracing::info!(model = follower.model, origin = origin.as_str(), %end, "rows that were logged are remembered");
        Ok(follower)
    }

    /// Logs rows and adds them, until the channel is closed.
    pub async fn run(mut self, mut queue: mpsc::Receiver<Lines>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                lines = queue.recv() => match lines {
                    Some(lines) => {
                        if !self.take(lines, &mut queue).await {
                            return;
                        }
                    }
                    None => return,
                },
                _ = ticks.tick() => {
                    // They may be elsewhere: the store came back empty, or in an earlier state.
                    self.marks.clear();
                    let caught_up = self.catch_up().await;
                    self.note(caught_up);
                }
            }
        }
    }

    /// Logs and adds rows, with those that wait behind them; returns whether there is still a log.
    async fn take(&mut self, first: Lines, queue: &mut mpsc::Receiver<Lines>) -> bool {
        let (mut lines, mut rows, mut replies) = (Vec::new(), 0, Vec::new());
        let mut next = Some(first);
        while let Some(own) = next {
            lines.extend_from_slice(&own.lines);
            rows += own.rows;
            replies.extend(own.reply);
            next = if lines.len() < MAX_GROUP_BYTES { queue.try_recv().ok() } else { None };
        }
        let Some(mut writer) = self.writer.take() else { return false };
        let write = move || {
            let written = writer.append(&lines);
            (writer, lines, written)
        };
        let Ok((writer, lines, written)) = tokio::task::spawn_blocking(write).await else { return false };
        let start = self.end;
        self.end = writer.end();
        self.writer = Some(writer);
        let answer = match written {
            Ok(_) => {
                self.metrics.models.count_remembered(&self.model, self.origin.as_str(), rows);
                let added = self.add(start, &lines).await;
                Ok(self.note(added))
            }
            Err(error) => {
                tracing::error!(model = self.model, %error, "rows refused");
                self.metrics.models.count_forgotten(&self.model, rows);
                Err(AcceptError::Write(error.to_string()))
            }
        };
        for reply in replies {
            // A request that no longer waits has been dropped or has timed out.
            let _ = reply.send(match &answer {
                Ok(told) => Ok(*told),
                Err(error) => Err(AcceptError::Write(error.to_string())),
            });
        }
        true
    }

    /// Tells once that the store fails.
    fn note(&mut self, result: Result<(), LogError>) -> Told {
        let failed = std::mem::replace(&mut self.failing, result.is_err());
        match result {
            Ok(()) => Told::Now,
            Err(error) => {
                if !failed {
                    tracing::warn!(model = self.model, %error, "rows are logged, and remembered later");
                }
                Told::Later
            }
        }
    }

    /// Adds lines that were just logged to all histories.
    async fn add(&mut self, start: Position, lines: &[u8]) -> Result<(), LogError> {
        let Ok(served) = self.models.get(&self.model) else { return Ok(()) };
        let read = |line: &[u8]| serde_json::from_slice(line).ok();
        // Many are read from the log, in parts.
        let few = if lines.len() as u64 <= CHUNK_BYTES { lines } else { &[] };
        let rows: Vec<Row> = few.split(|byte| *byte == b'\n').filter_map(read).collect();
        for (followed, schema) in self.followed(&served) {
            if !few.is_empty() && self.marks.get(&followed.id) == Some(&Some(start)) {
                self.step(&followed, schema, rows.iter(), Step { from: Some(start), to: self.end }).await?;
            }
        }
        // Those that were behind, or whose mark was elsewhere.
        self.catch_up().await
    }

    /// Adds what histories lack of the log.
    async fn catch_up(&mut self) -> Result<(), LogError> {
        let Ok(served) = self.models.get(&self.model) else { return Ok(()) };
        for (followed, schema) in self.followed(&served) {
            if !self.marks.contains_key(&followed.id) {
                let mark = self.store.mark(followed.id).await?;
                self.marks.insert(followed.id, mark);
            }
            let mut elsewhere = 0;
            while self.marks.get(&followed.id) != Some(&Some(self.end)) && elsewhere < FOLLOWED {
                let from = self.marks.get(&followed.id).copied().flatten();
                let chunk = self.read(from).await?;
                let rows = chunk.events.iter().map(|logged| &logged.event);
                // There is nothing more to read, whatever the position is.
                let to = if Some(chunk.next) == from { self.end } else { chunk.next };
                let moved = self.step(&followed, schema, rows, Step { from, to }).await?;
                elsewhere += usize::from(moved != Mark::Moved);
            }
        }
        Ok(())
    }

    /// The histories of the served versions that are told these rows, each once, with the fields of its version.
    fn followed<'a>(&self, served: &'a Served) -> Vec<(Followed, &'a [Field])> {
        let mut all: Vec<(Followed, &[Field])> = Vec::new();
        for version in served.versions() {
            for own in version.followed().iter().filter(|own| own.origin == self.origin) {
                if all.iter().all(|(known, _)| known.id != own.id) {
                    all.push((own.clone(), &version.manifest().schema));
                }
            }
        }
        all
    }

    /// Adds rows to a history and moves its mark.
    async fn step(
        &mut self,
        followed: &Followed,
        schema: &[Field],
        rows: impl Iterator<Item = &Row>,
        step: Step,
    ) -> Result<Mark, LogError> {
        let merge = if followed.kept == Kept::Count { Merge::Sum } else { Merge::Last };
        // A row that was accepted by another version may be none of this one.
        let rows: Vec<(Level, LiveRow)> = rows.filter_map(|row| followed.read(schema, row).ok().flatten()).collect();
        let target = Target { history: followed.id, merge };
        let mark = self.store.add(&target, &rows, step).await?;
        let seen = match mark {
            Mark::Moved => Some(step.to),
            Mark::Found(found) => found,
        };
        self.marks.insert(followed.id, seen);
        Ok(mark)
    }

    /// Reads a chunk of the log after a mark; from the start, if the mark is of another log.
    async fn read(&self, mark: Option<Position>) -> Result<Chunk<Row>, LogError> {
        let Settings { folder, replica, retention, .. } = self.settings.clone();
        let (end, failed) = (self.end, LogError::io(&self.settings.folder));
        let read = move || {
            let known = match mark {
                Some(mark) if mark <= end && holds(&folder, &replica, mark)? => mark,
                _ => Position::START,
            };
            reader::read(&folder, &replica, known, Some(end), retention.oldest_ms(now_ms()), CHUNK_BYTES)
        };
        let chunk = tokio::task::spawn_blocking(read).await.unwrap_or_else(|panic| Err(std::io::Error::other(panic)));
        let chunk = chunk.map_err(failed)?;
        self.metrics.log_bad_lines.inc_by(chunk.bad_lines);
        Ok(chunk)
    }
}
