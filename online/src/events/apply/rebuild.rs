//! Rebuilds histories that the store can't read from the event log.
//!
//! In: the users of these histories, and the logs of all replicas in the folder, chunk by chunk. Out: new histories,
//! written over the unreadable ones. Costs one pass over the logs for all of the users, and memory for their histories
//! only.

use std::collections::BTreeMap;

use shared::contract::event::Event;
use shared::contract::id::UserId;
use shared::engine::state::LiveHistory;

use super::super::reader::Chunk;
use super::super::{LogError, now_ms};
use super::Applier;
use crate::store::{Arrival, Bounds, Departure, Moved, Position, Retention, Told};

/// The maximum number of users of one rebuild, which bounds its memory; the others are rebuilt next.
const MAX_USERS: usize = 10_000;

/// A rebuild under way.
pub struct Rebuild {
    /// The histories from the events read so far.
    histories: BTreeMap<UserId, LiveHistory>,
    /// Merges of other users into these, whose histories send again what they move.
    moved: Vec<Moved>,
    /// The logs of other replicas that are not read to their end, with the position reached; the last one is being
    /// read.
    others: Vec<(String, Position)>,
    /// The position up to which this replica's log is read. It is read last, and to its end before anything is written,
    /// since it has the events that arrived for these users meanwhile.
    own: Position,
}

impl Rebuild {
    fn of(users: Vec<UserId>, others: impl IntoIterator<Item = String>) -> Self {
        Self {
            histories: users.into_iter().map(|user| (user, LiveHistory::default())).collect(),
            moved: Vec::new(),
            others: others.into_iter().map(|replica| (replica, Position::START)).collect(),
            own: Position::START,
        }
    }

    /// Adds the next chunk of the log that is being read.
    fn add(&mut self, chunk: Chunk<Event>, retention: Retention, bounds: Bounds<'_>) {
        match self.others.last_mut() {
            Some((_, from)) if *from == chunk.next => {
                self.others.pop();
            }
            Some((_, from)) => *from = chunk.next,
            None => self.own = chunk.next,
        }
        for moved in chunk.mergings.into_iter().map(Moved::from) {
            if let Some(history) = self.histories.get_mut(&moved.user) {
                retention.move_out(&moved.user, history, moved.merge.clone(), bounds);
            }
            if self.histories.contains_key(&moved.user) || self.histories.contains_key(&moved.merge.into) {
                self.moved.push(moved);
            }
        }
        for Departure { user, erasure } in chunk.erasures.into_iter().map(Departure::from) {
            if let Some(history) = self.histories.get_mut(&user) {
                retention.erase(&user, history, erasure, bounds);
            }
        }
        for Told { user, said } in &chunk.told {
            if let Some(history) = self.histories.get_mut(user) {
                retention.say(history, said, bounds);
            }
        }
        for Arrival { user, event } in chunk.events.into_iter().map(Arrival::from) {
            if let Some(history) = self.histories.get_mut(&user) {
                retention.merge(&user, history, [&event], bounds);
            }
        }
    }
}

impl Applier {
    /// Whether there are histories that can't be read.
    pub(super) fn is_rebuilding(&self) -> bool {
        self.rebuild.is_some() || !self.store.damaged(1).is_empty()
    }

    /// Reads the next chunk for the rebuild, or writes the histories when all logs are read.
    pub(super) async fn rebuild(&mut self) -> Result<(), LogError> {
        let covered = self.follow().await?;
        let mut rebuild = match self.rebuild.take() {
            Some(rebuild) => rebuild,
            None => Rebuild::of(self.store.damaged(MAX_USERS), self.other_replicas().await?),
        };
        let result = self.go_on_with(&mut rebuild, Bounds { covered: &covered, now_ms: now_ms() }).await;
        if !matches!(result, Ok(Progress::Done)) {
            self.rebuild = Some(rebuild);
        }
        result.map(|_| ())
    }

    async fn go_on_with(&self, rebuild: &mut Rebuild, bounds: Bounds<'_>) -> Result<Progress, LogError> {
        let own = (self.settings.replica.clone(), rebuild.own);
        let (replica, from) = rebuild.others.last().cloned().unwrap_or(own);
        let chunk = self.read(replica, from).await?;
        if !rebuild.others.is_empty() || chunk.next != from {
            rebuild.add(chunk, self.settings.retention, bounds);
            return Ok(Progress::More);
        }
        self.store.rebuild(&rebuild.histories, bounds).await?;
        self.store.merge(&rebuild.moved, bounds).await?;
        let users = rebuild.histories.len();
        self.metrics.histories_rebuilt.inc_by(users as u64);
        tracing::info!(users, "histories rebuilt from the event log");
        Ok(Progress::Done)
    }
}

/// The progress of a rebuild.
enum Progress {
    /// There is more to read.
    More,
    /// The histories are written.
    Done,
}
