//! Finds the files of a table, and the columns that each must have.

use std::path::PathBuf;

use super::DataError;
use crate::log::ingest::read::{Form, NoRow, every, recognise};

/// The files of paths, folders and patterns, in order, and what each is. What is left out of a folder is said.
///
/// # Errors
/// [`DataError`] when nothing is at a path, or a file is of a kind that can't be read.
pub fn inputs(paths: &[PathBuf]) -> Result<Vec<Form>, DataError> {
    let found = every(paths)?;
    for (path, reason) in &found.left_out {
        eprintln!("{} is left out: {reason}", path.display());
    }
    found.files.iter().map(|path| Ok(recognise(path, &Default::default())?)).collect()
}

/// The columns of a file with a single value in each row, those within objects by their paths; and those of lists, which
/// are none.
#[must_use]
pub fn columns(form: &Form) -> (Vec<String>, Vec<String>) {
    let all = || form.columns.iter().chain(&form.nested);
    let holds = |column: &str, sign: char| {
        all().any(|path| path.strip_prefix(column).is_some_and(|within| within.starts_with(sign)))
    };
    // A flat file may have a sign of paths in a name.
    let is_list = |column: &&String| !form.nested.is_empty() && holds(column, '[');
    let is_object = |column: &&String| !form.nested.is_empty() && holds(column, '.');
    let is_element = |column: &&String| !form.nested.is_empty() && column.contains('[');
    let outside = || all().filter(|column| !is_element(column));
    let single = outside().filter(|column| !is_list(column) && !is_object(column));
    (single.cloned().collect(), outside().filter(is_list).cloned().collect())
}

/// Why a row can't be read. The settings of logs, which its own words name, do not hold here.
#[must_use]
pub fn reason(row: &NoRow) -> String {
    match row {
        NoRow::NotUtf8 => "not UTF-8; write the file anew, as by `iconv -f windows-1252 -t UTF-8`".to_owned(),
        NoRow::TextBehindQuote => "text behind a quoted field; a quote within one is written twice".to_owned(),
        NoRow::NotSingle(column) => format!("`{column}` is an object or a list, where other rows have a single value"),
        other => other.to_string(),
    }
}

/// Checks that a file has columns.
///
/// # Errors
/// [`DataError::NoColumnIn`] names the first that it lacks.
pub fn check<'a>(form: &Form, needed: impl IntoIterator<Item = &'a str>) -> Result<(), DataError> {
    match needed.into_iter().find(|name| !form.has(name)) {
        None => Ok(()),
        Some(name) => Err(DataError::NoColumnIn {
            path: form.path.clone(),
            name: name.to_owned(),
            columns: form.all_columns().join(", "),
        }),
    }
}
