//! Turns a query into a slate: reads the user's state from the store and calls the engine.
//!
//! In: a [`CheckedQuery`], the champion's snapshot, the store, and by when to answer. Out: a slate. Costs one store
//! round trip with a deadline, then some 100 µs of CPU on the thread that holds the request. If the store does not
//! answer in time, the slate is made without the user's state: it depends only on the item of the page and the profile,
//! which is in the artifact. A query that heeds what the user was served reads that with the state, and its slate is
//! remembered before it is answered: one more round trip (`served.rs`). If the request's own deadline is over when the
//! engine's turn comes, the slate is what is popular.

mod ask;
mod deadline;
mod home;
mod no_answer;
mod served;
mod why;

use std::cell::RefCell;
use std::ops::Bound;
use std::sync::Arc;

use shared::contract::api::{SeenPolicy, ServedPolicy};
use shared::contract::expression::Expression;
use shared::contract::id::{ItemId, ItemIdx, UserId};
use shared::contract::max_per::MaxPer;
use shared::contract::profile::GivenProfile;
use shared::engine::item_set::ItemSet;
use shared::engine::recommend::{self, Personal, Pick, Scratch, Slate};
use shared::engine::snapshot::Snapshot;
use shared::engine::state::LiveHistory;

use crate::champion::Champion;
use crate::metrics::{Metrics, Outcome, Timed};
use crate::store::{State, StoreError, Stored, UserStore};
use crate::traces::Trace;
pub use ask::Asker;
pub use ask::Defaults;
use ask::category;
pub use deadline::{Deadline, store_share};
pub use home::{AnsweredHome, CheckedRow};
pub use no_answer::{
    BadFilter, BadProfile, NoAnswer, NoRecommender, UnknownCategory, UnknownCursor, UnknownItem, UnknownKind,
    UnknownProperty, UnknownScenario,
};
pub use served::{Cursor, Heed, Page};

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Calls `work` with the thread's scratch memory. After a panic the memory is dropped, since it may be in an
/// inconsistent state.
fn with_scratch<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
    let mut scratch = SCRATCH.take();
    let result = work(&mut scratch);
    SCRATCH.set(scratch);
    result
}

/// A query for recommendations, every value of which has been checked.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedQuery {
    /// The user.
    pub user_id: UserId,
    /// The number of items.
    pub k: usize,
    /// The items to rank; `None`: items of the whole catalogue are recommended.
    pub list: Option<Vec<ItemId>>,
    /// The item whose page the user is on.
    pub item_id: Option<ItemId>,
    /// Further items to go on from, the most recent last; they come before `item_id`.
    pub item_ids: Vec<ItemId>,
    /// What is in the basket; it comes before both.
    pub basket: Vec<ItemId>,
    /// The category that items must be of, if given.
    pub category: Option<String>,
    /// The condition that items must fulfil, if given.
    pub filter: Option<Expression>,
    /// The scenario whose rules hold, if one is named.
    pub scenario: Option<String>,
    /// How many items of a slate may have the same value of a property, beside what the scenario says.
    pub max_per: Vec<MaxPer>,
    /// Items that must not be recommended.
    pub exclude: Vec<ItemId>,
    /// Which items of the user's past may be recommended; the setting of the scenario or of the service if absent.
    pub seen: Option<SeenPolicy>,
    /// What becomes of items that the user was served lately; the setting of the scenario or of the service if absent.
    pub served: Option<ServedPolicy>,
    /// Where a feed goes on, if the slate is of one.
    pub cursor: Option<Cursor>,
    /// Whether the answer includes the history that was used.
    pub explain: bool,
    /// The time of the query, if not the service's clock, milliseconds since the epoch.
    pub now: Option<i64>,
    /// What the client knows of the user; the stored profile if absent.
    pub profile: Option<GivenProfile>,
}

impl CheckedQuery {
    /// A query of a user that says nothing else.
    #[must_use]
    pub fn of(user_id: UserId, k: usize) -> Self {
        Self {
            user_id,
            k,
            list: None,
            item_id: None,
            item_ids: Vec::new(),
            basket: Vec::new(),
            category: None,
            filter: None,
            scenario: None,
            max_per: Vec::new(),
            exclude: Vec::new(),
            seen: None,
            served: None,
            cursor: None,
            explain: false,
            now: None,
            profile: None,
        }
    }
}

/// Makes slates and lists of items.
pub struct Recommender {
    champion: Arc<Champion>,
    store: Arc<dyn UserStore>,
    metrics: Arc<Metrics>,
    asker: Asker,
}

