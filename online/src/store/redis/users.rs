//! What was said of users, in Redis: in their histories, and the list of these users by id, for all replicas.
//!
//! | key | value |
//! |---|---|
//! | `{prefix}:{users}:said` | a sorted set of their ids, all with the score 0, so that they are in the order of their bytes |
//! | `{prefix}:{users}:stamps` | a hash: id ─▶ when the last of it was accepted and where it stands, 56 signs that sort as the times do |
//!
//! The keys lie in one slot, so that one script compares and sets. A history is written before its user is listed: after a
//! crash in between both are done again from the event log.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::Ordering;

use redis::cmd;
use shared::contract::event_log::{Coverage, FileId, Place};
use shared::contract::id::UserId;
use shared::contract::item_change::Stamp;
use shared::engine::keys::{said_stamps_key, said_users_key};
use shared::engine::state::{Applied, LiveSaid};

use super::super::{Added, Bounds, Departure, StoreError, Told};
use super::Redis;
use super::histories::{USERS_PER_PIPELINE, Unreadable};
use super::nodes::Keyed;

/// Lists users, and keeps the greater stamp of each. Arguments: ids and stamps.
const LIST: &str = "for i=1,#ARGV,2 do local known=redis.call('HGET',KEYS[2],ARGV[i]) \
    if not known or known<ARGV[i+1] then redis.call('HSET',KEYS[2],ARGV[i],ARGV[i+1]) end \
    redis.call('ZADD',KEYS[1],0,ARGV[i]) end";
/// Drops users of whom nothing was said after a time. Arguments: ids and times.
const ERASE: &str = "for i=1,#ARGV,2 do local known=redis.call('HGET',KEYS[2],ARGV[i]) \
    if known and string.sub(known,1,#ARGV[i+1])<=ARGV[i+1] then \
    redis.call('HDEL',KEYS[2],ARGV[i]) redis.call('ZREM',KEYS[1],ARGV[i]) end end";
/// Drops users whose stamp is still the same. Arguments: ids and stamps.
const DROP: &str = "for i=1,#ARGV,2 do if redis.call('HGET',KEYS[2],ARGV[i])==ARGV[i+1] then \
    redis.call('HDEL',KEYS[2],ARGV[i]) redis.call('ZREM',KEYS[1],ARGV[i]) end end";

/// Users of one call, so that it ends within the deadline.
const USERS_PER_CALL: usize = 1000;

/// The digits of a time, and of the id of a file.
const TIME_DIGITS: usize = 20;
const FILE_DIGITS: usize = 16;

fn pack(Stamp { received_ms, place, .. }: &Stamp) -> String {
    format!("{}{}{:020}", time(*received_ms), place.file, place.end)
}

fn time(time_ms: i64) -> String {
    format!("{:020}", time_ms.max(0))
}

/// The place that a stamp names; `None` for what this release does not understand.
fn place_of(stamp: &str) -> Option<Place> {
    let (_, place) = stamp.split_at_checked(TIME_DIGITS)?;
    let (file, end) = place.split_at_checked(FILE_DIGITS)?;
    Some(Place { file: FileId::new(u64::from_str_radix(file, 16).ok()?)?, end: end.parse().ok()? })
}

impl Redis {
    fn named_keys(&self) -> [String; 2] {
        let prefix = &self.settings.prefix;
        [said_users_key(prefix), said_stamps_key(prefix)]
    }

    /// Calls a script with ids and what belongs to each.
    async fn with_named(&self, script: &str, users: &[(&UserId, String)]) -> Result<(), StoreError> {
        let keys = self.named_keys();
        for users in users.chunks(USERS_PER_CALL) {
            let mut command = cmd("EVAL");
            command.arg(script).arg(2).arg(&keys);
            users.iter().for_each(|(user, text)| {
                command.arg(user.as_str()).arg(text);
            });
            self.writes.call::<()>(Keyed::new(&keys[0], command)).await?;
        }
        Ok(())
    }

