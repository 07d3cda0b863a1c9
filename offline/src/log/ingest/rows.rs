//! Turns rows of text into events: applies skip rules, casts values, and gives the reason for every row that is
//! rejected.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

use regex::Regex;
use shared::contract::event::{EventKind, event_key};
use shared::contract::id::ItemId;

use super::covered::FileRead;
use super::items::told::Field;
use super::log::{Log, RawEvent, RawLog};
use super::read::{Needed, NoRow, Wanted, files, for_each_row};
use super::rejects::Rejects;
use super::{Catalogue, IngestConfig, IngestError, IngestReport, MissingTimestamps, SessionsFrom, TimestampUnit};

/// The positions of the mapped columns in a row; those of skip rules follow.
const TIMESTAMP: usize = 0;
const USER: usize = 1;
const ITEM: usize = 2;
const EVENT: usize = 3;
const SESSION: usize = 4;
const EVENT_ID: usize = 5;
const ORDER: usize = 6;
const NAME: usize = 7;
const CATEGORY: usize = 8;
const BRAND: usize = 9;
const PRICE: usize = 10;
const FIRST_RULE: usize = 11;
/// What the log may say about items.
const TOLD: [(usize, Field); 4] =
    [(NAME, Field::Name), (CATEGORY, Field::Category), (BRAND, Field::Brand), (PRICE, Field::Price)];

/// A compiled skip rule.
enum Rule {
    StartsWith(String),
    Below(f64),
    NotMatching(Regex),
}

impl Rule {
    fn skips(&self, value: Option<&str>) -> bool {
        match self {
            Self::StartsWith(prefix) => value.is_some_and(|value| value.starts_with(prefix.as_str())),
            Self::Below(bound) => value.and_then(|value| value.parse::<f64>().ok()).is_some_and(|value| value < *bound),
            Self::NotMatching(pattern) => !pattern.is_match(value.unwrap_or_default()),
        }
    }
}

fn rules(config: &IngestConfig) -> Result<Vec<Rule>, IngestError> {
    let rule = |rule: &super::SkipRule| match (&rule.starts_with, rule.below, &rule.not_matching) {
        (Some(prefix), None, None) => Ok(Rule::StartsWith(prefix.clone())),
        (None, Some(bound), None) => Ok(Rule::Below(bound)),
        (None, None, Some(pattern)) => Regex::new(pattern)
            .map(Rule::NotMatching)
            .map_err(|error| IngestError::Setting(format!("skip rule `{}`: {error}", rule.reason))),
        _ => Err(IngestError::Setting(format!(
            "skip rule `{}`: give exactly one of starts_with, below, not_matching",
            rule.reason
        ))),
    };
    config.skip.iter().map(rule).collect()
}

fn wanted(config: &IngestConfig) -> Vec<Wanted> {
    let columns = &config.columns;
    let needed = |needed: bool| if needed { Needed::Yes } else { Needed::No };
    let session = config.sessions == SessionsFrom::Column;
    let timestamp = config.missing_timestamps == MissingTimestamps::Reject;
    let mapped = [
        (&columns.timestamp, needed(timestamp)),
        (&columns.user, Needed::Yes),
        (&columns.item, Needed::Yes),
        (&columns.event, needed(config.default_event.is_empty())),
        (&columns.session, needed(session)),
        (&columns.event_id, Needed::No),
        (&columns.order, needed(!columns.order.is_empty())),
        (&columns.name, needed(!columns.name.is_empty())),
        (&columns.category, needed(!columns.category.is_empty())),
        (&columns.brand, needed(!columns.brand.is_empty())),
        (&columns.price, needed(!columns.price.is_empty())),
    ];
    let rules = config.skip.iter().map(|rule| (&rule.column, Needed::Yes));
    mapped.into_iter().chain(rules).map(|(name, needed)| Wanted { name: name.clone(), needed }).collect()
}

