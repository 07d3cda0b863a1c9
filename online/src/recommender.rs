//! From a query to a slate: reads the user's state from the store and asks the engine.
//!
//! In: a [`CheckedQuery`], the champion's snapshot, the store. Out: a slate. It costs one store round trip with a
//! deadline, then some 100 µs of CPU on the thread that holds the request. When the store does not answer in time the
//! slate is made without it: non-personal, but for the page the user is on.

use std::cell::RefCell;
use std::sync::Arc;

use shared::api::Seen;
use shared::id::{ItemId, UserId};
use shared::keys::{PackedError, unpack_user};
use shared::recommend::{self, Personal, Pick, Query, Scratch, Slate};
use shared::snapshot::Snapshot;
use shared::state::{BatchUser, LiveHistory, UserState};
use shared::tables::CategoryIdx;

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

/// How many existing categories are named where one is unknown.
const NEAREST: usize = 3;
/// Categories that are compared with an unknown one, and letters of its name: they bound what a wrong query costs.
const COMPARED: usize = 10_000;
const COMPARED_LETTERS: usize = 64;

/// A query for recommendations whose every value can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedQuery {
    /// Who asks.
    pub user_id: UserId,
    /// How many items.
    pub k: usize,
    /// The item whose page the user is on.
    pub item_id: Option<ItemId>,
    /// The only category that items may be of.
    pub category: Option<String>,
    /// Items that must not be recommended.
    pub exclude: Vec<ItemId>,
    /// Which items of the user's past may be; the service's setting where absent.
    pub seen: Option<Seen>,
    /// Whether the answer has the history that was used.
    pub explain: bool,
    /// The time of the question where it is not the service's clock, milliseconds since the epoch.
    pub now: Option<i64>,
}

/// Makes slates and lists of items.
pub struct Recommender {
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
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the served model does not know the item {:?}", .0.as_str())]
pub struct UnknownItem(pub ItemId);

/// Why there is no slate of a category.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the served model has no category {name:?}; {}", existing(.nearest))]
pub struct UnknownCategory {
    /// What was asked for.
    pub name: String,
    /// Categories that there are, the nearest names first.
    pub nearest: Vec<String>,
}

fn existing(nearest: &[String]) -> String {
    if nearest.is_empty() {
        return "it has none at all".to_owned();
    }
    let names: Vec<String> = nearest.iter().map(|name| format!("{name:?}")).collect();
    format!("the nearest are {}", names.join(", "))
}

/// The row of a category.
fn category(snapshot: &Snapshot, name: &str) -> Result<CategoryIdx, UnknownCategory> {
    let items = snapshot.items();
    items
        .category(name)
        .ok_or_else(|| UnknownCategory { name: name.to_owned(), nearest: nearest(name, items.categories()) })
}

/// The names most like one, upper and lower case alike; equally like ones in their order.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let name: String = name.chars().take(COMPARED_LETTERS).collect::<String>().to_lowercase();
    let distance = |other: &&str| strsim::damerau_levenshtein(&name, &other.to_lowercase());
    let mut names: Vec<&str> = names.take(COMPARED).collect();
    names.sort_by_cached_key(distance);
    names.into_iter().take(NEAREST).map(str::to_owned).collect()
}

impl Recommender {
    /// One that answers from the champion and a store.
    #[must_use]
    pub fn new(champion: Arc<Champion>, store: Arc<dyn UserStore>, metrics: Arc<Metrics>, default_seen: Seen) -> Self {
        Self { champion, store, metrics, default_seen }
    }

    /// The snapshot to answer with.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.champion.current()
    }

    /// Answers a query; `clock_ms` is the time.
    ///
    /// # Errors
    /// [`UnknownCategory`].
    pub async fn recommend(&self, query: &CheckedQuery, clock_ms: i64) -> Result<Answered, UnknownCategory> {
        let snapshot = self.champion.current();
        let category = query.category.as_deref().map(|name| category(&snapshot, name)).transpose()?;
        let stored = self.store.read(&query.user_id, &snapshot.manifest().version, clock_ms).await;
        let (state, fallback) = match stored {
            Ok(stored) => (self.state(&snapshot, &query.user_id, stored), None),
            Err(error) => {
                tracing::debug!(%error, "slate made without the store");
                self.metrics.fallbacks.with_label_values(&[error.label()]).inc();
                (UserState::default(), Some(Outcome::Fallback))
            }
        };
        let items = snapshot.items();
        let asked = Query {
            k: query.k,
            context: query.item_id.as_ref().and_then(|item| items.index(item.as_str())),
            category,
            exclude: query.exclude.iter().filter_map(|item| items.index(item.as_str())).collect(),
            seen: query.seen.unwrap_or(self.default_seen),
        };
        let now_ms = query.now.unwrap_or(clock_ms);
        let slate = with_scratch(|scratch| recommend::recommend(&snapshot, &state, &asked, now_ms, scratch));
        self.metrics.count(fallback.unwrap_or(match slate.personal {
            Personal::Yes => Outcome::Personal,
            Personal::No => Outcome::NonPersonal,
        }));
        self.metrics.count_candidates(&slate.candidates);
        for pick in &slate.picks {
            self.metrics.slate_score.observe(f64::from(pick.score));
        }
        Ok(Answered { snapshot, slate })
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
        let item = snapshot.items().index(item.as_str()).ok_or_else(|| UnknownItem(item.clone()))?;
        let picks = with_scratch(|scratch| recommend::similar(&snapshot, item, k, scratch));
        Ok(Listed { snapshot, picks })
    }

    /// The most popular items, overall or of a category.
    ///
    /// # Errors
    /// [`UnknownCategory`].
    pub fn popular(&self, of: Option<&str>, k: usize) -> Result<Listed, UnknownCategory> {
        let snapshot = self.champion.current();
        let category = of.map(|name| category(&snapshot, name)).transpose()?;
        let picks = recommend::popular(&snapshot, category, k);
        Ok(Listed { snapshot, picks })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_category_comes_with_the_names_most_like_it() {
        // Letters to change: 3, 1, 0 and 4.
        assert_eq!(nearest("abcd", ["a", "abc", "Abcd", "wxyz"].into_iter()), ["Abcd", "abc", "a"]);
        let unknown = |nearest: &[&str]| {
            let nearest = nearest.iter().map(|name| (*name).to_owned()).collect();
            UnknownCategory { name: "x".to_owned(), nearest }.to_string()
        };
        assert_eq!(unknown(&["a", "b"]), r#"the served model has no category "x"; the nearest are "a", "b""#);
        assert_eq!(unknown(&[]), r#"the served model has no category "x"; it has none at all"#);
    }
}
