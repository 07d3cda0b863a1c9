//! Decides how one file is read, before its first row is: its form, its schema, its columns and its times.
//!
//! ```text
//! form ─▶ schema (by name, columns or values; else by the usual names of columns) ─▶ under [ingest] ─▶ under [[ingest.files]]
//! ```
//!
//! A column of `[ingest.columns]` counts for the files that have it; others are read as their schema says. The service's
//! own event log is read by its own schema alone.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use jiff::tz::TimeZone;
use shared::contract::event_log::LogFile;
use shared::contract::id::present;
use shared::contract::kind::Kinds;

use super::read::{FirstRow, Form, Layout, Needed, Wanted, first_rows, path, recognise};
use super::schema::{self, Schema};
use super::settings::{Alternatives, IngestConfig, MissingTimestamps, Reading, Role, SkipRule};
use super::skip::Rule;
use super::times::{Format, Settings as TimeSettings, Times};
use super::{IngestError, by_values, event_column, needs};

/// The number of rows by which times are recognised.
const SAMPLE_ROWS: usize = 10_000;

/// The range of plausible times, milliseconds since the epoch.
#[derive(Debug, Clone, Copy)]
pub struct Plausible {
    /// The earliest.
    pub earliest_ms: i64,
    /// The latest, but for a day.
    pub latest_ms: i64,
}

/// How one file is read.
pub struct Plan {
    /// What the file is.
    pub form: Form,
    /// The name of its schema.
    pub schema: &'static str,
    /// The schema in words.
    pub title: String,
    /// All layers over each other.
    pub reading: Reading,
    /// The columns to read: those of each role, then those of the skip rules.
    pub wanted: Vec<Wanted>,
    /// The places of each role among them, in the order of [`Role::ALL`].
    pub places: Vec<Range<usize>>,
    /// How times are read; `None` if the file has none.
    pub times: Option<Times>,
    /// The rules for rows that are no interactions, of the columns that the file has.
    pub rules: Vec<Rule>,
    /// How rows without a time are treated.
    pub missing_timestamps: MissingTimestamps,
}

/// Decides how a file is read; `None` if nothing is in it.
///
/// # Errors
/// [`IngestError`] when the file can't be read, or a column, the kind of events or the times can't be told: with the
/// settings that would tell them.
pub fn plan(
    file: &Path,
    config: &IngestConfig,
    kinds: &Kinds,
    plausible: Plausible,
) -> Result<Option<Plan>, IngestError> {
    let is_service_log = LogFile::at(file).is_some();
    let layers = match is_service_log {
        true => Reading::default(),
        false => config.of_file(file)?,
    };
    let mut form = recognise(file, &layers.options())?;
    if form.layout == Layout::Empty {
        return Ok(None);
    }
    let schema = match is_service_log {
        true => schema::named(schema::SERVICE),
        false => schema_of(&form, &layers)?,
    };
    // A copy of the service's log under another name.
    let layers = if schema.is_some_and(|schema| schema.name == schema::SERVICE) { Reading::default() } else { layers };
    let (name, title, base) = match schema {
        Some(Schema { name, title, reading, .. }) => (*name, title.clone(), reading.clone()),
        None => (schema::GENERIC, "columns by their usual names".to_owned(), by_values::generic(&form)?),
    };
    if base.quoting.is_some() || base.separator.is_some() && !layers.schema.is_empty() {
        form = recognise(file, &base.clone().under(&layers).options())?;
    }
    let base = as_found(base, name, &form, &layers, kinds)?;
    let reading = base.clone().under(&of_file(&layers, &base, &form));
    let missing_timestamps = reading.missing_timestamps.unwrap_or(MissingTimestamps::Reject);
    needs::check(&form, name, &reading, &layers, missing_timestamps)?;
    let list = list_of_rows(&form, &reading);
    let is_of_row = |column: &str| path::list(column).is_none_or(|own| Some(own) == list.as_deref());
    // A rule of the settings may be about what later records of JSON have.
    let is_here = |rule: &&SkipRule| match layers.skip.contains(rule) {
        true => form.has(&rule.column) || !form.is_table(),
        false => form.has(&rule.column) && is_of_row(&rule.column),
    };
    let rules = reading.skip.iter().filter(is_here);
    let rules: Vec<Rule> = rules.map(|rule| Rule::of(rule, kinds)).collect::<Result<_, _>>()?;
    let (wanted, places) = wanted(&form, &reading, &layers, &rules)?;
    let plan = Plan { form, schema: name, title, reading, wanted, places, times: None, rules, missing_timestamps };
    let times = times(&plan, plausible)?;
    Ok(Some(Plan { times, ..plan }))
}

