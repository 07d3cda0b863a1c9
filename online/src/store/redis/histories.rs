//! Histories in Redis: reads them, and edits them by compare-and-set.
//!
//! An edit takes two round trips for any number of users: the values are read, changed here by the same code as in the
//! embedded store, and each is written if Redis still has the value that was read; after a lost race it is read and
//! edited again. A damaged value is recorded, and stays as it is until [`Redis::restore`] replaces it by the whole
//! history: so a half-finished rebuild is never visible after a crash or to another replica. A value of a newer release
//! is left alone: this release would lose what it does not know.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind, cmd};
use shared::contract::id::UserId;
use shared::engine::keys::{history_key, user_key};
use shared::engine::packed::{PackedError, pack_history, unpack_history};
use shared::engine::retention::{Flow, first_ms, forget};
use shared::engine::state::{Applied, LiveErasure, LiveEvent, LiveHistory};

use super::super::by_user::by_user;
use super::super::{Added, Arrival, Bounds, Departure, State, StoreError, Stored};
use super::Redis;
use super::nodes::Keyed;

/// The script of a compare-and-set: if the key holds the expected value (an absent key holds the empty value), it
/// writes the key with an expiry, or deletes it if the new value is empty, and returns 1; else it returns 0. It is sent
/// as a whole each time, since it is shorter than the values, and `EVALSHA` would fail after each restart of Redis. It
/// reads with `MGET`, which treats a key of another type as absent, where `GET` would fail.
const SWAP: &str = "if (redis.call('MGET',KEYS[1])[1] or '')~=ARGV[1] then return 0 end \
                    if ARGV[2]=='' then redis.call('DEL',KEYS[1]) \
                    else redis.call('SET',KEYS[1],ARGV[2],'PXAT',ARGV[3]) end return 1";
/// The number of users written in one pipeline, which bounds the memory of a large refill.
pub(super) const USERS_PER_PIPELINE: usize = 512;
/// How often an edit is tried if others write the history at the same time.
const RACES: usize = 50;
/// The error code of Redis for a key of another type.
const WRONG_TYPE: &str = "WRONGTYPE";

/// A value as it was read.
struct Found {
    /// The value that the key must still have for a write to succeed; empty if there is none, or one of another type.
    bytes: Vec<u8>,
    /// The history, or why it can't be read.
    history: Result<LiveHistory, Unreadable>,
}

/// Why a history can't be read.
pub(super) enum Unreadable {
    /// It is damaged, for this reason.
    Damaged(String),
    /// A newer release wrote it.
    Newer(PackedError),
}

/// A value to replace another one.
struct Swap {
    /// The user's position in the list.
    at: usize,
    before: Vec<u8>,
    history: LiveHistory,
}

/// Reads a value; no value is an empty history, but an empty value is damage.
fn unpack(value: Option<&[u8]>) -> Result<LiveHistory, Unreadable> {
    value.map_or(Ok(LiveHistory::default()), unpack_history).map_err(|error| match error {
        PackedError::Newer(_) => Unreadable::Newer(error),
        PackedError::Format(_) | PackedError::Damaged => Unreadable::Damaged(error.to_string()),
    })
}

impl Redis {
    /// Reads the state of a user.
    pub(super) async fn get(
        &self,
        until: Option<Instant>,
        user: &UserId,
        version: &str,
        now_ms: i64,
    ) -> Result<Stored, StoreError> {
        let prefix = &self.settings.prefix;
        let keys = [history_key(prefix, user), user_key(prefix, user, version)];
        let [history, record] = self.get_both(&keys, until).await?;
        Ok(self.stored(user, history, record, now_ms))
    }

    /// The state of a user, of the values of both keys.
    pub(super) fn stored(
        &self,
        user: &UserId,
        history: Option<Vec<u8>>,
        record: Option<Vec<u8>>,
        now_ms: i64,
    ) -> Stored {
        match unpack(history.as_deref()) {
            Ok(mut history) => {
                forget(&mut history, self.settings.retention.oldest_ms(now_ms));
                Stored { history: Arc::new(self.settings.retention.whole(history)), record, ..Stored::default() }
            }
            Err(reason) => {
                self.note_unreadable(user, &reason);
                Stored { state: State::Unreadable, record, ..Stored::default() }
            }
        }
    }

