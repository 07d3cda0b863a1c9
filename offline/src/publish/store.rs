//! User records to Redis, in pipelined batches.

use redis::{Connection, Pipeline};
use shared::id::UserId;
use shared::keys::user_key;
use shared::snapshot::Snapshot;

/// Keys written in one round trip.
const BATCH: usize = 1000;
/// How long the records of a pruned version live on, in seconds: longer than any replica takes to swap.
const PRUNED_TTL_SECS: i64 = 24 * 3600;

/// Why Redis can't be written.
#[derive(Debug, thiserror::Error)]
#[error("redis at {url}: {source}; start it, or leave --redis out to serve from the artifact alone")]
pub struct StoreError {
    url: String,
    source: redis::RedisError,
}

/// Writes the records of all users of a version. They live until the version is pruned.
///
/// # Errors
/// [`StoreError`] when Redis is away or refuses a write.
pub fn write_users(snapshot: &Snapshot, url: &str, prefix: &str, done: &dyn Fn(u64)) -> Result<(), StoreError> {
    for_each_batch(snapshot, url, prefix, done, |pipeline, key, record| {
        pipeline.set(key, record).ignore();
    })
}

/// Gives the records of all users of a version a lifetime.
///
/// # Errors
/// [`StoreError`] when Redis is away.
pub fn expire_users(snapshot: &Snapshot, url: &str, prefix: &str, done: &dyn Fn(u64)) -> Result<(), StoreError> {
    for_each_batch(snapshot, url, prefix, done, |pipeline, key, _| {
        pipeline.expire(key, PRUNED_TTL_SECS).ignore();
    })
}

fn for_each_batch(
    snapshot: &Snapshot,
    url: &str,
    prefix: &str,
    done: &dyn Fn(u64),
    add: impl Fn(&mut Pipeline, String, &[u8]),
) -> Result<(), StoreError> {
    let failed = |source| StoreError { url: url.to_owned(), source };
    let client = redis::Client::open(url).map_err(failed)?;
    let mut connection: Connection = client.get_connection().map_err(failed)?;
    let version = &snapshot.manifest().version;
    let mut pipeline = redis::pipe();
    let mut written = 0;
    for (user, record) in snapshot.users().iter() {
        // Ids were checked when the log was read.
        let Ok(user) = UserId::new(user) else { continue };
        add(&mut pipeline, user_key(prefix, &user, version), record);
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
