//! CSV files: a header, commas between fields, quotes around fields that hold commas or ends of lines.
//!
//! Empty fields, and the last ones of a row with fewer than the header, are absent values. Of a row with more fields than
//! the header nobody can tell which is which: it is unreadable.

use std::fs::File;
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use super::batch::{Builder, NoRow, RowAt};
use super::{BUFFER_BYTES, Batches, Wanted, places};
use crate::ingest::IngestError;

/// Reads a file; its rows are sent in batches.
pub fn read(path: &Path, wanted: &[Wanted], section: &'static str, batches: &Batches) -> Result<(), IngestError> {
    let failed = |error: csv::Error| IngestError::read(path, error);
    let file = File::open(path).map_err(|error| IngestError::read(path, error))?;
    let mut reader = ReaderBuilder::new().flexible(true).buffer_capacity(BUFFER_BYTES).from_reader(file);
    let there = texts(reader.byte_headers().map_err(failed)?);
    let places = places(path, wanted, &there, section)?;
    let (mut batch, mut row, mut number) = (Builder::new(places.len()), ByteRecord::new(), 0);
    while reader.read_byte_record(&mut row).map_err(failed)? {
        number += 1;
        if row.len() > there.len() {
            batch.push_unreadable(RowAt::number(number), NoRow::MoreFields, texts(&row));
        } else {
            let value = |place: &Option<usize>| row.get((*place)?).filter(|field| !field.is_empty());
            batch.push(RowAt::number(number), places.iter().map(value));
        }
        if batch.is_full() && batches.send(Ok(batch.take())).is_err() {
            // Nobody wants the rest.
            return Ok(());
        }
    }
    let _ = batches.send(Ok(batch.take()));
    Ok(())
}

fn texts(row: &ByteRecord) -> Vec<String> {
    row.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect()
}
