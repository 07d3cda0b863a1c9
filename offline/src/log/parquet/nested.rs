//! Columns within nested ones: the fields of structures, and of the elements of lists and maps.

use polars_arrow::array::{Array, ListArray, StructArray};
use polars_arrow::datatypes::{ArrowDataType, Field, TimeUnit};
use polars_parquet::parquet::schema::types::PrimitiveType;
use polars_parquet::read::schema::{SchemaInferenceOptions, parquet_to_arrow_schema_with_options};
use polars_parquet::read::{ParquetType, PrimitiveLogicalType};

use super::kind;

/// A column of single values within a nested one.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// The way to it: `properties.product_id`, `items[].item_id`. The elements of a map are `[].key` and `[].value`.
    pub path: String,
    /// The nested column.
    pub(super) root: usize,
    /// Its number among the leaves of the nested column.
    pub(super) number: usize,
    /// What its values mean.
    pub(super) logical_type: Option<PrimitiveLogicalType>,
    /// The nested column with this leaf alone.
    pub(super) field: Field,
}

/// The values of a leaf.
#[derive(Debug)]
pub struct LeafValues {
    /// Of a leaf in a list: where the elements of each row begin among the values, and where those of the last end.
    pub offsets: Option<Vec<i64>>,
    /// A value per row, or per element.
    pub values: Box<dyn Array>,
}

/// The leaves of a nested column that can be read: of structures, and of one list or map at most.
///
/// * `types`: those of all leaves of the column, in order.
pub fn leaves(root: usize, field: &ParquetType, types: &[&PrimitiveType]) -> Vec<Leaf> {
    if matches!(field, ParquetType::PrimitiveType(_)) && !kind::is_repeated(field) {
        return Vec::new();
    }
    let options = SchemaInferenceOptions { int96_coerce_to_timeunit: TimeUnit::Millisecond };
    let schema = parquet_to_arrow_schema_with_options(std::slice::from_ref(field), &Some(options));
    let Some(field) = schema.iter_values().next() else { return Vec::new() };
    let mut leaves = Vec::new();
    let count = walk(field, field.name.as_str(), 0, &mut |path, number, field| {
        if path.matches("[]").count() <= 1 {
            let logical_type = types.get(number).and_then(|leaf| leaf.logical_type);
            leaves.push(Leaf { path: path.to_owned(), root, number, logical_type, field });
        }
    });
    // If leaves can't be counted, nobody knows which is which.
    if count == types.len() { leaves } else { Vec::new() }
}

/// Calls `found` with each leaf that can be read: its path, its number, and the field with this leaf alone. Returns the
/// number behind the last leaf.
fn walk(field: &Field, path: &str, first: usize, found: &mut dyn FnMut(&str, usize, Field)) -> usize {
    let with = |dtype| Field { dtype, ..field.clone() };
    match field.dtype() {
        ArrowDataType::Struct(fields) => fields.iter().fold(first, |next, inner| {
            let path = format!("{path}.{}", inner.name);
            walk(inner, &path, next, &mut |path, number, inner| {
                found(path, number, with(ArrowDataType::Struct(vec![inner])));
            })
        }),
        // A map is stored as a list of keys and values.
        ArrowDataType::List(inner) | ArrowDataType::LargeList(inner) | ArrowDataType::Map(inner, _) => {
            walk(inner, &format!("{path}[]"), first, &mut |path, number, inner| {
                found(path, number, with(ArrowDataType::LargeList(Box::new(inner))));
            })
        }
        dtype => {
            if let Ok(kind) = kind::of_leaf(dtype.clone()) {
                found(path, first, with(kind));
            }
            first + 1
        }
    }
}

/// The values within the only leaf of a nested array.
pub fn unwrapped(array: &dyn Array) -> LeafValues {
    if let Some(structure) = array.as_any().downcast_ref::<StructArray>() {
        return match structure.values() {
            [values, ..] => unwrapped(&**values),
            [] => LeafValues { offsets: None, values: array.to_boxed() },
        };
    }
    match array.as_any().downcast_ref::<ListArray<i64>>() {
        Some(list) => {
            let LeafValues { values, .. } = unwrapped(&**list.values());
            LeafValues { offsets: Some(list.offsets().to_vec()), values }
        }
        None => LeafValues { offsets: None, values: array.to_boxed() },
    }
}
