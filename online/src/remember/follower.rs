//! A follower: one task that appends the rows of a model to their log, with group commit, and adds them to the store.
//!
//! Each history of the served versions has a mark for each log in the store, the position up to which the log is in it.
//! Where a history is behind (the store was away or came back empty, a new version remembers something else, or a
//! replica that is gone left rows), the log is read from the mark on, a part at a time, between requests. A mark moves
//! together with the rows, so that none counts twice.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Map, Value};
use shared::engine::tabular::column::Level;
use shared::engine::tabular::live::{Absent, Followed, HistoryId, Kept, LiveRow, Origin};
use shared::engine::tabular::schema::Field;
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use super::Told;
use super::logs::{self, Log};
use crate::events::reader::{self, Chunk};
use crate::events::writer::Writer;
use crate::events::{AcceptError, LogError, Settings};
use crate::metrics::Metrics;
use crate::models::{Models, Served};
use crate::store::rows::{LogName, Merge, Step, Target};
use crate::store::{Mark, Position, RowStore};

/// How often marks are looked at, and what failed is tried again.
const TICK: Duration = Duration::from_secs(1);
/// Bytes of the log added at a time: some thousand rows, so that a script does not hold Redis for long.
const PART_BYTES: u64 = 1 << 17;
/// The size in bytes at which a group is closed.
const MAX_GROUP_BYTES: usize = 4 << 20;

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
    /// The log that it writes.
    own: Log,
    /// Logs that replicas left which are gone.
    left: Vec<Log>,
    /// The marks as they were last seen in the store.
    marks: HashMap<(HistoryId, LogName), Option<Position>>,
    /// What is to be done between requests.
    state: State,
}

/// Whether histories lack rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// None does.
    UpToDate,
    /// Some do.
    Behind,
    /// Some do, and the store fails; it is tried again at the next tick.
    Failing,
}