/// A schema without what its file says itself: the unit of times, which their size tells, and the kind of rows without a
/// word, which is that of files without a column of words. A column that the settings give a role is that alone.
fn as_found(
    mut base: Reading,
    name: &str,
    form: &Form,
    layers: &Reading,
    kinds: &Kinds,
) -> Result<Reading, IngestError> {
    if name == schema::SERVICE {
        return Ok(base);
    }
    if name == schema::GENERIC {
        base = by_values::checked(form, base)?;
    }
    if let Some(column) = event_column::hidden(form, &base, layers, kinds)? {
        base.columns.0.insert(Role::Event, Alternatives::One(column));
    } else if name == schema::GENERIC && base.columns.of(Role::Event).is_empty() {
        base.default_event = by_values::kind_of_all(form, &base)?.or(base.default_event);
    }
    let is_told = |column: &String| {
        let is_kept = layers.skip.iter().any(|rule| rule.column == *column && rule.keeps_all());
        is_kept || layers.columns.0.values().any(|paths| paths.list().contains(column))
    };
    base.skip.retain(|rule| !is_told(&rule.column));
    let has_words = base.columns.of(Role::Event).iter().any(|path| form.has(path));
    Ok(Reading { timestamp_unit: None, default_event: base.default_event.filter(|_| !has_words), ..base })
}

fn schema_of(form: &Form, layers: &Reading) -> Result<Option<&'static Schema>, IngestError> {
    if !layers.schema.is_empty() {
        let names = || schema::SCHEMAS.iter().map(|schema| schema.name).collect::<Vec<_>>().join(", ");
        let unknown = || IngestError::Setting(format!("files: no schema `{}`; there are {}", layers.schema, names()));
        return schema::named(&layers.schema).map(Some).ok_or_else(unknown);
    }
    schema::of_file(form)
}

/// The layers without columns that the file does not have, if its schema says where else to look.
fn of_file(layers: &Reading, base: &Reading, form: &Form) -> Reading {
    let mut layers = layers.clone();
    layers.columns.0.retain(|role, paths| {
        let is_elsewhere = !base.columns.of(*role).is_empty();
        let is_here = paths.list().iter().any(|path| path == "-" || form.has(path));
        is_here || !is_elsewhere
    });
    layers
}

/// The columns to read, and the places of each role among them. Each alternative is a column of its own, since which
/// texts stand for a missing value is not the reader's to say.
fn wanted(
    form: &Form,
    reading: &Reading,
    layers: &Reading,
    rules: &[Rule],
) -> Result<(Vec<Wanted>, Vec<Range<usize>>), IngestError> {
    let list = list_of_rows(form, reading);
    let of_list = |path: &&String| path::list(path).is_none_or(|own| Some(own) == list.as_deref());
    let (mut wanted, mut places) = (Vec::new(), Vec::new());
    for role in Role::ALL {
        let paths: Vec<&String> = reading.columns.of(role).iter().filter(of_list).collect();
        // JSON may have a column that a setting names in later records only.
        if form.is_table() && !layers.columns.of(role).is_empty() && !paths.iter().any(|path| form.has(path)) {
            let column = reading.columns.of(role).join("` or `");
            let (path, there) = (form.path.clone(), form.columns.clone());
            return Err(IngestError::Column { path, column, there, section: "ingest.columns" });
        }
        let start = wanted.len();
        let of_role = |path: &&String| match role {
            Role::User | Role::Item | Role::EventId => Wanted::ids(path, Needed::No),
            _ => Wanted::column(path, Needed::No),
        };
        wanted.extend(paths.iter().map(of_role));
        places.push(start..wanted.len());
    }
    wanted.extend(rules.iter().map(|rule| Wanted::column(&rule.column, Needed::No)));
    Ok((wanted, places))
}

/// The list whose elements are the rows: of those that the columns name the first that the file has, else the first.
fn list_of_rows(form: &Form, reading: &Reading) -> Option<String> {
    let paths = || Role::ALL.into_iter().flat_map(|role| reading.columns.of(role));
    let there = paths().filter(|path| form.has(path)).find_map(|path| path::list(path));
    there.or_else(|| paths().find_map(|path| path::list(path))).map(str::to_owned)
}

