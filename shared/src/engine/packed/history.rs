//! Live histories.

use super::PackedError;
use super::bytes::{Reader, push_place, push_text, push_time, push_varint};
use super::merges::{push_merges, read_merges};
use super::older::{read_history_of_three_kinds, read_placeless_history};
use super::said::{push_said, read_said};
use crate::contract::event_log::FileId;
use crate::contract::kind::KindName;
use crate::engine::state::{LiveErasure, LiveEvent, LiveHistory, LiveSeen};

/// The format byte of a live history with sections: behind it a byte of flags says which of them follow the rest, in the
/// order of [`flag`]. It is written only where there is a section that older releases do not know.
const SECTIONS_HISTORY_FORMAT: u8 = 5;
/// The format byte of a live history with an erasure, which follows the rest.
const ERASED_HISTORY_FORMAT: u8 = 4;
/// The format byte of a live history with neither.
const HISTORY_FORMAT: u8 = 3;
/// The format byte of live histories of releases that had three kinds of events.
const THREE_KINDS_HISTORY_FORMAT: u8 = 2;
/// The format byte of live histories of older releases, which did not record places in the event log.
const PLACELESS_HISTORY_FORMAT: u8 = 1;
/// The last format byte that a release will ever use for a live history; larger ones are damage.
const LAST_HISTORY_FORMAT: u8 = 31;

/// The sections of [`SECTIONS_HISTORY_FORMAT`], a bit each. A bit that this release does not know is a newer release's.
mod flag {
    /// The erasure.
    pub(super) const ERASED: u8 = 1;
    /// What was merged.
    pub(super) const MERGES: u8 = 2;
    /// What was said of the user.
    pub(super) const PROFILE: u8 = 4;
    /// Those that are read here.
    pub(super) const KNOWN: u8 = ERASED | MERGES | PROFILE;
}

