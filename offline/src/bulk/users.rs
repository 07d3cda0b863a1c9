//! The users who get slates: those of a table, in its order, or all that a version has a record of, by id.
//!
//! A table is read anew each time, so that its users are never in memory at once. A row without an id of a user is left
//! out and counted.

use std::path::{Path, PathBuf};

use shared::contract::id::UserId;
use shared::tables::Users as Records;

use super::BulkError;
use crate::log::ingest::IngestError;
use crate::log::ingest::read::{Form, Header, Layout, Needed, ReadOptions, Wanted, for_each_row, recognise};
use crate::log::ingest::schema::column_of_users;

/// The users of a run.
pub enum Users<'a> {
    /// All that a version has a record of.
    OfVersion(&'a Records),
    /// Those of a table.
    Listed(List),
}

/// A table with a column of users, or a file with an id a line.
#[derive(Debug)]
pub struct List {
    form: Form,
    column: String,
}

/// The rows of a table of users.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// Those with an id.
    pub users: u64,
    /// Those without.
    pub left_out: u64,
    /// What is wrong with the first of them.
    pub first: Option<String>,
}

impl List {
    /// Looks at a table. A file of text with one column whose first line is no usual name for users is one id a line.
    ///
    /// * `column`: the column of users; found by its name if absent.
    ///
    /// # Errors
    /// [`BulkError`] when it can't be read, or no column is known to hold users.
    pub fn open(path: &Path, column: Option<&str>) -> Result<Self, BulkError> {
        let form = recognise(path, &ReadOptions::default())?;
        if let Some(column) = column.map(str::to_owned).or_else(|| column_of_users(&form.columns)) {
            return Ok(Self { form, column });
        }
        if matches!((&form.layout, form.columns.as_slice()), (Layout::Delimited(_), [_])) {
            let form = recognise(path, &ReadOptions { header: Header::No, ..ReadOptions::default() })?;
            let column = form.columns.first().cloned().unwrap_or_default();
            return Ok(Self { form, column });
        }
        match form.columns.is_empty() {
            true => Err(BulkError::Nobody(path.to_owned())),
            false => Err(BulkError::NoUsers { path: path.to_owned(), columns: form.all_columns() }),
        }
    }

    /// The column of ids, by its name; that of a file without names is its first.
    #[must_use]
    pub fn column(&self) -> &str {
        &self.column
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &PathBuf {
        &self.form.path
    }

    /// Reads the rows.
    fn for_each(&self, each: &mut dyn FnMut(UserId) -> Result<(), BulkError>) -> Result<Rows, BulkError> {
        let (mut rows, mut failed) = (Rows::default(), None);
        let wanted = [Wanted::ids(&self.column, Needed::Yes)];
        let read = for_each_row(&self.form, &wanted, "--user-column", &mut |at, row| {
            let user = match row {
                Ok(row) => UserId::from_outside(row.values[0].unwrap_or_default()).map_err(|error| error.to_string()),
                Err(row) => Err(row.reason.to_string()),
            };
            match user {
                Ok(user) => {
                    rows.users += 1;
                    each(user).map_err(|error| {
                        failed = Some(error);
                        // Ends the reading; nobody sees it.
                        IngestError::read(&self.form.path, "given up")
                    })
                }
                Err(reason) => {
                    rows.left_out += 1;
                    rows.first.get_or_insert_with(|| format!("row {}: {reason}", at.number));
                    Ok(())
                }
            }
        });
        match (failed, read) {
            (Some(error), _) => Err(error),
            (None, read) => read.map(|()| rows).map_err(BulkError::from),
        }
    }
}

impl Users<'_> {
    /// Counts them.
    ///
    /// # Errors
    /// [`BulkError`] when the table can't be read, or no row has an id.
    pub fn count(&self) -> Result<Rows, BulkError> {
        let rows = self.for_each(&mut |_| Ok(()))?;
        match self {
            Self::Listed(list) if rows.users == 0 => Err(BulkError::Nobody(list.path().clone())),
            _ => Ok(rows),
        }
    }

    /// Calls `each` with every user in order.
    ///
    /// # Errors
    /// [`BulkError`] when the table can't be read, or `each` fails.
    pub fn for_each(&self, each: &mut dyn FnMut(UserId) -> Result<(), BulkError>) -> Result<Rows, BulkError> {
        match self {
            Self::Listed(list) => list.for_each(each),
            Self::OfVersion(records) => {
                let mut rows = Rows::default();
                for (user, _) in records.iter() {
                    match UserId::new(user) {
                        Ok(user) => {
                            rows.users += 1;
                            each(user)?;
                        }
                        Err(error) => {
                            rows.left_out += 1;
                            rows.first.get_or_insert_with(|| error.to_string());
                        }
                    }
                }
                Ok(rows)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(name: &str, text: &str, column: Option<&str>) -> Result<(Vec<String>, Rows), BulkError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        fs::write(&path, text).expect("writes");
        let users = Users::Listed(List::open(&path, column)?);
        let mut ids = Vec::new();
        let rows = users.for_each(&mut |user| {
            ids.push(user.as_str().to_owned());
            Ok(())
        })?;
        assert_eq!(users.count()?, rows);
        Ok((ids, rows))
    }

    #[test]
    fn users_are_read_of_tables_and_of_lists_in_their_order() {
        for (name, text, column) in [
            ("users.csv", "name,user_id\nBo,u2\nAl,u1\n", None),
            ("users.csv", "who,age\nu2,30\nu1,40\n", Some("who")),
            ("users.jsonl", "{\"visitorid\":\"u2\"}\n{\"visitorid\":\"u1\"}\n", None),
            ("users.txt", "u2\nu1\n", None),
            ("users", "u2\nu1", None),
        ] {
            let (ids, rows) = read(name, text, column).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((ids.join(" ").as_str(), rows.left_out), ("u2 u1", 0), "{text}");
        }
        let (ids, _) = read("users.txt", "17\n4\n17\n", None).expect("reads");
        assert_eq!(ids, ["17", "4", "17"], "numbers are ids, and nobody is left out for being there twice");
    }

    #[test]
    fn rows_without_an_id_are_counted_and_a_table_without_users_is_refused() {
        let (ids, rows) = read("users.csv", "user_id,age\nu1,3\n,4\nu2,5\n", None).expect("reads");
        assert_eq!(
            (ids.len(), rows.left_out, rows.first.is_some_and(|first| first.starts_with("row 2"))),
            (2, 1, true)
        );
        let error = read("users.csv", "colour,size\nred,3\nblue,4\n", None).expect_err("no users").to_string();
        assert!(error.contains("there are: colour, size; name it with --user-column"), "{error}");
        assert!(matches!(read("users.csv", "user_id,age\n,3\n", None), Err(BulkError::Nobody(_))));
        assert!(read("users.csv", "", None).is_err());
    }
}