impl Follower {
    /// Opens the log, and brings the histories of the served versions up to date, unless the store fails.
    ///
    /// # Errors
    /// [`LogError`] when the log can't be used.
    pub async fn open(
        model: String,
        origin: Origin,
        settings: Settings,
        models: Arc<Models>,
        store: Arc<dyn RowStore>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, LogError> {
        let writer = Writer::open(&settings, metrics.clone())?;
        let own = logs::own(&settings, writer.end())?;
        let (left, marks, state) = (Vec::new(), HashMap::new(), State::UpToDate);
        let writer = Some(writer);
        let mut follower = Self { model, origin, settings, models, store, metrics, writer, own, left, marks, state };
        follower.look().await;
        while follower.state == State::Behind {
            follower.go_on().await;
        }
        let (model, end) = (&follower.model, follower.own.end);
        tracing::info!(model, origin = origin.as_str(), %end, state = ?follower.state, "rows that were logged are remembered");
        Ok(follower)
    }

    /// Logs rows and adds them, until the channel is closed.
    ///
    /// * `waiting`: the bytes in the channel.
    pub async fn run(mut self, mut queue: mpsc::Receiver<Lines>, waiting: Arc<AtomicUsize>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                lines = queue.recv() => match lines {
                    Some(lines) => {
                        if !self.take(lines, &mut queue, &waiting).await {
                            return;
                        }
                    }
                    None => return,
                },
                _ = ticks.tick() => self.look().await,
                () = std::future::ready(()), if self.state == State::Behind => self.go_on().await,
            }
        }
    }

    /// Logs and adds rows, with those that wait behind them; returns whether there is still a log.
    async fn take(&mut self, first: Lines, queue: &mut mpsc::Receiver<Lines>, waiting: &AtomicUsize) -> bool {
        let (mut lines, mut rows, mut replies) = (Vec::new(), 0, Vec::new());
        let mut next = Some(first);
        while let Some(own) = next {
            lines.extend_from_slice(&own.lines);
            rows += own.rows;
            replies.extend(own.reply);
            next = if lines.len() < MAX_GROUP_BYTES { queue.try_recv().ok() } else { None };
        }
        waiting.fetch_sub(lines.len(), Ordering::Relaxed);
        let Some(mut writer) = self.writer.take() else { return false };
        let write = move || {
            let written = writer.append(&lines);
            (writer, lines, written)
        };
        let Ok((writer, lines, written)) = tokio::task::spawn_blocking(write).await else { return false };
        let start = self.own.end;
        self.own.end = writer.end();
        self.writer = Some(writer);
        let answer = match written {
            Ok(_) => {
                self.metrics.models.count_remembered(&self.model, self.origin.as_str(), rows);
                let added = self.add(start, &lines).await;
                let told = if matches!(added, Ok(true)) { Told::Now } else { Told::Later };
                // What others left is added besides.
                self.note(added.map(|all| all && self.left.is_empty()));
                Ok(told)
            }
            Err(error) => {
                tracing::error!(model = self.model, %error, "rows refused");
                self.metrics.models.count_forgotten(&self.model, rows);
                Err(AcceptError::from(&error))
            }
        };
        for reply in replies {
            // A request that no longer waits has been dropped or has timed out.
            let _ = reply.send(answer.clone());
        }
        true
    }

    /// Notes whether all histories are up to date; tells once that the store fails.
    fn note(&mut self, up_to_date: Result<bool, LogError>) {
        let state = match &up_to_date {
            Ok(true) => State::UpToDate,
            Ok(false) => State::Behind,
            Err(_) => State::Failing,
        };
        match (std::mem::replace(&mut self.state, state), up_to_date) {
            (State::Failing, _) | (_, Ok(_)) => {}
            (_, Err(error)) => tracing::warn!(model = self.model, %error, "rows are logged, and remembered later"),
        }
    }

    /// Adds lines that were just logged to the histories that have all before them; returns whether all have.
    async fn add(&mut self, start: Position, lines: &[u8]) -> Result<bool, LogError> {
        let Ok(served) = self.models.get(&self.model) else { return Ok(false) };
        let mut all = true;
        let name = self.own.name.clone();
        for (followed, schema) in self.followed(&served) {
            let key = (followed.id, name.clone());
            if self.marks.get(&key) != Some(&Some(start)) {
                all = false;
                continue;
            }
            let (mut from, mut to) =
                (start, Position { offset: self.own.end.offset - lines.len() as u64, ..self.own.end });
            for part in parts(lines) {
                let rows: Vec<Row> =
                    part.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
                to.offset += part.len() as u64;
                let step = Step { from: Some(from), to };
                if self.step(&followed, schema, &name, rows.iter(), step).await? != Mark::Moved {
                    all = false;
                    break;
                }
                from = to;
            }
        }
        Ok(all)
    }

    /// Looks at the marks, which are elsewhere if the store came back empty or in an earlier state, and at the logs that
    /// replicas left.
    async fn look(&mut self) {
        let looked = self.look_at_marks().await;
        self.note(looked);
    }

    async fn look_at_marks(&mut self) -> Result<bool, LogError> {
        let Ok(served) = self.models.get(&self.model) else { return Ok(true) };
        if self.left.is_empty() {
            self.left = logs::left(&self.settings)?;
        }
        let followed: Vec<HistoryId> = self.followed(&served).into_iter().map(|(followed, _)| followed.id).collect();
        self.marks.retain(|(history, _), _| followed.contains(history));
        for history in followed {
            for log in std::iter::once(&self.own).chain(&self.left) {
                let mark = self.store.mark(history, &log.name).await?;
                self.marks.insert((history, log.name.clone()), mark);
            }
        }
        Ok(false)
    }

    /// Adds the next part that a history lacks.
    async fn go_on(&mut self) {
        let went = self.next_part().await;
        self.note(went);
    }

    /// Adds the next part that a history lacks of a log; returns whether there was none.
    async fn next_part(&mut self) -> Result<bool, LogError> {
        let Ok(served) = self.models.get(&self.model) else { return Ok(true) };
        let ends: Vec<(LogName, String, Position)> =
            (self.left.iter().chain([&self.own])).map(|log| (log.name.clone(), log.replica.clone(), log.end)).collect();
        for (name, replica, end) in ends {
            for (followed, schema) in self.followed(&served) {
                let key = (followed.id, name.clone());
                let from = match self.marks.get(&key) {
                    Some(mark) => *mark,
                    None => self.store.mark(followed.id, &name).await?,
                };
                if from == Some(end) {
                    self.marks.insert(key, from);
                    continue;
                }
                let chunk = match from {
                    // The log was set back to an earlier state: what it lost is remembered.
                    Some(mark) if mark > end => Chunk {
                        events: Vec::new(),
                        erasures: Vec::new(),
                        mergings: Vec::new(),
                        changes: Vec::new(),
                        told: Vec::new(),
                        bad_lines: 0,
                        first_bad: None,
                        next: end,
                    },
                    _ => self.read(replica, from.unwrap_or(Position::START), end).await?,
                };
                let rows = chunk.events.iter().map(|logged| &logged.event);
                // There is nothing more to read, whatever the position is.
                let to = if Some(chunk.next) == from { end } else { chunk.next };
                self.step(&followed, schema, &name, rows, Step { from, to }).await?;
                return Ok(false);
            }
        }
        // Others may follow them now.
        self.left.clear();
        Ok(true)
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

    /// Adds rows of a log to a history and moves its mark.
    async fn step(
        &mut self,
        followed: &Followed,
        schema: &[Field],
        log: &LogName,
        rows: impl Iterator<Item = &Row>,
        step: Step,
    ) -> Result<Mark, LogError> {
        let merge = if followed.kept == Kept::Count { Merge::Sum } else { Merge::Last };
        // A row that was accepted by another version may be none of this one.
        let read = |row| followed.read(schema, row, Absent::Missing).ok().flatten();
        let rows: Vec<(Level, LiveRow)> = rows.filter_map(read).collect();
        let target = Target { history: followed.id, log: log.clone(), merge };
        let mark = self.store.add(&target, &rows, step).await?;
        let seen = match mark {
            Mark::Moved => Some(step.to),
            Mark::Found(found) => {
                let (model, from, log) = (&self.model, step.from, log.as_str());
                tracing::info!(model, log, ?from, ?found, "what the store remembers is elsewhere; it is followed");
                found
            }
        };
        self.marks.insert((followed.id, log.clone()), seen);
        Ok(mark)
    }

    /// Reads the next part of a log.
    async fn read(&self, replica: String, from: Position, end: Position) -> Result<Chunk<Row>, LogError> {
        let folder = self.settings.folder.clone();
        let read = move || reader::read(&folder, &replica, from, Some(end), 0, PART_BYTES);
        let chunk = tokio::task::spawn_blocking(read).await.unwrap_or_else(|panic| Err(std::io::Error::other(panic)));
        let chunk = chunk.map_err(LogError::io(&self.settings.folder))?;
        self.metrics.log_bad_lines.inc_by(chunk.bad_lines);
        Ok(chunk)
    }
}

/// Whole lines, about [`PART_BYTES`] of them at a time.
fn parts(mut lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let least = lines.len().min(PART_BYTES as usize);
        let rest = lines[least..].iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let whole = if lines[..least].last() == Some(&b'\n') { least } else { least + rest };
        let part = lines.split_off(..whole)?;
        (!part.is_empty()).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_whole_lines_and_together_all_of_them() {
        let line = |length: usize| [vec![b'x'; length], vec![b'\n']].concat();
        let lines = [line(3), line(PART_BYTES as usize), line(5), line(PART_BYTES as usize - 7), line(1)].concat();
        let parts: Vec<&[u8]> = parts(&lines).collect();
        assert_eq!(parts.concat(), lines);
        assert!(parts.iter().all(|part| part.last() == Some(&b'\n')) && parts.len() == 3, "{}", parts.len());
        assert_eq!(super::parts(b"").count(), 0);
    }
}
