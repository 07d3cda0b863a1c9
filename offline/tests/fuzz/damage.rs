//! What is done to a share of the files, and what may be read of them then.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::bytes;
use super::rows::Records;
use super::shape::{Encoding, Layout, Packed, Shape, pick};
use super::spoil;
use super::truth::{Key, Truth};

/// How much of a file may be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// Nothing: it is whole.
    Nothing,
    /// The rows that were touched.
    Rows,
    /// The file.
    File,
    /// The file, and what is read of it can't be told from other content: nothing in it says what it was.
    Anything,
}

/// What was done to a file.
#[derive(Debug)]
pub struct Damage {
    /// In words.
    pub what: String,
    /// The events whose rows were touched.
    pub touched: Vec<usize>,
    /// Other events that may be read from what was touched.
    pub also: Vec<Key>,
    /// How many events may be read that no one can tell from true ones, such as an id that lost its end with the file.
    pub foreign: usize,
    pub refusal: Refusal,
}

impl Damage {
    pub fn add(&mut self, what: &str, events: &[usize], refusal: Refusal) {
        self.what.push_str(&format!("{}{what} (events {events:?})", if self.what.is_empty() { "" } else { ", " }));
        self.touched.extend_from_slice(events);
        self.refusal = self.refusal.max(refusal);
    }
}

/// The bytes of a file, and what was done to them.
pub fn written(shape: &Shape, truth: &[Truth], mut records: Records, random: &mut ChaCha8Rng) -> (Vec<u8>, Damage) {
    let mut damage =
        Damage { what: String::new(), touched: Vec::new(), also: Vec::new(), foreign: 0, refusal: Refusal::Nothing };
    let packed = |bytes: Vec<u8>| match shape.layout {
        Layout::Parquet => bytes,
        _ => bytes::packed(shape, &bytes),
    };
    let bytes = match random.random_range(0..20) {
        0..10 => whole(shape, &records),
        10 | 11 => return cut_or_broken(shape, &records, damage, random),
        12 if one_byte(shape) => bad_byte(shape, &records, &mut damage, random),
        13 | 14 if shape.layout != Layout::Parquet => cut(shape, &records, &mut damage, random),
        _ => {
            for _ in 0..random.random_range(1..=3) {
                spoil::record(shape, truth, &mut records, &mut damage, random);
            }
            whole(shape, &records)
        }
    };
    (packed(bytes), damage)
}

fn one_byte(shape: &Shape) -> bool {
    matches!(shape.encoding, Encoding::Utf8 | Encoding::Utf8WithMark) && shape.layout != Layout::Parquet
}

/// The file before it is packed.
fn whole(shape: &Shape, records: &Records) -> Vec<u8> {
    match shape.layout {
        Layout::Parquet => bytes::parquet(shape.names.time, &records.columns, &records.records),
        _ => bytes::encoded(shape, bytes::text(shape, &records.columns, &records.records).bytes),
    }
}

/// Cuts the packed file off, or changes one of its bytes.
fn cut_or_broken(shape: &Shape, records: &Records, mut damage: Damage, random: &mut ChaCha8Rng) -> (Vec<u8>, Damage) {
    let mut bytes = whole(shape, records);
    match shape.layout {
        Layout::Parquet => {}
        _ if shape.packed == Packed::No => {
            let bytes = cut(shape, records, &mut damage, random);
            return (bytes, damage);
        }
        _ => bytes = bytes::packed(shape, &bytes),
    }
    if random.random_bool(0.5) {
        bytes.truncate(random.random_range(1..bytes.len()));
        damage.add("cut off as packed", &[], Refusal::File);
        return (bytes, damage);
    }
    let at = random.random_range(10..bytes.len());
    bytes[at] ^= *pick(random, &[1, 0x10, 0x55, 0xff]);
    let parquet = shape.layout == Layout::Parquet;
    damage.add("a changed byte as packed", &[], if parquet { Refusal::Anything } else { Refusal::File });
    (bytes, damage)
}

/// Cuts the text off.
fn cut(shape: &Shape, records: &Records, damage: &mut Damage, random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut text = bytes::text(shape, &records.columns, &records.records);
    let length = text.bytes.len();
    let first = if random.random_bool(0.7) { length.saturating_sub(150) } else { 0 };
    let mut end = random.random_range(first..length);
    let wide = !one_byte(shape);
    while wide && std::str::from_utf8(&text.bytes[..end]).is_err() {
        end -= 1;
    }
    damage.add("cut off", &[], Refusal::File);
    for (record, range) in records.records.iter().zip(&text.records).filter(|(_, range)| range.end > end) {
        damage.touched.extend_from_slice(&record.events);
        let left = &text.bytes[range.start.min(end)..end];
        let fields = matches!(shape.layout, Layout::Delimited(..) | Layout::Headerless);
        let columns = if shape.layout == Layout::Headerless { 5 } else { records.columns.len() };
        // What is left of its last field may be all of it, as far as anybody can tell.
        if fields && range.start < end && bytes::most_fields(shape, left) >= columns {
            damage.foreign += 1;
        }
    }
    text.bytes.truncate(end);
    let mut bytes = bytes::encoded(shape, text.bytes);
    if wide && random.random_bool(0.3) {
        // The last character is half there: it is part of the last record that was kept.
        bytes.pop();
        let last = records.records.iter().zip(&text.records).rfind(|(_, range)| range.start < end);
        damage.touched.extend(last.into_iter().flat_map(|(record, _)| record.events.clone()));
        damage.foreign += 1;
    }
    bytes
}

/// Puts a byte that is no text somewhere behind the header.
fn bad_byte(shape: &Shape, records: &Records, damage: &mut Damage, random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut text = bytes::text(shape, &records.columns, &records.records);
    let first = text.records.first().map_or(0, |range| range.start);
    let at = random.random_range(first..text.bytes.len().max(first + 1));
    if let Some(byte) = text.bytes.get_mut(at) {
        *byte = 0xff;
    }
    damage.add("a byte that is no text", &[], Refusal::File);
    for (record, range) in records.records.iter().zip(&text.records) {
        // A line end that is gone joins two records; in a list, all that follow may be lost.
        let near = range.start <= at + 2 && at <= range.end + 2;
        if near || (shape.layout == Layout::JsonArray && range.start > at) {
            damage.touched.extend_from_slice(&record.events);
        }
    }
    bytes::encoded(shape, text.bytes)
}
