//! Little-endian values, varints and texts at the ends of byte strings.

use integer_encoding::VarInt;

use super::PackedError;
use crate::contract::event_log::{FileId, Place};
use crate::contract::id::{ItemId, UserId};
use crate::contract::kind::KindName;

/// Takes little-endian values off the front of a byte string.
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], PackedError> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or(PackedError::Damaged)?;
        self.0 = tail;
        Ok(*head)
    }
    pub(super) fn u8(&mut self) -> Result<u8, PackedError> {
        self.array::<1>().map(|[byte]| byte)
    }
    pub(super) fn u16(&mut self) -> Result<u16, PackedError> {
        self.array().map(u16::from_le_bytes)
    }
    pub(super) fn u32(&mut self) -> Result<u32, PackedError> {
        self.array().map(u32::from_le_bytes)
    }
    pub(super) fn u64(&mut self) -> Result<u64, PackedError> {
        self.array().map(u64::from_le_bytes)
    }
    pub(super) fn i64(&mut self) -> Result<i64, PackedError> {
        self.array().map(i64::from_le_bytes)
    }
    pub(super) fn kind(&mut self, kinds: &[KindName]) -> Result<KindName, PackedError> {
        kinds.get(self.varint::<usize>()?).cloned().ok_or(PackedError::Damaged)
    }
    /// Reads a text behind its length.
    pub(super) fn text(&mut self) -> Result<&'a str, PackedError> {
        let length = usize::from(self.u8()?);
        let (text, tail) = self.0.split_at_checked(length).ok_or(PackedError::Damaged)?;
        self.0 = tail;
        std::str::from_utf8(text).map_err(|_| PackedError::Damaged)
    }
    pub(super) fn item_id(&mut self) -> Result<ItemId, PackedError> {
        ItemId::new(self.text()?).map_err(|_| PackedError::Damaged)
    }
    pub(super) fn user_id(&mut self) -> Result<UserId, PackedError> {
        UserId::new(self.text()?).map_err(|_| PackedError::Damaged)
    }
    /// Reads bytes behind their number.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], PackedError> {
        let length = self.varint::<usize>()?;
        let (bytes, tail) = self.0.split_at_checked(length).ok_or(PackedError::Damaged)?;
        self.0 = tail;
        Ok(bytes)
    }
    pub(super) fn kind_name(&mut self) -> Result<KindName, PackedError> {
        KindName::new(self.text()?).map_err(|_| PackedError::Damaged)
    }
    pub(super) fn varint<V: VarInt>(&mut self) -> Result<V, PackedError> {
        let (value, length) = V::decode_var(self.0).ok_or(PackedError::Damaged)?;
        self.0 = &self.0[length..];
        Ok(value)
    }
    /// Reads a time that is stored as the difference from `before`, and sets `before` to it.
    pub(super) fn time(&mut self, before: &mut i64) -> Result<i64, PackedError> {
        *before = before.wrapping_add(self.varint()?);
        Ok(*before)
    }
    pub(super) fn place(&mut self, files: &[FileId]) -> Result<Option<Place>, PackedError> {
        match self.varint::<usize>()?.checked_sub(1) {
            None => Ok(None),
            Some(at) => {
                let file = *files.get(at).ok_or(PackedError::Damaged)?;
                Ok(Some(Place { file, end: self.varint()? }))
            }
        }
    }
    pub(super) fn end(self) -> Result<(), PackedError> {
        if self.0.is_empty() { Ok(()) } else { Err(PackedError::Damaged) }
    }
}

/// Appends a text behind its length; ids and names of kinds have at most 255 bytes.
pub(super) fn push_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(text.len() as u8);
    bytes.extend_from_slice(text.as_bytes());
}

pub(super) fn push_varint(bytes: &mut Vec<u8>, value: impl VarInt) {
    let start = bytes.len();
    bytes.resize(start + value.required_space(), 0);
    value.encode_var(&mut bytes[start..]);
}

/// Appends a time as the difference from `before`, and sets `before` to it.
pub(super) fn push_time(bytes: &mut Vec<u8>, before: &mut i64, time: i64) {
    push_varint(bytes, time.wrapping_sub(*before));
    *before = time;
}

/// Appends a place: the row of its file in `files` plus 1, and the offset; or 0 for none.
pub(super) fn push_place(bytes: &mut Vec<u8>, files: &[FileId], place: Option<Place>) {
    let row = |place: &Place| files.binary_search(&place.file).ok();
    match place.and_then(|place| Some((row(&place)?, place.end))) {
        Some((row, end)) => {
            push_varint(bytes, row + 1);
            push_varint(bytes, end);
        }
        None => push_varint(bytes, 0u64),
    }
}
