//! The embedded store: histories in the memory of a single process, rebuilt from the event log at the start.
//!
//! The map is sharded by user, so that readers and the applier seldom contend. A read is one lookup and a reference
//! count; a write copies a history only while a reader still holds it. Memory: about 70 bytes and an id per event. Its
//! histories are never unreadable, so there is nothing to rebuild.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use shared::contract::event_log::{Coverage, Place};
use shared::contract::id::UserId;
use shared::engine::retention::{Flow, Sent, first_ms, first_taken_ms, forget, is_stale};
use shared::engine::served::ServedSlate;
use shared::engine::state::{Applied, LiveHistory};

use super::by_user::by_user;
use super::served::embedded::EmbeddedServed;
use super::{
    Added, Answer, Arrival, Bounds, Departure, Keep, Mark, Moved, Position, Retention, Stored, Told, UserStore,
};

/// The number of shards of the map: a power of two, well above the number of cores.
const SHARDS: usize = 64;

type Shard = RwLock<HashMap<UserId, Arc<LiveHistory>>>;

/// Whether an id is not before a bound.
fn is_from(id: &str, from: Bound<&str>) -> bool {
    match from {
        Bound::Included(first) => id >= first,
        Bound::Excluded(before) => id > before,
        Bound::Unbounded => true,
    }
}

/// Histories in memory.
pub struct Embedded {
    retention: Retention,
    hasher: RandomState,
    shards: [Shard; SHARDS],
    mark: Mutex<Option<Position>>,
    served: Arc<EmbeddedServed>,
    /// The users of whom something was said, each with the place of the last line.
    named: Mutex<BTreeMap<UserId, Place>>,
}

impl Embedded {
    /// An empty store, whose remembered slates are gone with the process.
    #[must_use]
    pub fn new(retention: Retention) -> Self {
        Self::with_served(retention, Arc::default())
    }

