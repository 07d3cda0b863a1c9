//! Store keys, and the packed little-endian values behind them.
//!
//! | key | value | bytes |
//! |---|---|---|
//! | `{prefix}:{<user>}:history` | live history | 5 + recent · (26 + id) + older · (10 + id) |
//! | `{prefix}:{<user>}:user:<version>` | the batch's record of the user | 9 + 8 · cached + 21 · history + 4 · seen |
//! | `{prefix}:applied:<replica>` | how far a replica's event log is applied | up to 40 |
//!
//! The part in braces is the hash tag of Redis Cluster: all keys of a user lie in one slot, so that one `MGET` reads
//! them. Every value begins with a format byte.

use crate::event::EventKind;
use crate::id::{ItemId, ItemIdx, UserId};
use crate::state::{BatchUser, Interaction, LiveEvent, LiveHistory, LiveSeen, SeenItem};
use crate::topk::Scored;

/// The format byte of both packed values.
pub const FORMAT: u8 = 1;

/// Why a packed value can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PackedError {
    /// Written by another release.
    #[error("packed value has format {0}, this build reads {FORMAT}")]
    Format(u8),
    /// Shorter than it says, or with values that can't be.
    #[error("packed value is damaged")]
    Damaged,
}

/// The user as a hash tag: braces and percent signs are escaped, for they would end the tag.
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

/// What matches the keys of all users in one version, as a pattern of Redis' `SCAN`.
///
/// * `prefix`, `version`: without the characters that mean something in a pattern.
#[must_use]
pub fn user_keys_pattern(prefix: &str, version: &str) -> String {
    format!("{prefix}:{{*}}:user:{version}")
}

/// The key of how far a replica's event log has been applied.
#[must_use]
pub fn applied_key(prefix: &str, replica: &str) -> String {
    format!("{prefix}:applied:{replica}")
}

/// Takes little-endian values off the front of a byte string.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], PackedError> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or(PackedError::Damaged)?;
        self.0 = tail;
        Ok(*head)
    }
    fn u8(&mut self) -> Result<u8, PackedError> {
        self.array::<1>().map(|[byte]| byte)
    }
    fn u16(&mut self) -> Result<u16, PackedError> {
        self.array().map(u16::from_le_bytes)
    }
    fn u32(&mut self) -> Result<u32, PackedError> {
        self.array().map(u32::from_le_bytes)
    }
    fn u64(&mut self) -> Result<u64, PackedError> {
        self.array().map(u64::from_le_bytes)
    }
    fn i64(&mut self) -> Result<i64, PackedError> {
        self.array().map(i64::from_le_bytes)
    }
    fn kind(&mut self) -> Result<EventKind, PackedError> {
        EventKind::from_byte(self.u8()?).ok_or(PackedError::Damaged)
    }
    fn item_id(&mut self) -> Result<ItemId, PackedError> {
        let length = usize::from(self.u8()?);
        let (id, tail): (&'a [u8], _) = self.0.split_at_checked(length).ok_or(PackedError::Damaged)?;
        self.0 = tail;
        let id = std::str::from_utf8(id).map_err(|_| PackedError::Damaged)?;
        ItemId::new(id).map_err(|_| PackedError::Damaged)
    }
    fn format(&mut self) -> Result<(), PackedError> {
        match self.u8()? {
            FORMAT => Ok(()),
            other => Err(PackedError::Format(other)),
        }
    }
    fn end(self) -> Result<(), PackedError> {
        if self.0.is_empty() { Ok(()) } else { Err(PackedError::Damaged) }
    }
}

/// Appends an id behind its length; ids have at most 255 bytes.
fn push_id(bytes: &mut Vec<u8>, id: &ItemId) {
    bytes.push(id.as_str().len() as u8);
    bytes.extend_from_slice(id.as_str().as_bytes());
}

/// Packs a live history of at most 65,535 recent and 65,535 older entries; what is beyond is left out.
#[must_use]
pub fn pack_history(history: &LiveHistory) -> Vec<u8> {
    let recent = &history.recent[history.recent.len().saturating_sub(usize::from(u16::MAX))..];
    let older = &history.older[..history.older.len().min(usize::from(u16::MAX))];
    let mut bytes = Vec::with_capacity(5 + recent.len() * 40 + older.len() * 24);
    bytes.push(FORMAT);
    bytes.extend((recent.len() as u16).to_le_bytes());
    bytes.extend((older.len() as u16).to_le_bytes());
    for event in recent {
        bytes.extend(event.received_ms.to_le_bytes());
        bytes.extend(event.event_key.to_le_bytes());
        bytes.extend(event.timestamp_ms.to_le_bytes());
        bytes.push(event.kind as u8);
        push_id(&mut bytes, &event.item);
    }
    for seen in older {
        bytes.extend(seen.received_ms.to_le_bytes());
        bytes.push(u8::from(seen.purchased));
        push_id(&mut bytes, &seen.item);
    }
    bytes
}

