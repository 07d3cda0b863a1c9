//! Reads the values of a row into columns: from the text of a file, and from the JSON of a request.
//!
//! Both end in the same function, so that a row scores the same whichever way it came.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde_json::Value;

use super::column::{Column, Level};
use super::schema::{Field, FieldKind};
use crate::contract::id::{canonical, present};

/// Why a value is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{found}; expected {expected}")]
pub struct BadValue {
    /// What was found.
    pub found: String,
    /// What it may be.
    pub expected: String,
}

/// What stands for 1 and for 0, in lower case.
const POSITIVE: [&str; 6] = ["1", "1.0", "yes", "true", "y", "t"];
const NEGATIVE: [&str; 6] = ["0", "0.0", "no", "false", "n", "f"];

/// From here on not every whole number is one of 64 bits.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// The most letters of a bad value that are told.
const SHOWN: usize = 60;

impl Field {
    /// Reads a value as it is written in a file. A value that is refused is added as a missing one.
    ///
    /// # Errors
    /// [`BadValue`] when the field can't have this value.
    pub fn read(&self, text: Option<&str>, column: &mut Column) -> Result<(), BadValue> {
        let read = self.present(text.unwrap_or_default()).map_or_else(|| self.missing(), |text| self.of_text(text));
        self.push(read, column)
    }

    /// Reads a value of JSON; `None` where the row has no such field. A value that is refused is added as a missing one.
    ///
    /// # Errors
    /// [`BadValue`] when the field can't have this value.
    pub fn read_json(&self, value: Option<&Value>, column: &mut Column) -> Result<(), BadValue> {
        let read = match (value.or(self.default.as_ref()), &self.kind) {
            (None, _) => Err(self.refuse("missing")),
            (Some(Value::Null), _) => self.missing(),
            (Some(Value::String(text)), FieldKind::Number { .. }) => Err(self.refuse_text(text)),
            (Some(Value::Bool(_)), FieldKind::Number { .. } | FieldKind::Time { .. }) => {
                Err(self.refuse("true or false"))
            }
            // Two ids would be one number.
            (Some(Value::Number(number)), FieldKind::Category { .. } | FieldKind::Key { .. })
                if number.is_f64() && number.as_f64().is_some_and(|number| number.abs() >= EXACT) =>
            {
                let found = format!("{number}, of which JSON has not all digits (write it as a text)");
                Err(BadValue { found, expected: self.expected() })
            }
            (Some(Value::Array(_)), _) => Err(self.refuse("a list")),
            (Some(Value::Object(_)), _) => Err(self.refuse("an object")),
            (Some(value), _) => {
                let text = match value {
                    Value::String(text) => Cow::Borrowed(text.as_str()),
                    other => Cow::Owned(other.to_string()),
                };
                let read = self.present(&text).map_or_else(|| self.missing(), |text| self.of_text(text));
                // A number is told as one, without the marks of a text.
                if value.is_string() { read } else { read.map_err(|bad| BadValue { found: value.to_string(), ..bad }) }
            }
        };
        self.push(read, column)
    }

    /// The text of a value, unless it stands for a missing one.
    fn present<'a>(&self, text: &'a str) -> Option<&'a str> {
        present(text).filter(|text| !self.missing.iter().any(|missing| missing == text))
    }

    fn push(&self, read: Result<Cell, BadValue>, column: &mut Column) -> Result<(), BadValue> {
        let (cell, refused) = match read {
            Ok(cell) => (cell, Ok(())),
            Err(refused) => (Cell::Missing, Err(refused)),
        };
        match (column, cell) {
            (Column::Numbers(numbers), Cell::Number(number)) => numbers.push(number),
            (Column::Numbers(numbers), _) => numbers.push(f64::NAN),
            (Column::Levels(levels), Cell::Level(level)) => levels.push(level),
            (Column::Levels(levels), _) => levels.push(Level::MISSING),
        }
        refused
    }

    fn missing(&self) -> Result<Cell, BadValue> {
        if self.nullable { Ok(Cell::Missing) } else { Err(self.refuse("null")) }
    }

    /// Reads a text that is present and trimmed.
    fn of_text(&self, text: &str) -> Result<Cell, BadValue> {
        let cell = match &self.kind {
            FieldKind::Number { range, .. } => {
                let within = |number: &f64| range.is_none_or(|[low, high]| (low..=high).contains(number));
                number(text).filter(within).map(Cell::Number)
            }
            FieldKind::Time { zone, format } => {
                let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
                time(text, format.as_deref(), &zone).map(Cell::Number)
            }
            FieldKind::Ordinal { levels } => {
                let text = level(text).unwrap_or_default();
                levels.iter().position(|level| *level == text).map(|place| Cell::Number(place as f64))
            }
            FieldKind::Category { levels, whole, only, .. } => {
                let text = level(text).unwrap_or_default();
                let fits = (!whole || is_whole(&text)) && (!only || levels.iter().any(|level| *level == text));
                fits.then(|| Cell::Level(Level::of(&text)))
            }
            FieldKind::Key { whole } => {
                let text = level(text).unwrap_or_default();
                (!whole || is_whole(&text)).then(|| Cell::Level(Level::of(&text)))
            }
        };
        cell.ok_or_else(|| self.refuse_text(text))
    }

    fn refuse(&self, found: &str) -> BadValue {
        BadValue { found: found.to_owned(), expected: self.expected() }
    }

    fn refuse_text(&self, text: &str) -> BadValue {
        let cut: String = text.chars().take(SHOWN).collect();
        self.refuse(&format!("{cut:?}"))
    }
}

