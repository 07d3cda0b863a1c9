//! Names of the keys in a store.
//!
//! | key | value |
//! |---|---|
//! | `{prefix}:{<user>}:history` | live history, see [`crate::engine::packed::pack_history`] |
//! | `{prefix}:{<user>}:user:<version>` | the batch's record of the user, see [`crate::engine::packed::pack_user`] |
//! | `{prefix}:{<user>}:served` | the last slates of the user, a list of [`super::packed::pack_served`] |
//! | `{prefix}:{rows:<history>}:<level>` | the rows of a key that a model remembers, a hash by time |
//! | `{prefix}:{rows:<history>}:applied:<replica>:<log>` | up to where a replica's log of rows is in that history |
//! | `{prefix}:{items}:said` | what was said of items since every version was learnt, a hash |
//! | `{prefix}:{items}:order` | the order in which it came, a sorted set |
//! | `{prefix}:{items}:last` | how often something came |
//! | `{prefix}:{users}:said` | the users of whom something was said since every version was learnt, a sorted set by id |
//! | `{prefix}:{users}:stamps` | when the last of it was accepted, and where it stands, a hash |
//! | `{prefix}:applied:<replica>` | how far a replica's event log is applied, up to 40 bytes |
//! | `{prefix}:applied:<replica>:{<tag>}` | in a Redis Cluster: the same of one of 64 parts of the slots |
//!
//! Beside its value a key takes about 190 bytes of Redis 7.0 with a lifetime, 180 without: name, entries of two tables,
//! what the allocator rounds up. Measured as the growth of `used_memory` over keys of 24 and 43 bytes: 787 bytes for each
//! of 300,000 histories of 594 bytes, the same for the next 300,000, and 1618 for records of 1437 bytes.
//!
//! The part in braces is the hash tag of Redis Cluster: all keys of a user lie in one slot, so that one `MGET` reads
//! them, and all keys of a history, so that one script changes them.

use crate::contract::id::UserId;
use crate::engine::tabular::column::Level;
use crate::engine::tabular::live::HistoryId;

/// The user as a hash tag. Braces, which would end the tag, and percent signs are escaped.
fn tag(user: &UserId) -> String {
    let mut tag = String::with_capacity(user.as_str().len());
    for character in user.as_str().chars() {
        match character {
            '{' => tag.push_str("%7B"),
            '}' => tag.push_str("%7D"),
            '%' => tag.push_str("%25"),
            other => tag.push(other),
        }
    }
    tag
}

/// How the keys of a user begin.
#[must_use]
pub fn user_prefix(prefix: &str, user: &UserId) -> String {
    format!("{prefix}:{{{}}}:", tag(user))
}

/// The key of a user's live history.
#[must_use]
pub fn history_key(prefix: &str, user: &UserId) -> String {
    format!("{prefix}:{{{}}}:history", tag(user))
}

/// The key of the batch's record of a user in one version.
#[must_use]
pub fn user_key(prefix: &str, user: &UserId, version: &str) -> String {
    format!("{prefix}:{{{}}}:user:{version}", tag(user))
}

/// The key of the last slates that a user was served.
#[must_use]
pub fn served_key(prefix: &str, user: &UserId) -> String {
    format!("{prefix}:{{{}}}:served", tag(user))
}

/// The pattern for Redis' `SCAN` that matches the keys of all users in one version.
///
/// * `prefix`, `version`: must not contain the special characters of a pattern.
#[must_use]
pub fn user_keys_pattern(prefix: &str, version: &str) -> String {
    format!("{prefix}:{{*}}:user:{version}")
}

/// The key of what was said of items.
#[must_use]
pub fn said_key(prefix: &str) -> String {
    format!("{prefix}:{{items}}:said")
}

/// The key of the order in which it came.
#[must_use]
pub fn said_order_key(prefix: &str) -> String {
    format!("{prefix}:{{items}}:order")
}

/// The key of the number of what came last.
#[must_use]
pub fn said_last_key(prefix: &str) -> String {
    format!("{prefix}:{{items}}:last")
}

/// The key of the users of whom something was said.
#[must_use]
pub fn said_users_key(prefix: &str) -> String {
    format!("{prefix}:{{users}}:said")
}

/// The key of when the last of it was accepted, and where it stands.
#[must_use]
pub fn said_stamps_key(prefix: &str) -> String {
    format!("{prefix}:{{users}}:stamps")
}

/// The key of the position up to which a replica's event log has been applied.
#[must_use]
pub fn applied_key(prefix: &str, replica: &str) -> String {
    format!("{prefix}:applied:{replica}")
}

/// The key of that position of some slots of a cluster: those near the slot of `tag`.
#[must_use]
pub fn applied_part_key(prefix: &str, replica: &str, tag: u32) -> String {
    format!("{prefix}:applied:{replica}:{{{tag}}}")
}

/// The key of what is remembered of the rows of a key.
#[must_use]
pub fn row_key(prefix: &str, history: HistoryId, key: Level) -> String {
    format!("{prefix}:{{rows:{history}}}:{:016x}", key.0)
}

/// The key of the position up to which a log of rows is in a history.
///
/// * `log`: the replica and the id of its log.
#[must_use]
pub fn rows_applied_key(prefix: &str, history: HistoryId, log: &str) -> String {
    format!("{prefix}:{{rows:{history}}}:applied:{log}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_in_a_user_id_stay_inside_the_hash_tag() {
        let user = UserId::new("a}b{%").expect("valid id");
        assert_eq!(history_key("shop", &user), "shop:{a%7Db%7B%25}:history");
    }
}
