//! Chooses the kind of arrow array that a Parquet column is read as.

use half::f16;
use polars_arrow::array::{Array, BinaryViewArray, FixedSizeBinaryArray, MutableBinaryViewArray, PrimitiveArray};
use polars_arrow::datatypes::{ArrowDataType, TimeUnit};
use polars_parquet::parquet::schema::Repetition;
use polars_parquet::read::schema::{SchemaInferenceOptions, parquet_to_arrow_schema_with_options};
use polars_parquet::read::{GroupLogicalType, ParquetType, PrimitiveLogicalType};

/// The kind of array that a column is read as; the error describes a column that can't be read.
///
/// Hints of the program that wrote the file are ignored: what they change (dictionaries, views, time zones) has no
/// effect on a value.
pub fn of(field: &ParquetType) -> Result<ArrowDataType, String> {
    let stored = stored(field)?;
    Ok(match logical_type(field) {
        Some(PrimitiveLogicalType::Float16) => ArrowDataType::Float32,
        Some(PrimitiveLogicalType::Uuid) => ArrowDataType::BinaryView,
        _ => stored,
    })
}

/// The kind of array that a column is decoded as; [`converted`] makes of it what it is read as.
pub fn stored(field: &ParquetType) -> Result<ArrowDataType, String> {
    match field {
        ParquetType::GroupType { logical_type: Some(GroupLogicalType::List), .. } => return Err("a list".to_owned()),
        ParquetType::GroupType { logical_type: Some(GroupLogicalType::Map), .. } => return Err("a map".to_owned()),
        ParquetType::GroupType { .. } => return Err("a structure or a list".to_owned()),
        ParquetType::PrimitiveType(_) => {}
    }
    // The 96 bits of old timestamps hold years that nanoseconds can't count.
    let options = SchemaInferenceOptions { int96_coerce_to_timeunit: TimeUnit::Millisecond };
    let schema = parquet_to_arrow_schema_with_options(std::slice::from_ref(field), &Some(options));
    let kind = schema.iter_values().next().map(|field| field.dtype.clone()).ok_or_else(|| "empty".to_owned())?;
    of_leaf(kind)
}

/// The kind of array that single values are decoded as.
///
/// * `kind`: what polars would make of them.
pub fn of_leaf(kind: ArrowDataType) -> Result<ArrowDataType, String> {
    use ArrowDataType as Kind;
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

/// Whether a column of single values has several of them in a row.
pub fn is_repeated(field: &ParquetType) -> bool {
    field.get_field_info().repetition == Repetition::Repeated
}

/// What the values of a column mean.
pub fn logical_type(field: &ParquetType) -> Option<PrimitiveLogicalType> {
    match field {
        ParquetType::PrimitiveType(leaf) => leaf.logical_type,
        ParquetType::GroupType { .. } => None,
    }
}

/// Makes numbers of floats of 16 bits, and text of UUIDs; anything else stays as it is.
pub fn converted(array: Box<dyn Array>, logical_type: Option<PrimitiveLogicalType>) -> Box<dyn Array> {
    let Some(raw) = array.as_any().downcast_ref::<FixedSizeBinaryArray>() else { return array };
    match logical_type {
        Some(PrimitiveLogicalType::Float16) => {
            let number = |bytes: &[u8]| Some(f16::from_le_bytes(bytes.try_into().ok()?).to_f32());
            raw.iter().map(|value| value.and_then(number)).collect::<PrimitiveArray<f32>>().boxed()
        }
        Some(PrimitiveLogicalType::Uuid) => {
            let texts: MutableBinaryViewArray<[u8]> = raw.iter().map(|value| value.map(uuid)).collect();
            BinaryViewArray::from(texts).boxed()
        }
        _ => array,
    }
}

/// A UUID as it is written: `0b1c2d3e-…`.
fn uuid(bytes: &[u8]) -> Vec<u8> {
    let digits = |part: &[u8]| part.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let parts = [0..4, 4..6, 6..8, 8..10, 10..bytes.len()];
    parts.map(|part| digits(bytes.get(part).unwrap_or_default())).join("-").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_of_16_bits_are_numbers_and_uuids_are_text() {
        let halves = FixedSizeBinaryArray::from_slice([[0x00, 0x3c], [0x00, 0xc1]]).boxed();
        let halves = converted(halves, Some(PrimitiveLogicalType::Float16));
        assert_eq!(halves, PrimitiveArray::from_slice([1.0f32, -2.5]).boxed());
        let bytes: [u8; 16] = std::array::from_fn(|at| at as u8 * 17);
        let uuids = converted(FixedSizeBinaryArray::from_slice([bytes]).boxed(), Some(PrimitiveLogicalType::Uuid));
        let written = BinaryViewArray::from_slice([Some(&b"00112233-4455-6677-8899-aabbccddeeff"[..])]);
        assert_eq!(uuids, written.boxed());
    }
}
