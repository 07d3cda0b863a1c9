//! What the batch knows of each user, packed.

use std::path::Path;

use super::{USERS, check_starts};
use crate::artifact::ArtifactError;
use crate::artifact::strings::Strings;
use crate::artifact::tables::{Column, Table};

/// The packed records of the users, by id.
pub struct Users {
    ids: Strings,
    starts: Column<u64>,
    records: Column<u8>,
}

impl Users {
    /// Maps the user records of the version in `folder`, without comparing checksums.
    ///
    /// # Errors
    /// [`ArtifactError`] when they can't be read.
    pub fn open(folder: &Path) -> Result<Self, ArtifactError> {
        let table = Table::open(folder, USERS)?;
        let ids = Strings::open(&table, "id")?;
        let starts = table.column_of("record.starts", ids.len() + 1)?;
        let records: Column<u8> = table.column("record.bytes")?;
        check_starts(&table, "record.starts", &starts, records.len())?;
        Ok(Self { ids, starts, records })
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

    /// The packed record of a user, see [`crate::keys::unpack_user`].
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
