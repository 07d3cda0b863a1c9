//! What the engine is asked: a query in the indices of one snapshot, and what is known of its user.
//!
//! In: a [`CheckedQuery`], a snapshot, what the store has of the user. Out: [`Asked`] and a [`UserState`]. The champion is
//! asked so, and so is a version that answers beside it.

use std::collections::HashSet;
use std::sync::Arc;

use prometheus::IntCounterVec;
use shared::contract::api::{Seen, SeenPolicy, ServedPolicy};
use shared::contract::expression::Expression;
use shared::contract::id::{ItemId, ItemIdx, UserId};
use shared::contract::max_per::MaxPer;
use shared::contract::nearest::nearest;
use shared::contract::params::Weights;
use shared::contract::profile::GivenProfile;
use shared::contract::source::Source;
use shared::engine::item_set::ItemSet;
use shared::engine::profiles::RefusedValue;
use shared::engine::recommend::{self, Query, Scratch, Slate};
use shared::engine::record;
use shared::engine::rerank::{cap, explore};
use shared::engine::rules::{Cap, Rules};
use shared::engine::seen::{SeenRule, unknown_kinds};
use shared::engine::select::{Unfit, check, names};
use shared::engine::served::SlateId;
use shared::engine::snapshot::Snapshot;
use shared::engine::state::{BatchUser, UserState};
use shared::engine::values::CATEGORY;
use shared::tables::{CategoryIdx, Profile};

use super::CheckedQuery;
use super::no_answer::{
    BadFilter, BadProfile, NoAnswer, UnknownCategory, UnknownCursor, UnknownKind, UnknownProperty, UnknownScenario,
};
use super::served::{Heed, Page};
use crate::filters::Filters;
use crate::rules::{Held, Rulebook};
use crate::scenarios::Scenario;
use crate::store::{Keep, Stored};

/// Turns queries into what the engine is asked. What it made for a snapshot it remembers until it is given another.
pub struct Asker {
    filters: Filters,
    rulebook: Rulebook,
    defaults: Defaults,
}

/// What holds where neither the query nor its scenario says otherwise, and what is kept of slates.
#[derive(Debug, Clone, Copy)]
pub struct Defaults {
    /// Which items of the user's past may be recommended.
    pub seen: Seen,
    /// What becomes of items that the user was served.
    pub served: ServedPolicy,
    /// Which slates are remembered.
    pub keep: Keep,
}

/// What the engine is asked.
pub struct Asked {
    /// The query.
    pub query: Query,
    /// How it heeds what was served before; the query knows of it by [`Asker::heed`].
    pub heed: Heed,
    /// The profile that the query gives, if it says anything of one.
    given: Option<Option<Profile>>,
    /// The items to rank, if not those of the whole catalogue are asked for.
    list: Option<List>,
}

/// A list to rank.
struct List {
    /// What the version knows of it.
    items: Vec<ItemIdx>,
    /// What it does not know, and what the filter leaves out, each once.
    last: Vec<ItemId>,
}

impl List {
    /// * `only`: what the filter leaves, if there is one.
    fn of(items: &[ItemId], only: Option<&ItemSet>, snapshot: &Snapshot) -> Self {
        let (mut ranked, mut last) = (Vec::with_capacity(items.len()), Vec::new());
        let mut first = HashSet::new();
        for item in items {
            let index = snapshot.items().index(item.as_str());
            match index.filter(|index| only.is_none_or(|only| only.contains(*index))) {
                Some(index) => ranked.push(index),
                None if first.insert(item) => last.push(item.clone()),
                None => {}
            }
        }
        Self { items: ranked, last }
    }
}

impl Asked {
    /// The answer: what the engine recommends, or the list in its order.
    pub fn answer(&self, snapshot: &Snapshot, state: &UserState, now_ms: i64, scratch: &mut Scratch) -> Slate {
        match &self.list {
            None => recommend::recommend(snapshot, state, &self.query, now_ms, scratch),
            Some(list) => recommend::rank(snapshot, state, &self.query, &list.items, now_ms, scratch),
        }
    }

    /// The answer where there is no time for the engine: by popularity.
    pub fn popular(&self, snapshot: &Snapshot, state: &UserState, now_ms: i64, scratch: &mut Scratch) -> Slate {
        let weights = Weights::only(Source::Popularity);
        match &self.list {
            None => recommend::recommend_with(snapshot, &weights, state, &self.query, now_ms, scratch),
            Some(list) => recommend::rank_with(snapshot, &weights, state, &self.query, &list.items, now_ms, scratch),
        }
    }

    /// What comes after so many picks: the items of the list that the version does not know.
    pub fn unknown(&self, picks: usize) -> Vec<ItemId> {
        let unknown = self.list.iter().flat_map(|list| &list.last);
        unknown.take(self.query.k.saturating_sub(picks)).cloned().collect()
    }

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
        let state = match stored {
            None => UserState::default().with_profile(snapshot.profile_of(user.as_str())),
            Some(stored) => {
                UserState::of(snapshot, user.as_str(), &stored.history, || record(snapshot, user, stored, unreadable))
            }
        };
        match &self.given {
            None => state,
            Some(given) => state.with_profile(given.clone()),
        }
    }
}

