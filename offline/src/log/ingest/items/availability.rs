//! Whether and when an item may be recommended, from texts.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use figment::Figment;
use figment::providers::{Format, Toml};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::log::ingest::DAY_MS;
use crate::log::ingest::schema::plain;
use crate::log::ingest::times::{Settings, Times};

/// The latest time of a date in another form than ISO 8601: the end of 9998.
const LATEST_MS: i64 = 253_370_764_800_000;

/// When an item may be recommended: from one time on, until another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first moment, milliseconds since the epoch.
    pub from_ms: i64,
    /// The moment from which it may not any more.
    pub until_ms: i64,
}

impl Validity {
    /// Always.
    pub const ALWAYS: Self = Self { from_ms: i64::MIN, until_ms: i64::MAX };
    /// Never.
    pub const NEVER: Self = Self { from_ms: i64::MIN, until_ms: i64::MIN };
}

/// The words that are known everywhere, with what they say.
static COMMON: LazyLock<HashMap<String, bool>> = LazyLock::new(|| {
    let text = include_str!("../../../../schemas/words.toml");
    let words: BTreeMap<String, String> =
        Figment::from(Toml::string(text)).extract_inner("available").expect("words.toml maps words to yes or no");
    words.into_iter().map(|(word, says)| (letters(&word), says == "yes")).collect()
});

/// Whether a text says that an item may be recommended; `None` if it says nothing that is understood.
///
/// A number is a stock: more than 0 is available. A word counts without regard to case and to what is neither letter nor
/// digit, and without what stands before a `/`: `http://schema.org/OutOfStock` is `out_of_stock`.
///
/// * `yes`, `no`: the words of the settings, which come before those that are known everywhere.
#[must_use]
pub fn is_available(text: &str, yes: &[String], no: &[String]) -> Option<bool> {
    let among = |words: &[String], word: &str| words.iter().any(|known| letters(known) == word);
    stock_or_word(text, |word| match (among(yes, word), among(no, word)) {
        (_, true) => Some(false),
        (true, false) => Some(true),
        (false, false) => COMMON.get(word).copied(),
    })
}

/// Whether a text says that an item is hidden: that this is true, or a word for what is not available.
///
/// * `yes`, `no`: the words of the settings for what is available and what is not.
#[must_use]
pub fn is_hidden(text: &str, yes: &[String], no: &[String]) -> Option<bool> {
    is_true(text).or_else(|| is_available(text, yes, no).map(|available| !available))
}

/// Whether a text says that the shop shows an item: as [`is_available`], but a number is no stock. 1 says so, and 0 or 2, which
/// shops write for what is switched off, the contrary.
#[must_use]
pub fn is_active(text: &str, yes: &[String], no: &[String]) -> Option<bool> {
    match text.parse::<f64>() {
        Ok(1.0) => Some(true),
        Ok(2.0) => Some(false),
        Ok(number) => (number <= 0.0).then_some(false),
        Err(_) => is_available(text, yes, no),
    }
}

/// Whether a text says that something is true.
#[must_use]
pub fn is_true(text: &str) -> Option<bool> {
    stock_or_word(text, |word| match word {
        "true" | "yes" | "y" | "t" | "on" => Some(true),
        "false" | "no" | "n" | "f" | "off" => Some(false),
        _ => None,
    })
}

fn stock_or_word(text: &str, word: impl Fn(&str) -> Option<bool>) -> Option<bool> {
    match text.parse::<f64>() {
        Ok(stock) => (!stock.is_nan()).then_some(stock > 0.0),
        Err(_) => word(&letters(text.rsplit('/').next().unwrap_or(text))),
    }
}

fn letters(text: &str) -> String {
    plain(text).replace(['[', ']', '.'], "")
}

/// Which end of a day a date without a time of day stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The item is available from it on: the day's beginning.
    From,
    /// The item is available until it is over: the day's end.
    Until,
}

/// A time in milliseconds since the epoch: a number whose size tells its unit, or a date (UTC), with or without a time of
/// day.
#[must_use]
pub fn moment(text: &str, bound: Bound) -> Option<i64> {
    if let Ok(number) = text.parse::<f64>()
        && let Some(time) = by_size(number)
    {
        return Some(time);
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant.as_millisecond());
    }
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    // A date is also read as a time of day at its beginning.
    let civil = match (text.parse::<Date>(), text.contains(':'), bound) {
        (Ok(date), false, Bound::From) => date.to_datetime(jiff::civil::Time::midnight()),
        (Ok(date), false, Bound::Until) => {
            // The last date that can be told has no day after it.
            let next = date.checked_add(1.day()).unwrap_or(date);
            next.to_datetime(jiff::civil::Time::midnight())
        }
        _ => match text.parse::<DateTime>() {
            Ok(time) => time,
            Err(_) => return in_another_form(text, bound),
        },
    };
    // Only the last dates that can be written lie beyond the last time.
    let time = civil.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp());
    Some(time.as_millisecond())
}

