//! Decides how the times of a file are written, from a sample of them, and reads them.
//!
//! ```text
//! sample ─▶ decide ─▶ Clock: a unit of numbers | dates in digits | ISO 8601 | another format
//! text + Clock + time zone ─▶ milliseconds since the epoch, or why not
//! ```
//!
//! Times before `earliest` or more than a day after `latest` are rejects: a wrong unit or a wrong clock would move
//! the end of the log, by which everything decays.

mod formats;
mod undecided;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use shared::contract::time::{MAX_AHEAD_MS, Number, TimeUnit};

pub use formats::Format;
pub use undecided::Undecided;

/// The reason for times that are too early.
const EARLY: &str = "timestamp before ingest.earliest (1990, if that is not set; or a wrong timestamp_unit)";
/// The reason for times that are too late.
const LATE: &str = "timestamp in the future: more than a day after ingest.latest (now, if that is not set)";

/// How the times of a file are written.
#[derive(Debug, Clone, PartialEq)]
pub enum Clock {
    /// Numbers in a unit.
    Unit(TimeUnit),
    /// ISO 8601, such as `2026-06-30 12:00:00`, also with a zone.
    Iso,
    /// Formats: the first that fits.
    Formats(Vec<Format>),
}

/// The settings of a file that decide how its times are read.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The unit of numbers, if it is set.
    pub unit: Option<TimeUnit>,
    /// The formats that are set, of which the first that fits reads a text; none: they are told by the sample.
    pub formats_set: Vec<Format>,
    /// Formats that are tried before any other.
    pub formats: Vec<Format>,
    /// The zone of times that name none.
    pub zone: TimeZone,
    /// The earliest plausible time, milliseconds since the epoch.
    pub earliest_ms: i64,
    /// The latest plausible time but for [`MAX_AHEAD_MS`], milliseconds since the epoch.
    pub latest_ms: i64,
}

/// Reads the times of a file.
#[derive(Debug, Clone)]
pub struct Times {
    clock: Clock,
    settings: Settings,
}

impl Times {
    /// Decides how times are written: as the settings say, else by a sample.
    ///
    /// # Errors
    /// [`Undecided`] if no reading is plausible for most of the sample, several are for as much and differ, or it takes
    /// two to read nine tenths.
    pub fn decide(sample: &[&str], settings: Settings) -> Result<Self, Undecided> {
        let clock = match (&settings.formats_set[..], settings.unit) {
            ([], Some(unit)) => Clock::Unit(unit),
            ([], None) => decide(sample, &settings)?,
            (formats, _) => Clock::Formats(formats.to_vec()),
        };
        Ok(Self { clock, settings })
    }

    /// How times are written.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Reads a time, in milliseconds since the epoch.
    ///
    /// # Errors
    /// The reason why it is none, in words.
    pub fn read(&self, text: &str) -> Result<i64, &'static str> {
        let time_ms = parse(text, &self.clock, &self.settings.zone).ok_or("timestamp not readable")?;
        if time_ms < self.settings.earliest_ms {
            return Err(EARLY);
        }
        if time_ms > self.settings.latest_ms.saturating_add(MAX_AHEAD_MS) {
            return Err(LATE);
        }
        Ok(time_ms)
    }
}

impl Clock {
    /// In words.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::Unit(TimeUnit::D) => "days since 1970".to_owned(),
            Self::Unit(unit) => format!("numbers in {unit}"),
            Self::Iso => "ISO 8601".to_owned(),
            Self::Formats(formats) => {
                formats.iter().map(|format| format!("`{}`", format.as_str())).collect::<Vec<_>>().join(" or ")
            }
        }
    }

    /// The formats that read the same; none for numbers.
    fn formats(&self) -> Vec<Format> {
        match self {
            Self::Unit(_) => Vec::new(),
            Self::Iso => vec![Format::iso()],
            Self::Formats(formats) => formats.clone(),
        }
    }
}

fn parse(text: &str, clock: &Clock, zone: &TimeZone) -> Option<i64> {
    match clock {
        Clock::Unit(unit) => number(text, *unit).or_else(|| iso(text, zone)),
        Clock::Formats(formats) => formats.iter().find_map(|format| format.read(text, zone)),
        Clock::Iso => iso(text, zone).or_else(|| by_size(text)),
    }
}

fn number(text: &str, unit: TimeUnit) -> Option<i64> {
    unit.to_ms(Number::parse(text)?)
}

/// Reads a number by its size.
fn by_size(text: &str) -> Option<i64> {
    let number = Number::parse(text)?;
    TimeUnit::by_size(number.as_f64())?.to_ms(number)
}

/// Reads ISO 8601, with a zone or without, also with a blank before the zone or ` UTC` behind.
fn iso(text: &str, zone: &TimeZone) -> Option<i64> {
    let (text, utc) = match text.strip_suffix(" UTC").or_else(|| text.strip_suffix(" GMT")) {
        Some(text) => (text, true),
        None => (text, false),
    };
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant.as_millisecond());
    }
    if text.ends_with(']') {
        return Some(text.parse::<Zoned>().ok()?.timestamp().as_millisecond());
    }
    let Ok(civil) = text.parse::<DateTime>() else {
        return Format::new("%Y-%m-%d %H:%M:%S%.f %z").read(text, zone);
    };
    if utc { in_zone(civil, &TimeZone::UTC) } else { in_zone(civil, zone) }
}