impl Plan {
    /// The columns that no role and no rule reads, each with one value a row.
    #[must_use]
    pub fn unread(&self) -> Vec<String> {
        let list = list_of_rows(&self.form, &self.reading);
        let is_of_row = |column: &String| path::list(column).is_none_or(|own| Some(own) == list.as_deref());
        let is_read = |column: &String| self.wanted.iter().any(|wanted| wanted.paths.contains(column));
        self.form.all_columns().into_iter().filter(|column| is_of_row(column) && !is_read(column)).collect()
    }

    /// The columns of a role that the file has, as far as its first records tell.
    #[must_use]
    pub fn columns(&self, role: Role) -> Vec<String> {
        let columns = self.reading.columns.of(role);
        let there: Vec<String> = columns.iter().filter(|path| self.form.has(path)).cloned().collect();
        if there.is_empty() && !self.form.is_table() { columns.to_vec() } else { there }
    }

    /// The kind of all rows, where no column tells it.
    #[must_use]
    pub fn kind_of_all(&self) -> Option<&str> {
        let has_words = !self.columns(Role::Event).is_empty();
        self.reading.default_event.as_deref().filter(|_| !has_words)
    }

    /// The value of a role, the first that stands for no missing one.
    pub fn value<'v>(&self, values: &[Option<&'v str>], role: Role) -> Option<&'v str> {
        let no_user = if role == Role::User { &self.reading.no_user[..] } else { &[] };
        let is_there = |text: &&str| !self.reading.missing.iter().chain(no_user).any(|missing| missing == text);
        values[self.places[role as usize].clone()].iter().find_map(|value| present((*value)?).filter(is_there))
    }

    /// Whether a row names a user who is none.
    #[must_use]
    pub fn is_guest(&self, values: &[Option<&str>]) -> bool {
        let users = values[self.places[Role::User as usize].clone()].iter();
        users.copied().flatten().map(str::trim).any(|user| self.reading.no_user.iter().any(|none| none == user))
    }

    /// The time of a row as it is written; a date and a time of day as one text.
    pub fn time<'v>(&self, values: &[Option<&'v str>]) -> Option<Cow<'v, str>> {
        let date = self.value(values, Role::Timestamp)?;
        Some(match self.value(values, Role::TimeOfDay) {
            Some(hour) if by_values::hour(hour).is_some() => Cow::Owned(format!("{date} {hour:0>2}:00")),
            Some(time) => Cow::Owned(format!("{date} {time}")),
            None => Cow::Borrowed(date),
        })
    }
}

/// Recognises how times are written from the first rows.
fn times(plan: &Plan, plausible: Plausible) -> Result<Option<Times>, IngestError> {
    let Plan { form, reading, wanted, .. } = plan;
    let columns = reading.columns.of(Role::Timestamp);
    if columns.is_empty() {
        return Ok(None);
    }
    let rows = first_rows(form, wanted, SAMPLE_ROWS)?;
    let time = |row: FirstRow| {
        let values = row.values.ok()?;
        plan.time(&values.iter().map(Option::as_deref).collect::<Vec<_>>()).map(Cow::into_owned)
    };
    let sample: Vec<String> = rows.into_iter().filter_map(time).collect();
    let sample: Vec<&str> = sample.iter().map(String::as_str).collect();
    let zone = match reading.time_zone.as_deref() {
        None => TimeZone::UTC,
        Some(name) => TimeZone::get(name)
            .map_err(|error| IngestError::Setting(format!("time_zone = {name:?}: {error}; such as Europe/Berlin")))?,
    };
    let settings = TimeSettings {
        unit: reading.timestamp_unit.and_then(super::settings::Unit::fixed),
        formats_set: reading
            .timestamp_format
            .as_ref()
            .map_or(&[][..], Alternatives::list)
            .iter()
            .map(|format| Format::new(format))
            .collect(),
        formats: reading.timestamp_formats.iter().map(|format| Format::new(format)).collect(),
        zone,
        earliest_ms: plausible.earliest_ms,
        latest_ms: plausible.latest_ms,
    };
    let column = columns.join(", ");
    Times::decide(&sample, settings).map(Some).map_err(|undecided| IngestError::Times {
        path: form.path.clone(),
        column,
        undecided: Box::new(undecided),
    })
}
