//! Times from outside: the unit of a number is told by its size.
//!
//! In days, seconds, milliseconds, microseconds and nanoseconds since the epoch, the years 1990 to 2099 are five ranges of
//! numbers that do not touch, nor do dates written as digits (`20240131`, `20240131235959`). So a number tells its unit,
//! and one outside of all of them is no time that a shop's log can hold.

use std::fmt;

use serde::{Deserialize, Serialize};

/// 1990-01-01, milliseconds since the epoch: no shop's event is older.
pub const EARLIEST_MS: i64 = 631_152_000_000;
/// 2100-01-01, milliseconds since the epoch: beyond it a number is read in no unit.
pub const LATEST_MS: i64 = 4_102_444_800_000;
/// How far in the future the time of an event may be, since clocks differ: a day.
pub const MAX_AHEAD_MS: i64 = DAY_MS;

const DAY_MS: i64 = 24 * 3600 * 1000;

/// A number as a text or a client gives it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Number {
    /// A whole number, exact.
    Whole(i64),
    /// One with a fraction or an exponent; always finite.
    Decimal(f64),
}

impl Number {
    /// The number that a text is; `None` for other texts, for whole numbers beyond 64 bits and for infinity and NaN.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(whole) = text.parse() {
            return Some(Self::Whole(whole));
        }
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // The letters of `inf` and `nan` are no digits.
        let first = digits.bytes().next()?;
        let number: f64 = (first.is_ascii_digit() || first == b'.').then(|| text.parse().ok()).flatten()?;
        Self::decimal(number)
    }

    /// A number with a fraction; `None` for infinity and NaN.
    #[must_use]
    pub fn decimal(number: f64) -> Option<Self> {
        number.is_finite().then_some(Self::Decimal(number))
    }

    /// The nearest floating-point number.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            Self::Decimal(number) => number,
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => number.fmt(formatter),
            Self::Decimal(number) => number.fmt(formatter),
        }
    }
}

/// The unit of times that are numbers: since the epoch, 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    /// Days.
    #[serde(rename = "days")]
    D,
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Nanoseconds.
    Ns,
}

impl TimeUnit {
    /// All units, the longest first.
    pub const ALL: [Self; 5] = [Self::D, Self::S, Self::Ms, Self::Us, Self::Ns];

    /// The name in settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::D => "days",
            Self::S => "s",
            Self::Ms => "ms",
            Self::Us => "us",
            Self::Ns => "ns",
        }
    }

    /// The one unit in which a number is a time from [`EARLIEST_MS`] to before [`LATEST_MS`].
    ///
    /// A number of a calendar's digits ([`Calendar::by_size`]) has no unit. The numbers that spreadsheets count days by
    /// (since 1899-12-30) are days here, some seventy years ahead.
    #[must_use]
    pub fn by_size(number: f64) -> Option<Self> {
        let in_unit = |ms: i64, unit: Self| ms as f64 / unit.in_ms();
        let fits = |unit: &Self| (in_unit(EARLIEST_MS, *unit)..in_unit(LATEST_MS, *unit)).contains(&number);
        Self::ALL.into_iter().find(fits)
    }

    /// A time of this unit in milliseconds; `None` if there is no such number of 64 bits.
    ///
    /// Parts of a millisecond are left out of whole numbers; what has a fraction is rounded.
    #[must_use]
    pub fn to_ms(self, number: Number) -> Option<i64> {
        match (number, self) {
            (Number::Whole(number), Self::D) => number.checked_mul(DAY_MS),
            (Number::Whole(number), Self::S) => number.checked_mul(1000),
            (Number::Whole(number), Self::Ms) => Some(number),
            (Number::Whole(number), Self::Us) => Some(number.div_euclid(1000)),
            (Number::Whole(number), Self::Ns) => Some(number.div_euclid(1_000_000)),
            // A whole number that was written with a point or an exponent is like the one without.
            (Number::Decimal(number), _) if number.fract() == 0.0 && number.abs() < EXACT => {
                self.to_ms(Number::Whole(number as i64))
            }
            (Number::Decimal(number), _) => {
                let ms = (number * self.in_ms()).round();
                (ms.abs() < EXACT).then_some(ms as i64)
            }
        }
    }

    /// Milliseconds of one.
    fn in_ms(self) -> f64 {
        match self {
            Self::D => DAY_MS as f64,
            Self::S => 1e3,
            Self::Ms => 1.0,
            Self::Us => 1e-3,
            Self::Ns => 1e-6,
        }
    }
}

