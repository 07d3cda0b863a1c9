//! Durations as people write them: `90s`, `30m`, `1h 30m`.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer};

/// The longest that a setting may be: ten years. What is longer was mistyped.
const LONGEST: Duration = Duration::from_secs(87_600 * 3600);

/// Reads a duration; an empty text is none.
///
/// # Errors
/// That of `D` for anything else, for a negative one, and for one of more than ten years.
pub fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    match parse(&text) {
        Some(duration) if duration <= LONGEST => Ok(duration),
        Some(_) => Err(serde::de::Error::custom(format!("{text:?} is too long; 87600h, ten years, is the most"))),
        None => Err(serde::de::Error::custom(format!("{text:?} is no duration; write it as 90s, 30m, 2h or 36h"))),
    }
}

/// A duration in words; an empty text is none, and `None` is what is no duration.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    if text.is_empty() {
        return Some(Duration::ZERO);
    }
    Duration::try_from(text.parse::<SignedDuration>().ok()?).ok()
}

/// Whole milliseconds; more than fit are the most that do.
#[must_use]
pub fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_units_and_none_is_empty() {
        assert_eq!(parse("1h 30m"), Some(Duration::from_secs(5400)));
        assert_eq!(parse("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse(""), Some(Duration::ZERO));
        assert!(["90", "-2s", "2 days", "soon"].into_iter().all(|text| parse(text).is_none()));
    }
}
