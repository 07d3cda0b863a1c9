//! Turns a query into a slate: reads the user's state from the store and calls the engine.
//!
//! In: a [`CheckedQuery`], the champion's snapshot, the store, and by when to answer. Out: a slate. Costs one store
//! round trip with a deadline, then some 100 µs of CPU on the thread that holds the request. If the store does not
//! answer in time, the slate is made without the user's state: it depends only on the item of the page and the profile,
//! which is in the artifact. If the request's own deadline is over when the engine's turn comes, the slate is what is
//! popular.

mod deadline;
mod no_answer;

use std::cell::RefCell;
use std::sync::Arc;

use shared::contract::api::{Seen, SeenPolicy};
use shared::contract::expression::Expression;
use shared::contract::id::{ItemId, UserId};
use shared::contract::params::Weights;
use shared::contract::profile::GivenProfile;
use shared::contract::source::Source;
use shared::engine::item_set::ItemSet;
use shared::engine::packed::{PackedError, unpack_user};
use shared::engine::profiles::RefusedValue;
use shared::engine::recommend::{self, Personal, Pick, Query, Scratch, Slate};
use shared::engine::rerank::explore;
use shared::engine::seen::{SeenRule, unknown_kinds};
use shared::engine::select::{Unfit, check, names};
use shared::engine::snapshot::Snapshot;
use shared::engine::state::{BatchUser, LiveHistory, UserState};
use shared::tables::{CategoryIdx, Profile};

use crate::champion::Champion;
use crate::filters::Filters;
use crate::metrics::{Metrics, Outcome, Timed};
use crate::rules::{Held, Rulebook};
use crate::scenarios::{Scenario, Scenarios};
use crate::store::{State, StoreError, Stored, UserStore};
use crate::traces::Trace;
pub use deadline::{Deadline, store_share};
use no_answer::nearest;
pub use no_answer::{
    BadFilter, BadProfile, NoAnswer, NoRecommender, UnknownCategory, UnknownItem, UnknownKind, UnknownScenario,
};

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
    /// The item whose page the user is on.
    pub item_id: Option<ItemId>,
    /// The category that items must be of, if given.
    pub category: Option<String>,
    /// The condition that items must fulfil, if given.
    pub filter: Option<Expression>,
    /// The scenario whose rules hold, if one is named.
    pub scenario: Option<String>,
    /// Items that must not be recommended.
    pub exclude: Vec<ItemId>,
    /// Which items of the user's past may be recommended; the setting of the scenario or of the service if absent.
    pub seen: Option<SeenPolicy>,
    /// Whether the answer includes the history that was used.
    pub explain: bool,
    /// The time of the query, if not the service's clock, milliseconds since the epoch.
    pub now: Option<i64>,
    /// What the client knows of the user; the stored profile if absent.
    pub profile: Option<GivenProfile>,
}

/// Makes slates and lists of items.
pub struct Recommender {
    champion: Arc<Champion>,
    store: Arc<dyn UserStore>,
    metrics: Arc<Metrics>,
    filters: Filters,
    rulebook: Rulebook,
    default_seen: Seen,
}

/// A slate, and the snapshot whose indices it has.
pub struct Answered {
    /// The snapshot that answered.
    pub snapshot: Arc<Snapshot>,
    /// The answer.
    pub slate: Slate,
    /// What it was made of.
    pub outcome: Outcome,
    /// When the engine answered, if the request is timed.
    pub timed: Option<Timed>,
}

/// A list of items that depends on no user, and the snapshot whose indices it has.
pub struct Listed {
    /// The snapshot that answered.
    pub snapshot: Arc<Snapshot>,
    /// Best first.
    pub picks: Vec<Pick>,
}

/// The row of a category.
fn category(snapshot: &Snapshot, name: &str) -> Result<CategoryIdx, UnknownCategory> {
    let items = snapshot.items();
    items
        .category(name)
        .ok_or_else(|| UnknownCategory { name: name.to_owned(), nearest: nearest(name, items.categories()) })
}

/// The profile that a query gives.
fn given_profile(snapshot: &Snapshot, query: &CheckedQuery) -> Result<Option<Profile>, BadProfile> {
    match (&query.profile, snapshot.profiles()) {
        (None, _) => Ok(None),
        (Some(GivenProfile(values)), Some(profiles)) => profiles.read(values).map(Some).map_err(BadProfile),
        (Some(GivenProfile(values)), None) => {
            let unknown = |(field, _): &(String, _)| RefusedValue {
                field: field.clone(),
                detail: "unknown field; the served version has no profiles, `offline run --users` gives it some"
                    .to_owned(),
            };
            let refused: Vec<RefusedValue> = values.iter().map(unknown).collect();
            if refused.is_empty() { Ok(None) } else { Err(BadProfile(refused)) }
        }
    }
}

