//! The user table: what a shop knows of its users beside their events, from files with a row a user, or a row a user and time.
//!
//! ```text
//! files ─▶ columns: user, time, the others ─▶ rows by user and time (UserTable)
//! service's log ─▶ rows of what was said of users (said.rs)
//! log   ─▶ Profiles: the rows that may be known at the end of the log, or of a part of it
//! ```
//!
//! What a user is known for at a time is their last row at or before it; a row without a time is always known. A part of a
//! log has only rows up to its end, so that what a column holds is told by these alone. Memory: 4 bytes a value, 16 a row.

mod read;
mod report;
mod said;
mod used;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use read::read_users;
pub use report::UsersReport;
pub use said::{SAID, SaidOfUsers};
pub use used::Used;

use super::Log;
use super::texts::Texts;

/// How user tables are read. See `config.default.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct UsersTableConfig {
    pub user: String,
    pub time: String,
    pub time_format: String,
    pub columns: Vec<String>,
    pub ignored: Vec<String>,
    pub categories: Vec<String>,
    pub missing: Vec<String>,
}

/// The rows of a user table.
#[derive(Debug, Clone, Default)]
pub struct UserTable {
    /// The ids of the users, ascending.
    pub ids: Vec<Box<str>>,
    /// Where the rows of each user begin, and the end of the last, in `order`.
    starts: Vec<u32>,
    /// The rows by user and time.
    order: Vec<u32>,
    /// The time of each row, milliseconds since the epoch; the smallest number where the table has none.
    times: Vec<i64>,
    /// The names of the columns.
    pub names: Vec<String>,
    /// Their values, row by row as they were read.
    pub columns: Vec<Texts>,
    /// What was read.
    pub report: UsersReport,
    /// How it was read.
    pub config: UsersTableConfig,
}

impl UserTable {
    /// The rows of a user by time.
    #[must_use]
    pub fn rows(&self, user: usize) -> &[u32] {
        &self.order[self.starts[user] as usize..self.starts[user + 1] as usize]
    }

    /// The time of a row, milliseconds since the epoch.
    #[must_use]
    pub fn time(&self, row: u32) -> i64 {
        self.times[row as usize]
    }
}

/// How late rows of a user table are known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Until {
    /// All are.
    #[default]
    End,
    /// Those up to a time, milliseconds since the epoch.
    Time(i64),
    /// Those up to each user's last event.
    OwnEvents,
}

/// What a log, or a part of it, knows of its users.
#[derive(Debug, Clone, Default)]
pub struct Profiles {
    table: Option<Arc<UserTable>>,
    until: Until,
}

impl From<UserTable> for Profiles {
    fn from(table: UserTable) -> Self {
        Self { table: Some(Arc::new(table)), until: Until::End }
    }
}

impl Profiles {
    /// The table; `None` if none was read.
    #[must_use]
    pub fn table(&self) -> Option<&UserTable> {
        self.table.as_deref()
    }

    /// What was read of the table, and what a log makes of its rows; nothing without a table.
    #[must_use]
    pub fn report(&self, log: &Log) -> UsersReport {
        let report = |table: &UserTable| UsersReport { used: used::used(log, table), ..table.report.clone() };
        self.table().map(report).unwrap_or_default()
    }

    /// How many users have a row that is known.
    #[must_use]
    pub fn users(&self) -> usize {
        let limit = self.limit(None);
        let is_known = |table: &UserTable, user| table.rows(user).first().is_some_and(|row| table.time(*row) <= limit);
        self.table().map_or(0, |table| (0..table.ids.len()).filter(|user| is_known(table, *user)).count())
    }

    /// What is known at a time, milliseconds since the epoch.
    #[must_use]
    pub fn until(&self, time_ms: i64) -> Self {
        let until = match self.until {
            Until::Time(before) => Until::Time(before.min(time_ms)),
            Until::End => Until::Time(time_ms),
            Until::OwnEvents => Until::OwnEvents,
        };
        Self { table: self.table.clone(), until }
    }

    /// What is known of each user at their last event.
    #[must_use]
    pub fn until_own_events(&self) -> Self {
        Self { table: self.table.clone(), until: Until::OwnEvents }
    }

    /// The time up to which rows of a user are known, milliseconds since the epoch.
    ///
    /// * `last_ms`: the time of the user's last event; `None` without events.
    #[must_use]
    pub fn limit(&self, last_ms: Option<i64>) -> i64 {
        match self.until {
            Until::End => i64::MAX,
            Until::Time(time_ms) => time_ms,
            Until::OwnEvents => last_ms.unwrap_or(i64::MIN),
        }
    }

    /// Adds all that may be learnt to a digest; nothing without a table.
    pub fn digest(&self, digest: &mut Sha256) {
        let Some(table) = self.table() else { return };
        let limit = self.limit(None);
        for (user, id) in table.ids.iter().enumerate() {
            for &row in
                table.rows(user).iter().filter(|row| table.time(**row) <= limit || self.until == Until::OwnEvents)
            {
                digest.update(id.as_bytes());
                digest.update([0]);
                digest.update(table.time(row).to_le_bytes());
                for (name, column) in table.names.iter().zip(&table.columns) {
                    let value = column.get(row as usize).unwrap_or_default();
                    for text in [name, value] {
                        digest.update((text.len() as u64).to_le_bytes());
                        digest.update(text);
                    }
                }
            }
        }
    }
}