    /// Reads two keys of one slot in one round trip.
    pub(super) async fn get_both(
        &self,
        keys: &[String; 2],
        until: Option<Instant>,
    ) -> Result<[Option<Vec<u8>>; 2], StoreError> {
        let until = self.reads.deadline(until);
        let get = |keys: &[String]| {
            let mut command = cmd("MGET");
            command.arg(keys);
            Keyed::new(&keys[0], command)
        };
        let told = |error: RedisError| StoreError::Answer(error.to_string());
        let answer = self.reads.calls_until(until, vec![get(keys)]).await?.pop();
        match answer.unwrap_or_else(|| Ok([None, None])) {
            // While a slot moves to another node, both of them refuse what is half here and half there.
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::TryAgain) => {
                let each = keys.iter().map(|key| get(std::slice::from_ref(key))).collect();
                let answers = self.reads.calls_until(until, each).await?;
                let found: RedisResult<Vec<[Option<Vec<u8>>; 1]>> = answers.into_iter().collect();
                let mut found = found.map_err(told)?.into_iter().map(|[found]| found);
                Ok([found.next().flatten(), found.next().flatten()])
            }
            answer => answer.map_err(told),
        }
    }

    /// Adds events to the histories of their users.
    pub(super) async fn put(&self, arrivals: &[Arrival], bounds: Bounds<'_>) -> Result<Vec<Added>, StoreError> {
        let retention = self.settings.retention;
        let mut added = vec![Added::Known; arrivals.len()];
        let users: Vec<(&UserId, Vec<(usize, &LiveEvent)>)> = by_user(arrivals).into_iter().collect();
        for chunk in users.chunks(USERS_PER_PIPELINE) {
            let names: Vec<&UserId> = chunk.iter().map(|(user, _)| *user).collect();
            let mut flows: Vec<Vec<Flow>> = vec![Vec::new(); names.len()];
            self.edit(&names, |at, history| {
                let (user, events) = &chunk[at];
                match history {
                    Ok(mut history) => {
                        let all = || events.iter().map(|(_, event)| *event);
                        let applied = retention.merge(user, &mut history, all(), bounds);
                        flows[at] = retention.flows(user, &history, first_ms(all()), bounds);
                        events.iter().zip(&applied).for_each(|((at, _), applied)| added[*at] = (*applied).into());
                        applied.contains(&Applied::New).then_some(history)
                    }
                    Err(reason) => {
                        flows[at].clear();
                        self.note_unreadable(user, &reason);
                        if matches!(reason, Unreadable::Newer(_)) {
                            self.waits_for_upgrade.store(true, Ordering::Release);
                        }
                        events.iter().for_each(|(at, _)| added[*at] = Added::Waits);
                        None
                    }
                }
            })
            .await?;
            self.pass_on(flows.concat(), bounds).await?;
        }
        Ok(added)
    }

    /// Erases users. What is damaged of a user is replaced as a whole: nothing in it may count any more, and what came
    /// after the erasure is rebuilt from the event log. What a newer release wrote is left alone, and the erasure waits.
    pub(super) async fn take_out(
        &self,
        departures: &[Departure],
        bounds: Bounds<'_>,
    ) -> Result<Vec<Added>, StoreError> {
        let retention = self.settings.retention;
        let mut last: BTreeMap<&UserId, LiveErasure> = BTreeMap::new();
        for Departure { user, erasure } in departures {
            let known = last.entry(user).or_insert(*erasure);
            *known = if known.received_ms < erasure.received_ms { *erasure } else { *known };
        }
        let last: Vec<(&UserId, LiveErasure)> = last.into_iter().collect();
        let mut waiting: BTreeSet<&UserId> = BTreeSet::new();
        for chunk in last.chunks(USERS_PER_PIPELINE) {
            let names: Vec<&UserId> = chunk.iter().map(|(user, _)| *user).collect();
            let mut flows: Vec<Vec<Flow>> = vec![Vec::new(); names.len()];
            self.edit(&names, |at, history| {
                let (user, erasure) = chunk[at];
                // It may have been written by others since it was read.
                waiting.remove(user);
                flows[at].clear();
                let before = match history {
                    Ok(history) => history,
                    Err(reason) => {
                        self.note_unreadable(user, &reason);
                        if matches!(reason, Unreadable::Newer(_)) {
                            self.waits_for_upgrade.store(true, Ordering::Release);
                            waiting.insert(user);
                            return None;
                        }
                        LiveHistory::default()
                    }
                };
                let mut after = before.clone();
                retention.erase(user, &mut after, erasure, bounds);
                flows[at] = retention.flows(user, &after, erasure.received_ms, bounds);
                (after != before).then_some(after)
            })
            .await?;
            self.pass_on(flows.concat(), bounds).await?;
        }
        self.unlist(departures).await?;
        let result = |departure: &Departure| match waiting.contains(&departure.user) {
            true => Added::Waits,
            false => Added::New,
        };
        Ok(departures.iter().map(result).collect())
    }

    /// Replaces histories that can't be read by rebuilt ones.
    pub(super) async fn restore(
        &self,
        histories: &BTreeMap<UserId, LiveHistory>,
        bounds: Bounds<'_>,
    ) -> Result<(), StoreError> {
        let retention = self.settings.retention;
        let histories: Vec<(&UserId, &LiveHistory)> = histories.iter().collect();
        for chunk in histories.chunks(USERS_PER_PIPELINE) {
            let names: Vec<&UserId> = chunk.iter().map(|(user, _)| *user).collect();
            self.edit(&names, |at, history| {
                let mut history = match history {
                    Ok(history) => history,
                    Err(Unreadable::Damaged(_)) => LiveHistory::default(),
                    // Another replica has replaced it meanwhile.
                    Err(Unreadable::Newer(_)) => return None,
                };
                retention.absorb(&mut history, chunk[at].1.clone(), bounds);
                Some(history)
            })
            .await?;
            let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
            names.into_iter().for_each(|user| {
                damaged.remove(user);
            });
        }
        Ok(())
    }

    /// Replaces the history of each user by the result of `edit`, unless that is `None`; `edit` is called again if
    /// another writer changed the history in between.
    pub(super) async fn edit(
        &self,
        users: &[&UserId],
        mut edit: impl FnMut(usize, Result<LiveHistory, Unreadable>) -> Option<LiveHistory>,
    ) -> Result<(), StoreError> {
        let keys: Vec<String> = users.iter().map(|user| history_key(&self.settings.prefix, user)).collect();
        let mut open: Vec<usize> = (0..keys.len()).collect();
        for _ in 0..RACES {
            let mut swaps = Vec::with_capacity(open.len());
            for (at, Found { bytes: before, history }) in open.iter().copied().zip(self.load(&keys, &open).await?) {
                swaps.extend(edit(at, history).map(|history| Swap { at, before, history }));
            }
            open = self.swap(&keys, swaps).await?;
            if open.is_empty() {
                return Ok(());
            }
        }
        Err(StoreError::Contended(RACES))
    }

    /// Reads values. One command per key: the keys are of different users, and so of different slots of a cluster.
    async fn load(&self, keys: &[String], open: &[usize]) -> Result<Vec<Found>, StoreError> {
        let get = |&at: &usize| {
            let mut command = cmd("GET");
            command.arg(&keys[at]);
            Keyed::new(&keys[at], command)
        };
        let answers: Vec<RedisResult<Option<Vec<u8>>>> = self.writes.calls(open.iter().map(get).collect()).await?;
        let found = |answer: RedisResult<Option<Vec<u8>>>| match answer {
            Ok(bytes) => Ok(Found { history: unpack(bytes.as_deref()), bytes: bytes.unwrap_or_default() }),
            Err(error) if error.code() == Some(WRONG_TYPE) => {
                let reason = Unreadable::Damaged("the key is of another type".to_owned());
                Ok(Found { history: Err(reason), bytes: Vec::new() })
            }
            Err(error) => Err(StoreError::Answer(error.to_string())),
        };
        answers.into_iter().map(found).collect()
    }

    /// Writes values; returns the positions of those that lost a race.
    async fn swap(&self, keys: &[String], swaps: Vec<Swap>) -> Result<Vec<usize>, StoreError> {
        if swaps.is_empty() {
            return Ok(Vec::new());
        }
        let command = |Swap { at, before, history }: &Swap| {
            let (bytes, expires_ms) = match history.is_empty() {
                true => (Vec::new(), 0),
                false => (pack_history(history), self.settings.retention.expires_ms(history)),
            };
            let mut command = cmd("EVAL");
            command.arg(SWAP).arg(1).arg(&keys[*at]).arg(before).arg(bytes).arg(expires_ms);
            Keyed::new(&keys[*at], command)
        };
        let answers: Vec<RedisResult<i64>> = self.writes.calls(swaps.iter().map(command).collect()).await?;
        let won: Result<Vec<i64>, RedisError> = answers.into_iter().collect();
        let won = won.map_err(|error| StoreError::Answer(error.to_string()))?;
        Ok(swaps.into_iter().zip(won).filter(|(_, won)| *won == 0).map(|(swap, _)| swap.at).collect())
    }

    /// Records that a user's history can't be read.
    pub(super) fn note_unreadable(&self, user: &UserId, why: &Unreadable) {
        let key = || history_key(&self.settings.prefix, user);
        let unreadable = self.metrics.store_unreadable.with_label_values(&["history"]);
        match why {
            Unreadable::Damaged(reason) => {
                if self.damaged.lock().unwrap_or_else(PoisonError::into_inner).insert(user.clone()) {
                    unreadable.inc();
                    tracing::warn!(key = key(), reason, "history can't be read; it is rebuilt from the event log");
                }
            }
            Unreadable::Newer(error) => {
                unreadable.inc();
                if !self.told_of_upgrade.swap(true, Ordering::Relaxed) {
                    tracing::warn!(key = key(), %error, "history can't be read, and is left alone");
                }
            }
        }
    }
}
