//! Drops columns that have a usual name and values of another kind, in files that no schema knows.

use super::IngestError;
use super::read::{Form, Needed, Wanted, first_rows};
use super::settings::{Reading, Role};

/// The number of rows that are looked at.
const ROWS: usize = 200;

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
    Ok(reading)
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
    fn times_of_a_day_are_told_by_their_values() {
        for text in ["9:05", "09:05:00", "23:59:59.123", "9:05 PM", "12:00:00 a.m.", "10h30", "0", "23", "08"] {
            assert!(is_time_of_day(text), "{text}");
        }
        for text in ["2026-01-01", "24", "1760000000", "noon", "12:75", "", "ab:cd"] {
            assert!(!is_time_of_day(text), "{text}");
        }
    }
}
