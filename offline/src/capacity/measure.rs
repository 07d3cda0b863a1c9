//! Fills a Redis with made-up users of a shop, asks how much more memory it uses, and removes them.
//!
//! The keys are the shop's but for the last character of the prefix, `~`, which no prefix of a shop has. They have a lifetime of
//! an hour, records too, so that one who is killed here leaves nothing for long.

use ::redis::{Cmd, RedisResult, cmd};
use rayon::prelude::*;
use serde::Serialize;

use super::redis::{Lifetime, keys};
use super::{Shop, user};
use crate::config::{Config, PublishConfig};
use crate::publish::servers::Servers;

/// Keys written in one round trip.
const BATCH: u64 = 1000;
/// The lifetime of what is written, in seconds.
const LIFETIME_SECS: u64 = 3600;

/// What users took in Redis, in bytes.
#[derive(Debug, Clone, Serialize)]
pub struct Measured {
    /// How many users were written.
    pub users: u64,
    /// Their live histories.
    pub histories: u64,
    /// Their records of one version.
    pub records: u64,
}

/// Which keys of a user.
#[derive(Clone, Copy)]
enum Part {
    History,
    Record,
}

/// Writes the histories and the records of `users` users, and measures what they take.
///
/// * `done`: called with the number of keys written.
///
/// # Errors
/// [`::redis::RedisError`] when Redis is away or refuses; what was written is gone after an hour.
pub fn measure(
    shop: &Shop,
    users: u64,
    config: &Config,
    publish: &PublishConfig,
    done: &(dyn Fn(u64) + Sync),
) -> RedisResult<Measured> {
    let mut servers = Servers::connect(publish)?;
    let mut prefix = publish.prefix.clone();
    prefix.pop();
    prefix.push('~');
    let before = used(&servers)?;
    fill(&mut servers, users, done, |number| command(shop, config, &prefix, Part::History, number))?;
    let with_histories = used(&servers)?;
    let written = |count| done(users + count);
    fill(&mut servers, users, &written, |number| command(shop, config, &prefix, Part::Record, number))?;
    let with_both = used(&servers)?;
    for part in [Part::History, Part::Record] {
        fill(&mut servers, users, &|_| (), |number| unlink(shop, &prefix, part, number))?;
    }
    let (histories, records) = (with_histories.saturating_sub(before), with_both.saturating_sub(with_histories));
    Ok(Measured { users, histories, records })
}

/// What the formula says of the same keys, all of which have a lifetime.
#[must_use]
pub fn predicted(shop: &Shop, users: u64, config: &Config, publish: &PublishConfig) -> Measured {
    let names = user::Keys::of(shop, &publish.prefix, 0);
    let (history, record) = (user::history(shop, 0).len(), user::record(shop, config, 0).len());
    let histories = keys(users, names.history.len(), history, Lifetime::Bounded);
    let records = keys(users, names.record.len(), record, Lifetime::Bounded);
    Measured { users, histories, records }
}

/// Sends a command for each user.
fn fill(servers: &mut Servers, users: u64, done: &dyn Fn(u64), command: impl Fn(u64) -> Cmd + Sync) -> RedisResult<()> {
    for start in (0..users).step_by(BATCH as usize) {
        let end = users.min(start + BATCH);
        servers.send((start..end).into_par_iter().map(&command).collect())?;
        done(end);
    }
    Ok(())
}

fn command(shop: &Shop, config: &Config, prefix: &str, part: Part, number: u64) -> Cmd {
    let keys = user::Keys::of(shop, prefix, number);
    let (key, value) = match part {
        Part::History => (keys.history, user::history(shop, number)),
        Part::Record => (keys.record, user::record(shop, config, number)),
    };
    let mut set = cmd("SET");
    set.arg(key).arg(value).arg("EX").arg(LIFETIME_SECS);
    set
}

fn unlink(shop: &Shop, prefix: &str, part: Part, number: u64) -> Cmd {
    let keys = user::Keys::of(shop, prefix, number);
    let mut unlink = cmd("UNLINK");
    unlink.arg(match part {
        Part::History => keys.history,
        Part::Record => keys.record,
    });
    unlink
}

/// The memory that all primaries use.
fn used(servers: &Servers) -> RedisResult<u64> {
    let mut sum = 0;
    for mut primary in servers.primaries()? {
        let text: String = cmd("INFO").arg("memory").query(&mut primary)?;
        let bytes = text.lines().find_map(|line| line.strip_prefix("used_memory:")?.trim().parse::<u64>().ok());
        sum += bytes.unwrap_or_default();
    }
    Ok(sum)
}