/// Up to here a floating-point number is one whole number: 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl fmt::Display for TimeUnit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A date or a date and time whose digits are written as one number. It says no time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Calendar {
    /// `20240131`.
    Date,
    /// `20240131235959`.
    DateTime,
}

impl Calendar {
    /// What a whole number is whose digits are a date from 1990 to 2099; `None` for other numbers.
    #[must_use]
    pub fn by_size(number: i64) -> Option<Self> {
        let is_date = |number: i64| {
            let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
            (1990..2100).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)
        };
        let is_time = |number: i64| number / 10_000 < 24 && number / 100 % 100 < 60 && number % 100 < 60;
        match number {
            _ if is_date(number) => Some(Self::Date),
            _ if is_date(number / 1_000_000) && is_time(number % 1_000_000) => Some(Self::DateTime),
            _ => None,
        }
    }

    /// How the digits are read, in the signs of `strptime`.
    #[must_use]
    pub fn format(self) -> &'static str {
        match self {
            Self::Date => "%Y%m%d",
            Self::DateTime => "%Y%m%d%H%M%S",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(text: &str) -> Option<i64> {
        let number = Number::parse(text)?;
        TimeUnit::by_size(number.as_f64())?.to_ms(number)
    }

    /// 2023-11-14 22:13:20.
    const TIME_S: i64 = 1_700_000_000;

    #[test]
    fn a_time_is_the_same_in_every_unit() {
        for text in ["1700000000", "1700000000000", "1700000000000000", "1700000000000000000", "1.7e9", "1700000000.0"]
        {
            assert_eq!(ms(text), Some(TIME_S * 1000), "{text}");
        }
        assert_eq!(ms("19675"), Some(1_699_920_000_000), "2023-11-14");
        assert_eq!(ms("19675.5"), Some(1_699_963_200_000), "2023-11-14 12:00");
    }

    #[test]
    fn parts_of_a_second_stay() {
        assert_eq!(ms("1700000000.123"), Some(1_700_000_000_123));
        assert_eq!(ms("1700000000123999"), Some(1_700_000_000_123));
        assert_eq!(ms("1700000000123999999"), Some(1_700_000_000_123));
        assert_eq!(ms("1700000000123.4"), Some(1_700_000_000_123));
    }

    #[test]
    fn each_range_ends_at_1990_and_2100() {
        for (unit, first, end) in [
            (TimeUnit::D, 7_305.0, 47_482.0),
            (TimeUnit::S, 631_152_000.0, 4_102_444_800.0),
            (TimeUnit::Ms, 631_152_000_000.0, 4_102_444_800_000.0),
            (TimeUnit::Us, 631_152_000_000_000.0, 4_102_444_800_000_000.0),
            (TimeUnit::Ns, 631_152_000_000_000_000.0, 4_102_444_800_000_000_000.0),
        ] {
            assert_eq!(TimeUnit::by_size(first), Some(unit));
            assert_eq!(TimeUnit::by_size(first * 0.999_999), None);
            assert_eq!(TimeUnit::by_size(end * 0.999_999), Some(unit));
            assert_eq!(TimeUnit::by_size(end), None);
        }
    }

    #[test]
    fn other_numbers_have_no_unit() {
        for number in [0.0, -1.0, 5.0, 2024.0, -1.7e9, 435_890_000.0, 1e20, f64::NAN, f64::INFINITY] {
            assert_eq!(TimeUnit::by_size(number), None, "{number}");
        }
    }

    #[test]
    fn digits_of_a_calendar_are_no_unit() {
        assert_eq!(Calendar::by_size(20_240_131), Some(Calendar::Date));
        assert_eq!(Calendar::by_size(20_240_131_235_959), Some(Calendar::DateTime));
        for other in
            [20_241_331, 20_240_132, 20_240_100, 19_891_231, 21_000_101, 20_240_131_240_000, 20_240_131_006_000]
        {
            assert_eq!(Calendar::by_size(other), None, "{other}");
        }
        for number in [0, -20_240_131, TIME_S, i64::MIN, i64::MAX] {
            assert_eq!(Calendar::by_size(number), None, "{number}");
        }
        assert_eq!(TimeUnit::by_size(20_240_131.0), None);
        assert_eq!(TimeUnit::by_size(20_240_131_235_959.0), None);
    }

    #[test]
    fn numbers_are_told_from_other_texts() {
        assert_eq!(Number::parse("-7"), Some(Number::Whole(-7)));
        assert_eq!(Number::parse("007"), Some(Number::Whole(7)));
        assert_eq!(Number::parse(&i64::MAX.to_string()), Some(Number::Whole(i64::MAX)));
        assert_eq!(Number::parse("1.5e+3"), Some(Number::Decimal(1500.0)));
        assert_eq!(Number::parse("-.5"), Some(Number::Decimal(-0.5)));
        for text in
            ["", "-", "+", ".", "nan", "-inf", "infinity", "1e999", "9223372036854775808", "1_000", "1,5", " 1", "0x1"]
        {
            assert_eq!(Number::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn too_large_a_number_is_no_time_and_no_overflow() {
        for unit in [TimeUnit::D, TimeUnit::S] {
            assert_eq!(unit.to_ms(Number::Whole(i64::MAX)), None);
            assert_eq!(unit.to_ms(Number::Decimal(1e300)), None);
        }
        assert_eq!(TimeUnit::Ns.to_ms(Number::Whole(i64::MIN)), Some(-9_223_372_036_855));
        assert_eq!(TimeUnit::Us.to_ms(Number::Whole(-1)), Some(-1));
    }

    #[test]
    fn settings_name_the_units() {
        for unit in TimeUnit::ALL {
            let name = serde_json::to_string(&unit).expect("serialises");
            assert_eq!(name, format!("\"{unit}\""));
            assert_eq!(serde_json::from_str::<TimeUnit>(&name).expect("reads"), unit);
        }
    }

    proptest! {
        #[test]
        fn whole_numbers_of_all_units_come_back_exactly(ms in EARLIEST_MS..LATEST_MS, part in 0..1_000_000_i64) {
            let numbers = [
                (TimeUnit::S, ms / 1000, ms / 1000 * 1000),
                (TimeUnit::Ms, ms, ms),
                (TimeUnit::Us, ms * 1000 + part / 1000, ms),
                (TimeUnit::Ns, ms * 1_000_000 + part, ms),
            ];
            for (unit, number, expected) in numbers {
                // Near the ends the nearest floating-point number may be the end itself.
                if (EARLIEST_MS + 1..LATEST_MS - 1).contains(&ms) {
                    prop_assert_eq!(TimeUnit::by_size(number as f64), Some(unit));
                }
                prop_assert_eq!(unit.to_ms(Number::Whole(number)), Some(expected));
            }
        }

        #[test]
        fn milliseconds_written_as_fractions_of_seconds_come_back_exactly(ms in EARLIEST_MS..LATEST_MS) {
            let text = format!("{}.{:03}", ms / 1000, ms % 1000);
            let number = Number::parse(&text).expect("a number");
            prop_assert_eq!(TimeUnit::S.to_ms(number), Some(ms));
        }
    }
}
