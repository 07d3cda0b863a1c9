//! Slates that were served.

use super::PackedError;
use super::bytes::{Reader, push_text, push_varint};
use crate::engine::served::{ServedSlate, SlateId};

/// The format byte of a slate.
const SERVED_FORMAT: u8 = 1;

/// Packs a slate: 1 + 8 + 8 + 8 bytes, the number of items as a varint, and each id behind its length.
#[must_use]
pub fn pack_served(slate: &ServedSlate) -> Vec<u8> {
    let ids: usize = slate.items.iter().map(|item| 1 + item.as_str().len()).sum();
    let mut bytes = Vec::with_capacity(27 + ids);
    bytes.push(SERVED_FORMAT);
    bytes.extend(slate.id.0.to_le_bytes());
    bytes.extend(slate.feed.0.to_le_bytes());
    bytes.extend(slate.served_ms.to_le_bytes());
    push_varint(&mut bytes, slate.items.len());
    slate.items.iter().for_each(|item| push_text(&mut bytes, item.as_str()));
    bytes
}

/// Reads what [`pack_served`] wrote.
///
/// # Errors
/// [`PackedError`] for another format or damaged bytes.
pub fn unpack_served(bytes: &[u8]) -> Result<ServedSlate, PackedError> {
    let mut reader = Reader(bytes);
    match reader.u8()? {
        SERVED_FORMAT => {}
        newer if newer > SERVED_FORMAT => return Err(PackedError::Newer(newer)),
        other => return Err(PackedError::Format(other)),
    }
    let (id, feed, served_ms) = (SlateId(reader.u64()?), SlateId(reader.u64()?), reader.i64()?);
    let count: usize = reader.varint()?;
    let items = (0..count).map(|_| reader.item_id()).collect::<Result<_, _>>()?;
    reader.end()?;
    Ok(ServedSlate { id, feed, served_ms, items })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::contract::id::ItemId;

    fn slate(items: &[&str]) -> ServedSlate {
        let items = items.iter().map(|id| ItemId::new(*id).expect("an id")).collect();
        ServedSlate { id: SlateId(0x0807), feed: SlateId(3), served_ms: 0x0102, items }
    }

    #[test]
    fn a_slate_has_these_bytes_for_ever() {
        let head = b"\x01\x07\x08\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x02\x01\0\0\0\0\0\0";
        let expected = [&head[..], b"\x02\x02i7\x03i10"].concat();
        assert_eq!(pack_served(&slate(&["i7", "i10"])), expected);
        assert_eq!(unpack_served(&expected), Ok(slate(&["i7", "i10"])));
        assert_eq!(pack_served(&slate(&[])).len(), 26);
        assert_eq!(unpack_served(&[2]), Err(PackedError::Newer(2)));
        assert_eq!(unpack_served(&[0]), Err(PackedError::Format(0)));
        assert_eq!(unpack_served(&expected[..expected.len() - 1]), Err(PackedError::Damaged));
        assert_eq!(unpack_served(&[&expected[..], b"x"].concat()), Err(PackedError::Damaged));
    }

    proptest! {
        #[test]
        fn damaged_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), with_head in any::<bool>()) {
            let head: &[u8] = if with_head { &[SERVED_FORMAT] } else { &[] };
            let _ = unpack_served(&[head, &bytes].concat());
        }
    }
}
