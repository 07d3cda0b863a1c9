//! The packed little-endian values of a store.
//!
//! | value | bytes |
//! |---|---|
//! | live history | about 6 + 8 · log files + kinds + recent · (20 + id) + older · (13 + id) |
//! | the batch's record of a user | 9 + 8 · cached + 21 · history + 4 · seen |
//! | the same, of a user who blocked items or bought by another kind than `transaction` | 5 instead of 4 · seen |
//!
//! Every value begins with a format byte. In a history, numbers that are mostly small are varints, times are
//! written as the difference from the time before them, and kinds as rows of a table of names; `kinds` above are the
//! lengths of these names, each with a byte.

use integer_encoding::VarInt;

use crate::contract::event_log::{FileId, Place};
use crate::contract::id::{ItemId, ItemIdx};
use crate::contract::kind::{KindIdx, KindName};
use crate::engine::state::{BatchUser, Interaction, LiveEvent, LiveHistory, LiveSeen, SeenItem};
use crate::engine::topk::Scored;

/// The format byte of a user's record in which items are seen or bought.
const USER_FORMAT: u8 = 1;
/// The format byte of a user's record that has the kind of each item seen.
const USER_KINDS_FORMAT: u8 = 2;
/// The format byte of a live history.
const HISTORY_FORMAT: u8 = 3;
/// The format byte of live histories of releases that had three kinds of events.
const THREE_KINDS_HISTORY_FORMAT: u8 = 2;
/// The format byte of live histories of older releases, which did not record places in the event log.
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
    fn kind(&mut self, kinds: &[KindName]) -> Result<KindName, PackedError> {
        kinds.get(self.varint::<usize>()?).cloned().ok_or(PackedError::Damaged)
    }
    /// Reads a text behind its length.
    fn text(&mut self) -> Result<&'a str, PackedError> {
        let length = usize::from(self.u8()?);
        let (text, tail) = self.0.split_at_checked(length).ok_or(PackedError::Damaged)?;
        self.0 = tail;
        std::str::from_utf8(text).map_err(|_| PackedError::Damaged)
    }
    fn item_id(&mut self) -> Result<ItemId, PackedError> {
        ItemId::new(self.text()?).map_err(|_| PackedError::Damaged)
    }
    fn kind_name(&mut self) -> Result<KindName, PackedError> {
        KindName::new(self.text()?).map_err(|_| PackedError::Damaged)
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

/// Appends a text behind its length; ids and names of kinds have at most 255 bytes.
fn push_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(text.len() as u8);
    bytes.extend_from_slice(text.as_bytes());
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
    let mut kinds: Vec<&KindName> =
        recent.iter().map(|event| &event.kind).chain(older.iter().map(|seen| &seen.kind)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let row = |kind: &KindName| kinds.binary_search(&kind).unwrap_or_default();
    let mut bytes = Vec::with_capacity(32 + files.len() * 8 + recent.len() * 40 + older.len() * 26);
    bytes.push(HISTORY_FORMAT);
    push_varint(&mut bytes, files.len());
    files.iter().for_each(|file| bytes.extend(file.get().to_le_bytes()));
    push_varint(&mut bytes, kinds.len());
    kinds.iter().for_each(|kind| push_text(&mut bytes, kind.as_str()));
    let mut before_ms = 0;
    push_varint(&mut bytes, recent.len());
    for event in recent {
        push_time(&mut bytes, &mut before_ms, event.received_ms);
        bytes.extend(event.event_key.to_le_bytes());
        push_varint(&mut bytes, event.timestamp_ms.wrapping_sub(event.received_ms));
        push_varint(&mut bytes, row(&event.kind));
        push_place(&mut bytes, &files, event.place);
        push_text(&mut bytes, event.item.as_str());
    }
    push_varint(&mut bytes, older.len());
    for seen in older {
        push_time(&mut bytes, &mut before_ms, seen.received_ms);
        push_varint(&mut bytes, seen.timestamp_ms.wrapping_sub(seen.received_ms));
        push_varint(&mut bytes, row(&seen.kind));
        push_place(&mut bytes, &files, seen.place);
        push_text(&mut bytes, seen.item.as_str());
    }
    bytes
}

/// Reads what [`pack_history`] wrote, in this release or an older one.
///
/// # Errors
/// [`PackedError`] for another format or damaged bytes; [`PackedError::Newer`] is no damage.
pub fn unpack_history(bytes: &[u8]) -> Result<LiveHistory, PackedError> {
    let mut reader = Reader(bytes);
    let history = match reader.u8()? {
        HISTORY_FORMAT => read_history(&mut reader)?,
        THREE_KINDS_HISTORY_FORMAT => read_history_of_three_kinds(&mut reader)?,
        PLACELESS_HISTORY_FORMAT => read_placeless_history(&mut reader)?,
        newer @ HISTORY_FORMAT..=LAST_HISTORY_FORMAT => return Err(PackedError::Newer(newer)),
        other => return Err(PackedError::Format(other)),
    };
    reader.end()?;
    Ok(history)
}

/// The kinds of releases that had three, by the bytes that they wrote.
fn three_kinds() -> Vec<KindName> {
    vec![KindName::VIEW, KindName::ADD_TO_CART, KindName::TRANSACTION]
}

fn files(reader: &mut Reader<'_>) -> Result<Vec<FileId>, PackedError> {
    let mut files = Vec::new();
    for _ in 0..reader.varint::<usize>()? {
        files.push(FileId::new(reader.u64()?).ok_or(PackedError::Damaged)?);
    }
    Ok(files)
}

fn read_history(reader: &mut Reader<'_>) -> Result<LiveHistory, PackedError> {
    let (files, mut kinds) = (files(reader)?, Vec::new());
    for _ in 0..reader.varint::<usize>()? {
        kinds.push(reader.kind_name()?);
    }
    let (mut history, mut before_ms) = (LiveHistory::default(), 0);
    history.recent = recent(reader, &files, &kinds, &mut before_ms)?;
    for _ in 0..reader.varint::<usize>()? {
        let received_ms = reader.time(&mut before_ms)?;
        let timestamp_ms = received_ms.wrapping_add(reader.varint()?);
        let (kind, place) = (reader.kind(&kinds)?, reader.place(&files)?);
        history.older.push(LiveSeen { item: reader.item_id()?, kind, timestamp_ms, received_ms, place });
    }
    Ok(history)
}

fn recent(
    reader: &mut Reader<'_>,
    files: &[FileId],
    kinds: &[KindName],
    before_ms: &mut i64,
) -> Result<Vec<LiveEvent>, PackedError> {
    let mut recent = Vec::new();
    for _ in 0..reader.varint::<usize>()? {
        let received_ms = reader.time(before_ms)?;
        recent.push(LiveEvent {
            received_ms,
            event_key: reader.u64()?,
            timestamp_ms: received_ms.wrapping_add(reader.varint()?),
            kind: reader.kind(kinds)?,
            place: reader.place(files)?,
            item: reader.item_id()?,
        });
    }
    Ok(recent)
}

/// Reads an item of older events as releases of three kinds wrote it: whether it was bought, and when it arrived last.
fn seen(item: ItemId, bought: u8, received_ms: i64, place: Option<Place>) -> LiveSeen {
    let kind = if bought == 0 { KindName::VIEW } else { KindName::TRANSACTION };
    LiveSeen { item, kind, timestamp_ms: received_ms, received_ms, place }
}

fn read_history_of_three_kinds(reader: &mut Reader<'_>) -> Result<LiveHistory, PackedError> {
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

fn read_placeless_history(reader: &mut Reader<'_>) -> Result<LiveHistory, PackedError> {
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

    fn place(end: u64) -> Option<Place> {
        Some(Place { file: FileId::of("a", 1, b"first\n"), end })
    }

    fn event(received_ms: i64) -> LiveEvent {
        let item = ItemId::new("lamp").expect("valid id");
        let (kind, place) = (KindName::ADD_TO_CART, place(1000));
        LiveEvent { received_ms, event_key: 7, timestamp_ms: received_ms - 1, kind, item, place }
    }

    fn older() -> LiveSeen {
        LiveSeen { kind: KindName::TRANSACTION, timestamp_ms: 3, ..event(3).into() }
    }

    #[test]
    fn a_packed_history_has_the_size_that_its_numbers_take_and_reads_back() {
        let history = LiveHistory { recent: vec![event(1), event(2)], older: vec![older()] };
        let bytes = pack_history(&history);
        // The format, how many of each, one file, two kinds; per event a byte each for both times, the kind, the file's
        // row and the id's length, 8 for the key, 2 for the offset; what is older has no key.
        assert_eq!(bytes.len(), 5 + 8 + (1 + 9) + (1 + 11) + 2 * (15 + 4) + (7 + 4));
        assert_eq!(unpack_history(&bytes), Ok(history));
    }

    #[test]
    fn a_history_of_events_seconds_apart_takes_the_documented_bytes() {
        let at = |number: i64| 1_790_000_000_000 + 30_000 * number;
        let recent: Vec<LiveEvent> = (0..100).map(|n| LiveEvent { place: place(50_000_000), ..event(at(n)) }).collect();
        let bytes = pack_history(&LiveHistory { recent, older: Vec::new() });
        assert!(bytes.len() <= 6 + 8 + 10 + 100 * (20 + 4), "{}", bytes.len());
    }

    #[test]
    fn a_history_of_the_first_format_is_read_without_places() {
        let mut bytes = vec![1, 1, 0, 1, 0];
        bytes.extend([5i64.to_le_bytes(), 7u64.to_le_bytes(), 4i64.to_le_bytes()].concat());
        bytes.extend(b"\x01\x04lamp");
        bytes.extend(3i64.to_le_bytes());
        bytes.extend(b"\x01\x04lamp");
        let recent = vec![LiveEvent { place: None, ..event(5) }];
        let older = vec![LiveSeen { place: None, ..older() }];
        assert_eq!(unpack_history(&bytes), Ok(LiveHistory { recent, older }));
        bytes[0] = 4;
        assert_eq!(unpack_history(&bytes), Err(PackedError::Newer(4)));
        bytes[0] = 32;
        assert_eq!(unpack_history(&bytes), Err(PackedError::Format(32)));
    }

    #[test]
    fn a_history_of_three_kinds_is_read_with_the_names_of_its_kinds() {
        let id = FileId::of("a", 1, b"first\n");
        let mut bytes = vec![2, 1];
        bytes.extend(id.get().to_le_bytes());
        // One event: received at 5, key 7, a millisecond before, an addtocart, offset 1000 of the file, and its item.
        bytes.extend([1, 10]);
        bytes.extend(7u64.to_le_bytes());
        bytes.extend(b"\x01\x01\x01\xe8\x07\x04lamp");
        // An item bought, received 2 ms before that.
        bytes.extend(b"\x01\x03\x01\x01\xe8\x07\x04lamp");
        assert_eq!(unpack_history(&bytes), Ok(LiveHistory { recent: vec![event(5)], older: vec![older()] }));
        bytes[21] = 9;
        assert_eq!(unpack_history(&bytes), Err(PackedError::Damaged));
    }

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
        fn any_history_reads_back(
            events in prop::collection::vec(
                (any::<i64>(), any::<i64>(), any::<u64>(), 0u64..4, any::<u64>(), "[a-z0-9_]{1,2}"),
                0..20,
            ),
            split in 0usize..20,
        ) {
            let event = |(received_ms, timestamp_ms, event_key, file, end, kind): &(i64, i64, u64, u64, u64, String)| {
                let (received_ms, timestamp_ms, event_key) = (*received_ms, *timestamp_ms, *event_key);
                let place = FileId::new(*file).map(|file| Place { file, end: *end });
                let kind = KindName::new(kind).expect("a name");
                LiveEvent { received_ms, timestamp_ms, event_key, place, kind, ..event(0) }
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
