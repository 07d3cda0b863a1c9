//! Times and figures in words and digits.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::page::number::rounded;
use crate::report::data::calendar::Unit;

/// A time to the minute.
#[must_use]
pub fn moment(time_ms: i64, zone: &str) -> String {
    in_zone(time_ms, zone).strftime("%-d %b %Y, %H:%M").to_string()
}

/// The day of a time.
#[must_use]
pub fn day(time_ms: i64, zone: &str) -> String {
    in_zone(time_ms, zone).strftime("%-d %b %Y").to_string()
}

fn in_zone(time_ms: i64, zone: &str) -> jiff::Zoned {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    Timestamp::from_millisecond(time_ms).unwrap_or_default().to_zoned(zone)
}

/// The day that a period begins with, as short as the period allows.
#[must_use]
pub fn begin(text: &str, unit: Unit) -> String {
    let form = match unit {
        Unit::Day | Unit::Week => "%-d %b",
        Unit::Month => "%b %Y",
        Unit::Year => "%Y",
    };
    text.parse::<Date>().map_or_else(|_| text.to_owned(), |date| date.strftime(form).to_string())
}

/// A figure between 0 and 1, or a difference of such.
#[must_use]
pub fn figure(value: f64) -> String {
    format!("{value:.4}")
}

/// Seconds, as long as they are.
#[must_use]
pub fn seconds(seconds: f64) -> String {
    match seconds {
        few if few < 60.0 => format!("{} s", rounded(few)),
        few if few < 3600.0 => format!("{} min", rounded(few / 60.0)),
        few if few < 86_400.0 => format!("{} h", rounded(few / 3600.0)),
        many => format!("{} d", rounded(many / 86_400.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_lengths_are_told_as_people_do() {
        assert_eq!(moment(1_772_497_941_846, "Europe/Berlin"), "3 Mar 2026, 01:32");
        assert_eq!(day(1_772_497_941_846, "UTC"), "3 Mar 2026");
        assert_eq!(
            (begin("2026-03-02", Unit::Week), begin("2026-03-01", Unit::Month)),
            ("2 Mar".into(), "Mar 2026".into())
        );
        assert_eq!([0.26, 59.0, 90.0, 7200.0, 90_000.0].map(seconds), ["0.26 s", "59 s", "1.5 min", "2 h", "1 d"]);
    }
}
