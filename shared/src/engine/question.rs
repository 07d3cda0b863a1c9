//! A query with its context: the version that answers it, the user's history, and the time.

use crate::contract::kind::KindIdx;
use crate::engine::dense::Marks;
use crate::engine::history::past::Past;
use crate::engine::history::recent::{self, Recent};
use crate::engine::slate::{Personal, Query};
use crate::engine::snapshot::Snapshot;
use crate::engine::state::{Interaction, UserState};
use crate::engine::topk::Scored;
use crate::tables::Profile;

/// The input of the candidate sources and of the ranker.
pub struct Question<'a> {
    /// The tables.
    pub snapshot: &'a Snapshot,
    /// The user's cached candidates, made by the batch.
    pub cached: &'a [Scored],
    /// The user's history, oldest first; the items of the query's context are its last events, views.
    pub history: Vec<Interaction>,
    /// Its distinct items, newest first.
    pub recent: Vec<Recent>,
    /// The features of the history.
    pub past: Past,
    /// What is known of the user beside events.
    pub profile: Option<&'a Profile>,
    /// The time of the question, milliseconds since the epoch.
    pub now_ms: i64,
}

impl<'a> Question<'a> {
    /// Prepares a query for the sources and the ranker; `own` holds the items of the history afterwards. Cost: a few
    /// passes over the history.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot, state: &'a UserState, query: &Query, now_ms: i64, own: &mut Marks) -> Self {
        let view = |item| Interaction { item, kind: KindIdx::VIEW, timestamp_ms: now_ms, event_key: 0 };
        let history: Vec<Interaction> =
            state.history.iter().copied().chain(query.context.iter().copied().map(view)).collect();
        own.reset(snapshot.items().len());
        let recent = recent::recent(&history, snapshot.params(), now_ms, own);
        let past = Past::of(&history, &recent, own, snapshot.params(), now_ms);
        Self { snapshot, cached: &state.cached, history, recent, past, profile: state.profile.as_ref(), now_ms }
    }

    /// Whether an answer is personal.
    ///
    /// * `by_profile`: whether the profile proposed something.
    #[must_use]
    pub fn personal(&self, by_profile: bool) -> Personal {
        let nothing_known = self.history.is_empty() && self.cached.is_empty() && !by_profile;
        if nothing_known { Personal::No } else { Personal::Yes }
    }
}