/// A value that was read.
enum Cell {
    Number(f64),
    Level(Level),
    Missing,
}

/// The one form of a level: as an id ([`canonical`]), and `true` and `false` in lower case.
#[must_use]
pub fn level(text: &str) -> Option<Cow<'_, str>> {
    let text = canonical(text)?;
    let truth = ["true", "false"].into_iter().find(|truth| text.eq_ignore_ascii_case(truth));
    Some(truth.map_or(text, Cow::Borrowed))
}

/// A number; NaN and infinity are none.
#[must_use]
pub fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// 1 for what usually says yes, 0 for no.
#[must_use]
pub fn truth(text: &str) -> Option<f32> {
    let text = text.to_lowercase();
    let is_one_of = |texts: [&str; 6]| texts.contains(&text.as_str());
    if is_one_of(POSITIVE) { Some(1.0) } else { is_one_of(NEGATIVE).then_some(0.0) }
}

/// Whether a level is a whole number.
#[must_use]
pub fn is_whole(text: &str) -> bool {
    text.parse::<i64>().is_ok()
}

/// Numbers from here on are milliseconds: as seconds they would be of the year 5138.
const MILLISECONDS: f64 = 1e11;

/// A time in seconds since the epoch.
///
/// * `format`: how it may be written instead of ISO 8601; numbers are not counted since the epoch then.
/// * `zone`: that of a time that names none.
#[must_use]
pub fn time(text: &str, format: Option<&str>, zone: &TimeZone) -> Option<f64> {
    let seconds =
        |at: DateTime| at.to_zoned(zone.clone()).ok().map(|at| at.timestamp().as_millisecond() as f64 / 1000.0);
    match (format, number(text)) {
        (Some(format), _) => {
            let of_month = || DateTime::strptime(format!("{format} %d"), format!("{text} 1"));
            if let Ok(at) = DateTime::strptime(format, text).or_else(|_| of_month()) {
                return seconds(at);
            }
        }
        (None, Some(_)) if let Some(day) = day_of(text) => return seconds(day),
        (None, Some(count)) => return Some(if count.abs() < MILLISECONDS { count } else { count / 1000.0 }),
        (None, None) => {}
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant.as_millisecond() as f64 / 1000.0);
    }
    let civil = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(|date| date.at(0, 0, 0, 0)));
    seconds(civil.ok().or_else(|| month_of(text))?)
}

/// A date of eight digits, such as 20260630, or a month of six, such as 202606: its first day.
fn day_of(text: &str) -> Option<DateTime> {
    let digits = |count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let date = match () {
        () if digits(8) => Date::strptime("%Y%m%d", text).ok()?,
        () if digits(6) => Date::strptime("%Y%m%d", format!("{text}01")).ok()?,
        () => return None,
    };
    (1900..2100).contains(&date.year()).then(|| date.at(0, 0, 0, 0))
}