    /// A store without histories.
    #[must_use]
    pub fn with_served(retention: Retention, served: Arc<EmbeddedServed>) -> Self {
        Self {
            retention,
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Shard::default()),
            mark: Mutex::default(),
            served,
            named: Mutex::default(),
        }
    }

    fn shard(&self, user: &UserId) -> &Shard {
        &self.shards[self.hasher.hash_one(user) as usize % SHARDS]
    }

    fn get(&self, user: &UserId, now_ms: i64) -> Arc<LiveHistory> {
        // A poisoned shard is still consistent: histories are replaced as a whole.
        let shard = self.shard(user).read().unwrap_or_else(PoisonError::into_inner);
        let Some(history) = shard.get(user).cloned() else {
            return Arc::default();
        };
        drop(shard);
        let oldest_ms = self.retention.oldest_ms(now_ms);
        if !is_stale(&history, oldest_ms) && history.merges.taken.is_empty() {
            return history;
        }
        let mut fresh = LiveHistory::clone(&history);
        forget(&mut fresh, oldest_ms);
        Arc::new(self.retention.whole(fresh))
    }

    fn put(&self, arrivals: &[Arrival], bounds: Bounds<'_>) -> Vec<Added> {
        let (mut added, mut flows) = (vec![Added::Known; arrivals.len()], Vec::new());
        for (user, events) in by_user(arrivals) {
            let (places, events): (Vec<usize>, Vec<_>) = events.into_iter().unzip();
            let mut shard = self.shard(user).write().unwrap_or_else(PoisonError::into_inner);
            let applied = match shard.get_mut(user) {
                Some(history) => {
                    let applied = self.retention.merge(user, Arc::make_mut(history), events.clone(), bounds);
                    flows.extend(self.retention.flows(user, history, first_ms(events), bounds));
                    applied
                }
                None => {
                    let mut history = LiveHistory::default();
                    let applied = self.retention.merge(user, &mut history, events, bounds);
                    if applied.contains(&Applied::New) {
                        shard.insert(user.clone(), Arc::new(history));
                    }
                    applied
                }
            };
            places.into_iter().zip(applied).for_each(|(at, applied)| added[at] = applied.into());
        }
        self.pass_on(flows, bounds);
        added
    }

    /// Changes the history of a user by what was accepted at a time; returns what its merges move since.
    fn change(
        &self,
        user: &UserId,
        at_ms: i64,
        bounds: Bounds<'_>,
        change: impl FnOnce(&mut LiveHistory),
    ) -> Vec<Flow> {
        let mut shard = self.shard(user).write().unwrap_or_else(PoisonError::into_inner);
        let mut history = shard.remove(user).unwrap_or_default();
        change(Arc::make_mut(&mut history));
        let flows = self.retention.flows(user, &history, at_ms, bounds);
        if !history.is_empty() {
            shard.insert(user.clone(), history);
        }
        flows
    }

    /// Passes on what merges move, from history to history.
    fn pass_on(&self, mut flows: Vec<Flow>, bounds: Bounds<'_>) {
        let mut sent = Sent::default();
        while !flows.is_empty() {
            let open = sent.new_ones(std::mem::take(&mut flows));
            for (user, taken) in open {
                let (at_ms, retention) = (first_taken_ms(&taken), self.retention);
                let take = |history: &mut LiveHistory| retention.take(&user, history, taken, bounds);
                flows.extend(self.change(&user, at_ms, bounds, take));
            }
        }
    }

    fn take_out(&self, departures: &[Departure], bounds: Bounds<'_>) {
        for Departure { user, erasure } in departures {
            let erase = |history: &mut LiveHistory| {
                self.retention.erase(user, history, *erasure, bounds);
                if history.said.is_empty() {
                    self.listed().remove(user);
                }
            };
            let flows = self.change(user, erasure.received_ms, bounds, erase);
            self.pass_on(flows, bounds);
            self.served.forget(user, erasure.received_ms);
        }
    }

    fn listed(&self) -> MutexGuard<'_, BTreeMap<UserId, Place>> {
        // Whatever panicked, the map is whole.
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, told: &[Told], bounds: Bounds<'_>) -> Vec<Added> {
        let tell = |Told { user, said }: &Told| {
            let mut shard = self.shard(user).write().unwrap_or_else(PoisonError::into_inner);
            let mut history = shard.remove(user).unwrap_or_default();
            let applied = self.retention.say(Arc::make_mut(&mut history), said, bounds);
            if !history.is_empty() {
                shard.insert(user.clone(), history);
            }
            if applied == Applied::New {
                self.listed().insert(user.clone(), said.stamp.place);
            }
            applied.into()
        };
        told.iter().map(tell).collect()
    }

    fn forget_said(&self, covered: &Coverage) {
        let is_covered = |(user, place): (&UserId, &Place)| covered.covers(Some(*place)).then(|| user.clone());
        let users: Vec<UserId> = self.listed().iter().filter_map(is_covered).collect();
        for user in users {
            let mut shard = self.shard(&user).write().unwrap_or_else(PoisonError::into_inner);
            let mut history = shard.remove(&user).unwrap_or_default();
            Arc::make_mut(&mut history).forget_said(covered);
            if history.said.is_empty() {
                self.listed().remove(&user);
            }
            if !history.is_empty() {
                shard.insert(user, history);
            }
        }
    }

    /// Drops expired events and histories, a shard at a time; returns how many users remain.
    pub fn sweep(&self, now_ms: i64) -> usize {
        let oldest_ms = self.retention.oldest_ms(now_ms);
        let sweep = |shard: &Shard| {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|_, history| {
                if is_stale(history, oldest_ms) {
                    forget(Arc::make_mut(history), oldest_ms);
                }
                !history.is_empty()
            });
            shard.len()
        };
        self.shards.iter().map(sweep).sum()
    }
}