/// A slate, and the snapshot whose indices it has.
pub struct Answered {
    /// The snapshot that answered.
    pub snapshot: Arc<Snapshot>,
    /// The answer.
    pub slate: Slate,
    /// What of a list to rank the snapshot does not know, or the filter leaves out, in its order: it comes after the slate.
    pub unknown: Vec<ItemId>,
    /// What the store had of the user; `None` if the slate was made without it, or without the engine's time.
    pub stored: Option<Stored>,
    /// Whether the slate is remembered, and its id asks for the next one.
    pub goes_on: bool,
    /// When the engine answered, if the request is timed.
    pub timed: Option<Timed>,
}

/// A function of the engine that lists items for one item.
type OfItem = fn(&Snapshot, ItemIdx, Option<Arc<ItemSet>>, usize, i64, &mut Scratch) -> Vec<Pick>;

/// A list of items that depends on no user, and the snapshot whose indices it has.
pub struct Listed {
    /// The snapshot that answered.
    pub snapshot: Arc<Snapshot>,
    /// Best first.
    pub picks: Vec<Pick>,
}

/// A snapshot, and the set of its items that a filter leaves.
pub type Selected = (Arc<Snapshot>, Option<Arc<ItemSet>>);

impl Recommender {
    /// A recommender that answers from the champion and a store, as the asker asks.
    #[must_use]
    pub fn new(champion: Arc<Champion>, store: Arc<dyn UserStore>, metrics: Arc<Metrics>, asker: Asker) -> Self {
        Self { champion, store, metrics, asker }
    }

    /// The snapshot to answer with.
    ///
    /// # Errors
    /// [`NoRecommender`].
    pub fn snapshot(&self) -> Result<Arc<Snapshot>, NoRecommender> {
        self.champion.current().ok_or(NoRecommender)
    }

    /// Whether the config has a scenario of this name.
    #[must_use]
    pub fn has_scenario(&self, name: &str) -> bool {
        self.asker.has_scenario(name)
    }

    /// The scenarios of the config, by their names.
    pub fn scenarios(&self) -> impl Iterator<Item = &str> {
        self.asker.scenarios()
    }

    /// Tells what the served version lacks of the scenarios: in the log once, and in the metrics.
    pub fn observe_scenarios(&self) {
        if let Some(snapshot) = self.champion.current() {
            self.asker.observe(&snapshot);
        }
    }

    /// Answers a query; `clock_ms` is the time. After the deadline the slate is what is popular.
    ///
    /// * `id`: identifies the answer; what a scenario explores is drawn by it.
    /// * `trace`: gets the parts of the answer, if the request is traced.
    ///
    /// # Errors
    /// [`NoAnswer`] without a recommender, for an unknown category, scenario, kind of event or cursor, a filter that
    /// the version can't be asked, or a profile with values that are refused.
    pub async fn recommend(
        &self,
        query: &CheckedQuery,
        id: &str,
        clock_ms: i64,
        deadline: Deadline,
        trace: Option<&Trace>,
    ) -> Result<Answered, NoAnswer> {
        let snapshot = self.snapshot()?;
        let mut asked = self.asker.ask(query, id, &snapshot)?;
        let mut timed = self.metrics.stages.begin(trace);
        let stored = self.stored(asked.heed, &query.user_id, &snapshot, deadline, clock_ms).await;
        self.metrics.stages.read(&mut timed);
        let mut fallback = stored.is_none().then_some(Outcome::Fallback);
        let state = asked.state(&snapshot, &query.user_id, stored.as_ref(), &self.metrics.store_unreadable);
        let now_ms = query.now.unwrap_or(clock_ms);
        let page = match &stored {
            Some(stored) if asked.heed.is_needed() => Some(self.asker.heed(&mut asked, id, &snapshot, stored, now_ms)?),
            _ => None,
        };
        self.metrics.stages.joined(&mut timed);
        let late = deadline.is_over();
        if late {
            self.metrics.fallbacks.with_label_values(&["deadline"]).inc();
            fallback = Some(Outcome::Fallback);
        }
        let slate = with_scratch(|scratch| {
            if timed.is_some() {
                scratch.stopwatch.start();
            }
            let slate = match late {
                true => asked.popular(&snapshot, &state, now_ms, scratch),
                false => asked.answer(&snapshot, &state, now_ms, scratch),
            };
            if let Some(spent) = scratch.stopwatch.stop() {
                self.metrics.stages.answered(&mut timed, &spent);
            }
            slate
        });
        self.metrics.count(fallback.unwrap_or(match slate.personal {
            Personal::Yes => Outcome::Personal,
            Personal::No => Outcome::NonPersonal,
        }));
        self.metrics.count_candidates(&slate.candidates);
        for pick in &slate.picks {
            self.metrics.slate_score.observe(f64::from(pick.score));
        }
        let goes_on = match page {
            Some(page) if !late => {
                let remembered = self.remember(page, &query.user_id, &snapshot, &slate, now_ms, deadline).await;
                self.metrics.stages.remembered(&mut timed);
                // Where fewer are left than were asked for, nothing is left for another page.
                remembered && slate.picks.len() == query.k && page.before < self.asker.keep().max_slates
            }
            _ => false,
        };
        let unknown = asked.unknown(slate.picks.len());
        Ok(Answered { snapshot, slate, unknown, stored: stored.filter(|_| !late), goes_on, timed })
    }

