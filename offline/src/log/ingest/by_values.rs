//! Tells by their values what names alone don't, in files that no schema knows: columns that have a usual name and values of
//! another kind, and what all rows are about.

use std::collections::BTreeSet;

use shared::contract::id::present;

use super::IngestError;
use super::read::{Form, Needed, Take, Wanted, first_rows};
use super::schema;
use super::settings::{Reading, Role};

/// The number of rows that are looked at.
const ROWS: usize = 200;

/// The number of rows that are looked at for a table of users.
const USERS: usize = 10_000;

/// Whether a value is one of a role that a name alone does not tell.
fn fits(role: Role, text: &str) -> bool {
    if role == Role::Order { text.parse::<i64>().is_ok() } else { is_time_of_day(text) }
}

/// A reading by usual names without the columns whose first values don't fit.
///
/// # Errors
/// [`IngestError`] when the file can't be read.
pub fn checked(form: &Form, mut reading: Reading) -> Result<Reading, IngestError> {
    for role in [Role::Order, Role::TimeOfDay] {
        let Some(column) = reading.columns.of(role).first().cloned() else { continue };
        let rows = first_rows(form, &[Wanted::column(&column, Needed::No)], ROWS)?;
        let values = rows.iter().filter_map(|row| row.values.as_ref().ok()?[0].as_deref());
        if !values.map(str::trim).all(|text| fits(role, text)) {
            reading.columns.0.remove(&role);
        }
    }
    let columns: BTreeSet<String> = reading.skip.iter().map(|rule| rule.column.clone()).collect();
    for column in columns.iter().filter(|column| form.has(column)) {
        let values = first_values(form, column)?;
        let values: Vec<&str> = values.iter().flatten().map(|value| value.trim()).collect();
        if schema::is_no_mark(column, &values) {
            reading.skip.retain(|rule| rule.column != *column);
        }
    }
    Ok(reading)
}

/// The highest number that may be a count of the pieces of an order.
const MOST_PIECES: u64 = 100;

/// Why a column with the name of several items is none of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plural {
    /// It has numbers of pieces, beside the number of an order.
    Counts,
    /// It has several items in a cell.
    Lists,
}

/// How a file is read by the usual names of its columns, but for those that have the name of several items and are none.
///
/// # Errors
/// [`IngestError`] when the file can't be read.
pub fn generic(form: &Form) -> Result<Reading, IngestError> {
    let mut columns = form.all_columns();
    let plural = plural(form, &columns)?;
    columns.retain(|column| plural.iter().all(|(other, _)| other != column));
    Ok(schema::generic(&columns))
}

/// The columns with the name of several items that are none of items.
///
/// # Errors
/// [`IngestError`] when the file can't be read.
pub fn plural(form: &Form, columns: &[String]) -> Result<Vec<(String, Plural)>, IngestError> {
    let has_order = columns.iter().any(|column| schema::usual_roles(column).any(|role| role == Role::Transaction));
    let is_plural = |column: &&String| ["items", "products"].contains(&schema::plain(column).as_str());
    let mut found = Vec::new();
    for column in columns.iter().filter(is_plural) {
        let values = first_values(form, column)?;
        let values: Vec<&str> = values.iter().flatten().map(|value| value.trim()).collect();
        let is_count = |value: &&str| value.parse::<u64>().is_ok_and(|count| count <= MOST_PIECES);
        let is_list = |value: &&&str| !value.starts_with('[') && (value.contains([',', ';', '|']) || has_count(value));
        if !values.is_empty() && has_order && values.iter().all(is_count) {
            found.push((column.clone(), Plural::Counts));
        } else if !values.is_empty() && 2 * values.iter().filter(is_list).count() >= values.len() {
            found.push((column.clone(), Plural::Lists));
        }
    }
    Ok(found)
}

/// Whether a text begins with a number of pieces, as `2× Lamp` does.
fn has_count(text: &str) -> bool {
    let rest = text.trim_start_matches(|sign: char| sign.is_ascii_digit()).trim_start();
    rest.len() < text.len() && (rest.starts_with('×') || rest.starts_with("x "))
}

/// The kind of all rows, where a column has a value in each that only rows of that kind have, such as the number of a return.
///
/// # Errors
/// [`IngestError`] when the file can't be read.
pub fn kind_of_all(form: &Form, reading: &Reading) -> Result<Option<String>, IngestError> {
    let time = reading.columns.of(Role::Timestamp).first().map_or("", String::as_str);
    let Some((kind, column)) = schema::kind_by_column(&form.all_columns(), time) else { return Ok(None) };
    let values = first_values(form, &column)?;
    Ok(values.iter().all(|value| value.as_deref().and_then(present).is_some()).then(|| kind.to_owned()))
}

/// Whether a file may be a table of users: each of its first rows has a user of its own, and nothing in it is about events.
///
/// # Errors
/// [`IngestError`] when the file can't be read.
pub fn has_a_row_each(form: &Form, users: &[String]) -> Result<bool, IngestError> {
    let [column, ..] = users else { return Ok(false) };
    let of_events = [Role::Event, Role::Quantity, Role::Transaction, Role::Session];
    let is_of_events = |name: &String| schema::usual_roles(name).any(|role| of_events.contains(&role));
    if form.all_columns().iter().any(is_of_events) {
        return Ok(false);
    }
    let rows = first_rows(form, &[Wanted::column(column, Needed::No)], USERS)?;
    let users: Vec<String> = rows.into_iter().filter_map(|row| row.values.ok()?.pop()?).collect();
    let different: BTreeSet<&String> = users.iter().collect();
    Ok(!users.is_empty() && different.len() == users.len())
}

/// The first values of a column; absent ones among them.
fn first_values(form: &Form, column: &str) -> Result<Vec<Option<String>>, IngestError> {
    let wanted = Wanted { take: Take::Whole, ..Wanted::column(column, Needed::No) };
    let rows = first_rows(form, &[wanted], ROWS)?;
    Ok(rows.into_iter().filter_map(|row| row.values.ok()?.pop()).collect())
}

/// Whether a text is a time of a day, such as `9:05`, `09:05:00.5`, `9:05 PM`, or the hour alone.
fn is_time_of_day(text: &str) -> bool {
    if hour(text).is_some() {
        return true;
    }
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic() || letter == ' ' || letter == '.');
    let mut parts = digits.splitn(2, [':', 'h', '.']);
    let (first, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let minutes = rest.get(..2).and_then(|minutes| minutes.parse::<u8>().ok());
    hour(first).is_some() && minutes.is_some_and(|minutes| minutes < 60)
}

/// The hour that a text is, if it is nothing else.
#[must_use]
pub fn hour(text: &str) -> Option<u8> {
    let digits = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|hour| digits && *hour < 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_pieces_stands_before_a_name() {
        assert!(["1× Hat", "12 × Sock", "2x Lamp"].iter().all(|text| has_count(text)));
        assert!(!["x-ray", "2xl", "Hat", "12", "× Hat"].iter().any(|text| has_count(text)));
    }

    #[test]
    fn times_of_a_day_are_told_by_their_values() {
        for text in ["9:05", "09:05:00", "23:59:59.123", "9:05 PM", "12:00:00 a.m.", "10h30", "0", "23", "08"] {
            assert!(is_time_of_day(text), "{text}");
        }
        for text in ["2026-01-01", "24", "1760000000", "noon", "12:75", "", "ab:cd"] {
            assert!(!is_time_of_day(text), "{text}");
        }
    }
}