impl UserStore for Embedded {
    fn read_until<'a>(
        &'a self,
        _until: Option<Instant>,
        user: &'a UserId,
        _version: &'a str,
        now_ms: i64,
    ) -> Answer<'a, Stored> {
        let history = self.get(user, now_ms);
        Box::pin(async { Ok(Stored { history, ..Stored::default() }) })
    }

    fn read_served<'a>(
        &'a self,
        _until: Option<Instant>,
        user: &'a UserId,
        _version: &'a str,
        now_ms: i64,
    ) -> Answer<'a, Stored> {
        let (history, served) = (self.get(user, now_ms), self.served.get(user));
        Box::pin(async { Ok(Stored { history, served, ..Stored::default() }) })
    }

    fn remember<'a>(&'a self, until: Instant, user: &'a UserId, slate: &'a ServedSlate, keep: Keep) -> Answer<'a, ()> {
        Box::pin(self.served.clone().remember(until, user, slate, keep))
    }

    fn apply<'a>(&'a self, arrivals: &'a [Arrival], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>> {
        let added = self.put(arrivals, bounds);
        Box::pin(async { Ok(added) })
    }

    fn erase<'a>(&'a self, departures: &'a [Departure], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>> {
        self.take_out(departures, bounds);
        Box::pin(async { Ok(vec![Added::New; departures.len()]) })
    }

    fn merge<'a>(&'a self, moved: &'a [Moved], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>> {
        for of in moved {
            let merge =
                |history: &mut LiveHistory| self.retention.move_out(&of.user, history, of.merge.clone(), bounds);
            let flows = self.change(&of.user, of.merge.received_ms, bounds, merge);
            self.pass_on(flows, bounds);
        }
        Box::pin(async { Ok(vec![Added::New; moved.len()]) })
    }

    fn say<'a>(&'a self, told: &'a [Told], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>> {
        let added = self.tell(told, bounds);
        Box::pin(async { Ok(added) })
    }

    fn named<'a>(&'a self, from: Bound<&'a str>, most: usize) -> Answer<'a, Vec<UserId>> {
        let found = self.listed().keys().filter(|user| is_from(user.as_str(), from)).take(most).cloned().collect();
        Box::pin(async { Ok(found) })
    }

    fn let_go<'a>(&'a self, _from: Bound<&'a str>, covered: &'a Coverage) -> Answer<'a, Option<UserId>> {
        // All at once: there is nothing to wait for.
        self.forget_said(covered);
        Box::pin(async { Ok(None) })
    }

    fn damaged(&self, _most: usize) -> Vec<UserId> {
        Vec::new()
    }

    fn waits_for_upgrade(&self) -> bool {
        false
    }

    fn rebuild<'a>(&'a self, _histories: &'a BTreeMap<UserId, LiveHistory>, _bounds: Bounds<'a>) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn applied(&self) -> Answer<'_, Option<Position>> {
        let mark = *self.mark.lock().unwrap_or_else(PoisonError::into_inner);
        Box::pin(async move { Ok(mark) })
    }

    fn advance(&self, from: Option<Position>, to: Position) -> Answer<'_, Mark> {
        let mut mark = self.mark.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = if *mark == from {
            *mark = Some(to);
            Mark::Moved
        } else {
            Mark::Found(*mark)
        };
        Box::pin(async move { Ok(answer) })
    }
}

#[cfg(test)]
mod tests {
    use shared::contract::event_log::Coverage;

    use super::super::tests::arrival;
    use super::*;

    const RETENTION: Retention = Retention { max_events: 3, max_older: 10, ttl_ms: 100 };

    async fn apply(store: &Embedded, arrivals: &[Arrival], now_ms: i64) -> Vec<Added> {
        store.apply(arrivals, Bounds { covered: &Coverage::default(), now_ms }).await.expect("applies")
    }

    #[tokio::test]
    async fn an_applied_event_is_in_the_next_read() {
        let store = Embedded::new(RETENTION);
        let first = arrival("u", 1, 5);
        apply(&store, std::slice::from_ref(&first), 5).await;
        let stored = store.read(&first.user, "v", 5).await.expect("reads");
        assert_eq!(stored.history.recent, [first.event]);
    }

    #[tokio::test]
    async fn an_event_is_new_once() {
        let store = Embedded::new(RETENTION);
        let (first, second) = (arrival("u", 1, 5), arrival("u", 2, 6));
        let twice = [first.clone(), arrival("v", 1, 5), first.clone()];
        assert_eq!(apply(&store, &twice, 5).await, [Added::New, Added::New, Added::Known]);
        assert_eq!(apply(&store, &[first, second], 6).await, [Added::Known, Added::New]);
    }

    #[tokio::test]
    async fn a_sweep_frees_the_users_whose_time_is_up() {
        let store = Embedded::new(RETENTION);
        let arrivals = [arrival("old", 1, 0), arrival("new", 2, 50)];
        apply(&store, &arrivals, 50).await;
        assert!(store.read(&arrivals[0].user, "v", 101).await.expect("reads").history.is_empty());
        assert_eq!(store.sweep(101), 1);
        assert_eq!(store.sweep(151), 0);
    }

    #[tokio::test]
    async fn the_mark_moves_only_from_where_it_is() {
        let store = Embedded::new(RETENTION);
        let (start, next) = (Position::START, Position { file: 1, offset: 9 });
        assert_eq!(store.advance(None, start).await.expect("moves"), Mark::Moved);
        assert_eq!(store.advance(None, next).await.expect("answers"), Mark::Found(Some(start)));
        assert_eq!(store.advance(Some(start), next).await.expect("moves"), Mark::Moved);
        assert_eq!(store.applied().await.expect("reads"), Some(next));
    }
}
