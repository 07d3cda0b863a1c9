//! CSV files: a header, commas between fields, quotes around fields that hold commas or ends of lines.
//!
//! Empty fields are absent values, and so are the missing last fields of a row that is shorter than the header. A row
//! with more fields than the header is unreadable, since its fields can't be matched to columns.

use std::fs::File;
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use super::batch::{Builder, NoRow, RowAt};
use super::{BUFFER_BYTES, Batches, Wanted, places};
use crate::log::ingest::IngestError;

/// Reads a file and sends its rows in batches.
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
            // The receiver is gone: the rest is not wanted.
            return Ok(());
        }
    }
    let _ = batches.send(Ok(batch.take()));
    Ok(())
}

fn texts(row: &ByteRecord) -> Vec<String> {
    row.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect()
}
