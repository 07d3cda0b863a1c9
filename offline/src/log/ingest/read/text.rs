//! Converts the values of Parquet columns to text, each as it would be written in a CSV file.
//!
//! | values | text |
//! |---|---|
//! | text, raw bytes | as they are, if they are UTF-8 |
//! | integers, floats, decimals | digits; whole ones without a fraction |
//! | booleans | `true`, `false` |
//! | dates | ISO 8601, `2026-06-30` |
//! | timestamps of any unit | ISO 8601; with a `Z` behind where they are instants, and without where they are of no zone |

use std::fmt::{Display, Write};

use jiff::tz::TimeZone;
use polars_arrow::array::{
    Array, BinaryViewArray, BooleanArray, FixedSizeBinaryArray, MutableBinaryViewArray, PrimitiveArray, Utf8ViewArray,
};
use polars_arrow::datatypes::{ArrowDataType, TimeUnit};
use polars_arrow::types::NativeType;
use polars_compute::decimal::DecimalFmtBuffer;

/// A column as text.
#[derive(Debug, Clone)]
pub struct Texts {
    /// The texts; absent values stay absent.
    pub values: Utf8ViewArray,
    /// The rows whose bytes are not UTF-8, in order; `values` has their readable part.
    pub not_utf8: Vec<usize>,
}

/// The values of a column as text.
///
/// # Panics
/// For a kind of array that [`Parquet::kind`](crate::log::parquet::Parquet::kind) never returns.
#[must_use]
pub fn texts(array: &dyn Array) -> Texts {
    use ArrowDataType as Kind;
    let values = match array.dtype() {
        Kind::BinaryView => return text(as_kind(array)),
        Kind::FixedSizeBinary(_) => {
            let bytes: &FixedSizeBinaryArray = as_kind(array);
            return text(&bytes.iter().collect::<MutableBinaryViewArray<[u8]>>().into());
        }
        Kind::Boolean => {
            let booleans: &BooleanArray = as_kind(array);
            written(booleans.iter())
        }
        Kind::Int8 => integers::<i8>(array),
        Kind::Int16 => integers::<i16>(array),
        Kind::Int32 => integers::<i32>(array),
        Kind::Int64 => integers::<i64>(array),
        Kind::UInt8 => integers::<u8>(array),
        Kind::UInt16 => integers::<u16>(array),
        Kind::UInt32 => integers::<u32>(array),
        Kind::UInt64 => integers::<u64>(array),
        // Adding zero turns -0 into 0.
        Kind::Float32 => numbers(array, |value: f32| value + 0.0),
        Kind::Float64 => numbers(array, |value: f64| value + 0.0),
        Kind::Date32 => numbers(array, |days: i32| Civil::date(i64::from(days))),
        Kind::Timestamp(unit, zone) => {
            let (of_second, is_instant) = (in_a_second(*unit), zone.is_some());
            numbers(array, |time: i64| Civil::time(time, of_second, is_instant))
        }
        Kind::Decimal(_, scale) => numbers(array, |digits: i128| decimal(digits, *scale)),
        other => unreachable!("{other:?} is no kind that is read"),
    };
    Texts::whole(values)
}

impl Texts {
    fn whole(values: Utf8ViewArray) -> Self {
        Self { values, not_utf8: Vec::new() }
    }
}

fn as_kind<T: 'static>(array: &dyn Array) -> &T {
    array.as_any().downcast_ref().expect("the kind of an array says what it is")
}

fn integers<T: NativeType + Display>(array: &dyn Array) -> Utf8ViewArray {
    numbers(array, |value: T| value)
}

/// Writes each value after a conversion.
fn numbers<T: NativeType, D: Display>(array: &dyn Array, becomes: impl Fn(T) -> D) -> Utf8ViewArray {
    let array: &PrimitiveArray<T> = as_kind(array);
    written(array.iter().map(|value| value.copied().map(&becomes)))
}

/// How many of a unit are in a second.
fn in_a_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// A date or a time as it is written; the number itself where the calendar ends.
enum Civil {
    Date(jiff::civil::Date),
    Time(jiff::civil::DateTime),
    Instant(jiff::Timestamp),
    Beyond(i64),
}

impl Civil {
    fn date(days: i64) -> Self {
        let instant = days.checked_mul(24 * 3600).and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
        instant.map_or(Self::Beyond(days), |instant| Self::Date(TimeZone::UTC.to_datetime(instant).date()))
    }

    fn time(time: i64, of_second: i64, is_instant: bool) -> Self {
        let nanosecond = time.rem_euclid(of_second) * (1_000_000_000 / of_second);
        match jiff::Timestamp::new(time.div_euclid(of_second), nanosecond as i32) {
            Ok(instant) if is_instant => Self::Instant(instant),
            Ok(instant) => Self::Time(TimeZone::UTC.to_datetime(instant)),
            Err(_) => Self::Beyond(time),
        }
    }
}

