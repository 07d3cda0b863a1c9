//! The merges of a live history: each with a history of its own behind its length.

use super::PackedError;
use super::bytes::{Reader, push_text, push_varint};
use super::history::{pack_history, unpack_part};
use crate::contract::event_log::{FileId, Place};
use crate::engine::state::{LiveHistory, Merges, Move, Taken};

pub(super) fn push_merges(bytes: &mut Vec<u8>, merges: &Merges) {
    let Merges { moves, taken } = merges;
    push_varint(bytes, moves.len());
    for of in moves {
        push_text(bytes, of.into.as_str());
        bytes.extend(of.received_ms.to_le_bytes());
        push_whole_place(bytes, of.place);
        bytes.push(u8::from(of.undone));
        bytes.push(u8::from(of.erased_ms.is_some()));
        bytes.extend(of.erased_ms.iter().flat_map(|at_ms| at_ms.to_le_bytes()));
        push_held(bytes, of.version, &of.held);
    }
    push_varint(bytes, taken.len());
    for of in taken {
        push_text(bytes, of.from.as_str());
        bytes.extend(of.received_ms.to_le_bytes());
        push_held(bytes, of.version, &of.held);
        push_varint(bytes, of.records.len());
        for (user, place) in &of.records {
            push_text(bytes, user.as_str());
            push_whole_place(bytes, *place);
        }
    }
}

fn push_held(bytes: &mut Vec<u8>, version: u64, held: &LiveHistory) {
    bytes.extend(version.to_le_bytes());
    let held = pack_history(held);
    push_varint(bytes, held.len());
    bytes.extend(held);
}

/// Appends a place with the whole id of its file: lines of merges are in other files than events.
fn push_whole_place(bytes: &mut Vec<u8>, place: Option<Place>) {
    bytes.extend(place.map_or(0, |place| place.file.get()).to_le_bytes());
    if let Some(place) = place {
        push_varint(bytes, place.end);
    }
}

pub(super) fn read_merges(reader: &mut Reader<'_>) -> Result<Merges, PackedError> {
    let mut merges = Merges::default();
    for _ in 0..reader.varint::<usize>()? {
        let (into, received_ms, place) = (reader.user_id()?, reader.i64()?, whole_place(reader)?);
        let undone = flag(reader)?;
        let erased_ms = if flag(reader)? { Some(reader.i64()?) } else { None };
        let (version, held) = held(reader)?;
        merges.moves.push(Move { into, received_ms, place, undone, erased_ms, version, held });
    }
    for _ in 0..reader.varint::<usize>()? {
        let (from, received_ms) = (reader.user_id()?, reader.i64()?);
        let (version, held) = held(reader)?;
        let mut records = Vec::new();
        for _ in 0..reader.varint::<usize>()? {
            records.push((reader.user_id()?, whole_place(reader)?));
        }
        merges.taken.push(Taken { from, received_ms, version, held, records });
    }
    Ok(merges)
}

fn held(reader: &mut Reader<'_>) -> Result<(u64, LiveHistory), PackedError> {
    Ok((reader.u64()?, unpack_part(reader.bytes()?)?))
}

fn flag(reader: &mut Reader<'_>) -> Result<bool, PackedError> {
    match reader.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(PackedError::Damaged),
    }
}

fn whole_place(reader: &mut Reader<'_>) -> Result<Option<Place>, PackedError> {
    FileId::new(reader.u64()?).map(|file| Ok(Place { file, end: reader.varint()? })).transpose()
}
