//! Parquet files, read row group by row group, and only the wanted columns.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use polars_arrow::array::Array;

use super::batch::{Batch, NoRow, ROWS, RowAt, RowValues, Unreadable};
use super::columns::{Column, ColumnRows};
use super::elements::{Elements, of_records, of_rows, picked, whole};
use super::form::Form;
use super::path::{Step, place, same_name, steps, without_picks};
use super::quiet::guarded;
use super::text::{Texts, texts};
use super::{Batches, Take, Wanted};
use crate::log::ingest::IngestError;
use crate::log::parquet::{Leaf, Parquet, ParquetError};

/// The names of the columns, and the paths within them.
pub fn columns(path: &Path) -> Result<(Vec<String>, Vec<String>), IngestError> {
    let file = Parquet::open(path).map_err(|error| IngestError::read(path, error))?;
    let columns: Vec<String> = file.columns().map(str::to_owned).collect();
    let nested = leaves(path, &file).into_iter().map(|leaf| leaf.path).collect();
    Ok((columns, nested))
}

/// The leaves of all nested columns. One that the library fails on has none: nobody may want it.
fn leaves(path: &Path, file: &Parquet) -> Vec<Leaf> {
    let of = |column| guarded(path, || Ok(file.leaves(column))).unwrap_or_default();
    (0..file.columns().count()).flat_map(of).collect()
}

/// Where a wanted value comes from.
enum Source {
    /// A column.
    Column(usize),
    /// A leaf of a structure.
    Record(usize),
    /// A leaf in a list that gives a row for each element.
    Element(usize),
    /// The leaf of the element whose key has a value.
    Picked { key: usize, value: String, leaf: usize },
    /// All elements of a list.
    Whole(usize),
}

fn source(path: &str, take: Take, columns: &[String], leaves: &[Leaf]) -> Option<Source> {
    let leaf = |path: &str| leaves.iter().position(|leaf| same_name(&leaf.path, path));
    if let Some(column) = place(path, columns) {
        let list = leaf(&format!("{path}[]")).filter(|_| take == Take::Whole);
        return Some(list.map_or(Source::Column(column), Source::Whole));
    }
    let picks: Vec<(String, String)> = steps(path)?
        .into_iter()
        .filter_map(|step| match step {
            Step::Pick { key, value } => Some((key, value)),
            Step::Key(_) | Step::Each => None,
        })
        .collect();
    let at = leaf(&without_picks(path))?;
    match picks.as_slice() {
        [] if leaves[at].path.contains("[]") => Some(Source::Element(at)),
        [] => Some(Source::Record(at)),
        [(key, value)] => {
            let list = path.split('[').next().unwrap_or_default();
            Some(Source::Picked { key: leaf(&format!("{list}[].{key}"))?, value: value.clone(), leaf: at })
        }
        _ => None,
    }
}

/// The wanted columns of a row group.
#[derive(Default)]
struct Group {
    columns: BTreeMap<usize, Box<dyn Array>>,
    leaves: BTreeMap<usize, Elements>,
}

impl Group {
    fn read(&mut self, file: &Parquet, group: usize, source: &Source, leaves: &[Leaf]) -> Result<(), ParquetError> {
        let wanted: &[usize] = match source {
            Source::Column(column) => {
                // A column may be wanted more than once.
                if let Entry::Vacant(place) = self.columns.entry(*column) {
                    place.insert(file.read(group, *column)?);
                }
                &[]
            }
            Source::Record(leaf) | Source::Element(leaf) | Source::Whole(leaf) => &[*leaf],
            Source::Picked { key, leaf, .. } => &[*key, *leaf],
        };
        for &leaf in wanted {
            if let Entry::Vacant(place) = self.leaves.entry(leaf) {
                place.insert(Elements::new(file.read_leaf(group, &leaves[leaf])?));
            }
        }
        Ok(())
    }

