//! What the engine is asked: a query in the indices of one snapshot, and what is known of its user.
//!
//! In: a [`CheckedQuery`], a snapshot, what the store has of the user. Out: [`Asked`] and a [`UserState`]. The champion is
//! asked so, and so is a version that answers beside it.

use std::sync::Arc;

use prometheus::IntCounterVec;
use shared::contract::api::{Seen, SeenPolicy};
use shared::contract::expression::Expression;
use shared::contract::id::UserId;
use shared::contract::profile::GivenProfile;
use shared::engine::item_set::ItemSet;
use shared::engine::packed::{PackedError, unpack_user};
use shared::engine::profiles::RefusedValue;
use shared::engine::recommend::Query;
use shared::engine::rerank::explore;
use shared::engine::seen::{SeenRule, unknown_kinds};
use shared::engine::select::{Unfit, check, names};
use shared::engine::snapshot::Snapshot;
use shared::engine::state::{BatchUser, LiveHistory, UserState};
use shared::tables::{CategoryIdx, Profile};

use super::CheckedQuery;
use super::no_answer::{BadFilter, BadProfile, NoAnswer, UnknownCategory, UnknownKind, UnknownScenario, nearest};
use crate::filters::Filters;
use crate::rules::{Held, Rulebook};
use crate::scenarios::Scenario;
use crate::store::Stored;

/// Turns queries into what the engine is asked. What it made for a snapshot it remembers until it is given another.
pub struct Asker {
    filters: Filters,
    rulebook: Rulebook,
    default_seen: Seen,
}

/// What the engine is asked.
pub struct Asked {
    /// The query.
    pub query: Query,
    /// The profile that the query gives, if it says anything of one.
    given: Option<Option<Profile>>,
}

impl Asked {
    /// What is known of a user, who has not been forgotten since the snapshot's version was built.
    ///
    /// * `stored`: what the store has; `None` if it did not answer.
    /// * `unreadable`: counts records of the store that can't be read.
    pub fn state(
        &self,
        snapshot: &Snapshot,
        user: &UserId,
        stored: Option<&Stored>,
        unreadable: &IntCounterVec,
    ) -> UserState {
        let is_hidden = stored.is_some_and(|stored| stored.history.hides(snapshot.covered()));
        let own = || if is_hidden { None } else { snapshot.profile_of(user.as_str()) };
        let profile = self.given.clone().unwrap_or_else(own);
        let state = stored.map_or_else(UserState::default, |stored| match is_hidden {
            // The live history is all that may be known.
            true => UserState::join(snapshot, taken(BatchUser::default(), snapshot, &stored.history), &stored.history),
            false => UserState::join(snapshot, records(snapshot, user, stored, unreadable), &stored.history),
        });
        state.with_profile(profile)
    }
}

/// The batch's records of a user and of those who were merged into them, unless the own one is another's.
fn records(snapshot: &Snapshot, user: &UserId, stored: &Stored, unreadable: &IntCounterVec) -> BatchUser {
    let own = match stored.history.gave_record(snapshot.covered()) {
        true => BatchUser::default(),
        false => record(snapshot, user, stored, unreadable),
    };
    taken(own, snapshot, &stored.history)
}

/// A record, and those of the mapped artifact of the users whose pasts came by merges that it does not cover.
fn taken(own: BatchUser, snapshot: &Snapshot, history: &LiveHistory) -> BatchUser {
    history.records(snapshot.covered()).fold(own, |own, user| {
        let other = snapshot.users().record(user.as_str()).and_then(|bytes| unpack_user(bytes).ok());
        own.with(other.filter(|record| fits(record, snapshot)).unwrap_or_default())
    })
}

