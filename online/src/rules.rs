//! Makes the engine's rules of scenarios, once for each version that is served: names become items, kinds and sets.
//!
//! In: a scenario, a snapshot. Out: what holds for its requests. What the version does not know is missing for all
//! items, as in any expression ([`shared::engine::select`]); a pin, cap or kind of event that it does not know does
//! nothing. The log says so once for each version, and a metric has their number.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::IntGaugeVec;
use shared::contract::expression::Expression;
use shared::contract::id::ItemIdx;
use shared::engine::item_set::ItemSet;
use shared::engine::rerank::{cap, explore};
use shared::engine::rules::{Boost, Bury, Cap, Explore, Pin, Rules};
use shared::engine::seen::{SeenRule, unknown_kinds};
use shared::engine::select::{check, select};
use shared::engine::snapshot::Snapshot;
use shared::tables::Habit;

use crate::per_snapshot::PerSnapshot;
use crate::scenarios::{Scenario, Scenarios, during};

/// What holds for the requests of a scenario, in the indices of one snapshot.
#[derive(Debug)]
pub struct Held {
    /// Only these items.
    pub only: Option<Arc<ItemSet>>,
    /// Not these items.
    pub exclude: Vec<ItemIdx>,
    /// Which items of a user's past may be recommended, if the scenario says so.
    pub seen: Option<SeenRule>,
    /// The rules of the slate.
    pub rules: Arc<Rules>,
}

/// The scenarios, and what holds for them in the served version.
pub struct Rulebook {
    scenarios: Scenarios,
    /// How much the version lacks, by scenario.
    lacks: IntGaugeVec,
    held: PerSnapshot<BTreeMap<String, Arc<Held>>>,
    /// The version of which it was said what it lacks, by scenario: a version may have several snapshots.
    told: Mutex<BTreeMap<String, String>>,
}

impl Rulebook {
    /// The rules of scenarios.
    ///
    /// * `lacks`: is told how much a version lacks, by scenario.
    #[must_use]
    pub fn new(scenarios: Scenarios, lacks: IntGaugeVec) -> Self {
        Self { scenarios, lacks, held: PerSnapshot::default(), told: Mutex::default() }
    }

    /// A scenario with its name in the config.
    #[must_use]
    pub fn scenario(&self, name: &str) -> Option<(&str, &Scenario)> {
        self.scenarios.get_key_value(name).map(|(name, scenario)| (name.as_str(), scenario))
    }

    /// The names of all scenarios, ascending.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.scenarios.keys().map(String::as_str)
    }

    /// Makes what holds in a snapshot for all scenarios, so that what it lacks of them is told before somebody asks.
    pub fn observe(&self, snapshot: &Arc<Snapshot>) {
        for (name, scenario) in &self.scenarios {
            self.held((name, scenario), snapshot);
        }
    }

    /// What holds for the requests of a scenario.
    pub fn held(&self, (name, scenario): (&str, &Scenario), snapshot: &Arc<Snapshot>) -> Arc<Held> {
        if let Some(held) = self.held.with(snapshot, |made| made.get(name).cloned()) {
            return held;
        }
        // Two requests may both make it: cheaper than that one waits.
        let held = Arc::new(held(scenario, snapshot));
        let lacks = lacks(scenario, snapshot);
        self.lacks.with_label_values(&[name]).set(lacks.len() as i64);
        self.held.with(snapshot, |made| made.insert(name.to_owned(), held.clone()));
        let version = &snapshot.manifest().version;
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), version.clone());
        for lack in lacks.iter().filter(|_| told.as_ref() != Some(version)) {
            tracing::warn!(scenario = name, version, "{lack}; the rest of the scenario holds");
        }
        held
    }
}

fn held(scenario: &Scenario, snapshot: &Snapshot) -> Held {
    let items = snapshot.items();
    let set = |filter: &Expression| -> Arc<ItemSet> { Arc::new(select(filter, snapshot)) };
    let boost = |rule: &crate::scenarios::Boost| Boost {
        items: set(&rule.filter),
        factor: rule.factor,
        add: rule.add,
        during: during(rule.from, rule.until),
    };
    let bury = |rule: &crate::scenarios::Bury| Bury { items: set(&rule.filter), during: during(rule.from, rule.until) };
    let pin = |rule: &crate::scenarios::Pin| {
        let item = items.index(rule.item.as_str())?;
        Some(Pin { item, position: rule.position, during: during(rule.from, rule.until) })
    };
    let cap = |(property, &most): (&String, &usize)| Cap { property: property.as_str().into(), most };
    let explore = || Explore {
        share: scenario.explore,
        items: explore::new_items(snapshot, scenario.explore_below_events).into(),
    };
    let rules = Rules {
        boosts: scenario.boost.iter().map(boost).collect(),
        buries: scenario.bury.iter().map(bury).collect(),
        pins: scenario.pin.iter().filter_map(pin).collect(),
        caps: scenario.max_per.iter().map(cap).collect(),
        explore: (scenario.explore > 0.0).then(explore),
    };
    Held {
        only: scenario.filter.as_ref().map(set),
        exclude: scenario.exclude.iter().filter_map(|item| items.index(item.as_str())).collect(),
        seen: scenario.seen.as_ref().map(|policy| SeenRule::of(policy, &snapshot.params().kinds)),
        rules: Arc::new(rules),
    }
}

