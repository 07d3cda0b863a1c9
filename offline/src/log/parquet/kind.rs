//! Chooses the kind of arrow array that a Parquet column is read as.

use polars_arrow::datatypes::{ArrowDataType, TimeUnit};
use polars_parquet::read::schema::{SchemaInferenceOptions, parquet_to_arrow_schema_with_options};
use polars_parquet::read::{GroupLogicalType, ParquetType, PrimitiveLogicalType};

/// The kind of array that a column of lists of numbers is read as; the error describes any other column.
pub fn of_lists(field: &ParquetType) -> Result<ArrowDataType, String> {
    use ArrowDataType as Kind;
    let schema = parquet_to_arrow_schema_with_options(std::slice::from_ref(field), &None);
    match schema.iter_values().next().map(|field| field.dtype.clone()) {
        Some(Kind::LargeList(element)) if is_number(&element.dtype) => Ok(Kind::LargeList(element)),
        Some(Kind::LargeList(element)) => Err(format!("a list of {:?}", element.dtype)),
        _ => of(field),
    }
}

/// The kind of array that a column is read as; the error describes a column that can't be read.
///
/// Hints of the program that wrote the file are ignored: what they change (dictionaries, views, time zones) has no
/// effect on a value.
pub fn of(field: &ParquetType) -> Result<ArrowDataType, String> {
    use ArrowDataType as Kind;
    match field {
        ParquetType::GroupType { logical_type: Some(GroupLogicalType::List), .. } => return Err("a list".to_owned()),
        ParquetType::GroupType { logical_type: Some(GroupLogicalType::Map), .. } => return Err("a map".to_owned()),
        ParquetType::GroupType { .. } => return Err("a structure or a list".to_owned()),
        ParquetType::PrimitiveType(leaf) => match leaf.logical_type {
            Some(PrimitiveLogicalType::Uuid) => return Err("UUIDs in raw bytes".to_owned()),
            Some(PrimitiveLogicalType::Float16) => return Err("floats of 16 bits".to_owned()),
            _ => {}
        },
    }
    // The 96 bits of old timestamps hold years that nanoseconds can't count.
    let options = SchemaInferenceOptions { int96_coerce_to_timeunit: TimeUnit::Millisecond };
    let schema = parquet_to_arrow_schema_with_options(std::slice::from_ref(field), &Some(options));
    let Some(kind) = schema.iter_values().next().map(|field| field.dtype.clone()) else {
        return Err("empty".to_owned());
    };
    match kind {
        // Text that is not UTF-8 makes its row unreadable, not the file.
        Kind::Utf8View | Kind::BinaryView => Ok(Kind::BinaryView),
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

fn is_number(kind: &ArrowDataType) -> bool {
    use ArrowDataType as Kind;
    let whole = matches!(kind, Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64);
    whole || matches!(kind, Kind::UInt8 | Kind::UInt16 | Kind::UInt32 | Kind::UInt64 | Kind::Float32 | Kind::Float64)
}
