//! The batch's records of users.

use super::PackedError;
use super::bytes::Reader;
use crate::contract::id::ItemIdx;
use crate::contract::kind::KindIdx;
use crate::engine::state::{BatchUser, Interaction, SeenItem};
use crate::engine::topk::Scored;

/// The format byte of a user's record in which items are seen or bought.
const USER_FORMAT: u8 = 1;
/// The format byte of a user's record that has the kind of each item seen.
const USER_KINDS_FORMAT: u8 = 2;
/// Packs the batch's record of a user: at most 65,535 cached candidates and events.
#[must_use]
pub fn pack_user(user: &BatchUser) -> Vec<u8> {
    let cached = &user.cached[..user.cached.len().min(usize::from(u16::MAX))];
    let history = &user.history[user.history.len().saturating_sub(usize::from(u16::MAX))..];
    let mut bytes = Vec::with_capacity(9 + cached.len() * 8 + history.len() * 21 + user.seen.len() * 4);
    let one_bit = user.seen.iter().all(|seen| [KindIdx::VIEW, KindIdx::TRANSACTION].contains(&seen.kind));
    bytes.push(if one_bit { USER_FORMAT } else { USER_KINDS_FORMAT });
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
        bytes.push(event.kind.0);
    }
    for seen in &user.seen {
        if one_bit {
            bytes.extend((seen.item.0 << 1 | u32::from(seen.kind != KindIdx::VIEW)).to_le_bytes());
        } else {
            bytes.extend(seen.item.0.to_le_bytes());
            bytes.push(seen.kind.0);
        }
    }
    bytes
}

/// Reads what [`pack_user`] wrote. Whether items and kinds are those of a version is not checked here.
///
/// # Errors
/// [`PackedError`] for another format or damaged bytes.
pub fn unpack_user(bytes: &[u8]) -> Result<BatchUser, PackedError> {
    let mut reader = Reader(bytes);
    let one_bit = match reader.u8()? {
        USER_FORMAT => true,
        USER_KINDS_FORMAT => false,
        other => return Err(PackedError::Format(other)),
    };
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
            kind: KindIdx(reader.u8()?),
        });
    }
    for _ in 0..seen {
        let packed = reader.u32()?;
        user.seen.push(match one_bit {
            true if packed & 1 == 1 => SeenItem { item: ItemIdx(packed >> 1), kind: KindIdx::TRANSACTION },
            true => SeenItem { item: ItemIdx(packed >> 1), kind: KindIdx::VIEW },
            false => SeenItem { item: ItemIdx(packed), kind: KindIdx(reader.u8()?) },
        });
    }
    reader.end()?;
    Ok(user)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_packed_user_has_the_documented_size_and_reads_back() {
        let item = ItemIdx(9);
        let user = BatchUser {
            cached: vec![Scored { item, score: 0.5 }],
            history: vec![Interaction { item, kind: KindIdx::VIEW, timestamp_ms: 4, event_key: 5 }],
            seen: vec![
                SeenItem { item, kind: KindIdx::TRANSACTION },
                SeenItem { item: ItemIdx(10), kind: KindIdx::VIEW },
            ],
        };
        let bytes = pack_user(&user);
        assert_eq!((bytes[0], bytes.len()), (1, 9 + 8 + 21 + 2 * 4));
        assert_eq!(unpack_user(&bytes), Ok(user.clone()));
        let blocked = SeenItem { item: ItemIdx(11), kind: KindIdx(7) };
        let user = BatchUser { seen: [&user.seen[..], &[blocked]].concat(), ..user };
        let bytes = pack_user(&user);
        assert_eq!((bytes[0], bytes.len()), (2, 9 + 8 + 21 + 3 * 5));
        assert_eq!(unpack_user(&bytes), Ok(user));
    }

    proptest! {
        #[test]
        fn damaged_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = unpack_user(&bytes);
        }
    }
}
