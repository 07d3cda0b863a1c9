//! Answers queries: the user's state from the store, then the engine.
//!
//! One store round trip with a deadline, then plain CPU work (some 100 µs) on the worker that holds the request. When
//! the store does not answer in time the slate is made without it: non-personal, but for the page the user is on.

use std::cell::RefCell;
use std::sync::Arc;

use shared::api::{RecommendationQuery, Seen};
use shared::id::{ItemId, UserId};
use shared::keys::{PackedError, unpack_user};
use shared::recommend::{self, Personal, Pick, Query, Scratch, Slate};
use shared::snapshot::Snapshot;
use shared::state::{BatchUser, LiveHistory, UserState};

use crate::champion::Champion;
use crate::metrics::{Metrics, Outcome};
use crate::store::{State, StoreError, Stored, UserStore};

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Lends the thread's scratch memory. A panic loses it rather than leave it half used.
fn with_scratch<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
    let mut scratch = SCRATCH.take();
    let result = work(&mut scratch);
    SCRATCH.set(scratch);
    result
}

/// What answers queries.
pub struct Server {
    champion: Arc<Champion>,
    store: Arc<dyn UserStore>,
    metrics: Arc<Metrics>,
    default_seen: Seen,
}

/// A slate, and the snapshot whose indices it is in.
pub struct Answered {
    /// What answered.
    pub snapshot: Arc<Snapshot>,
    /// The answer.
    pub slate: Slate,
}

/// Items without a user, and the snapshot whose indices they are.
pub struct Listed {
    /// What answered.
    pub snapshot: Arc<Snapshot>,
    /// Best first.
    pub picks: Vec<Pick>,
}

/// Why there is no list of similar items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the served model does not know the item")]
pub struct UnknownItem;

/// The times of a query: the service's clock, and the time the engine is to think it is.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// The service's clock, milliseconds since the epoch.
    pub clock_ms: i64,
    /// The time of the question, milliseconds since the epoch.
    pub question_ms: i64,
}

impl Server {
    /// What answers from the champion and a store.
    #[must_use]
    pub fn new(champion: Arc<Champion>, store: Arc<dyn UserStore>, metrics: Arc<Metrics>, default_seen: Seen) -> Self {
        Self { champion, store, metrics, default_seen }
    }

    /// The snapshot to answer with.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.champion.current()
    }

    /// Answers a query for recommendations.
    pub async fn recommendations(&self, query: &RecommendationQuery, times: Times) -> Answered {
        let snapshot = self.champion.current();
        let stored = self.store.read(&query.user_id, &snapshot.manifest().version, times.clock_ms).await;
        let (state, fallback) = match stored {
            Ok(stored) => (self.state(&snapshot, &query.user_id, stored), None),
            Err(error) => {
                tracing::debug!(%error, "slate made without the store");
                self.metrics.fallbacks.with_label_values(&[error.label()]).inc();
                (UserState::default(), Some(Outcome::Fallback))
            }
        };
        let slate = self.slate(&snapshot, &state, query, times.question_ms);
        self.metrics.count(fallback.unwrap_or(match slate.personal {
            Personal::Yes => Outcome::Personal,
            Personal::No => Outcome::NonPersonal,
        }));
        self.metrics.count_candidates(&slate.candidates);
        for pick in &slate.picks {
            self.metrics.slate_score.observe(f64::from(pick.score));
        }
        Answered { snapshot, slate }
    }

    fn slate(&self, snapshot: &Snapshot, state: &UserState, query: &RecommendationQuery, now_ms: i64) -> Slate {
        let items = snapshot.items();
        let category = query.category.as_deref().map(|name| items.category(name));
        if category == Some(None) {
            // No item is in a category that nobody knows.
            let personal = Personal::No;
            return Slate { picks: Vec::new(), candidates: Default::default(), history: Vec::new(), personal };
        }
        let query = Query {
            k: query.k,
            context: query.item_id.as_ref().and_then(|item| items.index(item.as_str())),
            category: category.flatten(),
            exclude: query.exclude.iter().filter_map(|item| items.index(item.as_str())).collect(),
            seen: query.seen.unwrap_or(self.default_seen),
        };
        with_scratch(|scratch| recommend::recommend(snapshot, state, &query, now_ms, scratch))
    }

    /// Joins what the store knows of a user with what the artifact does. The record is the store's where it has one,
    /// else the mapped one: they are equal, and a store that came back empty has none.
    fn state(&self, snapshot: &Snapshot, user: &UserId, stored: Stored) -> UserState {
        let read = |bytes: &[u8]| match unpack_user(bytes) {
            Ok(record) if fits(&record, snapshot) => Ok(record),
            Ok(_) => Err(PackedError::Damaged),
            Err(error) => Err(error),
        };
        let from_store = stored.record.as_deref().and_then(|bytes| {
            read(bytes)
                .inspect_err(|error| {
                    self.metrics.store_unreadable.with_label_values(&["record"]).inc();
                    tracing::debug!(%error, "user record in the store can't be read; taking the artifact's");
                })
                .ok()
        });
        let record = from_store.or_else(|| snapshot.users().record(user.as_str()).and_then(|bytes| read(bytes).ok()));
        UserState::join(snapshot, record.unwrap_or_default(), &stored.history)
    }

    /// The items most like an item, best first.
    ///
    /// # Errors
    /// [`UnknownItem`].
    pub fn similar(&self, item: &ItemId, k: usize) -> Result<Listed, UnknownItem> {
        let snapshot = self.champion.current();
        let item = snapshot.items().index(item.as_str()).ok_or(UnknownItem)?;
        let picks = with_scratch(|scratch| recommend::similar(&snapshot, item, k, scratch));
        Ok(Listed { snapshot, picks })
    }

    /// The most popular items, overall or of a category; none of a category that nobody knows.
    #[must_use]
    pub fn popular(&self, category: Option<&str>, k: usize) -> Listed {
        let snapshot = self.champion.current();
        let picks = match category.map(|name| snapshot.items().category(name)) {
            Some(None) => Vec::new(),
            known => recommend::popular(&snapshot, known.flatten(), k),
        };
        Listed { snapshot, picks }
    }

    /// A user's real-time history.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer, or the history can't be read and is being rebuilt.
    pub async fn history(&self, user: &UserId, clock_ms: i64) -> Result<Arc<LiveHistory>, StoreError> {
        let snapshot = self.champion.current();
        let stored = self.store.read(user, &snapshot.manifest().version, clock_ms).await?;
        match stored.state {
            State::Whole => Ok(stored.history),
            State::Damaged => Err(StoreError::Damaged),
        }
    }
}

/// Whether a record only names items of the snapshot: one of another shop's artifact may not.
fn fits(record: &BatchUser, snapshot: &Snapshot) -> bool {
    let items = snapshot.items().len();
    record.cached.iter().all(|candidate| candidate.item.at() < items)
        && record.history.iter().all(|event| event.item.at() < items)
        && record.seen.iter().all(|seen| seen.item.at() < items)
}