/// The first day of a month such as 2026-06.
fn month_of(text: &str) -> Option<DateTime> {
    let date = Date::strptime("%Y-%m-%d", format!("{text}-01")).ok()?;
    Some(date.at(0, 0, 0, 0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(kind: FieldKind, nullable: bool) -> Field {
        Field {
            name: "f".to_owned(),
            kind,
            nullable,
            nulls: 0,
            missing: vec!["?".to_owned()],
            default: None,
            example: Value::Null,
        }
    }

    fn amount() -> Field {
        field(FieldKind::Number { min: 0.0, max: 9.0, range: Some([0.0, 100.0]) }, false)
    }

    fn code(only: bool) -> Field {
        let levels = vec!["1".to_owned(), "2".to_owned()];
        field(FieldKind::Category { count: 2, levels, whole: true, only }, true)
    }

    /// What is said of a JSON value that is refused.
    fn said(field: &Field, value: Option<&Value>) -> String {
        let mut column = field.column(1);
        let refused = field.read_json(value, &mut column).expect_err("refused").to_string();
        assert_eq!(column.len(), 1, "a refused value takes its place, so that columns stay aligned");
        refused
    }

    #[test]
    fn a_refusal_says_what_was_found_and_what_may_be() {
        assert_eq!(said(&amount(), None), "missing; expected a number from 0 to 100");
        assert_eq!(said(&amount(), Some(&json!(null))), "null; expected a number from 0 to 100");
        assert_eq!(said(&amount(), Some(&json!("12"))), "\"12\"; expected a number from 0 to 100");
        assert_eq!(said(&amount(), Some(&json!(101))), "101; expected a number from 0 to 100");
        assert_eq!(said(&amount(), Some(&json!([1]))), "a list; expected a number from 0 to 100");
        assert_eq!(said(&code(false), Some(&json!(3.5))), "3.5; expected a whole number, or null");
        assert_eq!(said(&code(true), Some(&json!(3))), "3; expected one of 1, 2, or null");
        assert_eq!(
            said(&field(FieldKind::Time { zone: "UTC".to_owned(), format: None }, false), Some(&json!("soon"))),
            format!("\"soon\"; expected {}", "a time, such as 2026-06-30T12:00:00Z")
        );
    }

    #[test]
    fn a_value_is_the_same_from_a_file_and_from_a_request() {
        for (field, text, value) in [
            (amount(), "12.50", json!(12.5)),
            (code(false), " 7.0", json!(7)),
            (code(false), "", json!(null)),
            (code(false), "?", json!("?")),
            (
                field(FieldKind::Time { zone: "UTC".to_owned(), format: None }, false),
                "2014-10-21 05:00:00",
                json!(1_413_867_600),
            ),
            (
                field(FieldKind::Ordinal { levels: vec!["low".to_owned(), "high".to_owned()] }, false),
                "high",
                json!("high"),
            ),
        ] {
            let (mut file, mut request) = (field.column(1), field.column(1));
            field.read(Some(text), &mut file).expect("reads");
            field.read_json(Some(&value), &mut request).expect("reads");
            match (file, request) {
                (Column::Numbers(file), Column::Numbers(request)) => assert_eq!(file, request, "{text}"),
                (file, request) => assert_eq!(file, request, "{text}"),
            }
        }
    }

    #[test]
    fn a_field_that_is_not_named_has_its_default() {
        let field = Field { default: Some(json!(20)), ..amount() };
        let mut column = field.column(1);
        field.read_json(None, &mut column).expect("reads");
        assert_eq!(column, Column::Numbers(vec![20.0]));
    }

    #[test]
    fn times_have_many_forms() {
        let noon = Some(1_413_892_800.0);
        for text in
            ["2014-10-21T12:00:00Z", "2014-10-21 12:00", "2014-10-21T14:00:00+02:00", "1413892800", "1413892800000"]
        {
            assert_eq!(time(text, None, &TimeZone::UTC), noon, "{text}");
        }
        let utc = |text, format| time(text, format, &TimeZone::UTC);
        let day = Some(1_413_849_600.0);
        assert_eq!((utc("2014-10-21", None), utc("20141021", None), utc("1413849600", None)), (day, day, day));
        assert_eq!((utc("14102112", Some("%y%m%d%H")), utc("2014-10-21T12:00:00", Some("%y%m%d%H"))), (noon, noon));
        assert_eq!(utc("21.10.2014", Some("%d.%m.%Y")), day);
        // A month is its first day; seconds since the epoch of six digits are no months.
        let month = Some(1_412_121_600.0);
        assert_eq!((utc("201410", None), utc("2014-10", None), utc("10/2014", Some("%m/%Y"))), (month, month, month));
        assert_eq!((utc("201413", None), utc("2014-13", None)), (Some(201_413.0), None));
        assert_eq!((utc("14102199", Some("%y%m%d%H")), utc("noon", None)), (None, None));
        // A time that names no zone is of the model's; one that does is not.
        let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
        assert_eq!(time("2014-10-21 14:00", None, &berlin), noon);
        assert_eq!(time("2014-10-21T12:00:00Z", None, &berlin), noon);
    }

    #[test]
    fn numbers_without_an_end_are_none() {
        assert_eq!((number("NaN"), number("inf"), number("1e999"), number("-1e3")), (None, None, None, Some(-1000.0)));
    }
}
