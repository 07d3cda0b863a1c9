//! Formats of dates other than ISO 8601, by `strptime`.

use jiff::civil::{DateTime, Time};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;

/// A format of `strptime`, such as `%d/%m/%Y %H:%M`; or `iso`, by which ISO 8601 is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format(String);

/// Orders of day, month and year.
const DATES: [&str; 19] = [
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%y/%m/%d",
    "%d.%m.%y",
    "%y.%m.%d",
    "%d %b %Y",
    "%b %d, %Y",
    "%b %d, %Y,",
    "%d %B %Y",
    "%B %d, %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
];
/// Times of day behind a date.
const TIMES: [&str; 6] = ["", " %H:%M", " %H:%M:%S", " %H:%M:%S%.f", " %I:%M %p", " %I:%M:%S %p"];
/// Formats that are more than a date and a time of day.
const WHOLE: [&str; 8] = [
    "%Y%m%d",
    "%Y%m%d%H%M%S",
    "%a, %d %b %Y %H:%M:%S %z",
    "%a, %d %b %Y %H:%M:%S GMT",
    JAVASCRIPT,
    "%a %b %d %H:%M:%S %z %Y",
    "%d/%b/%Y:%H:%M:%S %z",
    "%Y-%m-%d %I:%M:%S %p",
];

/// How JavaScript writes a date, with the name of the zone behind it: `Sun Jun 15 2025 19:37:38 GMT+0200 (Central European
/// Summer Time)`.
const JAVASCRIPT: &str = "%a %b %d %Y %H:%M:%S GMT%z";

/// The name of the format of ISO 8601.
const ISO: &str = "iso";

/// The formats that are recognised, beside ISO 8601.
pub fn known() -> impl Iterator<Item = Format> {
    let dated = DATES.iter().flat_map(|date| TIMES.iter().map(move |time| Format(format!("{date}{time}"))));
    WHOLE.iter().map(|format| Format((*format).to_owned())).chain(dated)
}

impl Format {
    /// A format that the settings give.
    #[must_use]
    pub fn new(format: &str) -> Self {
        Self(format.to_owned())
    }

    /// ISO 8601.
    #[must_use]
    pub fn iso() -> Self {
        Self(ISO.to_owned())
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads a text, in milliseconds since the epoch. A format without a time of day reads midnight, one without a zone
    /// the time of `zone`.
    #[must_use]
    pub fn read(&self, text: &str, zone: &TimeZone) -> Option<i64> {
        if self.0 == ISO {
            return super::iso(text, zone);
        }
        let text = match self.0.as_str() {
            // The zone by its name says nothing more.
            JAVASCRIPT => text.split_once(" (").map_or(text, |(text, _)| text),
            _ => text,
        };
        let parsed = BrokenDownTime::parse(&self.0, text).ok()?;
        if let Ok(instant) = parsed.to_timestamp() {
            return Some(instant.as_millisecond());
        }
        let time = parsed.to_time().unwrap_or(Time::midnight());
        super::in_zone(DateTime::from_parts(parsed.to_date().ok()?, time), zone)
    }
}