/// The instant of a civil time. Of a time that a clock shows twice, the first; one that it skips counts as if it did not.
fn in_zone(civil: DateTime, zone: &TimeZone) -> Option<i64> {
    Some(zone.to_ambiguous_timestamp(civil).compatible().ok()?.as_millisecond())
}

/// Finds the reading under which most of the sample are plausible times: that of the most, and of equals that agree the
/// first.
fn decide(sample: &[&str], settings: &Settings) -> Result<Clock, Undecided> {
    let Some(first) = sample.first() else { return Ok(Clock::Iso) };
    let latest_ms = settings.latest_ms.saturating_add(MAX_AHEAD_MS);
    let read = |clock: &Clock| -> Vec<Option<i64>> {
        let plausible = |time_ms: &i64| (settings.earliest_ms..=latest_ms).contains(time_ms);
        sample.iter().map(|text| parse(text, clock, &settings.zone).filter(plausible)).collect()
    };
    let count = |times: &[Option<i64>]| times.iter().flatten().count();
    let is_most = |times: &[Option<i64>]| 2 * count(times) > sample.len();
    let of_format = |format| Clock::Formats(vec![format]);
    let own = settings.formats.iter().cloned().map(of_format);
    if let Some(clock) = own.into_iter().find(|clock| is_most(&read(clock))) {
        return Ok(clock);
    }
    // A unit before ISO's reading of numbers by size, and ISO before formats that say the same.
    let units = TimeUnit::ALL.map(|unit| (Clock::Unit(unit), true));
    let texts = [Clock::Iso].into_iter().chain(formats::known().map(of_format)).map(|clock| (clock, false));
    let numbers = sample.iter().filter(|text| Number::parse(text).is_some()).count() * 2 > sample.len();
    let clocks = units.into_iter().chain(texts).filter(|(_, is_unit)| numbers || !is_unit).map(|(clock, _)| clock);
    let readings: Vec<(Clock, Vec<Option<i64>>)> = clocks.map(|clock| (clock.clone(), read(&clock))).collect();
    let most = readings.iter().map(|(_, times)| count(times)).max().unwrap_or(0);
    if let Some(mixed) = mixed(sample, &readings, most) {
        return Err(mixed);
    }
    let mut best = readings.into_iter().filter(|(_, times)| count(times) == most);
    let (clock, times) =
        best.next().filter(|(_, times)| is_most(times)).ok_or_else(|| Undecided::None((*first).to_owned()))?;
    for (other, read) in best {
        if let Some(at) = times.iter().zip(&read).position(|(a, b)| a.is_some() && b.is_some() && a != b) {
            let shown = |time: Option<i64>| {
                time.and_then(|time| Timestamp::from_millisecond(time).ok())
                    .map(|time| time.to_string())
                    .unwrap_or_default()
            };
            let readings = [(clock, shown(times[at])), (other, shown(read[at]))];
            return Err(Undecided::Several { example: sample[at].to_owned(), readings });
        }
    }
    Ok(clock)
}

/// Whether it takes two formats to read nine tenths of a sample: the one that reads the most, and another.
///
/// * `readings`: what each clock makes of the sample.
/// * `most`: how much of the sample the best one reads.
fn mixed(sample: &[&str], readings: &[(Clock, Vec<Option<i64>>)], most: usize) -> Option<Undecided> {
    let is_enough = |read: usize| 10 * read >= 9 * sample.len();
    if is_enough(most) {
        return None;
    }
    let (one, times) = readings.iter().find(|(_, times)| times.iter().flatten().count() == most)?;
    let only = |read: &[Option<i64>]| -> Vec<usize> {
        (0..sample.len()).filter(|&at| times[at].is_none() && read[at].is_some()).collect()
    };
    let (other, at) =
        readings.iter().map(|(clock, read)| (clock, only(read))).find(|(_, at)| is_enough(most + at.len()))?;
    let first = times.iter().position(Option::is_some)?;
    let formats = [one.formats().pop()?, other.formats().pop()?];
    Some(Undecided::Mixed { examples: [sample[first].to_owned(), sample[at[0]].to_owned()], formats })
}

#[cfg(test)]
mod tests {
    use shared::contract::time::EARLIEST_MS;

    use super::*;

    fn settings() -> Settings {
        let latest_ms = "2026-11-25T00:00:00Z".parse::<Timestamp>().expect("a time").as_millisecond();
        Settings {
            unit: None,
            formats_set: Vec::new(),
            formats: Vec::new(),
            zone: TimeZone::UTC,
            earliest_ms: EARLIEST_MS,
            latest_ms,
        }
    }