/// What a scenario names and a version does not have, in words. An item that is excluded need not be there.
fn lacks(scenario: &Scenario, snapshot: &Snapshot) -> Vec<String> {
    let (items, kinds) = (snapshot.items(), &snapshot.params().kinds);
    let unfit = scenario.expressions().filter_map(|filter| Some(check(filter, snapshot).err()?.to_string()));
    let pins = scenario.pin.iter().filter(|pin| items.index(pin.item.as_str()).is_none());
    let caps = scenario.max_per.keys().filter(|property| !cap::knows(property, snapshot));
    let seen = scenario.seen.iter().flat_map(|policy| unknown_kinds(policy, kinds));
    let uncounted = scenario.explore > 0.0 && snapshot.statistics().of_all(Habit::Events).is_none();
    unfit
        .chain(pins.map(|pin| format!("pin: the served model does not know the item {:?}", pin.item.as_str())))
        .chain(caps.map(|property| format!("max_per: the served model has no property `{property}`")))
        .chain(seen.map(|kind| format!("seen: the served model has no kind of event `{kind}`")))
        .chain(uncounted.then(|| "explore: the served model does not count events of items".to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::metrics::Metrics;

    fn snapshot() -> Arc<Snapshot> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tests/golden/format_2");
        Arc::new(Snapshot::load(&folder).expect("loads"))
    }

    fn rulebook(text: &str) -> Rulebook {
        Rulebook::new(toml::from_str(text).expect("scenarios"), Metrics::default().scenario_lacks)
    }

    #[test]
    fn rules_are_made_once_for_a_snapshot_and_anew_for_the_next() {
        let rulebook = rulebook(
            "[home]\nexclude = ['rope', 'nowhere']\npin = [{ item = 'plum', position = 1 }]\n\
             explore = 0.1\nexplore_below_events = 1\n",
        );
        let (one, other) = (snapshot(), snapshot());
        let home = rulebook.scenario("home").expect("there");
        let held = rulebook.held(home, &one);
        assert!(Arc::ptr_eq(&held, &rulebook.held(home, &one)));
        assert!(!Arc::ptr_eq(&held, &rulebook.held(home, &other)));
        let item = |id| one.items().index(id).expect("known");
        assert_eq!((held.exclude.as_slice(), held.rules.pins[0].item), (&[item("rope")][..], item("plum")));
        assert_eq!(held.rules.explore.as_ref().map(|explore| explore.items[0]), Some(item("new")));
        assert!(rulebook.scenario("house").is_none());
        assert_eq!(rulebook.names().collect::<Vec<_>>(), ["home"]);
    }

    #[test]
    fn what_a_version_lacks_is_told_and_counted_and_the_rest_holds() {
        let rulebook = rulebook(
            "[home]\nfilter = \"not adult\"\nseen = { gift = 3, transaction = 30 }\n\
             max_per = { brand = 1, category = 2 }\n\
             boost = [{ filter = 'category > 3', factor = 2 }]\nbury = [{ filter = 'price < 2' }]\n\
             pin = [{ item = 'nothing', position = 1 }, { item = 'plum', position = 2 }]\n",
        );
        let (home, snapshot) = (rulebook.scenario("home").expect("there"), snapshot());
        let lacks = lacks(home.1, &snapshot);
        assert_eq!(
            lacks,
            [
                "the served model has no property `adult`",
                "`category > 3.0`: `category` has texts; compare it by =, != or in",
                "pin: the served model does not know the item \"nothing\"",
                "max_per: the served model has no property `brand`",
                "seen: the served model has no kind of event `gift`",
            ]
        );
        rulebook.observe(&snapshot);
        assert_eq!(rulebook.lacks.with_label_values(&["home"]).get(), 5);
        let held = rulebook.held(home, &snapshot);
        assert_eq!((held.rules.pins.len(), held.rules.buries[0].items.len()), (1, 2));
        assert!(held.rules.boosts[0].items.is_empty());
    }
}
