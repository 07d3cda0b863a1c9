//! The packed little-endian values of a store.
//!
//! | value | bytes |
//! |---|---|
//! | live history | about 5 + 8 · log files + recent · (20 + id) + older · (11 + id) |
//! | the batch's record of a user | 9 + 8 · cached + 21 · history + 4 · seen |
//!
//! Every value begins with a format byte. In a history, numbers that are mostly small are varints, and times are
//! written as the difference from the time before them.

use integer_encoding::VarInt;

use crate::contract::event::EventKind;
use crate::contract::event_log::{FileId, Place};
use crate::contract::id::{ItemId, ItemIdx};
use crate::engine::state::{BatchUser, Interaction, LiveEvent, LiveHistory, LiveSeen, SeenItem};
use crate::engine::topk::Scored;

/// The format byte of a user's record.
const USER_FORMAT: u8 = 1;
/// The format byte of a live history.
const HISTORY_FORMAT: u8 = 2;
/// The format byte of live histories of the previous release, which did not record places in the event log.
const PLACELESS_HISTORY_FORMAT: u8 = 1;
/// The last format byte that a release will ever use for a live history; larger ones are damage.
const LAST_HISTORY_FORMAT: u8 = 31;

/// Why a packed value can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PackedError {
    /// Written by another release.
    #[error("packed value has format {0}, which this build does not read")]
    Format(u8),
    /// Written by a newer release, which can read it: it must be left alone.
    #[error("packed value has format {0} of a newer release; run that release on all replicas")]
    Newer(u8),
    /// Truncated, or with impossible values.
    #[error("packed value is damaged")]
    Damaged,
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
    fn varint<V: VarInt>(&mut self) -> Result<V, PackedError> {
        let (value, length) = V::decode_var(self.0).ok_or(PackedError::Damaged)?;
        self.0 = &self.0[length..];
        Ok(value)
    }
    /// Reads a time that is stored as the difference from `before`, and sets `before` to it.
    fn time(&mut self, before: &mut i64) -> Result<i64, PackedError> {
        *before = before.wrapping_add(self.varint()?);
        Ok(*before)
    }
    fn place(&mut self, files: &[FileId]) -> Result<Option<Place>, PackedError> {
        match self.varint::<usize>()?.checked_sub(1) {
            None => Ok(None),
            Some(at) => {
                let file = *files.get(at).ok_or(PackedError::Damaged)?;
                Ok(Some(Place { file, end: self.varint()? }))
            }
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

fn push_varint(bytes: &mut Vec<u8>, value: impl VarInt) {
    let start = bytes.len();
    bytes.resize(start + value.required_space(), 0);
    value.encode_var(&mut bytes[start..]);
}

/// Appends a time as the difference from `before`, and sets `before` to it.
fn push_time(bytes: &mut Vec<u8>, before: &mut i64, time: i64) {
    push_varint(bytes, time.wrapping_sub(*before));
    *before = time;
}

/// Appends a place: the row of its file in `files` plus 1, and the offset; or 0 for none.
fn push_place(bytes: &mut Vec<u8>, files: &[FileId], place: Option<Place>) {
    let row = |place: &Place| files.binary_search(&place.file).ok();
    match place.and_then(|place| Some((row(&place)?, place.end))) {
        Some((row, end)) => {
            push_varint(bytes, row + 1);
            push_varint(bytes, end);
        }
        None => push_varint(bytes, 0u64),
    }
}

/// Packs a live history.
#[must_use]
pub fn pack_history(history: &LiveHistory) -> Vec<u8> {
    let LiveHistory { recent, older } = history;
    let places = recent.iter().map(|event| event.place).chain(older.iter().map(|seen| seen.place));
    let mut files: Vec<FileId> = places.flatten().map(|place| place.file).collect();
    files.sort_unstable();
    files.dedup();
    let mut bytes = Vec::with_capacity(16 + files.len() * 8 + recent.len() * 40 + older.len() * 24);
    bytes.push(HISTORY_FORMAT);
    push_varint(&mut bytes, files.len());
    files.iter().for_each(|file| bytes.extend(file.get().to_le_bytes()));
    let mut before_ms = 0;
    push_varint(&mut bytes, recent.len());
    for event in recent {
        push_time(&mut bytes, &mut before_ms, event.received_ms);
        bytes.extend(event.event_key.to_le_bytes());
        push_varint(&mut bytes, event.timestamp_ms.wrapping_sub(event.received_ms));
        bytes.push(event.kind as u8);
        push_place(&mut bytes, &files, event.place);
        push_id(&mut bytes, &event.item);
    }
    push_varint(&mut bytes, older.len());
    for seen in older {
        push_time(&mut bytes, &mut before_ms, seen.received_ms);
        bytes.push(u8::from(seen.purchased));
        push_place(&mut bytes, &files, seen.place);
        push_id(&mut bytes, &seen.item);
    }
    bytes
}

/// Reads what [`pack_history`] wrote, in this release or the one before.
///
/// # Errors
/// [`PackedError`] for another format or damaged bytes; [`PackedError::Newer`] is no damage.
pub fn unpack_history(bytes: &[u8]) -> Result<LiveHistory, PackedError> {
    let mut reader = Reader(bytes);
    let history = match reader.u8()? {
        HISTORY_FORMAT => read_history(&mut reader)?,
        PLACELESS_HISTORY_FORMAT => read_placeless_history(&mut reader)?,
        newer @ HISTORY_FORMAT..=LAST_HISTORY_FORMAT => return Err(PackedError::Newer(newer)),
        other => return Err(PackedError::Format(other)),
    };
    reader.end()?;
    Ok(history)
}

fn read_history(reader: &mut Reader<'_>) -> Result<LiveHistory, PackedError> {
    let mut files = Vec::new();
    for _ in 0..reader.varint::<usize>()? {
        files.push(FileId::new(reader.u64()?).ok_or(PackedError::Damaged)?);
    }
    let (mut history, mut before_ms) = (LiveHistory::default(), 0);
    for _ in 0..reader.varint::<usize>()? {
        let received_ms = reader.time(&mut before_ms)?;
        history.recent.push(LiveEvent {
            received_ms,
            event_key: reader.u64()?,
            timestamp_ms: received_ms.wrapping_add(reader.varint()?),
            kind: reader.kind()?,
            place: reader.place(&files)?,
            item: reader.item_id()?,
        });
    }
    for _ in 0..reader.varint::<usize>()? {
        let (received_ms, purchased) = (reader.time(&mut before_ms)?, reader.u8()? != 0);
        let place = reader.place(&files)?;
        history.older.push(LiveSeen { item: reader.item_id()?, purchased, received_ms, place });
    }
    Ok(history)
}

fn read_placeless_history(reader: &mut Reader<'_>) -> Result<LiveHistory, PackedError> {
    let (recents, olders) = (reader.u16()?, reader.u16()?);
    let mut history = LiveHistory::default();
    for _ in 0..recents {
        history.recent.push(LiveEvent {
            received_ms: reader.i64()?,
            event_key: reader.u64()?,
            timestamp_ms: reader.i64()?,
            kind: reader.kind()?,
            item: reader.item_id()?,
            place: None,
        });
    }
    for _ in 0..olders {
        let (received_ms, purchased) = (reader.i64()?, reader.u8()? != 0);
        history.older.push(LiveSeen { item: reader.item_id()?, purchased, received_ms, place: None });
    }
    Ok(history)
}

/// Packs the batch's record of a user: at most 65,535 cached candidates and events.
#[must_use]
pub fn pack_user(user: &BatchUser) -> Vec<u8> {
    let cached = &user.cached[..user.cached.len().min(usize::from(u16::MAX))];
    let history = &user.history[user.history.len().saturating_sub(usize::from(u16::MAX))..];
    let mut bytes = Vec::with_capacity(9 + cached.len() * 8 + history.len() * 21 + user.seen.len() * 4);
    bytes.push(USER_FORMAT);
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
    match reader.u8()? {
        USER_FORMAT => {}
        other => return Err(PackedError::Format(other)),
    }
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

    fn place(end: u64) -> Option<Place> {
        Some(Place { file: FileId::of("a", 1, b"first\n"), end })
    }

    fn event(received_ms: i64) -> LiveEvent {
        let item = ItemId::new("lamp").expect("valid id");
        let (kind, place) = (EventKind::AddToCart, place(1000));
        LiveEvent { received_ms, event_key: 7, timestamp_ms: received_ms - 1, kind, item, place }
    }

    fn older(purchased: bool) -> LiveSeen {
        LiveSeen { purchased, ..event(3).into() }
    }

    #[test]
    fn a_packed_history_has_the_size_that_its_numbers_take_and_reads_back() {
        let history = LiveHistory { recent: vec![event(1), event(2)], older: vec![older(true)] };
        let bytes = pack_history(&history);
        // The format, how many of each, one file; per event a byte each for both times, the kind, the file's row and
        // the id's length, 8 for the key, 2 for the offset; what is older has neither key, kind nor second time.
        assert_eq!(bytes.len(), 4 + 8 + 2 * (15 + 4) + (6 - 1 + 1 + 4));
        assert_eq!(unpack_history(&bytes), Ok(history));
    }

    #[test]
    fn a_history_of_events_seconds_apart_takes_the_documented_bytes() {
        let at = |number: i64| 1_790_000_000_000 + 30_000 * number;
        let recent: Vec<LiveEvent> = (0..100).map(|n| LiveEvent { place: place(50_000_000), ..event(at(n)) }).collect();
        let bytes = pack_history(&LiveHistory { recent, older: Vec::new() });
        assert!(bytes.len() <= 5 + 8 + 100 * (20 + 4), "{}", bytes.len());
    }

    #[test]
    fn a_history_of_the_release_before_is_read_without_places() {
        let mut bytes = vec![1, 1, 0, 1, 0];
        bytes.extend([5i64.to_le_bytes(), 7u64.to_le_bytes(), 4i64.to_le_bytes()].concat());
        bytes.extend(b"\x01\x04lamp");
        bytes.extend(3i64.to_le_bytes());
        bytes.extend(b"\x01\x04lamp");
        let recent = vec![LiveEvent { place: None, ..event(5) }];
        let older = vec![LiveSeen { place: None, ..older(true) }];
        assert_eq!(unpack_history(&bytes), Ok(LiveHistory { recent, older }));
        bytes[0] = 3;
        assert_eq!(unpack_history(&bytes), Err(PackedError::Newer(3)));
        bytes[0] = 32;
        assert_eq!(unpack_history(&bytes), Err(PackedError::Format(32)));
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

    proptest! {
        #[test]
        fn any_history_reads_back(
            events in prop::collection::vec((any::<i64>(), any::<i64>(), any::<u64>(), 0u64..4, any::<u64>()), 0..20),
            split in 0usize..20,
        ) {
            let event = |&(received_ms, timestamp_ms, event_key, file, end): &(i64, i64, u64, u64, u64)| {
                let place = FileId::new(file).map(|file| Place { file, end });
                LiveEvent { received_ms, timestamp_ms, event_key, place, ..event(0) }
            };
            let mut recent: Vec<LiveEvent> = events.iter().map(event).collect();
            let older = recent.split_off(split.min(recent.len())).into_iter().map(LiveSeen::from).collect();
            let history = LiveHistory { recent, older };
            prop_assert_eq!(unpack_history(&pack_history(&history)), Ok(history));
        }

        #[test]
        fn damaged_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = unpack_history(&bytes);
            let _ = unpack_user(&bytes);
        }
    }
}