/// Packs a live history.
#[must_use]
pub fn pack_history(history: &LiveHistory) -> Vec<u8> {
    let LiveHistory { recent, older, erased, merges, said } = history;
    let places = recent.iter().map(|event| event.place).chain(older.iter().map(|seen| seen.place));
    let places = places.chain(erased.iter().map(|erased| erased.place));
    let places = places.chain(said.values().map(|latest| Some(latest.stamp.place)));
    let mut files: Vec<FileId> = places.flatten().map(|place| place.file).collect();
    files.sort_unstable();
    files.dedup();
    let mut kinds: Vec<&KindName> =
        recent.iter().map(|event| &event.kind).chain(older.iter().map(|seen| &seen.kind)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let row = |kind: &KindName| kinds.binary_search(&kind).unwrap_or_default();
    let mut bytes = Vec::with_capacity(32 + files.len() * 8 + recent.len() * 40 + older.len() * 26);
    let flags =
        [(erased.is_some(), flag::ERASED), (!merges.is_empty(), flag::MERGES), (!said.is_empty(), flag::PROFILE)];
    match flags.into_iter().filter(|(has, _)| *has).map(|(_, flag)| flag).sum::<u8>() {
        0 => bytes.push(HISTORY_FORMAT),
        flag::ERASED => bytes.push(ERASED_HISTORY_FORMAT),
        flags => bytes.extend([SECTIONS_HISTORY_FORMAT, flags]),
    }
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
    if let Some(erased) = erased {
        bytes.extend(erased.received_ms.to_le_bytes());
        push_place(&mut bytes, &files, erased.place);
    }
    if !merges.is_empty() {
        push_merges(&mut bytes, merges);
    }
    if !said.is_empty() {
        push_said(&mut bytes, &files, said);
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
        HISTORY_FORMAT => read_history(&mut reader)?.0,
        ERASED_HISTORY_FORMAT => {
            let (history, files) = read_history(&mut reader)?;
            LiveHistory { erased: Some(read_erasure(&mut reader, &files)?), ..history }
        }
        SECTIONS_HISTORY_FORMAT => {
            let flags = reader.u8()?;
            if flags & !flag::KNOWN != 0 {
                return Err(PackedError::Newer(SECTIONS_HISTORY_FORMAT));
            }
            let (mut history, files) = read_history(&mut reader)?;
            if flags & flag::ERASED != 0 {
                history.erased = Some(read_erasure(&mut reader, &files)?);
            }
            if flags & flag::MERGES != 0 {
                history.merges = read_merges(&mut reader)?;
            }
            if flags & flag::PROFILE != 0 {
                history.said = read_said(&mut reader, &files)?;
            }
            history
        }
        THREE_KINDS_HISTORY_FORMAT => read_history_of_three_kinds(&mut reader)?,
        PLACELESS_HISTORY_FORMAT => read_placeless_history(&mut reader)?,
        newer @ SECTIONS_HISTORY_FORMAT..=LAST_HISTORY_FORMAT => return Err(PackedError::Newer(newer)),
        other => return Err(PackedError::Format(other)),
    };
    reader.end()?;
    Ok(history)
}

pub(super) fn files(reader: &mut Reader<'_>) -> Result<Vec<FileId>, PackedError> {
    let mut files = Vec::new();
    for _ in 0..reader.varint::<usize>()? {
        files.push(FileId::new(reader.u64()?).ok_or(PackedError::Damaged)?);
    }
    Ok(files)
}

/// Reads a history that is a part of another one: it has events and items alone.
///
/// # Errors
/// [`PackedError`] for another format, which no part has, or damaged bytes.
pub(super) fn unpack_part(bytes: &[u8]) -> Result<LiveHistory, PackedError> {
    let mut reader = Reader(bytes);
    match reader.u8()? {
        HISTORY_FORMAT => {
            let history = read_history(&mut reader)?.0;
            reader.end().map(|()| history)
        }
        _ => Err(PackedError::Damaged),
    }
}

fn read_erasure(reader: &mut Reader<'_>, files: &[FileId]) -> Result<LiveErasure, PackedError> {
    Ok(LiveErasure { received_ms: reader.i64()?, place: reader.place(files)? })
}

/// Reads a history without an erasure, and the files that its places name.
fn read_history(reader: &mut Reader<'_>) -> Result<(LiveHistory, Vec<FileId>), PackedError> {
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
    Ok((history, files))
}

pub(super) fn recent(
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::contract::event_log::Place;
    use crate::contract::id::{ItemId, UserId};
    use crate::contract::item_change::{FieldValue, Fields, Latest, Stamp};
    use crate::engine::state::{Merges, Move, Taken};

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
        let history = LiveHistory { recent: vec![event(1), event(2)], older: vec![older()], ..LiveHistory::default() };
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
        let bytes = pack_history(&LiveHistory { recent, ..LiveHistory::default() });
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
        assert_eq!(unpack_history(&bytes), Ok(LiveHistory { recent, older, ..LiveHistory::default() }));
        bytes[0] = 6;
        assert_eq!(unpack_history(&bytes), Err(PackedError::Newer(6)));
        bytes[0] = 32;
        assert_eq!(unpack_history(&bytes), Err(PackedError::Format(32)));
    }

    #[test]
    fn a_history_with_sections_is_read_unless_one_is_of_a_newer_release() {
        let erased = Some(LiveErasure { received_ms: 9, place: place(40) });
        let history = LiveHistory { recent: vec![event(5)], older: vec![older()], erased, ..LiveHistory::default() };
        let mut bytes = pack_history(&history);
        assert_eq!(bytes[0], 4, "older releases read it");
        bytes.splice(..1, [5, 1]);
        assert_eq!(unpack_history(&bytes), Ok(history));
        bytes[1] = flag::ERASED | 1 << 7;
        assert_eq!(unpack_history(&bytes), Err(PackedError::Newer(5)));
    }

    #[test]
    fn what_was_said_of_a_user_takes_the_documented_bytes() {
        let place = place(50_000_000).expect("a place");
        let stamp = Stamp { timestamp_ms: 1_790_000_000_000, received_ms: 1_790_000_000_000, place };
        let said = [("age".into(), Latest { stamp, value: Some(FieldValue::Text("34".into())) })].into();
        let history = LiveHistory { said, ..LiveHistory::default() };
        let bytes = pack_history(&history);
        // Two bytes of format, how many of each, the file; a field: its name, times, place, and value.
        assert_eq!(bytes.len(), 2 + 4 + 8 + 1 + (1 + 3) + (6 + 1) + (1 + 4) + (1 + 1 + 2));
        assert_eq!(unpack_history(&bytes), Ok(history));
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
        let history = LiveHistory { recent: vec![event(5)], older: vec![older()], ..LiveHistory::default() };
        assert_eq!(unpack_history(&bytes), Ok(history));
        bytes[21] = 9;
        assert_eq!(unpack_history(&bytes), Err(PackedError::Damaged));
    }

    proptest! {
        #[test]
        fn any_history_reads_back(
            events in prop::collection::vec(
                (any::<i64>(), any::<i64>(), any::<u64>(), 0u64..4, any::<u64>(), "[a-z0-9_]{1,2}"),
                0..20,
            ),
            split in 0usize..20,
            erased in prop::option::of((any::<i64>(), 0u64..4)),
            said in prop::collection::vec(("[a-zä]{1,9}", any::<i64>(), any::<i64>(), any::<u64>(), 0usize..6), 0..5),
        ) {
            let said_of = |(field, received_ms, timestamp_ms, end, kind): (String, i64, i64, u64, usize)| {
                let place = Place { file: FileId::new(1 + end % 3).expect("not 0"), end };
                let value = [
                    None,
                    Some(FieldValue::Flag(true)),
                    Some(FieldValue::Flag(false)),
                    Some(FieldValue::Number(end as f64 / 3.0)),
                    Some(FieldValue::Text(field.as_str().into())),
                    Some(FieldValue::Texts(vec!["a".into(), field.as_str().into()])),
                ];
                let stamp = Stamp { timestamp_ms, received_ms, place };
                (Box::from(field.as_str()), Latest { stamp, value: value[kind].clone() })
            };
            let event = |(received_ms, timestamp_ms, event_key, file, end, kind): &(i64, i64, u64, u64, u64, String)| {
                let (received_ms, timestamp_ms, event_key) = (*received_ms, *timestamp_ms, *event_key);
                let place = FileId::new(*file).map(|file| Place { file, end: *end });
                let kind = KindName::new(kind).expect("a name");
                LiveEvent { received_ms, timestamp_ms, event_key, place, kind, ..event(0) }
            };
            let mut recent: Vec<LiveEvent> = events.iter().map(event).collect();
            let older = recent.split_off(split.min(recent.len())).into_iter().map(LiveSeen::from).collect();
            let erased = erased.map(|(received_ms, file)| {
                LiveErasure { received_ms, place: FileId::new(file).map(|file| Place { file, end: 9 }) }
            });
            let said: Fields = said.into_iter().map(said_of).collect();
            let mut history = LiveHistory { recent, older, erased, said: said.clone(), ..LiveHistory::default() };
            prop_assert_eq!(unpack_history(&pack_history(&history)), Ok(history.clone()));
            // What moves has events and items alone.
            let held = LiveHistory { erased: None, said: Fields::new(), ..history.clone() };
            let (into, from) = (UserId::new("u1").expect("an id"), UserId::new("session:S").expect("an id"));
            let place = history.recent.first().and_then(|event| event.place);
            let records = vec![(from.clone(), place), (into.clone(), None)];
            let erased_ms = erased.map(|erased| erased.received_ms);
            let moved = Move { into, received_ms: 5, place, undone: split % 2 == 0, erased_ms, version: 7, held: held.clone() };
            let taken = Taken { from, received_ms: 4, version: u64::MAX, held, records };
            history.merges = Merges { moves: vec![moved], taken: vec![taken] };
            prop_assert_eq!(unpack_history(&pack_history(&history)), Ok(history.clone()));
            history.said = Fields::new();
            prop_assert_eq!(unpack_history(&pack_history(&history)), Ok(history));
        }

        #[test]
        fn damaged_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = unpack_history(&bytes);
        }
    }
}
