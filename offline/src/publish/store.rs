//! Writes user records to Redis, in pipelined batches.

use redis::{Connection, Pipeline};
use shared::contract::id::UserId;
use shared::contract::url::RedisUrl;
use shared::engine::keys::{user_key, user_keys_pattern};
use shared::tables::Users;

use crate::config::PublishConfig;

/// The number of keys written in one round trip.
const BATCH: usize = 1000;
/// How long the records of a pruned version live on, in seconds: longer than any replica takes to swap.
const PRUNED_TTL_SECS: i64 = 24 * 3600;

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
    fn new(config: &PublishConfig, error: &redis::RedisError) -> Self {
        let all = error.to_string();
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
    let mut connection = connect(config)?;
    redis::cmd("PING").query::<()>(&mut connection).map_err(|source| StoreError::new(config, &source))
}

/// Writes the records of all users of a version. They live until the version is pruned.
///
/// # Errors
/// [`StoreError`] when Redis is away or refuses a write.
pub fn write_users(users: &Users, version: &str, config: &PublishConfig, done: &dyn Fn(u64)) -> Result<(), StoreError> {
    for_each_batch(users, version, config, done, |pipeline, key, record| {
        pipeline.set(key, record).ignore();
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
    for_each_batch(users, version, config, done, |pipeline, key, _| {
        pipeline.expire(key, PRUNED_TTL_SECS).ignore();
    })
}

/// Gives the records of a version a lifetime without its user table, by scanning all keys of the database.
///
/// # Errors
/// [`StoreError`] when Redis is away.
pub fn expire_version(version: &str, config: &PublishConfig, done: &dyn Fn(u64)) -> Result<(), StoreError> {
    let failed = |error: redis::RedisError| StoreError::new(config, &error);
    let mut connection = connect(config)?;
    let pattern = user_keys_pattern(&config.prefix, version);
    let (mut cursor, mut found) = (0u64, 0);
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(BATCH);
        let (next, keys): (u64, Vec<Vec<u8>>) = scan.query(&mut connection).map_err(failed)?;
        if !keys.is_empty() {
            let mut pipeline = redis::pipe();
            for key in &keys {
                pipeline.expire(key, PRUNED_TTL_SECS).ignore();
            }
            pipeline.query::<()>(&mut connection).map_err(failed)?;
        }
        found += keys.len() as u64;
        done(found);
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}

fn connect(config: &PublishConfig) -> Result<Connection, StoreError> {
    let client = redis::Client::open(config.redis_url.expose());
    client.and_then(|client| client.get_connection()).map_err(|error| StoreError::new(config, &error))
}

fn for_each_batch(
    users: &Users,
    version: &str,
    config: &PublishConfig,
    done: &dyn Fn(u64),
    add: impl Fn(&mut Pipeline, String, &[u8]),
) -> Result<(), StoreError> {
    let failed = |error: redis::RedisError| StoreError::new(config, &error);
    let mut connection = connect(config)?;
    let mut pipeline = redis::pipe();
    let mut written = 0;
    for (user, record) in users.iter() {
        // Ids were checked when the log was read.
        let Ok(user) = UserId::new(user) else { continue };
        add(&mut pipeline, user_key(&config.prefix, &user, version), record);
        written += 1;
        if pipeline.len() == BATCH {
            pipeline.query::<()>(&mut connection).map_err(failed)?;
            pipeline.clear();
            done(written);
        }
    }
    if !pipeline.is_empty() {
        pipeline.query::<()>(&mut connection).map_err(failed)?;
    }
    done(written);
    Ok(())
}