    /// The items most similar to an item, of those that are available at a time and that a filter leaves; best first.
    ///
    /// # Errors
    /// [`NoAnswer`] without a recommender, for an unknown item, or a filter that the version can't be asked.
    pub fn similar(
        &self,
        item: &ItemId,
        filter: Option<&Expression>,
        k: usize,
        clock_ms: i64,
    ) -> Result<Listed, NoAnswer> {
        self.of_item(recommend::similar, item, filter, k, clock_ms)
    }

    /// The items that are bought with an item, then those most similar to it, of those that are available at a time and that a
    /// filter leaves; best first.
    ///
    /// # Errors
    /// As [`Recommender::similar`].
    pub fn together(
        &self,
        item: &ItemId,
        filter: Option<&Expression>,
        k: usize,
        clock_ms: i64,
    ) -> Result<Listed, NoAnswer> {
        self.of_item(recommend::together, item, filter, k, clock_ms)
    }

    /// What a function of the engine lists for an item.
    fn of_item(
        &self,
        list: OfItem,
        item: &ItemId,
        filter: Option<&Expression>,
        k: usize,
        clock_ms: i64,
    ) -> Result<Listed, NoAnswer> {
        let snapshot = self.snapshot()?;
        let only = self.asker.only(filter, &snapshot)?;
        let item = snapshot.items().index(item.as_str()).ok_or_else(|| UnknownItem(item.clone()))?;
        let picks = with_scratch(|scratch| list(&snapshot, item, only, k, clock_ms, scratch));
        Ok(Listed { snapshot, picks })
    }

    /// The most popular of the items that are available at a time and that a filter leaves, overall or of a category.
    ///
    /// # Errors
    /// [`NoAnswer`] without a recommender, for an unknown category, or a filter that the version can't be asked.
    pub fn popular(
        &self,
        of: Option<&str>,
        filter: Option<&Expression>,
        k: usize,
        clock_ms: i64,
    ) -> Result<Listed, NoAnswer> {
        let snapshot = self.snapshot()?;
        let only = self.asker.only(filter, &snapshot)?;
        let category = of.map(|name| category(&snapshot, name)).transpose()?;
        let picks = recommend::popular(&snapshot, category, only, k, clock_ms);
        Ok(Listed { snapshot, picks })
    }

    /// The snapshot to answer with, and its items that a filter leaves, if there is one.
    ///
    /// # Errors
    /// [`NoAnswer`] without a recommender, or for a filter that the version can't be asked.
    pub fn selected(&self, filter: Option<&Expression>) -> Result<Selected, NoAnswer> {
        let snapshot = self.snapshot()?;
        let only = self.asker.only(filter, &snapshot)?;
        Ok((snapshot, only))
    }

    /// The users of whom something was said that not every version has, in the order of their ids, at most `most` of them.
    ///
    /// # Errors
    /// [`NoAnswer`] when the store does not answer.
    pub async fn named(&self, from: Bound<&str>, most: usize) -> Result<Vec<UserId>, NoAnswer> {
        Ok(self.store.named(from, most).await?)
    }

    /// A user's real-time history; there is one before there is a recommender.
    ///
    /// # Errors
    /// [`NoAnswer`] when the store does not answer, or the history can't be read.
    pub async fn history(&self, user: &UserId, clock_ms: i64) -> Result<Arc<LiveHistory>, NoAnswer> {
        let version = self.snapshot().map_or(String::new(), |snapshot| snapshot.manifest().version.clone());
        let stored = self.store.read(user, &version, clock_ms).await?;
        match stored.state {
            State::Whole => Ok(stored.history),
            State::Unreadable => Err(StoreError::Unreadable.into()),
        }
    }
}
