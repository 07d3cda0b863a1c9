//! Views of a log that models are fitted on: a sparse matrix of users × items, ordered sessions, and each user's past.

use shared::contract::id::ItemIdx;
use shared::contract::kind::{KindIdx, Kinds};
use shared::engine::state::Interaction;
use sprs::CsMatI;

use crate::log::ingest::{Log, LogEvent, SessionsFrom, age_ms};
use crate::log::with_events::WithEvents;

/// A sparse matrix with 32-bit indices.
pub type Csr<T> = CsMatI<T, u32>;

/// Users × items, 1 for each item of a user.
#[cfg(test)]
pub fn ones(users: &[std::collections::BTreeSet<u32>], items: usize) -> Csr<f32> {
    let mut pairs = sprs::TriMatI::<f32, u32>::new((users.len(), items));
    for (row, user) in users.iter().enumerate() {
        user.iter().for_each(|&item| pairs.add_triplet(row, item as usize, 1.0));
    }
    pairs.to_csr()
}

/// Users × rows of items with events: the summed weights of a user's events with an item.
#[must_use]
pub fn user_items(log: &Log, items: &WithEvents, kinds: &Kinds) -> Csr<f32> {
    let (starts, order) = by_user(log);
    let (mut indptr, mut indices, mut data) = (vec![0u32], Vec::new(), Vec::new());
    let mut row: Vec<(u32, KindIdx)> = Vec::new();
    for bounds in starts.windows(2) {
        row.clear();
        row.extend(order[bounds[0] as usize..bounds[1] as usize].iter().map(|&at| {
            let event = &log.events[at as usize];
            (items.row_of_event(event.item), event.kind)
        }));
        row.sort_unstable();
        for item in row.chunk_by(|a, b| a.0 == b.0) {
            indices.push(item[0].0);
            data.push(item.iter().map(|(_, kind)| kinds.weight(*kind)).sum());
        }
        indptr.push(indices.len() as u32);
    }
    Csr::new((log.users.len(), items.len()), indptr, indices, data)
}

/// The positions 0, `step`, 2 `step`, … below `length`, rounded down; `step` is at least 1 and may be a fraction.
pub fn spread(length: usize, step: f64) -> impl Iterator<Item = usize> {
    (0u32..).map(move |at| (f64::from(at) * step) as usize).take_while(move |&place| place < length)
}

/// The positions of each user's events in the log, in time order: `(starts, positions)`.
#[must_use]
pub fn by_user(log: &Log) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0u32; log.users.len() + 1];
    for event in &log.events {
        starts[event.user.at() + 1] += 1;
    }
    for row in 1..starts.len() {
        starts[row] += starts[row - 1];
    }
    let mut next = starts.clone();
    let mut order = vec![0u32; log.events.len()];
    for (at, event) in (0..).zip(&log.events) {
        let slot = &mut next[event.user.at()];
        order[*slot as usize] = at;
        *slot += 1;
    }
    (starts, order)
}

/// The positions of each user's events in a log.
pub struct Pasts {
    starts: Vec<u32>,
    order: Vec<u32>,
}

impl Pasts {
    /// Groups a log by user.
    #[must_use]
    pub fn of(log: &Log) -> Self {
        let (starts, order) = by_user(log);
        Self { starts, order }
    }

    /// How many events a user has.
    #[must_use]
    pub fn count(&self, user: usize) -> usize {
        (self.starts[user + 1] - self.starts[user]) as usize
    }

    /// All events of a user, oldest first.
    #[must_use]
    pub fn of_user(&self, log: &Log, user: usize) -> Vec<Interaction> {
        let range = self.starts[user] as usize..self.starts[user + 1] as usize;
        self.order[range].iter().map(|&at| interaction(&log.events[at as usize])).collect()
    }
}

fn interaction(event: &LogEvent) -> Interaction {
    Interaction { item: event.item, kind: event.kind, timestamp_ms: event.timestamp_ms, event_key: event.event_key }
}

/// Ordered sessions: sessions × positions, where a value is the item at that position.
pub struct Sessions {
    /// Row s, column p: the item at position p of session s.
    pub items: Csr<u32>,
    /// The time of each session's last event, milliseconds since the epoch.
    pub last_ms: Vec<i64>,
    /// The time that ages are counted to: [`Log::now_ms`].
    pub now_ms: i64,
}

impl Sessions {
    /// The same sessions with the row of each item among those with events.
    #[must_use]
    pub fn in_rows(mut self, items: &WithEvents) -> Self {
        self.items.data_mut().iter_mut().for_each(|item| *item = items.row_of_event(ItemIdx(*item)));
        self
    }

    /// The age of each session, in milliseconds; at least 0.
    pub fn ages_ms(&self) -> impl Iterator<Item = f64> {
        self.last_ms.iter().map(|&last| age_ms(self.now_ms, last) as f64)
    }
}

/// Cuts the log into sessions: by the pause `gap_ms`, or by the sessions that the log names.
#[must_use]
pub fn sessions(log: &Log, gap_ms: i64) -> Sessions {
    let (mut indptr, mut items, mut last_ms) = (vec![0u32], Vec::new(), Vec::new());
    let mut positions = Vec::new();
    let mut longest = 0;
    each_session(log, gap_ms, |session| {
        items.extend(session.iter().map(|&at| log.events[at as usize].item.0));
        positions.extend(0..session.len() as u32);
        longest = longest.max(session.len());
        indptr.push(items.len() as u32);
        last_ms.push(log.events[session[session.len() - 1] as usize].timestamp_ms);
    });
    Sessions { items: Csr::new((last_ms.len(), longest), indptr, positions, items), last_ms, now_ms: log.now_ms() }
}

/// Calls `each` with the positions of every session's events, user by user.
pub fn each_session(log: &Log, gap_ms: i64, mut each: impl FnMut(&[u32])) {
    let (starts, order) = by_user(log);
    let mut row: Vec<u32> = Vec::new();
    for bounds in starts.windows(2) {
        row.clear();
        row.extend_from_slice(&order[bounds[0] as usize..bounds[1] as usize]);
        if log.sessions == SessionsFrom::Column {
            // Stable: the events of a session keep their order.
            row.sort_by_key(|&at| log.events[at as usize].session);
        }
        let same = |&a: &u32, &b: &u32| {
            let (a, b) = (&log.events[a as usize], &log.events[b as usize]);
            match log.sessions {
                SessionsFrom::Column => a.session == b.session,
                SessionsFrom::Gap => b.timestamp_ms.saturating_sub(a.timestamp_ms) <= gap_ms,
            }
        };
        row.chunk_by(same).for_each(&mut each);
    }
}
