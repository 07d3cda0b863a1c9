//! Which rows of a user table the events of a log can be learnt with.
//!
//! An event is learnt with the last row of its user at or before it. Rows of after the log's end, and rows that another one
//! of their user follows before any event, are learnt with by none: they are counted, since a table whose times are not
//! those of the log looks as if it were used. Cost: a sort of the times of each user with a row, and a pass over the rows.

use serde::Serialize;

use super::UserTable;
use crate::log::ingest::Log;

/// What a log makes of the rows of a user table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Used {
    /// Users of the table who have events.
    pub with_events: u64,
    /// Rows whose time is after the log's end: no event is learnt with them.
    pub after_the_log: u64,
    /// Rows that another one of their user follows before any event.
    pub superseded: u64,
    /// Events of users with a row that have none at or before them.
    pub events_before: u64,
    /// Events that are learnt with a row.
    pub events_with: u64,
}

/// Counts what a log makes of the rows of a table.
#[must_use]
pub fn used(log: &Log, table: &UserTable) -> Used {
    let end_ms = log.now_ms();
    let rows_of: Vec<Option<usize>> = log.users.iter().map(|id| table.ids.binary_search(id).ok()).collect();
    // Those of a user are in the order of time, as the log is.
    let mut times: Vec<Vec<i64>> = vec![Vec::new(); table.ids.len()];
    for event in &log.events {
        if let Some(user) = rows_of[event.user.at()] {
            times[user].push(event.timestamp_ms);
        }
    }
    let mut used = Used { with_events: rows_of.iter().flatten().count() as u64, ..Used::default() };
    for (user, times) in times.iter().enumerate() {
        let rows = table.rows(user);
        let before = |row: u32| times.partition_point(|time| *time < table.time(row));
        let all_before = rows.first().map_or(0, |row| before(*row));
        used.events_before += all_before as u64;
        used.events_with += (times.len() - all_before) as u64;
        used.after_the_log += rows.iter().filter(|row| table.time(**row) > end_ms).count() as u64;
        let superseded = |pair: &&[u32]| table.time(pair[0]) <= end_ms && before(pair[0]) == before(pair[1]);
        used.superseded += rows.windows(2).filter(superseded).count() as u64;
    }
    used
}