    /// The list that gives a row for each element.
    fn list(&self, sources: &[Vec<Source>]) -> Option<&Elements> {
        sources.iter().flatten().find_map(|source| match source {
            Source::Element(leaf) => self.leaves.get(leaf),
            _ => None,
        })
    }
}

/// Reads a file and sends its rows in batches.
pub fn read(form: &Form, wanted: &[Wanted], batches: &Batches) -> Result<(), IngestError> {
    let failed = |error: ParquetError| IngestError::read(&form.path, error);
    let file = Parquet::open(&form.path).map_err(failed)?;
    let leaves = leaves(&form.path, &file);
    let of = |Wanted { paths, take, .. }: &Wanted| {
        paths.iter().filter_map(|path| source(path, *take, &form.columns, &leaves)).collect()
    };
    let sources: Vec<Vec<Source>> = wanted.iter().map(of).collect();
    let groups: Vec<usize> = file.groups().collect();
    let mut number = 0;
    for (at, &rows) in groups.iter().enumerate() {
        let mut group = Group::default();
        for source in sources.iter().flatten() {
            group.read(&file, at, source, &leaves).map_err(failed)?;
        }
        for first in (0..rows).step_by(ROWS) {
            let length = ROWS.min(rows - first);
            let batch = batch(&group, &sources, first, length, number);
            number += length as u64;
            if batches.send(Ok(batch)).is_err() {
                // The receiver is gone: the rest is not wanted.
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The rows of consecutive records of a group.
///
/// * `before`: the number of records of the file before the first.
fn batch(group: &Group, sources: &[Vec<Source>], first: usize, length: usize, before: u64) -> Batch {
    let records = first..first + length;
    let flat: BTreeMap<usize, Texts> =
        group.columns.iter().map(|(&column, array)| (column, texts(&*array.sliced(first, length)))).collect();
    let list = group.list(sources);
    // The record and the element of each row; a record without elements has one row.
    let rows: Option<Vec<(u32, Option<usize>)>> = list.map(|list| list.rows(records.clone()));
    let column = |source: &Source| match source {
        Source::Column(column) => Column::OfRecords(flat[column].values.clone()),
        Source::Record(leaf) => Column::OfRecords(of_records(&group.leaves[leaf], records.clone())),
        Source::Element(leaf) => Column::OfRows(of_rows(&group.leaves[leaf], rows.as_deref().unwrap_or_default())),
        Source::Whole(leaf) => Column::OfRecords(whole(&group.leaves[leaf], records.clone())),
        Source::Picked { key, value, leaf } => {
            Column::OfRecords(picked(&group.leaves[key], value, &group.leaves[leaf], records.clone()))
        }
    };
    let columns = sources.iter().map(|sources| sources.iter().map(column).collect()).collect();
    let mut bad: Vec<usize> = flat.values().flat_map(|texts| &texts.not_utf8).copied().collect();
    bad.sort_unstable();
    bad.dedup();
    let at = |record: u32, element: u32| RowAt { element, ..RowAt::number(before + 1 + u64::from(record)) };
    let positions: Vec<RowAt> = match &rows {
        None => (0..length as u32).map(|record| at(record, 0)).collect(),
        Some(rows) => {
            let mut element = 0;
            let mut last = None;
            rows.iter()
                .map(|(record, _)| {
                    element = if last == Some(*record) { element + 1 } else { 0 };
                    last = Some(*record);
                    at(*record, element)
                })
                .collect()
        }
    };
    let is_bad = |row: &usize| {
        let record = rows.as_ref().map_or(*row, |rows| rows[*row].0 as usize);
        bad.binary_search(&record).is_ok()
    };
    let unreadable = (0..positions.len()).filter(|row| !bad.is_empty() && is_bad(row));
    let unreadable = unreadable.map(|at| Unreadable { at, reason: NoRow::NotText, raw: String::new() }).collect();
    let records = rows.map(|rows| rows.into_iter().map(|(record, _)| record).collect());
    Batch { rows: positions, values: RowValues::Columns(ColumnRows { records, columns }), unreadable }
}