/// The batch's record of a user. It is the store's if that has one, else that of the mapped artifact: the two are equal, and
/// a store that came back empty has none.
fn record(snapshot: &Snapshot, user: &UserId, stored: &Stored, unreadable: &IntCounterVec) -> BatchUser {
    let read = |bytes: &[u8]| match unpack_user(bytes) {
        Ok(record) if fits(&record, snapshot) => Ok(record),
        Ok(_) => Err(PackedError::Damaged),
        Err(error) => Err(error),
    };
    let from_store = stored.record.as_deref().and_then(|bytes| {
        read(bytes)
            .inspect_err(|error| {
                unreadable.with_label_values(&["record"]).inc();
                tracing::debug!(%error, "user record in the store can't be read; taking the artifact's");
            })
            .ok()
    });
    from_store.or_else(|| snapshot.users().record(user.as_str()).and_then(|bytes| read(bytes).ok())).unwrap_or_default()
}

/// Whether a record refers only to items and kinds of the snapshot; a record of another shop's artifact may not.
#[must_use]
pub fn fits(record: &BatchUser, snapshot: &Snapshot) -> bool {
    let (items, kinds) = (snapshot.items().len(), &snapshot.params().kinds);
    record.cached.iter().all(|candidate| candidate.item.at() < items)
        && record.history.iter().all(|event| event.item.at() < items && kinds.has(event.kind))
        && record.seen.iter().all(|seen| seen.item.at() < items && kinds.has(seen.kind))
}

/// The row of a category.
pub fn category(snapshot: &Snapshot, name: &str) -> Result<CategoryIdx, UnknownCategory> {
    let items = snapshot.items();
    items
        .category(name)
        .ok_or_else(|| UnknownCategory { name: name.to_owned(), nearest: nearest(name, items.categories()) })
}

/// The profile that a query gives, if it says anything of one.
fn given_profile(snapshot: &Snapshot, query: &CheckedQuery) -> Result<Option<Option<Profile>>, BadProfile> {
    match (&query.profile, snapshot.profiles()) {
        (None, _) => Ok(None),
        (Some(GivenProfile(values)), Some(profiles)) => profiles.read(values).map(Some).map(Some).map_err(BadProfile),
        (Some(GivenProfile(values)), None) => {
            let unknown = |(field, _): &(String, _)| RefusedValue {
                field: field.clone(),
                detail: "unknown field; the served version has no profiles, `offline run --users` gives it some"
                    .to_owned(),
            };
            let refused: Vec<RefusedValue> = values.iter().map(unknown).collect();
            if refused.is_empty() { Ok(Some(None)) } else { Err(BadProfile(refused)) }
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

impl Asker {
    /// One that asks by the rules of scenarios.
    #[must_use]
    pub fn new(rulebook: Rulebook, default_seen: Seen) -> Self {
        Self { filters: Filters::default(), rulebook, default_seen }
    }

    /// Tells what a version lacks of the scenarios: in the log once, and in the metrics.
    pub fn observe(&self, snapshot: &Arc<Snapshot>) {
        self.rulebook.observe(snapshot);
    }

    /// What the engine is asked by a query.
    ///
    /// * `id`: identifies the answer; what a scenario explores is drawn by it.
    ///
    /// # Errors
    /// [`NoAnswer`] for an unknown category, scenario or kind of event, a filter that the version can't be asked, or a
    /// profile with values that are refused.
    pub fn ask(&self, query: &CheckedQuery, id: &str, snapshot: &Arc<Snapshot>) -> Result<Asked, NoAnswer> {
        let category = query.category.as_deref().map(|name| category(snapshot, name)).transpose()?;
        let scenario = self.scenario(query)?;
        let held = scenario.map(|scenario| self.rulebook.held(scenario, snapshot));
        let held = held.as_deref();
        let only = self.only_of_both(query, scenario.map(|(_, scenario)| scenario).zip(held), snapshot)?;
        let seen = query.seen.as_ref().map(|policy| seen(policy, snapshot)).transpose()?;
        let given = given_profile(snapshot, query)?;
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
        Ok(Asked { query: asked, given })
    }

    /// The items of a snapshot that a filter leaves.
    ///
    /// # Errors
    /// [`BadFilter`] when the version can't be asked so.
    pub fn only(
        &self,
        filter: Option<&Expression>,
        snapshot: &Arc<Snapshot>,
    ) -> Result<Option<Arc<ItemSet>>, BadFilter> {
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
}
