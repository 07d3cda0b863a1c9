//! Makes the rows of a front page: reads the user's state once, and has the engine answer each row.

use std::sync::Arc;

use shared::engine::home::{self, Kind, Row, Shelf};
use shared::engine::snapshot::Snapshot;

use super::{CheckedQuery, Deadline, Heed, NoAnswer, Recommender, with_scratch};
use crate::metrics::Outcome;

/// A row of a page that is asked for, every value of which has been checked.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedRow {
    /// What it shows.
    pub kind: Kind,
    /// Its heading, if it has one of its own.
    pub title: Option<String>,
    /// How many items, which, and by which rules; the user is that of the page.
    pub query: CheckedQuery,
}

/// The rows of a page, and the snapshot whose indices they have.
pub struct AnsweredHome {
    /// The snapshot that answered.
    pub snapshot: Arc<Snapshot>,
    /// Those that have enough, in their order.
    pub shelves: Vec<Shelf>,
    /// Whether it was made without the user's state.
    pub fallback: bool,
}

impl Recommender {
    /// Answers the rows of a page; `clock_ms` is the time. Without the store the page is that of somebody unknown.
    ///
    /// * `rows`: at least one; all are of one user, time and profile.
    ///
    /// # Errors
    /// [`NoAnswer`] as of [`Recommender::recommend`].
    pub async fn home(
        &self,
        rows: &[CheckedRow],
        id: &str,
        clock_ms: i64,
        deadline: Deadline,
    ) -> Result<AnsweredHome, NoAnswer> {
        let snapshot = self.snapshot()?;
        let asked = rows.iter().map(|row| self.asker.ask(&row.query, id, &snapshot)).collect::<Result<Vec<_>, _>>()?;
        let Some((first, query)) = asked.first().zip(rows.first().map(|row| &row.query)) else {
            return Ok(AnsweredHome { snapshot, shelves: Vec::new(), fallback: false });
        };
        let stored = self.stored(Heed::NOTHING, &query.user_id, &snapshot, deadline, clock_ms).await;
        let fallback = stored.is_none();
        let state = first.state(&snapshot, &query.user_id, stored.as_ref(), &self.metrics.store_unreadable);
        let is_known = !state.history.is_empty() || !state.cached.is_empty();
        self.metrics.count(match (fallback, is_known) {
            (true, _) => Outcome::Fallback,
            (false, true) => Outcome::Personal,
            (false, false) => Outcome::NonPersonal,
        });
        let now_ms = query.now.unwrap_or(clock_ms);
        let rows: Vec<Row> =
            rows.iter().zip(asked).map(|(row, asked)| Row { kind: row.kind, query: asked.query }).collect();
        let shelves = with_scratch(|scratch| home::home(&snapshot, &state, &rows, now_ms, scratch));
        Ok(AnsweredHome { snapshot, shelves, fallback })
    }
}
