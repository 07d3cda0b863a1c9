//! The user table: the packed record of each user that the batch makes.

use std::path::Path;

use super::{Misfit, check_starts, table};
use crate::contract::artifact::ArtifactError;
use crate::contract::artifact::columns::Column;
use crate::contract::artifact::strings::Strings;

table! {
    /// The packed records of the users, sorted by id.
    pub struct Users {
        /// The ids, ascending.
        ids: Strings = "id",
        /// The offset where each record begins, and the end of the last: users + 1.
        starts: Column<u64> = "record.starts",
        /// The records, see [`crate::engine::packed::pack_user`].
        records: Column<u8> = "record.bytes",
    }
}

impl<S: AsRef<str>> FromIterator<(S, Vec<u8>)> for Users {
    /// Concatenates the records; the ids must ascend.
    fn from_iter<I: IntoIterator<Item = (S, Vec<u8>)>>(users: I) -> Self {
        let (mut starts, mut records) = (vec![0], Vec::new());
        let id_of = |(id, record): (S, Vec<u8>)| {
            records.extend_from_slice(&record);
            starts.push(records.len() as u64);
            id
        };
        let ids = users.into_iter().map(id_of).collect();
        Self { ids, starts: starts.into(), records: records.into() }
    }
}

impl Users {
    /// Maps the records of a version's users without comparing checksums, whatever the format of the rest of the
    /// version.
    ///
    /// # Errors
    /// [`ArtifactError`] when they can't be read.
    pub fn open(folder: &Path) -> Result<Self, ArtifactError> {
        let users: Self = super::read(folder, super::USERS)?;
        users.check().map_err(|misfit| ArtifactError::shape(folder.join(super::USERS), misfit))?;
        Ok(users)
    }

    pub(super) fn check(&self) -> Result<(), Misfit> {
        match self.ids.is_empty() {
            true => Ok(()),
            false => check_starts("record.starts", &self.starts, self.len(), self.records.len()),
        }
    }

    /// How many users there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The packed record of a user, see [`crate::engine::packed::unpack_user`].
    #[must_use]
    pub fn record(&self, user: &str) -> Option<&[u8]> {
        self.ids.position(user).map(|row| self.row(row))
    }

    /// All users with their packed records, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        (0..self.len()).map(|row| (self.ids.get(row), self.row(row)))
    }

    fn row(&self, row: usize) -> &[u8] {
        &self.records[self.starts[row] as usize..self.starts[row + 1] as usize]
    }
}
