//! The slates that users were served, in Redis: a list of packed slates for each user, newest last.

use std::sync::Arc;
use std::time::Instant;

use redis::{ErrorKind, RedisResult, ServerErrorKind, Value, cmd, from_redis_value};
use shared::contract::id::UserId;
use shared::engine::keys::{history_key, served_key, user_key};
use shared::engine::packed::{pack_served, unpack_served};
use shared::engine::served::ServedSlate;

use super::super::{Departure, Keep, StoreError, Stored};
use super::Redis;
use super::nodes::Keyed;

/// Appends a slate, drops the oldest beyond the bound, and has the list expire, all of it or nothing: a list whose
/// expiry is lost would never leave.
const REMEMBER: &str = "redis.call('RPUSH',KEYS[1],ARGV[1]) redis.call('LTRIM',KEYS[1],ARGV[2],-1) \
                        return redis.call('PEXPIRE',KEYS[1],ARGV[3])";

/// What an answer must be for a value to be read from it.
fn told(error: impl ToString) -> StoreError {
    StoreError::Answer(error.to_string())
}

impl Redis {
    /// Reads the state of a user and their slates in one round trip: all keys are in one slot.
    pub(super) async fn get_with_served(
        &self,
        until: Option<Instant>,
        user: &UserId,
        version: &str,
        now_ms: i64,
    ) -> Result<Stored, StoreError> {
        let (prefix, deadline) = (&self.settings.prefix, self.reads.deadline(until));
        let (keys, list) = ([history_key(prefix, user), user_key(prefix, user, version)], served_key(prefix, user));
        let (mut mget, mut lrange) = (cmd("MGET"), cmd("LRANGE"));
        mget.arg(&keys);
        lrange.arg(&list).arg(0).arg(-1);
        let commands = vec![Keyed::new(&keys[0], mget), Keyed::new(&list, lrange)];
        let answers: Vec<RedisResult<Value>> = self.reads.calls_until(deadline, commands).await?;
        let [both, slates] = <[_; 2]>::try_from(answers).map_err(|_| told("not two answers"))?;
        let [history, record] = match both {
            // While the slot moves to another node, see `get_both`.
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::TryAgain) => {
                self.get_both(&keys, Some(deadline.into_std())).await?
            }
            both => from_redis_value(both.map_err(told)?).map_err(told)?,
        };
        let served = self.unpacked(slates);
        Ok(Stored { served, ..self.stored(user, history, record, now_ms) })
    }

    /// The slates of a list; those that can't be read are counted and passed over, since nobody knows what was in them.
    fn unpacked(&self, slates: RedisResult<Value>) -> Vec<Arc<ServedSlate>> {
        let unreadable = || self.metrics.store_unreadable.with_label_values(&["served"]);
        let slates = slates.map_err(|error| error.to_string());
        let slates: Result<Vec<Vec<u8>>, String> =
            slates.and_then(|slates| from_redis_value(slates).map_err(|error| error.to_string()));
        let slates = slates.unwrap_or_else(|error| {
            unreadable().inc();
            tracing::debug!(error, "the slates of a user can't be read");
            Vec::new()
        });
        let unpack = |bytes: Vec<u8>| unpack_served(&bytes).map(Arc::new).inspect_err(|_| unreadable().inc()).ok();
        slates.into_iter().filter_map(unpack).collect()
    }

    /// Appends a slate to the list of a user. It goes by the connections of reads: an answer waits for it.
    pub(super) async fn push_served(
        &self,
        until: Instant,
        user: &UserId,
        slate: &ServedSlate,
        keep: Keep,
    ) -> Result<(), StoreError> {
        let key = served_key(&self.settings.prefix, user);
        let mut command = cmd("EVAL");
        let first = -(keep.max_slates as i64);
        command.arg(REMEMBER).arg(1).arg(&key).arg(pack_served(slate)).arg(first).arg(keep.ttl_ms);
        let until = self.reads.deadline(Some(until));
        let answers: Vec<RedisResult<i64>> = self.reads.calls_until(until, vec![Keyed::new(&key, command)]).await?;
        answers.into_iter().try_for_each(|answer| answer.map(|_| ()).map_err(told))
    }

    /// Removes the slates of users from before their erasures, and those that can't be read.
    pub(super) async fn forget_served(&self, departures: &[Departure]) -> Result<(), StoreError> {
        let keys: Vec<String> =
            departures.iter().map(|departure| served_key(&self.settings.prefix, &departure.user)).collect();
        let range = |key: &String| {
            let mut command = cmd("LRANGE");
            command.arg(key).arg(0).arg(-1);
            Keyed::new(key, command)
        };
        let lists: Vec<RedisResult<Value>> = self.writes.calls(keys.iter().map(range).collect()).await?;
        let mut removals = Vec::new();
        for ((departure, key), list) in departures.iter().zip(&keys).zip(lists) {
            // A key of another type holds no slate of anybody.
            let list: Vec<Vec<u8>> = list.ok().and_then(|list| from_redis_value(list).ok()).unwrap_or_default();
            let is_later =
                |bytes: &[u8]| unpack_served(bytes).is_ok_and(|slate| slate.served_ms > departure.erasure.received_ms);
            for bytes in list.iter().filter(|bytes| !is_later(bytes)) {
                let mut command = cmd("LREM");
                command.arg(key).arg(0).arg(bytes);
                removals.push(Keyed::new(key, command));
            }
        }
        if removals.is_empty() {
            return Ok(());
        }
        let answers: Vec<RedisResult<i64>> = self.writes.calls(removals).await?;
        answers.into_iter().try_for_each(|answer| answer.map(|_| ()).map_err(told))
    }
}
