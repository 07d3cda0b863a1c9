//! Labelled rows as Parquet files, for the trees here and in other programs.
//!
//! A file has a column for each feature, `label`, and `group`: rows of a group stand beside each other and are ranked
//! among themselves; without it each row is its own group. Columns of text are categories, where a missing value is one as
//! well: the empty text.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use anyhow::Context;
use polars::prelude::{Column, DataFrame, DataType, ParquetReader, ParquetWriter, SerReader};

use crate::trees::Rows;
use crate::trees::encode::Category;

/// The name of the column with the labels.
const LABEL: &str = "label";
/// The name of the column with the groups.
const GROUP: &str = "group";

/// What a file holds.
#[derive(Debug, Default)]
pub struct Table {
    /// The names of the numbers' columns.
    pub names: Vec<String>,
    /// Numbers and labels.
    pub rows: Rows,
    /// The columns of text, by name.
    pub categories: BTreeMap<String, Category>,
}

/// Writes rows; `names` are those of their columns.
///
/// # Errors
/// When the file can't be written.
pub fn write(rows: &Rows, names: &[String], path: &Path) -> anyhow::Result<()> {
    let groups: Vec<u32> =
        (0..).zip(rows.groups.windows(2)).flat_map(|(group, bounds)| vec![group; bounds[1] - bounds[0]]).collect();
    let features = names.iter().zip(&rows.columns).map(|(name, values)| Column::new(name.as_str().into(), values));
    let others = [Column::new(LABEL.into(), &rows.labels), Column::new(GROUP.into(), groups)];
    let mut frame = DataFrame::new(rows.len(), features.chain(others).collect())?;
    let file = File::create(path).with_context(|| path.display().to_string())?;
    ParquetWriter::new(file).finish(&mut frame).with_context(|| path.display().to_string())?;
    Ok(())
}

/// Reads rows.
///
/// # Errors
/// When the file can't be read, a column is neither number nor text, or there are no labels.
pub fn read(path: &Path) -> anyhow::Result<Table> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let frame = ParquetReader::new(file).finish().with_context(|| path.display().to_string())?;
    let mut table = Table { rows: Rows::new(0), ..Table::default() };
    for column in frame.columns() {
        let name = column.name().as_str();
        if name == GROUP {
            continue;
        }
        if name != LABEL && column.dtype() == &DataType::String {
            table.categories.insert(name.to_owned(), column.str()?.iter().map(Option::unwrap_or_default).collect());
            continue;
        }
        let values = numbers(column, &DataType::Float32, path)?;
        let values: Vec<f32> = values.f32()?.iter().map(|value| value.unwrap_or(f32::NAN)).collect();
        if name == LABEL {
            if let Some(row) = values.iter().position(|label| label.is_nan()) {
                anyhow::bail!("{}: row {row} has no label", path.display());
            }
            table.rows.labels = values;
        } else {
            table.names.push(name.to_owned());
            table.rows.columns.push(values);
        }
    }
    let rows = &mut table.rows;
    anyhow::ensure!(frame.column(LABEL).is_ok(), "{}: there is no column {LABEL}", path.display());
    match frame.column(GROUP) {
        Ok(groups) => {
            let groups = numbers(groups, &DataType::Int64, path)?;
            let groups: Vec<Option<i64>> = groups.i64()?.iter().collect();
            let changes = (1..groups.len()).filter(|&at| groups[at] != groups[at - 1]);
            rows.groups.extend(changes.chain([groups.len()]));
        }
        Err(_) => rows.groups = (0..=rows.labels.len()).collect(),
    }
    Ok(table)
}

fn numbers(column: &Column, kind: &DataType, path: &Path) -> anyhow::Result<Column> {
    column.strict_cast(kind).with_context(|| format!("{}: column {} is no number", path.display(), column.name()))
}
