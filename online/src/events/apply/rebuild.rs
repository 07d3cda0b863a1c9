//! Histories that a store can't read, made anew from the event log.
//!
//! In: their users, and the logs of all replicas in the folder, chunk by chunk. Out: the histories, written over those
//! that can't be read. Costs one reading of the logs for all of the users, and memory for their histories alone.

use std::collections::BTreeMap;

use shared::id::UserId;
use shared::state::LiveHistory;

use super::super::reader::Chunk;
use super::super::{LogError, now_ms};
use super::Applier;
use crate::store::{Arrival, Bounds, Position, Retention};

/// Most users of one rebuild; bounds its memory. The others' turn is next.
const MAX_USERS: usize = 10_000;

/// A rebuild under way.
pub struct Rebuild {
    /// What the logs have said so far.
    histories: BTreeMap<UserId, LiveHistory>,
    /// Logs of other replicas that are not read to their end, with how far they are; the last one's turn is now.
    others: Vec<(String, Position)>,
    /// How far this replica's log is read. It comes last, and is read to its end before anything is written: what
    /// arrived for these users meanwhile is in it.
    own: Position,
}

impl Rebuild {
    fn of(users: Vec<UserId>, others: impl IntoIterator<Item = String>) -> Self {
        Self {
            histories: users.into_iter().map(|user| (user, LiveHistory::default())).collect(),
            others: others.into_iter().map(|replica| (replica, Position::START)).collect(),
            own: Position::START,
        }
    }

    /// Adds what the log whose turn it is has next.
    fn add(&mut self, chunk: Chunk, retention: Retention, bounds: Bounds<'_>) {
        match self.others.last_mut() {
            Some((_, from)) if *from == chunk.next => {
                self.others.pop();
            }
            Some((_, from)) => *from = chunk.next,
            None => self.own = chunk.next,
        }
        for Arrival { user, event } in chunk.events.into_iter().map(Arrival::from) {
            if let Some(history) = self.histories.get_mut(&user) {
                retention.merge(history, [&event], bounds);
            }
        }
    }
}

impl Applier {
    /// Whether histories can't be read.
    pub(super) fn is_rebuilding(&self) -> bool {
        self.rebuild.is_some() || !self.store.damaged(1).is_empty()
    }

    /// Reads the next chunk for the histories that can't be read, or writes them when all is read.
    pub(super) async fn rebuild(&mut self) -> Result<(), LogError> {
        let covered = self.follow()?;
        let mut rebuild = match self.rebuild.take() {
            Some(rebuild) => rebuild,
            None => Rebuild::of(self.store.damaged(MAX_USERS), self.other_replicas()?),
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
        let users = rebuild.histories.len();
        self.metrics.histories_rebuilt.inc_by(users as u64);
        tracing::info!(users, "histories rebuilt from the event log");
        Ok(Progress::Done)
    }
}

/// How far a rebuild is.
enum Progress {
    /// There is more to read.
    More,
    /// The histories are written.
    Done,
}