impl Display for Civil {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Date(date) => date.fmt(out),
            Self::Time(time) => time.fmt(out),
            Self::Instant(instant) => instant.fmt(out),
            Self::Beyond(number) => number.fmt(out),
        }
    }
}

fn decimal(digits: i128, scale: usize) -> String {
    let (trim_zeros, decimal_comma) = (true, false);
    DecimalFmtBuffer::new().format_dec128(digits, scale, trim_zeros, decimal_comma).to_owned()
}

fn written<D: Display>(values: impl Iterator<Item = Option<D>>) -> Utf8ViewArray {
    let mut texts = MutableBinaryViewArray::<str>::with_capacity(values.size_hint().0);
    let mut text = String::new();
    for value in values {
        let Some(value) = value else {
            texts.push_null();
            continue;
        };
        text.clear();
        write!(text, "{value}").expect("a String takes any text");
        texts.push_value(&text);
    }
    texts.into()
}

fn text(array: &BinaryViewArray) -> Texts {
    if let Ok(values) = array.to_utf8view() {
        return Texts::whole(values);
    }
    let mut texts = MutableBinaryViewArray::<str>::with_capacity(array.len());
    let mut not_utf8 = Vec::new();
    for (row, value) in array.iter().enumerate() {
        let readable = value.map(String::from_utf8_lossy);
        if value.is_some_and(|bytes| str::from_utf8(bytes).is_err()) {
            not_utf8.push(row);
        }
        texts.push(readable);
    }
    Texts { values: texts.into(), not_utf8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(array: &dyn Array) -> Vec<Option<String>> {
        texts(array).values.iter().map(|text| text.map(str::to_owned)).collect()
    }

    fn some<const N: usize>(texts: [&str; N]) -> Vec<Option<String>> {
        texts.map(|text| Some(text.to_owned())).into()
    }

    #[test]
    fn whole_numbers_have_no_fraction() {
        let floats = PrimitiveArray::from_slice([17850.0, -0.0, 2.5, 1e20, 0.1, f64::NAN]);
        assert_eq!(all(&floats), some(["17850", "0", "2.5", "100000000000000000000", "0.1", "NaN"]));
        assert_eq!(all(&PrimitiveArray::from_slice([0.1f32, 3.0])), some(["0.1", "3"]));
        assert_eq!(all(&PrimitiveArray::from_slice([u64::MAX])), some(["18446744073709551615"]));
        assert_eq!(all(&PrimitiveArray::from([Some(-7i8), None])), [Some("-7".to_owned()), None]);
    }

    #[test]
    fn decimals_lose_zeros_that_say_nothing() {
        let decimals =
            PrimitiveArray::from_slice([1234i128, -5, 178_500_000, 0, 120]).to(ArrowDataType::Decimal(10, 4));
        assert_eq!(all(&decimals), some(["0.1234", "-0.0005", "17850", "0", "0.012"]));
    }

    #[test]
    fn dates_and_timestamps_say_whether_they_are_instants() {
        let at = |unit, value: i64, zone: Option<&str>| {
            let kind = ArrowDataType::Timestamp(unit, zone.map(Into::into));
            all(&PrimitiveArray::from_slice([value]).to(kind))
        };
        let dates = PrimitiveArray::from_slice([1i32, -1]).to(ArrowDataType::Date32);
        assert_eq!(all(&dates), some(["1970-01-02", "1969-12-31"]));
        assert_eq!(at(TimeUnit::Second, 2, None), some(["1970-01-01T00:00:02"]));
        assert_eq!(at(TimeUnit::Millisecond, 2, Some("UTC")), some(["1970-01-01T00:00:00.002Z"]));
        assert_eq!(at(TimeUnit::Microsecond, 2_500, None), some(["1970-01-01T00:00:00.0025"]));
        assert_eq!(at(TimeUnit::Nanosecond, -1, None), some(["1969-12-31T23:59:59.999999999"]));
        assert_eq!(at(TimeUnit::Second, i64::MAX, None), some([i64::MAX.to_string().as_str()]));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_told_by_their_row() {
        let bytes: [Option<&[u8]>; 3] = [Some(b"a"), Some(b"\xff"), None];
        let texts = texts(&BinaryViewArray::from_slice(bytes));
        assert_eq!(texts.not_utf8, [1]);
        assert_eq!(texts.values.iter().collect::<Vec<_>>(), [Some("a"), Some("\u{fffd}"), None]);
        assert_eq!(all(&BooleanArray::from_slice([true, false])), some(["true", "false"]));
    }
}
