//! Times as Gorse's clients write and read them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use shared::contract::time::{Number, TimeUnit};

/// What Gorse writes where no time is known.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// Reads a time, milliseconds since the epoch: with its offset, or in UTC without, a date alone, or a number since the epoch.
/// `None` where none is said, as by an empty text or the year 1.
///
/// # Errors
/// What would be a time.
pub fn read(text: &str) -> Result<Option<i64>, String> {
    let text = text.trim();
    if text.is_empty() || text.starts_with("0001-01-01") {
        return Ok(None);
    }
    let number = || {
        let number = text.parse().ok().map(Number::Whole)?;
        TimeUnit::by_size(number.as_f64()).filter(|unit| *unit != TimeUnit::D)?.to_ms(number)
    };
    let civil = || {
        let civil: DateTime = text.trim_end_matches(" UTC").parse().ok()?;
        civil.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp().as_millisecond())
    };
    let time_ms = text.parse().ok().map(|time: Timestamp| time.as_millisecond()).or_else(number).or_else(civil);
    match time_ms {
        Some(time_ms) => Ok(Some(time_ms)),
        None => Err(format!(
            "{text:?} is no time, such as 2024-01-31T12:00:00Z, 2024-01-31 12:00:00 (in UTC) or 2024-01-31"
        )),
    }
}

/// Writes a time.
#[must_use]
pub fn write(time_ms: Option<i64>) -> String {
    let time = time_ms.and_then(|time_ms| Timestamp::from_millisecond(time_ms).ok());
    time.map_or_else(|| NO_TIME.to_owned(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_clients_write_them() {
        let noon = Ok(Some(1_706_702_400_000));
        for text in [
            "2024-01-31T12:00:00Z",
            "2024-01-31T13:00:00.000+01:00",
            "2024-01-31 12:00:00",
            "2024-01-31 12:00:00 UTC",
            "2024-01-31T12:00:00.000000",
            " 1706702400 ",
            "1706702400000",
        ] {
            assert_eq!(read(text), noon, "{text}");
        }
        assert_eq!(read("2024-01-31"), Ok(Some(1_706_659_200_000)));
        assert_eq!((read(""), read(NO_TIME)), (Ok(None), Ok(None)));
        assert_eq!(read("1972-03-24T00:00:00Z"), Ok(Some(70_243_200_000)), "a film");
        for wrong in ["soon", "1706702400.5"] {
            assert!(read(wrong).is_err(), "{wrong}: {:?}", read(wrong));
        }
    }

    #[test]
    fn a_time_that_was_written_reads_back() {
        assert_eq!(write(Some(1_706_702_400_000)), "2024-01-31T12:00:00Z");
        assert_eq!(read(&write(Some(1_706_702_400_123))), Ok(Some(1_706_702_400_123)));
        assert_eq!(read(&write(None)), Ok(None));
    }
}
