//! Live histories as older releases packed them, which had three kinds of events.

use super::PackedError;
use super::bytes::Reader;
use super::history::{files, recent};
use crate::contract::event_log::Place;
use crate::contract::id::ItemId;
use crate::contract::kind::KindName;
use crate::engine::state::{LiveEvent, LiveHistory, LiveSeen};

/// The kinds of releases that had three, by the bytes that they wrote.
fn three_kinds() -> Vec<KindName> {
    vec![KindName::VIEW, KindName::ADD_TO_CART, KindName::TRANSACTION]
}

/// Reads an item of older events as releases of three kinds wrote it: whether it was bought, and when it arrived last.
fn seen(item: ItemId, bought: u8, received_ms: i64, place: Option<Place>) -> LiveSeen {
    let kind = if bought == 0 { KindName::VIEW } else { KindName::TRANSACTION };
    LiveSeen { item, kind, timestamp_ms: received_ms, received_ms, place }
}

pub(super) fn read_history_of_three_kinds(reader: &mut Reader<'_>) -> Result<LiveHistory, PackedError> {
    let files = files(reader)?;
    let (mut history, mut before_ms) = (LiveHistory::default(), 0);
    history.recent = recent(reader, &files, &three_kinds(), &mut before_ms)?;
    for _ in 0..reader.varint::<usize>()? {
        let (received_ms, bought) = (reader.time(&mut before_ms)?, reader.u8()?);
        let place = reader.place(&files)?;
        history.older.push(seen(reader.item_id()?, bought, received_ms, place));
    }
    Ok(history)
}

pub(super) fn read_placeless_history(reader: &mut Reader<'_>) -> Result<LiveHistory, PackedError> {
    let (recents, olders, kinds) = (reader.u16()?, reader.u16()?, three_kinds());
    let mut history = LiveHistory::default();
    for _ in 0..recents {
        history.recent.push(LiveEvent {
            received_ms: reader.i64()?,
            event_key: reader.u64()?,
            timestamp_ms: reader.i64()?,
            kind: reader.kind(&kinds)?,
            item: reader.item_id()?,
            place: None,
        });
    }
    for _ in 0..olders {
        let (received_ms, bought) = (reader.i64()?, reader.u8()?);
        history.older.push(seen(reader.item_id()?, bought, received_ms, None));
    }
    Ok(history)
}