/// Reads what [`pack_history`] wrote.
///
/// # Errors
/// [`PackedError`] for another format or damaged bytes.
pub fn unpack_history(bytes: &[u8]) -> Result<LiveHistory, PackedError> {
    let mut reader = Reader(bytes);
    reader.format()?;
    let (recents, olders) = (reader.u16()?, reader.u16()?);
    let mut history = LiveHistory::default();
    for _ in 0..recents {
        history.recent.push(LiveEvent {
            received_ms: reader.i64()?,
            event_key: reader.u64()?,
            timestamp_ms: reader.i64()?,
            kind: reader.kind()?,
            item: reader.item_id()?,
        });
    }
    for _ in 0..olders {
        let (received_ms, purchased) = (reader.i64()?, reader.u8()? != 0);
        history.older.push(LiveSeen { item: reader.item_id()?, purchased, received_ms });
    }
    reader.end()?;
    Ok(history)
}

/// Packs the batch's record of a user: at most 65,535 cached candidates and events.
#[must_use]
pub fn pack_user(user: &BatchUser) -> Vec<u8> {
    let cached = &user.cached[..user.cached.len().min(usize::from(u16::MAX))];
    let history = &user.history[user.history.len().saturating_sub(usize::from(u16::MAX))..];
    let mut bytes = Vec::with_capacity(9 + cached.len() * 8 + history.len() * 21 + user.seen.len() * 4);
    bytes.push(FORMAT);
    bytes.extend((cached.len() as u16).to_le_bytes());
    bytes.extend((history.len() as u16).to_le_bytes());
    bytes.extend((user.seen.len() as u32).to_le_bytes());
    for candidate in cached {
        bytes.extend(candidate.item.0.to_le_bytes());
        bytes.extend(candidate.score.to_le_bytes());
    }
    for event in history {
        bytes.extend(event.item.0.to_le_bytes());
        bytes.extend(event.timestamp_ms.to_le_bytes());
        bytes.extend(event.event_key.to_le_bytes());
        bytes.push(event.kind as u8);
    }
    for seen in &user.seen {
        bytes.extend((seen.item.0 << 1 | u32::from(seen.purchased)).to_le_bytes());
    }
    bytes
}

/// Reads what [`pack_user`] wrote.
///
/// # Errors
/// [`PackedError`] for another format or damaged bytes.
pub fn unpack_user(bytes: &[u8]) -> Result<BatchUser, PackedError> {
    let mut reader = Reader(bytes);
    reader.format()?;
    let (cached, history, seen) = (reader.u16()?, reader.u16()?, reader.u32()?);
    let mut user = BatchUser::default();
    for _ in 0..cached {
        user.cached.push(Scored { item: ItemIdx(reader.u32()?), score: f32::from_bits(reader.u32()?) });
    }
    for _ in 0..history {
        user.history.push(Interaction {
            item: ItemIdx(reader.u32()?),
            timestamp_ms: reader.i64()?,
            event_key: reader.u64()?,
            kind: reader.kind()?,
        });
    }
    for _ in 0..seen {
        let packed = reader.u32()?;
        user.seen.push(SeenItem { item: ItemIdx(packed >> 1), purchased: packed & 1 == 1 });
    }
    reader.end()?;
    Ok(user)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(received_ms: i64) -> LiveEvent {
        let item = ItemId::new("lamp").expect("valid id");
        LiveEvent { received_ms, event_key: 7, timestamp_ms: -1, kind: EventKind::AddToCart, item }
    }

    #[test]
    fn a_packed_history_has_the_documented_size_and_reads_back() {
        let older = vec![LiveSeen { item: event(0).item, purchased: true, received_ms: 3 }];
        let history = LiveHistory { recent: vec![event(1), event(2)], older };
        let bytes = pack_history(&history);
        assert_eq!(bytes.len(), 5 + 2 * (26 + 4) + (10 + 4));
        assert_eq!(unpack_history(&bytes), Ok(history));
    }

    #[test]
    fn a_packed_user_has_the_documented_size_and_reads_back() {
        let item = ItemIdx(9);
        let user = BatchUser {
            cached: vec![Scored { item, score: 0.5 }],
            history: vec![Interaction { item, kind: EventKind::View, timestamp_ms: 4, event_key: 5 }],
            seen: vec![SeenItem { item, purchased: true }],
        };
        let bytes = pack_user(&user);
        assert_eq!(bytes.len(), 9 + 8 + 21 + 4);
        assert_eq!(unpack_user(&bytes), Ok(user));
    }

    #[test]
    fn braces_in_a_user_id_stay_inside_the_hash_tag() {
        let user = UserId::new("a}b{%").expect("valid id");
        assert_eq!(history_key("shop", &user), "shop:{a%7Db%7B%25}:history");
    }

    proptest! {
        #[test]
        fn damaged_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = unpack_history(&bytes);
            let _ = unpack_user(&bytes);
        }
    }
}