    /// Adds what was said to the histories of users, and lists them.
    pub(super) async fn tell(&self, told: &[Told], bounds: Bounds<'_>) -> Result<Vec<Added>, StoreError> {
        let retention = self.settings.retention;
        let mut of_users: BTreeMap<&UserId, Vec<(usize, &LiveSaid)>> = BTreeMap::new();
        for (at, Told { user, said }) in told.iter().enumerate() {
            of_users.entry(user).or_default().push((at, said));
        }
        let of_users: Vec<(&UserId, Vec<(usize, &LiveSaid)>)> = of_users.into_iter().collect();
        let mut added = vec![Added::Known; told.len()];
        let mut listed: Vec<(&UserId, String)> = Vec::new();
        for chunk in of_users.chunks(USERS_PER_PIPELINE) {
            let names: Vec<&UserId> = chunk.iter().map(|(user, _)| *user).collect();
            // Not of whom all of it is erased or covered; it may be known and not listed, after a crash.
            let mut is_listed = vec![true; names.len()];
            self.edit(&names, |at, history| {
                let (user, said) = &chunk[at];
                match history {
                    Ok(mut history) => {
                        let applied: Vec<Applied> =
                            said.iter().map(|(_, said)| retention.say(&mut history, said, bounds)).collect();
                        said.iter().zip(&applied).for_each(|((at, _), applied)| added[*at] = (*applied).into());
                        is_listed[at] = !history.said.is_empty();
                        applied.contains(&Applied::New).then_some(history)
                    }
                    Err(reason) => {
                        is_listed[at] = true;
                        self.note_unreadable(user, &reason);
                        if matches!(reason, Unreadable::Newer(_)) {
                            self.waits_for_upgrade.store(true, Ordering::Release);
                        }
                        said.iter().for_each(|(at, _)| added[*at] = Added::Waits);
                        None
                    }
                }
            })
            .await?;
            for ((user, said), _) in chunk.iter().zip(is_listed).filter(|(_, is_listed)| *is_listed) {
                listed.extend(said.iter().map(|(_, said)| (*user, pack(&said.stamp))));
            }
        }
        self.with_named(LIST, &listed).await?;
        Ok(added)
    }

    /// Takes users from the list of whom nothing was said after their erasure.
    pub(super) async fn unlist(&self, departures: &[Departure]) -> Result<(), StoreError> {
        let gone: Vec<(&UserId, String)> =
            departures.iter().map(|departure| (&departure.user, time(departure.erasure.received_ms))).collect();
        self.with_named(ERASE, &gone).await
    }

    /// The users of whom something was said, in the order of their ids.
    pub(super) async fn named_from(&self, from: Bound<&str>, most: usize) -> Result<Vec<UserId>, StoreError> {
        let keys = self.named_keys();
        let least = match from {
            Bound::Included(id) => format!("[{id}"),
            Bound::Excluded(id) => format!("({id}"),
            Bound::Unbounded => "-".to_owned(),
        };
        let mut command = cmd("ZRANGEBYLEX");
        command.arg(&keys[0]).arg(least).arg("+").arg("LIMIT").arg(0).arg(most);
        let ids: Vec<String> = self.writes.call(Keyed::new(&keys[0], command)).await?;
        Ok(ids.into_iter().filter_map(|id| UserId::new(id).ok()).collect())
    }

    /// Forgets what was said of some users and every version has; see [`UserStore::let_go`](super::super::UserStore::let_go).
    pub(super) async fn forget_said(
        &self,
        from: Bound<&str>,
        covered: &Coverage,
    ) -> Result<Option<UserId>, StoreError> {
        let keys = self.named_keys();
        let users = self.named_from(from, USERS_PER_PIPELINE).await?;
        let Some(last) = users.last().cloned() else { return Ok(None) };
        let mut command = cmd("HMGET");
        command.arg(&keys[1]).arg(users.iter().map(UserId::as_str).collect::<Vec<_>>());
        let stamps: Vec<Option<String>> = self.writes.call(Keyed::new(&keys[1], command)).await?;
        let gone: Vec<(&UserId, String)> = users
            .iter()
            .zip(stamps)
            .filter_map(|(user, stamp)| stamp.map(|stamp| (user, stamp)))
            .filter(|(_, stamp)| covered.covers(place_of(stamp)))
            .collect();
        let names: Vec<&UserId> = gone.iter().map(|(user, _)| *user).collect();
        // Of whom another log says something that is not covered, or can't be read, stays in the list.
        let mut is_forgotten = vec![false; names.len()];
        self.edit(&names, |at, history| {
            is_forgotten[at] = false;
            let mut history = history.ok()?;
            let before = history.said.len();
            history.forget_said(covered);
            is_forgotten[at] = history.said.is_empty();
            (history.said.len() < before).then_some(history)
        })
        .await?;
        let gone: Vec<(&UserId, String)> = gone
            .into_iter()
            .zip(is_forgotten)
            .filter_map(|(user, is_forgotten)| is_forgotten.then_some(user))
            .collect();
        self.with_named(DROP, &gone).await?;
        Ok(Some(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_has_its_place_and_sorts_by_when_it_was_accepted() {
        let stamp = |received_ms: i64, end: u64| {
            let place = Place { file: FileId::new(0xabc).expect("not 0"), end };
            Stamp { timestamp_ms: 3, received_ms, place }
        };
        for one in [stamp(9, 7), stamp(1_764_223_441_000, u64::MAX)] {
            assert_eq!(place_of(&pack(&one)), Some(one.place));
        }
        assert!([stamp(9, 100), stamp(10, 9), stamp(10, 10)].map(|stamp| pack(&stamp)).is_sorted());
        assert!(pack(&stamp(9, 1))[..TIME_DIGITS] == *time(9));
        assert_eq!(place_of("12"), None);
    }
}
