//! Counts what became of items that were shown, as a whole and in groups.

use std::collections::BTreeMap;

use serde::Serialize;
use shared::engine::attribution::{Fate, Outcome, Settled};

use crate::wilson::wilson;

/// How often something happened to what was shown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    /// How often.
    pub count: u64,
    /// The share of what was shown; 0 of nothing.
    pub rate: f64,
    /// Its 95% interval, as if each item that was shown was a draw of its own.
    pub interval: [f64; 2],
}

/// What became of items that were shown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rates {
    /// How many were shown.
    pub shown: u64,
    /// How many were clicked.
    pub clicks: Rate,
    /// How many were put into a cart.
    pub carts: Rate,
    /// How many were bought.
    pub purchases: Rate,
}

impl Rates {
    /// The rate of an outcome.
    #[must_use]
    pub fn of(&self, outcome: Outcome) -> Rate {
        match outcome {
            Outcome::Click => self.clicks,
            Outcome::Cart => self.carts,
            Outcome::Purchase => self.purchases,
        }
    }
}

/// The rates of a part of what was shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// Which part; `None` for what has no name.
    pub name: Option<String>,
    /// Its rates.
    #[serde(flatten)]
    pub rates: Rates,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    shown: u64,
    outcomes: [u64; Outcome::ALL.len()],
}

impl Counts {
    fn add(&mut self, fate: &Fate) {
        self.shown += 1;
        for (count, at_ms) in self.outcomes.iter_mut().zip(fate.outcomes_ms) {
            *count += u64::from(at_ms.is_some());
        }
    }

    fn rates(&self) -> Rates {
        let rate = |outcome: Outcome| {
            let count = self.outcomes[outcome as usize];
            Rate { count, rate: count as f64 / self.shown.max(1) as f64, interval: wilson(count, self.shown) }
        };
        let [clicks, carts, purchases] = Outcome::ALL.map(rate);
        Rates { shown: self.shown, clicks, carts, purchases }
    }
}

/// Counts by a name; the empty one is none.
type Named = BTreeMap<Box<str>, Counts>;

/// The counts of everything, and of its parts.
#[derive(Debug, Default)]
pub struct Tally {
    all: Counts,
    sources: Named,
    positions: Vec<Counts>,
    versions: Named,
    scenarios: Named,
}

impl Tally {
    /// Adds a slate of which all is known.
    pub fn add(&mut self, Settled { slate, fates }: &Settled) {
        let items = slate.items.iter().zip(fates).enumerate();
        for (position, (placed, fate)) in items.filter(|(_, (_, fate))| fate.shown_ms.is_some()) {
            self.all.add(fate);
            if self.positions.len() <= position {
                self.positions.resize(position + 1, Counts::default());
            }
            self.positions[position].add(fate);
            count(&mut self.versions, &slate.version, fate);
            count(&mut self.scenarios, slate.scenario.as_deref().unwrap_or_default(), fate);
            placed.sources.iter().for_each(|source| count(&mut self.sources, source, fate));
            if placed.sources.is_empty() {
                count(&mut self.sources, "", fate);
            }
        }
    }

    /// The rates of everything.
    pub fn all(&self) -> Rates {
        self.all.rates()
    }

    /// By source, what was shown most first.
    pub fn by_source(&self) -> Vec<Group> {
        by_size(&self.sources)
    }

    /// By position, from 1.
    pub fn by_position(&self) -> Vec<Group> {
        let group =
            |(number, counts): (usize, &Counts)| Group { name: Some(number.to_string()), rates: counts.rates() };
        let positions = (1..).zip(&self.positions);
        positions.filter(|(_, counts)| counts.shown > 0).map(group).collect()
    }

    /// By version, in the order of their names.
    pub fn by_version(&self) -> Vec<Group> {
        groups(&self.versions)
    }

    /// By scenario, what was shown most first.
    pub fn by_scenario(&self) -> Vec<Group> {
        by_size(&self.scenarios)
    }
}

fn count(named: &mut Named, name: &str, fate: &Fate) {
    match named.get_mut(name) {
        Some(counts) => counts.add(fate),
        None => named.entry(name.into()).or_default().add(fate),
    }
}

fn groups(named: &Named) -> Vec<Group> {
    let name = |name: &str| (!name.is_empty()).then(|| name.to_owned());
    named.iter().map(|(own, counts)| Group { name: name(own), rates: counts.rates() }).collect()
}

fn by_size(named: &Named) -> Vec<Group> {
    let mut groups = groups(named);
    groups.sort_by_key(|group| std::cmp::Reverse(group.rates.shown));
    groups
}

#[cfg(test)]
mod tests {
    use shared::contract::id::{ItemId, UserId};
    use shared::contract::slate_log::{LoggedItem, LoggedSlate, Role};

    use super::*;

    #[test]
    fn an_item_counts_for_each_of_its_sources_and_only_if_it_was_shown() {
        let item = |id: &str, sources: &[&'static str]| LoggedItem {
            item: ItemId::new(id).expect("an id"),
            score: 1.0,
            sources: sources.iter().map(|&source| source.into()).collect(),
            propensity: None,
        };
        let slate = LoggedSlate {
            role: Role::Served,
            recommendation_id: "r".into(),
            timestamp_ms: 0,
            user: UserId::new("u").expect("an id"),
            version: "v1".into(),
            scenario: None,
            page: None,
            category: None,
            fallback: false,
            items: vec![item("a", &["als", "slim"]), item("b", &["slim"]), item("c", &[])],
        };
        let fate = |shown_ms, click_ms, bought_ms| Fate { shown_ms, outcomes_ms: [click_ms, None, bought_ms] };
        let fates = vec![fate(Some(1), Some(2), None), fate(None, None, None), fate(Some(1), None, Some(3))];
        let mut tally = Tally::default();
        tally.add(&Settled { slate, fates });
        let told = |groups: Vec<Group>| -> Vec<(Option<String>, u64, u64, u64)> {
            let told = |group: &Group| {
                let Rates { shown, clicks, purchases, .. } = group.rates;
                (group.name.clone(), shown, clicks.count, purchases.count)
            };
            groups.iter().map(told).collect()
        };
        let named = |name: &str| Some(name.to_owned());
        assert_eq!(told(tally.by_source()), [(None, 1, 0, 1), (named("als"), 1, 1, 0), (named("slim"), 1, 1, 0)]);
        assert_eq!(told(tally.by_position()), [(named("1"), 1, 1, 0), (named("3"), 1, 0, 1)]);
        assert_eq!(
            (told(tally.by_version()), told(tally.by_scenario())),
            (vec![(named("v1"), 2, 1, 1)], vec![(None, 2, 1, 1)])
        );
        assert_eq!((tally.all().clicks.rate, tally.all().carts.count), (0.5, 0));
    }
}
