//! Reads and writes labelled rows as Parquet files, for the trees here and in other programs.
//!
//! A file has a column for each feature, `label`, and `group`: the rows of a group are consecutive and are ranked
//! within the group; without the column each row is its own group. Columns of text are categories, in which a missing
//! value counts as a category of its own, the empty text.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use polars_arrow::array::{Array, PrimitiveArray, Utf8ViewArray};
use polars_arrow::datatypes::ArrowDataType;
use polars_arrow::types::NativeType;
use polars_compute::cast::cast_default;

use crate::log::parquet::{self, Parquet};
use crate::trees::Rows;
use crate::trees::encode::Category;

/// The name of the column with the labels.
const LABEL: &str = "label";
/// The name of the column with the groups.
const GROUP: &str = "group";

/// The content of a file.
#[derive(Debug, Default)]
pub struct Table {
    /// The names of the columns of numbers.
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
    let names = names.iter().map(String::as_str).chain([LABEL]);
    let numbers = rows.columns.iter().chain([&rows.labels]).map(|values| PrimitiveArray::from_slice(values).boxed());
    let columns = names.zip(numbers).chain([(GROUP, PrimitiveArray::from_vec(groups).boxed())]).collect();
    parquet::write(path, columns).with_context(|| path.display().to_string())
}

/// Reads rows.
///
/// # Errors
/// When the file can't be read, a column is neither number nor text, or there are no labels.
pub fn read(path: &Path) -> anyhow::Result<Table> {
    let mut table = Table { rows: Rows::new(0), ..Table::default() };
    let mut file = Parquet::open(path).with_context(|| path.display().to_string())?;
    let names: Vec<String> = file.columns().map(str::to_owned).collect();
    anyhow::ensure!(names.iter().any(|name| name == LABEL), "{}: there is no column {LABEL}", path.display());
    let mut groups = None;
    for (place, name) in names.into_iter().enumerate() {
        let column = file.column(place).with_context(|| path.display().to_string())?;
        let no_number = || format!("{}: column {name} is no number", path.display());
        if name == GROUP {
            groups = Some(numbers::<i64>(&*column, &ArrowDataType::Int64).with_context(no_number)?);
        } else if name != LABEL && column.dtype() == &ArrowDataType::BinaryView {
            let category = category(&*column).with_context(|| format!("{}: column {name}", path.display()))?;
            table.categories.insert(name, category);
        } else {
            let values = numbers::<f32>(&*column, &ArrowDataType::Float32).with_context(no_number)?;
            let values = values.iter().map(|value| value.copied().unwrap_or(f32::NAN)).collect();
            if name == LABEL {
                table.rows.labels = values;
            } else {
                table.names.push(name);
                table.rows.columns.push(values);
            }
        }
    }
    let rows = &mut table.rows;
    if let Some(row) = rows.labels.iter().position(|label| label.is_nan()) {
        anyhow::bail!("{}: row {row} has no label", path.display());
    }
    match groups {
        Some(groups) => {
            let groups: Vec<Option<&i64>> = groups.iter().collect();
            let changes = (1..groups.len()).filter(|&at| groups[at] != groups[at - 1]);
            rows.groups.extend(changes.chain([groups.len()]));
        }
        None => rows.groups = (0..=rows.labels.len()).collect(),
    }
    Ok(table)
}

/// A column as numbers of a kind; an error if a present value is not one.
fn numbers<T: NativeType>(column: &dyn Array, kind: &ArrowDataType) -> anyhow::Result<PrimitiveArray<T>> {
    let plain = match column.dtype() {
        ArrowDataType::BinaryView => cast_default(column, &ArrowDataType::Utf8View)?,
        ArrowDataType::Date32 | ArrowDataType::Timestamp(..) => cast_default(column, &ArrowDataType::Int64)?,
        _ => column.to_boxed(),
    };
    let numbers = cast_default(&*plain, kind)?;
    anyhow::ensure!(numbers.null_count() == column.null_count(), "not every value is one");
    Ok(numbers.as_any().downcast_ref::<PrimitiveArray<T>>().context("not of its kind")?.clone())
}

fn category(column: &dyn Array) -> anyhow::Result<Category> {
    let texts = cast_default(column, &ArrowDataType::Utf8View)?;
    let texts: &Utf8ViewArray = texts.as_any().downcast_ref().context("not of its kind")?;
    Ok(texts.iter().map(Option::unwrap_or_default).collect())
}