/// The batch's record of a user. It is the store's if that has one, else that of the mapped artifact: the two are equal, and
/// a store that came back empty has none.
fn record(snapshot: &Snapshot, user: &UserId, stored: &Stored, unreadable: &IntCounterVec) -> BatchUser {
    let from_store = stored.record.as_deref().and_then(|bytes| {
        record::read(bytes, snapshot)
            .inspect_err(|error| {
                unreadable.with_label_values(&["record"]).inc();
                tracing::debug!(%error, "user record in the store can't be read; taking the artifact's");
            })
            .ok()
    });
    from_store.or_else(|| record::of_version(snapshot, user.as_str())).unwrap_or_default()
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

/// The rules of a query: those of its scenario, with the caps that it names itself. Of two on one property the smaller
/// holds.
fn rules(held: Option<&Held>, max_per: &[MaxPer], snapshot: &Snapshot) -> Result<Option<Arc<Rules>>, UnknownProperty> {
    let of_scenario = held.map(|held| held.rules.clone());
    if max_per.is_empty() {
        return Ok(of_scenario);
    }
    let mut rules = of_scenario.map_or_else(Rules::default, |rules| (*rules).clone());
    for MaxPer { property, most } in max_per {
        if !cap::knows(property, snapshot) {
            let names = snapshot.properties().names().map(|(name, _)| name).chain([CATEGORY]);
            return Err(UnknownProperty { name: property.clone(), nearest: nearest(property, names) });
        }
        match rules.caps.iter_mut().find(|cap| *cap.property == **property) {
            Some(cap) => cap.most = cap.most.min(*most),
            None => rules.caps.push(Cap { property: property.as_str().into(), most: *most }),
        }
    }
    Ok(Some(Arc::new(rules)))
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
    pub fn new(rulebook: Rulebook, defaults: Defaults) -> Self {
        Self { filters: Filters::default(), rulebook, defaults }
    }

    /// Which slates are remembered.
    #[must_use]
    pub fn keep(&self) -> Keep {
        self.defaults.keep
    }

    /// Tells a query what its user was served before, as far as it heeds that.
    ///
    /// * `id`: identifies the answer.
    /// * `stored`: with the slates of the user.
    ///
    /// # Errors
    /// [`UnknownCursor`].
    pub fn heed(
        &self,
        asked: &mut Asked,
        id: &str,
        snapshot: &Snapshot,
        stored: &Stored,
        now_ms: i64,
    ) -> Result<Page, UnknownCursor> {
        asked.heed.tell(&mut asked.query, snapshot, stored, SlateId::of(id), self.defaults.keep, now_ms)
    }

    /// Tells what a version lacks of the scenarios: in the log once, and in the metrics.
    pub fn observe(&self, snapshot: &Arc<Snapshot>) {
        self.rulebook.observe(snapshot);
    }

    /// Whether there is a scenario of this name.
    #[must_use]
    pub fn has_scenario(&self, name: &str) -> bool {
        self.rulebook.scenario(name).is_some()
    }

    /// The items that the scenario of a query excludes.
    pub(super) fn excluded(&self, query: &CheckedQuery) -> Vec<ItemId> {
        let scenario = query.scenario.as_deref().and_then(|name| self.rulebook.scenario(name));
        scenario.map_or_else(Vec::new, |(_, scenario)| scenario.exclude.clone())
    }

    /// The names of all scenarios.
    pub fn scenarios(&self) -> impl Iterator<Item = &str> {
        self.rulebook.names()
    }

    /// What the engine is asked by a query.
    ///
    /// * `id`: identifies the answer; what a scenario explores is drawn by it.
    ///
    /// # Errors
    /// [`NoAnswer`] for an unknown category, scenario, kind of event or property to bound, a filter that the version can't be asked, or a
    /// profile with values that are refused.
    pub fn ask(&self, query: &CheckedQuery, id: &str, snapshot: &Arc<Snapshot>) -> Result<Asked, NoAnswer> {
        let category = query.category.as_deref().map(|name| category(snapshot, name)).transpose()?;
        let scenario = self.scenario(query)?;
        let held = scenario.map(|scenario| self.rulebook.held(scenario, snapshot));
        let served = match query.list {
            // What was served is in a list since the shop wants it there.
            Some(_) => ServedPolicy::Allow,
            None => query.served.or_else(|| scenario?.1.served).unwrap_or(self.defaults.served),
        };
        let held = held.as_deref();
        let (list, only) = match &query.list {
            Some(items) => {
                let only = self.only(query.filter.as_ref(), snapshot)?;
                (Some(List::of(items, only.as_deref(), snapshot)), None)
            }
            None => (None, self.only_of_both(query, scenario.map(|(_, scenario)| scenario).zip(held), snapshot)?),
        };
        let seen = query.seen.as_ref().map(|policy| seen(policy, snapshot)).transpose()?;
        let given = given_profile(snapshot, query)?;
        let items = snapshot.items();
        let explores = held.is_some_and(|held| held.rules.explore.is_some());
        let exclude = query.exclude.iter().filter_map(|item| items.index(item.as_str()));
        let context = query.item_ids.iter().chain(&query.item_id);
        let seen = match list {
            // The shop wants these items shown: what is to be left out of them it says with the query.
            Some(_) => seen.unwrap_or(SeenRule::Nothing),
            None => seen.or_else(|| held?.seen.clone()).unwrap_or(SeenRule::Word(self.defaults.seen)),
        };
        let asked = Query {
            k: query.k,
            context: context.filter_map(|item| items.index(item.as_str())).collect(),
            basket: query.basket.iter().filter_map(|item| items.index(item.as_str())).collect(),
            category,
            exclude: exclude.chain(held.into_iter().flat_map(|held| held.exclude.iter().copied())).collect(),
            seen,
            only,
            rules: rules(held, &query.max_per, snapshot)?,
            decays: Vec::new(),
            seed: if explores { seed(query, id) } else { 0 },
        };
        Ok(Asked { query: asked, heed: Heed { policy: served, cursor: query.cursor }, given, list })
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
