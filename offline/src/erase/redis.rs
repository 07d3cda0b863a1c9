//! Removes the keys of users from Redis, one server or every primary of a cluster, takes them from the list of users of whom
//! something was said, and has its files on disk written anew.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ::redis::{Connection, RedisResult, cmd};
use shared::engine::keys::{said_stamps_key, said_users_key, user_prefix};

use super::Users;
use crate::config::PublishConfig;
use crate::publish::servers::Servers;

/// Keys looked at in one round trip.
const BATCH: usize = 1000;
/// How long Redis may take to write its files anew.
const PATIENCE: Duration = Duration::from_secs(3600);
/// The time between two looks whether it is done.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What was done in Redis.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Done {
    /// The keys that were removed.
    pub keys: usize,
    /// The files that were written anew, or why they could not be.
    pub files: Vec<String>,
}

/// Removes the histories and records of users, of every version, and waits until the files of Redis no longer have them.
///
/// # Errors
/// [`::redis::RedisError`] when keys can't be removed; that files can't be written is told in what is returned.
pub fn erase(users: &Users, config: &PublishConfig) -> RedisResult<Done> {
    let mut done = Done::default();
    for mut primary in Servers::connect(config)?.primaries()? {
        done.keys += remove(users, &config.prefix, &mut primary)?;
        // One that does not tell may have it.
        if field(&info(&mut primary)?, "aof_enabled") != Some("0") {
            let busy = ["aof_rewrite_in_progress", "aof_rewrite_scheduled"];
            let written = written(&mut primary, "BGREWRITEAOF", &busy, "aof_last_bgrewrite_status");
            done.files.push(told("append-only file", "BGREWRITEAOF", written));
        }
        if saves(&mut primary) {
            let written = written(&mut primary, "BGSAVE", &["rdb_bgsave_in_progress"], "rdb_last_bgsave_status");
            done.files.push(told("snapshot", "BGSAVE", written));
        }
    }
    Ok(done)
}

fn told(file: &str, command: &str, written: Result<(), String>) -> String {
    match written {
        Ok(()) => format!("{file}: written anew"),
        Err(reason) => format!("{file}: NOT written anew: {reason}; run {command} yourself"),
    }
}

fn remove(users: &Users, prefix: &str, connection: &mut Connection) -> RedisResult<usize> {
    if users.is_empty() {
        return Ok(0);
    }
    let of_users: BTreeSet<String> = users.iter().map(|user| user_prefix(prefix, user)).collect();
    let lists = [(said_users_key(prefix), "ZREM"), (said_stamps_key(prefix), "HDEL")];
    let (mut cursor, mut removed) = (0u64, 0);
    loop {
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(format!("{prefix}:{{*")).arg("COUNT").arg(BATCH);
        let (next, keys): (u64, Vec<Vec<u8>>) = scan.query(connection)?;
        for key in keys {
            let text = String::from_utf8_lossy(&key);
            if let Some((list, command)) = lists.iter().find(|(list, _)| *list == text) {
                let ids: Vec<&str> = users.iter().map(|user| user.as_str()).collect();
                cmd(command).arg(list).arg(ids).query::<usize>(connection)?;
            } else if text.find("}:").is_some_and(|end| of_users.contains(&text[..end + 2])) {
                removed += cmd("DEL").arg(&key).query::<usize>(connection)?;
            }
        }
        if next == 0 {
            return Ok(removed);
        }
        cursor = next;
    }
}

/// Whether Redis writes snapshots by itself; if it does not say, one may be there.
fn saves(connection: &mut Connection) -> bool {
    let points: RedisResult<Vec<String>> = cmd("CONFIG").arg("GET").arg("save").query(connection);
    points.map_or(true, |points| points.get(1).is_none_or(|points| !points.is_empty()))
}

/// What Redis tells of its files.
fn info(connection: &mut Connection) -> RedisResult<String> {
    cmd("INFO").arg("persistence").query(connection)
}

/// A field of what Redis tells; `None` if it does not tell it.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// Has a file written anew, from after this call on, and waits until it is.
fn written(connection: &mut Connection, command: &str, busy: &[&str], status: &str) -> Result<(), String> {
    let begin = Instant::now();
    // One that is under way may have begun before the keys were removed.
    wait(connection, busy, begin)?;
    cmd(command).query::<String>(connection).map_err(|error| error.to_string())?;
    let info = wait(connection, busy, begin)?;
    match field(&info, status) {
        Some("ok") => Ok(()),
        Some(other) => Err(format!("{status} is {other:?}")),
        None => Err(not_told(status)),
    }
}

/// Waits until none of these is under way; returns what Redis tells then.
fn wait(connection: &mut Connection, busy: &[&str], begin: Instant) -> Result<String, String> {
    loop {
        let info = info(connection).map_err(|error| error.to_string())?;
        if is_free(&info, busy)? {
            return Ok(info);
        }
        if begin.elapsed() > PATIENCE {
            return Err("it takes too long".to_owned());
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Whether none of these is under way.
fn is_free(info: &str, busy: &[&str]) -> Result<bool, String> {
    let fields: Result<Vec<&str>, String> =
        busy.iter().map(|name| field(info, name).ok_or_else(|| not_told(name))).collect();
    Ok(fields?.into_iter().all(|value| value == "0"))
}

fn not_told(field: &str) -> String {
    format!("INFO persistence does not tell {field}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_redis_does_not_tell_is_not_waited_for() {
        let info = "# Persistence\r\naof_enabled:1\r\naof_rewrite_in_progress:0\r\nrdb_bgsave_in_progress:1\r\n";
        assert_eq!((field(info, "aof_enabled"), field(info, "aof")), (Some("1"), None));
        assert_eq!(is_free(info, &["aof_rewrite_in_progress"]), Ok(true));
        assert_eq!(is_free(info, &["aof_rewrite_in_progress", "rdb_bgsave_in_progress"]), Ok(false));
        let untold = is_free(info, &["aof_rewrite_in_progress", "aof_rewrite_scheduled"]).expect_err("is not told");
        assert!(untold.ends_with("does not tell aof_rewrite_scheduled"), "{untold}");
    }
}