/// The rule of a seen policy.
fn seen(policy: &SeenPolicy, snapshot: &Snapshot) -> Result<SeenRule, UnknownKind> {
    let kinds = &snapshot.params().kinds;
    match unknown_kinds(policy, kinds).next() {
        None => Ok(SeenRule::of(policy, kinds)),
        Some(name) => {
            let names = kinds.iter().map(|(_, kind)| kind.name.as_str());
            Err(UnknownKind { name: name.clone(), nearest: nearest(name.as_str(), names) })
        }
    }
}

/// What draws the explored items of an answer. A replay, whose queries carry their time, draws by that, so that it
/// can be repeated.
fn seed(query: &CheckedQuery, id: &str) -> u64 {
    match query.now {
        Some(now) => explore::seed(&now.to_string(), query.user_id.as_str()),
        None => explore::seed(id, query.user_id.as_str()),
    }
}

impl Recommender {
    /// A recommender that answers from the champion and a store, by the rules of scenarios.
    #[must_use]
    pub fn new(
        champion: Arc<Champion>,
        store: Arc<dyn UserStore>,
        metrics: Arc<Metrics>,
        scenarios: Scenarios,
        default_seen: Seen,
    ) -> Self {
        let rulebook = Rulebook::new(scenarios, metrics.clone());
        Self { champion, store, metrics, filters: Filters::default(), rulebook, default_seen }
    }

    /// The snapshot to answer with.
    ///
    /// # Errors
    /// [`NoRecommender`].
    pub fn snapshot(&self) -> Result<Arc<Snapshot>, NoRecommender> {
        self.champion.current().ok_or(NoRecommender)
    }

    /// Tells what the served version lacks of the scenarios: in the log once, and in the metrics.
    pub fn observe_scenarios(&self) {
        if let Some(snapshot) = self.champion.current() {
            self.rulebook.observe(&snapshot);
        }
    }

    /// The items of a snapshot that a filter leaves.
    ///
    /// # Errors
    /// [`BadFilter`] when the version can't be asked so.
    fn only(&self, filter: Option<&Expression>, snapshot: &Arc<Snapshot>) -> Result<Option<Arc<ItemSet>>, BadFilter> {
        let Some(expression) = filter else { return Ok(None) };
        check(expression, snapshot).map_err(|unfit| {
            let nearest = match &unfit {
                Unfit::Unknown(name) => nearest(name, names(snapshot)),
                Unfit::Kind { .. } => Vec::new(),
            };
            BadFilter { unfit, nearest }
        })?;
        Ok(Some(self.filters.set(expression, snapshot)))
    }

    /// The items that the filters of a query and of its scenario leave together.
    ///
    /// # Errors
    /// [`BadFilter`] when the version can't be asked what the query asks.
    fn only_of_both(
        &self,
        query: &CheckedQuery,
        scenario: Option<(&Scenario, &Held)>,
        snapshot: &Arc<Snapshot>,
    ) -> Result<Option<Arc<ItemSet>>, BadFilter> {
        let of_scenario = scenario.and_then(|(scenario, held)| Some((scenario.filter.as_ref()?, held.only.as_ref()?)));
        Ok(match (self.only(query.filter.as_ref(), snapshot)?, query.filter.as_ref().zip(of_scenario)) {
            (_, Some((own, (filter, _)))) => {
                Some(self.filters.set(&Expression::And(vec![filter.clone(), own.clone()]), snapshot))
            }
            (own, None) => own.or_else(|| of_scenario.map(|(_, only)| only.clone())),
        })
    }

    /// The scenario that a query names, with its name.
    ///
    /// # Errors
    /// [`UnknownScenario`].
    fn scenario(&self, query: &CheckedQuery) -> Result<Option<(&str, &Scenario)>, UnknownScenario> {
        let Some(name) = query.scenario.as_deref() else { return Ok(None) };
        let unknown = || UnknownScenario { name: name.to_owned(), nearest: nearest(name, self.rulebook.names()) };
        self.rulebook.scenario(name).ok_or_else(unknown).map(Some)
    }

