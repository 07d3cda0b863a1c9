//! The rows of files as columns of texts, each distinct text once.
//!
//! Memory: 4 bytes for each value, and the distinct texts of each column.

use std::path::PathBuf;

use sha2::{Digest, Sha256};
use shared::contract::artifact::manifest::hex;

use super::DataError;
use super::config::ModelConfig;
use super::input::{self, check, inputs, reason};
use crate::log::ingest::read::{Needed, Wanted, for_each_row};
pub use crate::log::ingest::texts::Texts;

/// The rows of some files, in order.
#[derive(Debug, Default)]
pub struct Table {
    /// The names of the columns.
    pub names: Vec<String>,
    /// Their values.
    pub columns: Vec<Texts>,
    /// The columns of lists, which are not read.
    pub lists: Vec<String>,
    /// The columns that the config ignores, and no row has.
    pub absent: Vec<String>,
    /// How many rows there are.
    pub rows: usize,
    /// The rows that could not be read: how many, and why the first could not.
    pub unreadable: Option<(usize, String)>,
}

impl Table {
    /// Reads the rows of files; the columns are those of the first, but for lists, those without a name, and those that the
    /// config ignores.
    ///
    /// # Errors
    /// [`DataError`] when a file can't be read, or lacks a column of the first, when too many rows can't be read, or there
    /// is none at all.
    pub fn read(paths: &[PathBuf], config: &ModelConfig) -> Result<Self, DataError> {
        let mut table = Self::default();
        for form in inputs(paths)? {
            if table.names.is_empty() {
                let (mut names, lists) = input::columns(&form);
                let is_there = |column: &String| names.contains(column) || lists.contains(column);
                let ignored = config.columns.keys().filter(|column| config.ignores(column));
                table.absent = ignored.filter(|column| !is_there(column)).cloned().collect();
                table.lists = lists.into_iter().filter(|column| !config.ignores(column)).collect();
                names.retain(|name| !name.is_empty() && !config.ignores(name));
                if let Some(name) =
                    names.iter().enumerate().find_map(|(at, name)| names[..at].contains(name).then_some(name))
                {
                    return Err(DataError::Twice { path: form.path, name: name.clone() });
                }
                table.columns = vec![Texts::default(); names.len()];
                table.names = names;
            }
            check(&form, table.names.iter().map(String::as_str))?;
            let wanted: Vec<Wanted> = table.names.iter().map(|name| Wanted::column(name, Needed::Yes)).collect();
            for_each_row(&form, &wanted, "columns", &mut |at, row| {
                match row {
                    Ok(row) => {
                        let columns = table.columns.iter_mut().zip(row.values);
                        columns.for_each(|(column, value)| column.push(*value, &config.missing));
                        table.rows += 1;
                    }
                    Err(row) => {
                        let first =
                            || (0, format!("{}, row {}: {}", form.path.display(), at.number, reason(&row.reason)));
                        table.unreadable.get_or_insert_with(first).0 += 1;
                    }
                }
                Ok(())
            })?;
        }
        if let Some((rows, first)) = &table.unreadable {
            let (all, most) = (table.rows + rows, config.max_reject_share);
            if *rows as f64 > most * all as f64 {
                return Err(DataError::Unreadable { rows: *rows, all, most, first: first.clone() });
            }
        }
        if table.rows == 0 { Err(DataError::Empty(paths.to_vec())) } else { Ok(table) }
    }

    /// Rows that are in memory.
    #[must_use]
    pub fn of(names: &[&str], rows: &[Vec<&str>]) -> Self {
        let mut columns = vec![Texts::default(); names.len()];
        for row in rows {
            columns.iter_mut().zip(row).for_each(|(column, text)| column.push(Some(text), &[]));
        }
        let names = names.iter().map(|&name| name.to_owned()).collect();
        Self { names, columns, rows: rows.len(), ..Self::default() }
    }

    /// The column of a name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Texts> {
        self.names.iter().position(|other| other == name).map(|at| &self.columns[at])
    }

    /// SHA-256 over names and values, in hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut digest = Sha256::new();
        for (name, column) in self.names.iter().zip(&self.columns) {
            for text in std::iter::once(name).chain(&column.values) {
                digest.update((text.len() as u64).to_le_bytes());
                digest.update(text);
            }
            digest.update(bytemuck::cast_slice::<u32, u8>(&column.rows));
        }
        hex(&digest.finalize())
    }
}
