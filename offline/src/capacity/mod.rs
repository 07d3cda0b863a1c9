//! How much memory and disk a shop of some size takes: computed from what the product's own encoders make of users that are
//! made up, and measured in a Redis that is filled with them.
//!
//! ```text
//! Shop (how many, and how long) ─▶ user: made-up histories and records, packed
//!                               ─▶ redis, embedded, artifact: bytes by formula       (Capacity)
//!                               ─▶ measure: bytes that a running Redis says it took
//! ```
//!
//! All users of a shop are alike here: real ones differ, but bytes are nearly a sum over events and users, so that the mean is
//! what counts. Formulas are those of Redis 7 with jemalloc, the layouts of our types, and upper bounds for tables of items.

pub mod artifact;
pub mod embedded;
pub mod measure;
pub mod redis;
pub mod user;

use serde::Serialize;

use crate::config::Config;

/// The shop that is asked about.
#[derive(Debug, Clone, Serialize)]
pub struct Shop {
    /// Users that the service remembers, and that versions have records of.
    pub users: u64,
    /// Items with events.
    pub items: u32,
    /// Events of a user in the log.
    pub events: usize,
    /// Events of a user in the live history.
    pub live_events: usize,
    /// Kinds of events that a user has.
    pub kinds: usize,
    /// The length of a user's id.
    pub user_id_bytes: usize,
    /// The length of an item's id.
    pub item_id_bytes: usize,
    /// Versions that are kept on disk.
    pub versions: u64,
}

/// What a shop takes, in bytes.
#[derive(Debug, Clone, Serialize)]
pub struct Capacity {
    /// A user's packed live history.
    pub history_value: usize,
    /// A user's packed record in one version.
    pub record_value: usize,
    /// All live histories in Redis.
    pub redis_histories: u64,
    /// The champion's records in Redis.
    pub redis_records: u64,
    /// Both, and for an hour after a promotion the records of the version before.
    pub redis_most: u64,
    /// All live histories in the memory of a service with the embedded store.
    pub embedded: u64,
    /// The records of users in a version on disk.
    pub version_users: u64,
    /// Everything else in a version, at most.
    pub version_items: u64,
    /// All versions on disk, at most.
    pub disk: u64,
    /// A service with Redis, at most: two versions are loaded while one replaces the other.
    pub service: u64,
    /// A service with the embedded store, at most.
    pub service_embedded: u64,
}

/// A service that has loaded nothing: measured as the resident memory of one with the sample shop.
const SERVICE: u64 = 32 << 20;

impl Shop {
    /// What it takes by formula, with versions of these settings.
    #[must_use]
    pub fn capacity(&self, config: &Config) -> Capacity {
        let keys = user::Keys::of(self, "tandem", 0);
        let (history_value, record_value) = (user::history(self, 0).len(), user::record(self, config, 0).len());
        let redis_histories = redis::keys(self.users, keys.history.len(), history_value, redis::Lifetime::Bounded);
        let redis_records = redis::keys(self.users, keys.record.len(), record_value, redis::Lifetime::Endless);
        let embedded = embedded::histories(self);
        let (version_users, version_items) = (artifact::users(self, record_value), artifact::items(self, config));
        let version = version_users + version_items;
        Capacity {
            history_value,
            record_value,
            redis_histories,
            redis_records,
            redis_most: redis_histories + 2 * redis_records,
            embedded,
            version_users,
            version_items,
            disk: self.versions * version,
            service: SERVICE + 2 * version,
            service_embedded: SERVICE + 2 * version + embedded,
        }
    }
}
