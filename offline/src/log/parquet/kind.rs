//! Chooses the kind of arrow array that a Parquet column is read as.

use polars_arrow::array::{Array, BinaryViewArray, FixedSizeBinaryArray, MutableBinaryViewArray};
use polars_arrow::datatypes::{ArrowDataType, TimeUnit};
use polars_parquet::parquet::schema::Repetition;
use polars_parquet::read::schema::{SchemaInferenceOptions, parquet_to_arrow_schema_with_options};
use polars_parquet::read::{GroupLogicalType, ParquetType, PrimitiveLogicalType};

/// The kind of array that a column is read as; the error describes a column that can't be read.
///
/// Hints of the program that wrote the file are ignored: what they change (dictionaries, views, time zones) has no
/// effect on a value.
pub fn of(field: &ParquetType) -> Result<ArrowDataType, String> {
    let logical_type = match field {
        ParquetType::GroupType { logical_type: Some(GroupLogicalType::List), .. } => return Err("a list".to_owned()),
        ParquetType::GroupType { logical_type: Some(GroupLogicalType::Map), .. } => return Err("a map".to_owned()),
        ParquetType::GroupType { .. } => return Err("a structure or a list".to_owned()),
        ParquetType::PrimitiveType(leaf) => leaf.logical_type,
    };
    // The 96 bits of old timestamps hold years that nanoseconds can't count.
    let options = SchemaInferenceOptions { int96_coerce_to_timeunit: TimeUnit::Millisecond };
    let schema = parquet_to_arrow_schema_with_options(std::slice::from_ref(field), &Some(options));
    let kind = schema.iter_values().next().map(|field| field.dtype.clone()).ok_or_else(|| "empty".to_owned())?;
    of_leaf(kind, logical_type)
}

/// The kind of array that single values are read as.
///
/// * `kind`: what polars would make of them.
pub fn of_leaf(kind: ArrowDataType, logical_type: Option<PrimitiveLogicalType>) -> Result<ArrowDataType, String> {
    use ArrowDataType as Kind;
    match kind {
        // Text that is not UTF-8 makes its row unreadable, not the file.
        Kind::Utf8View | Kind::BinaryView => Ok(Kind::BinaryView),
        Kind::FixedSizeBinary(2) if logical_type == Some(PrimitiveLogicalType::Float16) => Ok(Kind::Float16),
        Kind::FixedSizeBinary(_)
        | Kind::Boolean
        | Kind::Int8
        | Kind::Int16
        | Kind::Int32
        | Kind::Int64
        | Kind::UInt8
        | Kind::UInt16
        | Kind::UInt32
        | Kind::UInt64
        | Kind::Float32
        | Kind::Float64
        | Kind::Date32
        | Kind::Timestamp(..) => Ok(kind),
        Kind::Decimal(precision, scale) if scale <= precision && precision <= 38 => Ok(kind),
        Kind::LargeList(_) => Err("a list".to_owned()),
        Kind::Time32(_) | Kind::Time64(_) => Err("a time of day".to_owned()),
        other => Err(format!("{other:?}")),
    }
}

/// Whether a column of single values has several of them in a row.
pub fn is_repeated(field: &ParquetType) -> bool {
    field.get_field_info().repetition == Repetition::Repeated
}

/// Whether values are UUIDs in raw bytes.
pub fn is_uuid(logical_type: Option<PrimitiveLogicalType>) -> bool {
    logical_type == Some(PrimitiveLogicalType::Uuid)
}

/// UUIDs as they are written: `0b1c2d3e-…`.
pub fn uuids(array: &dyn Array) -> Box<dyn Array> {
    let Some(raw) = array.as_any().downcast_ref::<FixedSizeBinaryArray>() else { return array.to_boxed() };
    let mut texts = MutableBinaryViewArray::<[u8]>::with_capacity(raw.len());
    for value in raw.iter() {
        let text = value.map(|bytes| {
            let digits = |part: &[u8]| part.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            let parts = [0..4, 4..6, 6..8, 8..10, 10..bytes.len()];
            parts.map(|part| digits(bytes.get(part).unwrap_or_default())).join("-").into_bytes()
        });
        texts.push(text);
    }
    BinaryViewArray::from(texts).boxed()
}