    /// Answers a query; `clock_ms` is the time. After the deadline the slate is what is popular.
    ///
    /// * `id`: identifies the answer; what a scenario explores is drawn by it.
    /// * `trace`: gets the parts of the answer, if the request is traced.
    ///
    /// # Errors
    /// [`NoAnswer`] without a recommender, for an unknown category, scenario or kind of event, a filter that the
    /// version can't be asked, or a profile with values that are refused.
    pub async fn recommend(
        &self,
        query: &CheckedQuery,
        id: &str,
        clock_ms: i64,
        deadline: Deadline,
        trace: Option<&Trace>,
    ) -> Result<Answered, NoAnswer> {
        let snapshot = self.snapshot()?;
        let category = query.category.as_deref().map(|name| category(&snapshot, name)).transpose()?;
        let scenario = self.scenario(query)?;
        let held = scenario.map(|scenario| self.rulebook.held(scenario, &snapshot));
        let held = held.as_deref();
        let only = self.only_of_both(query, scenario.map(|(_, scenario)| scenario).zip(held), &snapshot)?;
        let seen = query.seen.as_ref().map(|policy| seen(policy, &snapshot)).transpose()?;
        let given = given_profile(&snapshot, query)?;
        let mut timed = self.metrics.stages.begin(trace);
        let (until, version) = (deadline.store_until(), &snapshot.manifest().version);
        let stored = self.store.read_until(Some(until), &query.user_id, version, clock_ms).await;
        self.metrics.stages.read(&mut timed);
        let is_hidden = stored.as_ref().is_ok_and(|stored| stored.history.hides(snapshot.covered()));
        let own = || if is_hidden { None } else { snapshot.profile_of(query.user_id.as_str()) };
        let profile = if query.profile.is_some() { given } else { own() };
        let (state, mut fallback) = match stored {
            Ok(stored) => (self.state(&snapshot, &query.user_id, stored), None),
            Err(error) => {
                tracing::debug!(%error, "slate made without the store");
                self.metrics.fallbacks.with_label_values(&[error.label()]).inc();
                (UserState::default(), Some(Outcome::Fallback))
            }
        };
        let state = state.with_profile(profile);
        let items = snapshot.items();
        let explores = held.is_some_and(|held| held.rules.explore.is_some());
        let exclude = query.exclude.iter().filter_map(|item| items.index(item.as_str()));
        let asked = Query {
            k: query.k,
            context: query.item_id.as_ref().and_then(|item| items.index(item.as_str())),
            category,
            exclude: exclude.chain(held.into_iter().flat_map(|held| held.exclude.iter().copied())).collect(),
            seen: seen.or_else(|| held?.seen.clone()).unwrap_or(SeenRule::Word(self.default_seen)),
            only,
            rules: held.map(|held| held.rules.clone()),
            seed: if explores { seed(query, id) } else { 0 },
        };
        let now_ms = query.now.unwrap_or(clock_ms);
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
            let slate = if late {
                let popular = Weights::only(Source::Popularity);
                recommend::recommend_with(&snapshot, &popular, &state, &asked, now_ms, scratch)
            } else {
                recommend::recommend(&snapshot, &state, &asked, now_ms, scratch)
            };
            if let Some(spent) = scratch.stopwatch.stop() {
                self.metrics.stages.answered(&mut timed, &spent);
            }
            slate
        });
        let outcome = fallback.unwrap_or(match slate.personal {
            Personal::Yes => Outcome::Personal,
            Personal::No => Outcome::NonPersonal,
        });
        self.metrics.count(outcome);
        self.metrics.count_candidates(&slate.candidates);
        for pick in &slate.picks {
            self.metrics.slate_score.observe(f64::from(pick.score));
        }
        Ok(Answered { snapshot, slate, outcome, timed })
    }

    /// Joins the live history of the store with the batch's record of the user. The record is the store's if it has
    /// one, else that of the mapped artifact: the two are equal, and a store that came back empty has none. Of a user
    /// who was erased after what the version knows, the live history is all.
    fn state(&self, snapshot: &Snapshot, user: &UserId, stored: Stored) -> UserState {
        if stored.history.hides(snapshot.covered()) {
            return UserState::join(snapshot, BatchUser::default(), &stored.history);
        }
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
        let snapshot = self.snapshot()?;
        let only = self.only(filter, &snapshot)?;
        let item = snapshot.items().index(item.as_str()).ok_or_else(|| UnknownItem(item.clone()))?;
        let picks = with_scratch(|scratch| recommend::similar(&snapshot, item, only, k, clock_ms, scratch));
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
        let only = self.only(filter, &snapshot)?;
        let category = of.map(|name| category(&snapshot, name)).transpose()?;
        let picks = recommend::popular(&snapshot, category, only, k, clock_ms);
        Ok(Listed { snapshot, picks })
    }

    /// A user's real-time history.
    ///
    /// # Errors
    /// [`NoAnswer`] without a recommender, when the store does not answer, or the history can't be read.
    pub async fn history(&self, user: &UserId, clock_ms: i64) -> Result<Arc<LiveHistory>, NoAnswer> {
        let snapshot = self.snapshot()?;
        let stored = self.store.read(user, &snapshot.manifest().version, clock_ms).await?;
        match stored.state {
            State::Whole => Ok(stored.history),
            State::Unreadable => Err(StoreError::Unreadable.into()),
        }
    }
}

/// Whether a record refers only to items and kinds of the snapshot; a record of another shop's artifact may not.
#[must_use]
pub fn fits(record: &BatchUser, snapshot: &Snapshot) -> bool {
    let (items, kinds) = (snapshot.items().len(), &snapshot.params().kinds);
    record.cached.iter().all(|candidate| candidate.item.at() < items)
        && record.history.iter().all(|event| event.item.at() < items && kinds.has(event.kind))
        && record.seen.iter().all(|seen| seen.item.at() < items && kinds.has(seen.kind))
}