    fn read(sample: &[&str]) -> Vec<Result<i64, &'static str>> {
        let times = Times::decide(sample, settings()).expect("decided");
        sample.iter().map(|text| times.read(text)).collect()
    }

    const AT_MS: i64 = 1_750_009_058_000;

    #[test]
    fn the_unit_of_numbers_is_told_by_their_size() {
        for text in ["1750009058", "1750009058000", "1750009058000000", "1750009058000000000", "1750009058.0"] {
            assert_eq!(read(&[text]), [Ok(AT_MS)], "{text}");
        }
        assert_eq!(read(&["1750009058.123"]), [Ok(AT_MS + 123)]);
        assert_eq!(read(&["20254"]), [Ok(20_254 * 86_400_000)]);
    }

    #[test]
    fn dates_are_read_in_many_formats() {
        let at = "2025-06-15T17:37:38Z".parse::<Timestamp>().expect("a time").as_millisecond();
        for text in [
            "2025-06-15 17:37:38",
            "2025-06-15T17:37:38Z",
            "2025-06-15 17:37:38 UTC",
            "2025-06-15T19:37:38[Europe/Berlin]",
            "2025-06-15T19:37:38+02:00",
            "2025-06-15 13:37:38 -0400",
            "2025-06-15 17:37:38.000 +0000 UTC",
            "2025/06/15 17:37:38",
            "15/06/2025 17:37:38",
            "06/15/2025 17:37:38",
            "15.06.2025 17:37:38",
            "15-06-2025 17:37:38",
            "20250615173738",
            "06/15/2025 05:37:38 PM",
            "Sun, 15 Jun 2025 17:37:38 +0000",
            "Sun, 15 Jun 2025 17:37:38 GMT",
            "Sun Jun 15 2025 19:37:38 GMT+0200 (Central European Summer Time)",
            "Jun 15, 2025, 5:37:38 PM",
            "15 Jun 2025 17:37:38",
            "15-Jun-2025 17:37:38",
            "June 15, 2025 17:37:38",
        ] {
            assert_eq!(read(&[text]), [Ok(at)], "{text}");
        }
        let midnight = "2025-06-15T00:00:00Z".parse::<Timestamp>().expect("a time").as_millisecond();
        for text in ["20250615", "2025-06-15", "15/06/2025", "27-04-2015"] {
            let expected = if text == "27-04-2015" { 1_430_092_800_000 } else { midnight };
            assert_eq!(read(&[text]), [Ok(expected)], "{text}");
        }
    }

    #[test]
    fn a_date_that_can_be_read_in_two_ways_is_refused_with_both() {
        match Times::decide(&["03/04/2016", "05/06/2016"], settings()) {
            Err(Undecided::Several { example, readings }) => {
                assert_eq!(example, "03/04/2016");
                let of = |format| Clock::Formats(vec![Format::new(format)]);
                assert_eq!(readings.map(|(clock, _)| clock), [of("%d/%m/%Y"), of("%m/%d/%Y")]);
            }
            other => panic!("{other:?}"),
        }
        // One day beyond the twelfth tells.
        assert!(Times::decide(&["03/04/2016", "25/06/2016"], settings()).is_ok());
    }

    #[test]
    fn one_stray_does_not_decide_and_is_a_reject() {
        let mut sample = vec!["1750009058000"; 40];
        sample.extend(["-9223372036854775808", "4102444800000", "soon"]);
        let read = read(&sample);
        assert_eq!(read[..40], vec![Ok(AT_MS); 40]);
        assert_eq!(read[40..], [Err(EARLY), Err(LATE), Err("timestamp not readable")]);
    }

    #[test]
    fn times_without_a_zone_are_of_the_zone_that_is_set() {
        let zone = TimeZone::get("Asia/Tokyo").expect("a zone");
        let times = Times::decide(&["2025-06-15 18:00:00"], Settings { zone, ..settings() }).expect("decided");
        assert_eq!(times.read("2025-06-15 18:00:00"), times.read("2025-06-15T09:00:00Z"));
        assert_eq!(times.read("2025-06-15 18:00:00"), times.read("2025-06-15 09:00:00 UTC"));
    }

    #[test]
    fn a_sample_of_two_formats_is_refused_with_both_and_read_by_them() {
        let sample = ["08-11-2016", "6/16/2016", "08-12-2016", "6/17/2016", "10/18/2015"];
        let Err(Undecided::Mixed { examples, formats }) = Times::decide(&sample, settings()) else {
            panic!("a format too few");
        };
        assert_eq!(examples, ["6/16/2016", "08-11-2016"]);
        assert_eq!(formats.each_ref().map(Format::as_str), ["%m/%d/%Y", "%d-%m-%Y"]);
        let times = Times::decide(&sample, Settings { formats_set: formats.into(), ..settings() }).expect("set");
        assert!(sample.iter().all(|text| times.read(text).is_ok()));
        let with_iso = ["2016-08-11 10:00", "6/16/2016", "6/17/2016"];
        let Err(Undecided::Mixed { formats, .. }) = Times::decide(&with_iso, settings()) else {
            panic!("a format too few");
        };
        assert_eq!(formats.each_ref().map(Format::as_str), ["%m/%d/%Y", "iso"]);
    }

    #[test]
    fn what_is_no_time_at_all_is_refused() {
        assert_eq!(Times::decide(&["7", "soon"], settings()).err(), Some(Undecided::None("7".to_owned())));
    }
}