/// Parses an integer in `unit`, or a date and time (UTC), to milliseconds since the epoch.
fn timestamp_ms(text: &str, unit: TimestampUnit) -> Option<i64> {
    let scale = if unit == TimestampUnit::S { 1000 } else { 1 };
    if let Ok(number) = text.parse::<i64>() {
        return number.checked_mul(scale);
    }
    if let Ok(number) = text.parse::<f64>() {
        return (number.is_finite() && number.abs() < 1e15).then(|| (number * scale as f64).round() as i64);
    }
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(instant.as_millisecond());
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

/// How a row is treated.
enum Verdict {
    Event(RawEvent),
    Rejected(&'static str),
    Skipped(usize),
    /// The unfinished last line of an event log that is being written.
    Unfinished,
    /// An earlier row of the user has the same event id.
    Duplicate {
        /// The time of that row.
        timestamp_ms: i64,
    },
}

/// The times of the events read so far that have an id, by user and id: an id is unique within its user only.
type SeenIds = HashMap<(u32, u64), i64>;

/// Reads logs into one time-ordered [`Log`] over the users and items of the logs and the catalogue.
///
/// * `paths`: files, folders and patterns; of a folder every file with a known ending.
/// * `rejects`: the file that bad rows are written to, as JSON lines.
/// * `progress`: called with the number of rows read so far.
///
/// # Errors
/// [`IngestError`] when a file or column is missing, no event is left, or too many rows are bad.
pub fn ingest(
    paths: &[PathBuf],
    catalogue: Catalogue,
    config: &IngestConfig,
    rejects: &Path,
    progress: &dyn Fn(u64),
) -> Result<Log, IngestError> {
    let default_kind = match (config.default_event.as_str(), EventKind::parse(&config.default_event)) {
        ("", _) => None,
        (_, Some(kind)) => Some(kind),
        (other, None) => {
            return Err(IngestError::Setting(format!("default_event = {other}: not view, addtocart or transaction")));
        }
    };
    if config.columns.timestamp.is_empty() && config.missing_timestamps == MissingTimestamps::Reject {
        let remedy = "columns.timestamp is empty: a log without times needs missing_timestamps = \"allow\"";
        return Err(IngestError::Setting(remedy.to_owned()));
    }
    let (rules, wanted) = (rules(config)?, wanted(config));
    let mut raw = RawLog::default();
    let mut report = IngestReport::default();
    let mut seen_ids = SeenIds::new();
    let mut out = match catalogue.report.rejected_rows() {
        0 => Rejects::new(rejects),
        _ => Rejects::after_others(rejects),
    };
    for file in files(paths)? {
        let mut reading = FileRead::begin(&file)?;
        for_each_row(&file, &wanted, "ingest.columns", &mut |at, row| {
            report.rows += 1;
            if report.rows.is_multiple_of(1 << 16) {
                progress(report.rows);
            }
            let verdict = match row {
                Ok(values) => judge(values, &rules, default_kind, config, &mut seen_ids, &mut raw),
                Err(unreadable) if unreadable.reason == NoRow::Unfinished => Verdict::Unfinished,
                Err(unreadable) => Verdict::Rejected(unreadable.reason.as_str()),
            };
            if let Some(reading) = &mut reading {
                match verdict {
                    Verdict::Event(RawEvent { timestamp_ms, .. }) | Verdict::Duplicate { timestamp_ms } => {
                        reading.note_event(at, timestamp_ms);
                    }
                    Verdict::Skipped(_) => reading.note_none(at),
                    Verdict::Unfinished => {}
                    Verdict::Rejected(_) if row.is_err() => reading.note_none(at),
                    Verdict::Rejected(_) => reading.note_lacking(),
                }
            }
            match verdict {
                Verdict::Event(event) => {
                    report.accepted += 1;
                    raw.events.push(event);
                }
                Verdict::Skipped(rule) => {
                    *report.skipped.entry(config.skip[rule].reason.clone()).or_default() += 1;
                }
                Verdict::Duplicate { .. } => *report.skipped.entry("duplicate event_id".to_owned()).or_default() += 1,
                Verdict::Unfinished => *report.skipped.entry(NoRow::Unfinished.as_str().to_owned()).or_default() += 1,
                Verdict::Rejected(reason) => {
                    *report.rejected.entry(reason.to_owned()).or_default() += 1;
                    match row {
                        Ok(values) => out.write(&file, at.number, reason, values)?,
                        Err(unreadable) => out.write(&file, at.number, reason, &unreadable.values)?,
                    }
                }
            }
            Ok(())
        })?;
        report.files.extend(reading);
    }
    out.close()?;
    progress(report.rows);
    check(&report, config, rejects)?;
    Ok(Log::build(raw, catalogue, report, config))
}

fn judge(
    values: &[Option<&str>],
    rules: &[Rule],
    default_kind: Option<EventKind>,
    config: &IngestConfig,
    seen_ids: &mut SeenIds,
    raw: &mut RawLog,
) -> Verdict {
    if let Some(rule) = rules.iter().zip(&values[FIRST_RULE..]).position(|(rule, value)| rule.skips(*value)) {
        return Verdict::Skipped(rule);
    }
    let filled = |at: usize| values[at].filter(|text| !text.is_empty());
    let Some(user) = filled(USER) else { return Verdict::Rejected("no user") };
    let Some(item) = filled(ITEM) else { return Verdict::Rejected("no item") };
    // Users and items obey the same rules.
    if ItemId::new(user).is_err() {
        return Verdict::Rejected("user id too long or with control characters");
    }
    if ItemId::new(item).is_err() {
        return Verdict::Rejected("item id too long or with control characters");
    }
    let timestamp_ms = match filled(TIMESTAMP) {
        Some(text) => match timestamp_ms(text, config.timestamp_unit) {
            Some(time) => time,
            None => return Verdict::Rejected("timestamp not readable"),
        },
        None if config.missing_timestamps == MissingTimestamps::Allow => 0,
        None => return Verdict::Rejected("no timestamp"),
    };
    let kind = match (filled(EVENT), default_kind) {
        (Some(name), _) => match EventKind::parse(name) {
            Some(kind) => kind,
            None => return Verdict::Rejected("unknown kind of event"),
        },
        (None, Some(kind)) => kind,
        (None, None) => return Verdict::Rejected("no kind of event"),
    };
    let session = match (config.sessions, filled(SESSION)) {
        (SessionsFrom::Gap, _) => None,
        (SessionsFrom::Column, Some(name)) => Some(name),
        (SessionsFrom::Column, None) => return Verdict::Rejected("no session"),
    };
    let order = match filled(ORDER).map(str::parse) {
        Some(Ok(order)) => order,
        Some(Err(_)) => return Verdict::Rejected("order not a whole number"),
        None => 0,
    };
    let user = raw.users.row(user);
    let event_key = filled(EVENT_ID).map_or(0, event_key);
    if event_key != 0 {
        match seen_ids.entry((user, event_key)) {
            Entry::Occupied(earlier) => return Verdict::Duplicate { timestamp_ms: *earlier.get() },
            Entry::Vacant(place) => place.insert(timestamp_ms),
        };
    }
    let item = raw.items.row(item);
    for (at, field) in TOLD {
        if let Some(text) = filled(at) {
            raw.told.note(item, timestamp_ms, field, text);
        }
    }
    let session = session.map_or(0, |name| raw.sessions.row(name));
    Verdict::Event(RawEvent { user, item, session, kind, timestamp_ms, order, event_key })
}

fn check(report: &IngestReport, config: &IngestConfig, rejects: &Path) -> Result<(), IngestError> {
    let (rows, rejected) = (report.rows, report.rejected_rows());
    let share = rejected as f64 / rows.max(1) as f64;
    if share > config.max_reject_share {
        let reasons: Vec<String> = report.rejected.iter().map(|(reason, count)| format!("{reason}: {count}")).collect();
        let (reasons, allowed, rejects) = (reasons.join(", "), config.max_reject_share, rejects.to_owned());
        return Err(IngestError::TooManyRejects { rejected, rows, reasons, allowed, rejects });
    }
    if report.accepted == 0 {
        let skipped = report.skipped.values().sum();
        let rejects = if rejected > 0 { format!("; see {}", rejects.display()) } else { String::new() };
        return Err(IngestError::Empty { rows, rejected, skipped, rejects });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_integers_or_dates() {
        assert_eq!(timestamp_ms("1500", TimestampUnit::Ms), Some(1500));
        assert_eq!(timestamp_ms("1.5", TimestampUnit::S), Some(1500));
        assert_eq!(timestamp_ms("1970-01-01 00:00:02", TimestampUnit::Ms), Some(2000));
        assert_eq!(timestamp_ms("1970-01-01T00:00:02Z", TimestampUnit::Ms), Some(2000));
        assert_eq!(timestamp_ms("yesterday", TimestampUnit::Ms), None);
    }
}
