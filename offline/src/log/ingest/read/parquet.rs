//! Parquet files, read row group by row group, and only the wanted columns.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use super::batch::{Batch, ROWS, RowAt};
use super::text::texts;
use super::{Batches, Needed, Wanted, places};
use crate::log::ingest::IngestError;
use crate::log::parquet::{Parquet, ParquetError};

/// Reads a file and sends its rows in batches.
pub fn read(path: &Path, wanted: &[Wanted], section: &'static str, batches: &Batches) -> Result<(), IngestError> {
    let failed = |error: ParquetError| IngestError::read(path, error);
    let mut file = Parquet::open(path).map_err(failed)?;
    let there: Vec<String> = file.columns().map(str::to_owned).collect();
    let places = places(path, wanted, &there, section)?;
    let groups: Vec<usize> = file.groups().collect();
    let mut number = 0;
    for (group, &rows) in groups.iter().enumerate() {
        // A column may be wanted more than once.
        let mut columns = BTreeMap::new();
        for (wanted, place) in wanted.iter().zip(&places) {
            let Some(place) = *place else { continue };
            if let Entry::Vacant(column) = columns.entry(place) {
                let array = match wanted.needed {
                    Needed::YesOrLists => file.read_lists(group, place),
                    Needed::Yes | Needed::No => file.read(group, place),
                };
                column.insert(array.map_err(failed)?);
            }
        }
        for first in (0..rows).step_by(ROWS) {
            let length = ROWS.min(rows - first);
            let texts: BTreeMap<usize, _> =
                columns.iter().map(|(&place, array)| (place, texts(&*array.sliced(first, length)))).collect();
            let rows = (number + 1..).take(length).map(RowAt::number).collect();
            number += length as u64;
            let columns = places.iter().map(|place| texts.get(&(*place)?).cloned()).collect();
            if batches.send(Ok(Batch::new(rows, columns, Vec::new()))).is_err() {
                // The receiver is gone: the rest is not wanted.
                return Ok(());
            }
        }
    }
    Ok(())
}
