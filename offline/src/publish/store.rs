//! Writes user records to Redis, one server or a Redis Cluster, in pipelined batches.

use redis::{Cmd, RedisError, RedisResult, cmd};
use shared::contract::id::UserId;
use shared::contract::url::RedisUrl;
use shared::engine::keys::{user_key, user_keys_pattern};
use shared::tables::Users;

use super::servers::{Servers, reason};
use crate::config::PublishConfig;

/// The number of keys written in one round trip.
const BATCH: usize = 1000;
/// How long the records of a version live on that is no longer the champion, in seconds: longer than replicas take to swap.
const RETIRED_TTL_SECS: i64 = 3600;

/// Why Redis can't be written.
#[derive(Debug, thiserror::Error)]
#[error(
    "redis at {url}: {reason}; start it or correct publish.redis_url; without one, users are served from the artifact \
     alone"
)]
pub struct StoreError {
    url: RedisUrl,
    reason: String,
}

/// The length to which a reason is cut: a failed pipeline tells of each of its commands.
const REASON: usize = 200;

impl StoreError {
    fn new(config: &PublishConfig, error: &RedisError) -> Self {
        let all = reason(error);
        let mut reason: String = all.chars().take(REASON).collect();
        if reason.len() < all.len() {
            reason.push_str("...");
        }
        Self { url: config.redis_url.clone(), reason }
    }
}

/// Connects and asks for an answer, so that a Redis that is away or refuses the password is known before the training.
///
/// # Errors
/// [`StoreError`] when Redis is away or refuses.
pub fn check(config: &PublishConfig) -> Result<(), StoreError> {
    connect(config).map(|_| ())
}

/// Writes the records of all users of a version. They live until another version is the champion.
///
/// # Errors
/// [`StoreError`] when Redis is away or refuses a write.
pub fn write_users(users: &Users, version: &str, config: &PublishConfig, done: &dyn Fn(u64)) -> Result<(), StoreError> {
    for_each_batch(users, version, config, done, |key, record| {
        let mut set = cmd("SET");
        set.arg(key).arg(record);
        set
    })
}

/// Gives the records of all users of a version a lifetime.
///
/// # Errors
/// [`StoreError`] when Redis is away.
pub fn expire_users(
    users: &Users,
    version: &str,
    config: &PublishConfig,
    done: &dyn Fn(u64),
) -> Result<(), StoreError> {
    for_each_batch(users, version, config, done, |key, _| expire(key.as_bytes()))
}

/// Gives the records of a version a lifetime without its user table, by scanning all keys of the database.
///
/// # Errors
/// [`StoreError`] when Redis is away.
pub fn expire_version(version: &str, config: &PublishConfig, done: &dyn Fn(u64)) -> Result<(), StoreError> {
    let failed = |error: RedisError| StoreError::new(config, &error);
    let mut servers = connect(config)?;
    let pattern = user_keys_pattern(&config.prefix, version);
    let mut found = 0;
    for mut primary in servers.primaries().map_err(failed)? {
        let mut cursor = 0u64;
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(BATCH);
            let (next, keys): (u64, Vec<Vec<u8>>) = scan.query(&mut primary).map_err(failed)?;
            servers.send(keys.iter().map(|key| expire(key)).collect()).map_err(failed)?;
            found += keys.len() as u64;
            done(found);
            if next == 0 {
                break;
            }
            cursor = next;
        }
    }
    Ok(())
}

/// Gives a key the lifetime of the records of a version that is no longer the champion.
fn expire(key: &[u8]) -> Cmd {
    let mut expire = cmd("EXPIRE");
    expire.arg(key).arg(RETIRED_TTL_SECS);
    expire
}

fn connect(config: &PublishConfig) -> Result<Servers, StoreError> {
    Servers::connect(config).map_err(|error| StoreError::new(config, &error))
}

fn for_each_batch(
    users: &Users,
    version: &str,
    config: &PublishConfig,
    done: &dyn Fn(u64),
    command: impl Fn(String, &[u8]) -> Cmd,
) -> Result<(), StoreError> {
    let mut servers = connect(config)?;
    let mut send = |commands: &mut Vec<Cmd>| -> RedisResult<()> { servers.send(std::mem::take(commands)) };
    let failed = |error: RedisError| StoreError::new(config, &error);
    let (mut commands, mut written) = (Vec::with_capacity(BATCH), 0);
    for (user, record) in users.iter() {
        // Ids were checked when the log was read.
        let Ok(user) = UserId::new(user) else { continue };
        commands.push(command(user_key(&config.prefix, &user, version), record));
        written += 1;
        if commands.len() == BATCH {
            send(&mut commands).map_err(failed)?;
            done(written);
        }
    }
    send(&mut commands).map_err(failed)?;
    done(written);
    Ok(())
}