/// A time in one of the formats of logs, if there is one reading alone: `31.12.2026`.
fn in_another_form(text: &str, bound: Bound) -> Option<i64> {
    let settings = Settings {
        unit: None,
        formats_set: Vec::new(),
        formats: Vec::new(),
        zone: TimeZone::UTC,
        earliest_ms: 0,
        latest_ms: LATEST_MS,
    };
    let time = Times::decide(&[text], settings).ok()?.read(text).ok()?;
    let is_date = time % DAY_MS == 0 && !text.contains(':');
    Some(if is_date && bound == Bound::Until { time + DAY_MS } else { time })
}

/// A number of seconds, milliseconds, microseconds or nanoseconds since the epoch, none of which are read as a time
/// before 1973.
fn by_size(number: f64) -> Option<i64> {
    let in_ms = match number {
        // Days since the epoch, from 1990 on.
        number if (7305.0..1e5).contains(&number) && number.fract() == 0.0 => number * DAY_MS as f64,
        number if number < 1e8 => return None,
        number if number < 1e11 => number * 1e3,
        number if number < 1e14 => number,
        number if number < 1e17 => number / 1e3,
        number if number < 1e20 => number / 1e6,
        _ => return None,
    };
    Some(in_ms as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-31.
    const TIME_MS: i64 = 1_769_817_600_000;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn words_and_stocks_say_whether_an_item_is_available() {
        let available = |text: &str| is_available(text, &words(&["Sale", "archived"]), &words(&["in_stock"]));
        for text in
            ["true", "TRUE", "1", "12", "pre-order", "https://schema.org/LimitedAvailability", "sale", "archived"]
        {
            assert_eq!(available(text), Some(true), "{text}");
        }
        for text in ["false", "0", "0.0", "-1", "out-of-stock", "OutOfStock", "In Stock"] {
            assert_eq!(available(text), Some(false), "{text}");
        }
        assert_eq!([available("maybe"), available("NaN")], [None, None]);
    }

    #[test]
    fn what_is_switched_off_is_not_active() {
        let active = |text: &str| is_active(text, &[], &words(&["later"]));
        assert!(["1", "1.0", "TRUE", "ja", "active", "publish"].iter().all(|text| active(text) == Some(true)));
        assert!(["0", "2", "-1", "nein", "draft", "archived", "later"].iter().all(|text| active(text) == Some(false)));
        assert_eq!([active("7"), active("Released"), active("NaN")], [None; 3]);
    }

    #[test]
    fn what_is_hidden_is_not_available() {
        let hidden = |text: &str| is_hidden(text, &[], &words(&["later"]));
        for text in ["true", "1", "Yes", "deleted", "later"] {
            assert_eq!(hidden(text), Some(true), "{text}");
        }
        for text in ["false", "0", "active"] {
            assert_eq!(hidden(text), Some(false), "{text}");
        }
        assert_eq!(hidden("perhaps"), None);
    }

    #[test]
    fn a_date_begins_with_its_day_and_ends_with_it() {
        assert_eq!(moment("2026-01-31", Bound::From), Some(TIME_MS));
        assert_eq!(moment("2026-01-31", Bound::Until), Some(TIME_MS + DAY_MS));
        for text in ["2026-01-31 00:00:00", "2026-01-31T00:00:00Z", "2026-01-31 00:00:00 UTC"] {
            assert_eq!(moment(text, Bound::Until), Some(TIME_MS), "{text}");
        }
        assert!(moment("9999-12-31", Bound::Until).is_some_and(|time| time > 250_000_000_000_000));
        assert_eq!(moment("soon", Bound::From), None);
        for text in ["31.01.2026", "31/01/2026", "20260131", "20484"] {
            assert_eq!(moment(text, Bound::From), Some(TIME_MS), "{text}");
        }
        assert_eq!(moment("31.01.2026", Bound::Until), Some(TIME_MS + DAY_MS));
        assert_eq!(moment("31.01.2026 00:00", Bound::Until), Some(TIME_MS));
        assert_eq!(moment("01/02/2026", Bound::From), None, "two readings");
    }

    #[test]
    fn the_unit_of_a_number_is_told_by_its_size() {
        for text in ["1769817600", "1769817600000", "1769817600000000", "1769817600000000000", "1769817600.0"] {
            assert_eq!(moment(text, Bound::From), Some(TIME_MS), "{text}");
        }
        assert_eq!([moment("7", Bound::From), moment("NaN", Bound::From)], [None, None]);
    }
}
