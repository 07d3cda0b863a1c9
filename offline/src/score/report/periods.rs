//! Rows and their label over time, by hour, day, week, month or year: whichever gives the most periods that fit a plot.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use serde::Serialize;
use shared::engine::tabular::value::time;

use super::distribution::Bin;
use super::source::Source;
use crate::score::config::ModelConfig;
use crate::score::unused::Unused;

/// The most periods of a plot.
const MOST: f64 = 70.0;

/// Rows by time.
#[derive(Debug, Clone, Serialize)]
pub struct Periods {
    /// The column of times.
    pub column: String,
    /// How long a period is.
    pub by: &'static str,
    /// The periods that have rows, in order.
    pub periods: Vec<Bin>,
}

/// A length, its seconds, and the name of the period of a time.
type Length = (&'static str, f64, fn(&Zoned) -> String);

const LENGTHS: [Length; 5] = [
    ("hour", 3600.0, |at| at.strftime("%F %Hh").to_string()),
    ("day", 86_400.0, |at| at.strftime("%F").to_string()),
    ("week", 604_800.0, |at| {
        let days = i64::from(at.weekday().to_monday_zero_offset());
        at.date().checked_sub(days.days()).map_or_else(|_| String::new(), |monday| monday.to_string())
    }),
    ("month", 2_630_000.0, |at| at.strftime("%Y-%m").to_string()),
    ("year", 31_557_000.0, |at| at.strftime("%Y").to_string()),
];

/// The rows by time; none where no column has times.
#[must_use]
pub fn periods(source: &Source, rows: &[usize], labels: &[f32]) -> Option<Periods> {
    let (config, name) = (&source.config, column(source)?);
    let zone = TimeZone::get(&config.time_zone).unwrap_or(TimeZone::UTC);
    let texts = source.table.column(name)?;
    let format = config.columns.get(name).and_then(|column| column.declared().format);
    let read = |text: &String| time(text, format.as_deref(), &zone);
    let distinct: Vec<Option<f64>> = texts.values.iter().map(read).collect();
    let known = || distinct.iter().flatten().copied();
    let (first, last) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
    let fits = |(_, seconds, _): &&Length| (last - first) / seconds < MOST;
    let (by, _, named) = LENGTHS.iter().find(fits).or(LENGTHS.last()).filter(|_| first < last)?;
    let name_of = |seconds: f64| {
        let at = Timestamp::from_millisecond((seconds * 1000.0) as i64).ok()?;
        Some(named(&at.to_zoned(zone.clone())))
    };
    let names: Vec<Option<String>> = distinct.iter().map(|seconds| seconds.and_then(name_of)).collect();
    let mut counted: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
    for &row in rows {
        let Some(Some(name)) = names.get(texts.rows[row] as usize) else { continue };
        let [rows, positives] = counted.entry(name).or_default();
        (*rows, *positives) = (*rows + 1, *positives + u64::from(labels[row] > 0.0));
    }
    let bin =
        |(name, [rows, positives]): (&str, [u64; 2])| Bin { name: name.to_owned(), bounds: None, rows, positives };
    Some(Periods { column: name.to_owned(), by, periods: counted.into_iter().map(bin).collect() })
}

/// The column of times: that of the config, else the first there is.
fn column(source: &Source) -> Option<&str> {
    let ModelConfig { time, .. } = &source.config;
    if !time.is_empty() {
        return Some(time);
    }
    let fields = source.columns.fields.iter().find(|field| super::data::role(field) == "time");
    let unused = source.columns.ignored.iter().find(|(_, reason)| *reason == Unused::Times);
    fields.map(|field| field.name.as_str()).or(unused.map(|(name, _)| name.as_str()))
}
