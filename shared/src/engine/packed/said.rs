//! What was said of a user, in the packed live history: fields with their values, and when each was said and where.

use super::PackedError;
use super::bytes::{Reader, push_place, push_text, push_time, push_varint};
use crate::contract::event_log::FileId;
use crate::contract::item_change::{FieldValue, Fields, Latest, Stamp};

/// What a value is, a byte before it.
mod kind {
    pub(super) const NOTHING: u8 = 0;
    pub(super) const NO: u8 = 1;
    pub(super) const YES: u8 = 2;
    pub(super) const NUMBER: u8 = 3;
    pub(super) const TEXT: u8 = 4;
    pub(super) const TEXTS: u8 = 5;
}

/// Appends what was said; texts have at most 255 bytes.
pub(super) fn push_said(bytes: &mut Vec<u8>, files: &[FileId], said: &Fields) {
    push_varint(bytes, said.len());
    let mut before_ms = 0;
    for (field, Latest { stamp, value }) in said {
        push_text(bytes, field);
        push_time(bytes, &mut before_ms, stamp.received_ms);
        push_varint(bytes, stamp.timestamp_ms.wrapping_sub(stamp.received_ms));
        push_place(bytes, files, Some(stamp.place));
        match value {
            None => bytes.push(kind::NOTHING),
            Some(FieldValue::Flag(false)) => bytes.push(kind::NO),
            Some(FieldValue::Flag(true)) => bytes.push(kind::YES),
            Some(FieldValue::Number(number)) => {
                bytes.push(kind::NUMBER);
                bytes.extend(number.to_le_bytes());
            }
            Some(FieldValue::Text(text)) => {
                bytes.push(kind::TEXT);
                push_text(bytes, text);
            }
            Some(FieldValue::Texts(texts)) => {
                bytes.push(kind::TEXTS);
                push_varint(bytes, texts.len());
                texts.iter().for_each(|text| push_text(bytes, text));
            }
        }
    }
}

/// Reads what was said.
pub(super) fn read_said(reader: &mut Reader<'_>, files: &[FileId]) -> Result<Fields, PackedError> {
    let (mut said, mut before_ms) = (Fields::new(), 0);
    for _ in 0..reader.varint::<usize>()? {
        let field = reader.text()?.into();
        let received_ms = reader.time(&mut before_ms)?;
        let timestamp_ms = received_ms.wrapping_add(reader.varint()?);
        let place = reader.place(files)?.ok_or(PackedError::Damaged)?;
        let value = match reader.u8()? {
            kind::NOTHING => None,
            kind::NO => Some(FieldValue::Flag(false)),
            kind::YES => Some(FieldValue::Flag(true)),
            kind::NUMBER => Some(FieldValue::Number(f64::from_le_bytes(reader.array()?))),
            kind::TEXT => Some(FieldValue::Text(reader.text()?.into())),
            kind::TEXTS => {
                let mut texts = Vec::new();
                for _ in 0..reader.varint::<usize>()? {
                    texts.push(reader.text()?.into());
                }
                Some(FieldValue::Texts(texts))
            }
            _ => return Err(PackedError::Damaged),
        };
        said.insert(field, Latest { stamp: Stamp { timestamp_ms, received_ms, place }, value });
    }
    Ok(said)
}
