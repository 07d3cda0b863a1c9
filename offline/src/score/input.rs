//! Finds the files of a table, and the columns that each must have.

use std::path::PathBuf;

use super::DataError;
use crate::log::ingest::read::{Form, every, recognise};

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
