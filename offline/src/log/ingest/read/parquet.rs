//! Parquet files, read row group by row group, and only the wanted columns.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use super::batch::{Batch, NoRow, ROWS, RowAt, RowValues, Unreadable};
use super::columns::{Column, ColumnRows};
use super::form::Form;
use super::path::place;
use super::text::texts;
use super::{Batches, Wanted};
use crate::log::ingest::IngestError;
use crate::log::parquet::{Parquet, ParquetError};

/// The names of the columns, and the paths within them.
pub fn columns(path: &Path) -> Result<(Vec<String>, Vec<String>), IngestError> {
    let file = Parquet::open(path).map_err(|error| IngestError::read(path, error))?;
    Ok((file.columns().map(str::to_owned).collect(), Vec::new()))
}

/// Reads a file and sends its rows in batches.
pub fn read(form: &Form, wanted: &[Wanted], batches: &Batches) -> Result<(), IngestError> {
    let failed = |error: ParquetError| IngestError::read(&form.path, error);
    let mut file = Parquet::open(&form.path).map_err(failed)?;
    let of = |Wanted { paths, .. }: &Wanted| paths.iter().filter_map(|path| place(path, &form.columns)).collect();
    let places: Vec<Vec<usize>> = wanted.iter().map(of).collect();
    let groups: Vec<usize> = file.groups().collect();
    let mut number = 0;
    for (group, &rows) in groups.iter().enumerate() {
        // A column may be wanted more than once.
        let mut columns = BTreeMap::new();
        for &place in places.iter().flatten() {
            if let Entry::Vacant(column) = columns.entry(place) {
                column.insert(file.read(group, place).map_err(failed)?);
            }
        }
        for first in (0..rows).step_by(ROWS) {
            let length = ROWS.min(rows - first);
            let texts: BTreeMap<usize, _> =
                columns.iter().map(|(&place, array)| (place, texts(&*array.sliced(first, length)))).collect();
            let rows = (number + 1..).take(length).map(RowAt::number).collect();
            number += length as u64;
            let unreadable = not_utf8(texts.values().flat_map(|texts| &texts.not_utf8).copied().collect());
            let column = |place: &usize| Column::OfRecords(texts[place].values.clone());
            let columns = places.iter().map(|places| places.iter().map(column).collect()).collect();
            let values = RowValues::Columns(ColumnRows { records: None, columns });
            if batches.send(Ok(Batch { rows, values, unreadable })).is_err() {
                // The receiver is gone: the rest is not wanted.
                return Ok(());
            }
        }
    }
    Ok(())
}

fn not_utf8(mut rows: Vec<usize>) -> Vec<Unreadable> {
    rows.sort_unstable();
    rows.dedup();
    rows.into_iter().map(|at| Unreadable { at, reason: NoRow::NotUtf8, raw: String::new() }).collect()
}
