//! A query put to one version for one user at one time.

use crate::dense::Marks;
use crate::event::EventKind;
use crate::history::past::Past;
use crate::history::recent::{self, Recent};
use crate::slate::Query;
use crate::snapshot::Snapshot;
use crate::state::{Interaction, UserState};
use crate::topk::Scored;

/// What the sources and the ranker look at.
pub struct Question<'a> {
    /// The tables.
    pub snapshot: &'a Snapshot,
    /// The user's list from the batch.
    pub cached: &'a [Scored],
    /// The user's history, oldest first, with the page they are on.
    pub history: Vec<Interaction>,
    /// Its distinct items, newest first.
    pub recent: Vec<Recent>,
    /// What is known of it as a whole.
    pub past: Past,
    /// The time of the question, milliseconds since the epoch.
    pub now_ms: i64,
}

impl<'a> Question<'a> {
    /// Puts a query. `own` holds the items of the history then. Cost: a few passes over the history.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot, state: &'a UserState, query: &Query, now_ms: i64, own: &mut Marks) -> Self {
        let view = |item| Interaction { item, kind: EventKind::View, timestamp_ms: now_ms, event_key: 0 };
        let history: Vec<Interaction> = state.history.iter().copied().chain(query.context.map(view)).collect();
        own.reset(snapshot.items().len());
        let recent = recent::recent(&history, snapshot.params(), now_ms, own);
        let past = Past::of(&history, &recent, own, snapshot.params().session, now_ms);
        Self { snapshot, cached: &state.cached, history, recent, past, now_ms }
    }
}
