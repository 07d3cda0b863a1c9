//! How the slates of two sides differ over many people.
//!
//! | figure | what |
//! |---|---|
//! | overlap | the share of a slate's items that the other side's has too, in the mean |
//! | the same | the share of people whose slates are the same, in the same order |
//! | coverage | the share of the version's items that came in any slate |
//! | novelty | −log2 of an item's share of all events, in the mean over all places of slates: bits |
//!
//! Source: Castells, Hurley and Vargas, "Novelty and Diversity in Recommender Systems", 2015 (coverage, novelty).

use std::collections::{BTreeMap, HashSet};

use shared::engine::snapshot::Snapshot;
use shared::tables::Habit;

use super::Answer;

/// The figures of two sides.
#[derive(Debug, Default)]
pub struct Figures {
    /// How many people were asked for.
    pub people: usize,
    overlap: f64,
    same: usize,
    /// What is counted of each side.
    pub sides: [OfSide; 2],
}

/// What is counted of one side.
#[derive(Debug, Default)]
pub struct OfSide {
    /// In how many slates each item is.
    pub slates: BTreeMap<String, usize>,
    /// The items of its version.
    items: usize,
    /// All events of its version.
    events: f64,
    bits: f64,
    places: usize,
}

impl OfSide {
    fn add(&mut self, answer: &Answer) {
        let snapshot = &answer.snapshot;
        if self.items == 0 {
            (self.items, self.events) = (snapshot.items().len(), events(snapshot));
        }
        for pick in &answer.slate.picks {
            *self.slates.entry(snapshot.items().id(pick.item).to_owned()).or_default() += 1;
            let own = f64::from(snapshot.statistics().habit(Habit::Events, pick.item)).exp_m1();
            // An item without events is as new as one with a single event.
            self.bits += (self.events.max(1.0) / own.max(1.0)).log2();
            self.places += 1;
        }
    }

    /// The share of the version's items that came in any slate.
    #[must_use]
    pub fn coverage(&self) -> f64 {
        self.slates.len() as f64 / self.items.max(1) as f64
    }

    /// How little is known of what is recommended, in bits.
    #[must_use]
    pub fn novelty(&self) -> f64 {
        self.bits / self.places.max(1) as f64
    }

    /// The items of a slate, in the mean.
    #[must_use]
    pub fn length(&self, people: usize) -> f64 {
        self.places as f64 / people.max(1) as f64
    }
}

/// All events that a version was learnt from.
fn events(snapshot: &Snapshot) -> f64 {
    let all = snapshot.statistics().of_all(Habit::Events).unwrap_or_default();
    all.iter().filter(|own| !own.is_nan()).map(|own| f64::from(*own).exp_m1()).sum()
}

impl Figures {
    /// Adds the slates of a person.
    pub fn add(&mut self, answers: &[Answer; 2]) {
        let ids = answers.each_ref().map(|Answer { snapshot, slate }| {
            slate.picks.iter().map(|pick| snapshot.items().id(pick.item)).collect::<Vec<_>>()
        });
        self.people += 1;
        self.overlap += overlap(&ids[0], &ids[1]);
        self.same += usize::from(ids[0] == ids[1]);
        self.sides.iter_mut().zip(answers).for_each(|(side, answer)| side.add(answer));
    }

    /// The share of items that both sides' slates have, in the mean.
    #[must_use]
    pub fn overlap(&self) -> f64 {
        self.overlap / self.people.max(1) as f64
    }

    /// The share of people whose slates are the same.
    #[must_use]
    pub fn same(&self) -> f64 {
        self.same as f64 / self.people.max(1) as f64
    }

    /// The items whose slates differ most in number, with those of each side.
    #[must_use]
    pub fn movers(&self, most: usize) -> Vec<(&str, [usize; 2])> {
        let names: HashSet<&str> = self.sides.iter().flat_map(|side| side.slates.keys()).map(String::as_str).collect();
        let of = |name: &str| self.sides.each_ref().map(|side| side.slates.get(name).copied().unwrap_or_default());
        let mut all: Vec<(&str, [usize; 2])> =
            names.into_iter().map(|name| (name, of(name))).filter(|(_, [a, b])| a != b).collect();
        all.sort_by(|(one, a), (other, b)| b[0].abs_diff(b[1]).cmp(&a[0].abs_diff(a[1])).then_with(|| one.cmp(other)));
        all.truncate(most);
        all
    }
}

/// The share of the longer list's items that the other has too; 1 of two empty lists.
fn overlap(one: &[&str], other: &[&str]) -> f64 {
    let longest = one.len().max(other.len());
    let both = one.iter().filter(|id| other.contains(id)).count();
    if longest == 0 { 1.0 } else { both as f64 / longest as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap_is_the_share_of_what_both_have() {
        assert_eq!(overlap(&["a", "b", "c", "d"], &["d", "x", "a", "y"]), 0.5);
        assert_eq!(overlap(&["a"], &["a", "b"]), 0.5);
        assert_eq!((overlap(&[], &[]), overlap(&["a"], &[])), (1.0, 0.0));
    }

    #[test]
    fn movers_are_the_items_that_one_side_shows_to_more_people() {
        let side = |pairs: &[(&str, usize)]| OfSide {
            slates: pairs.iter().map(|(name, slates)| ((*name).to_owned(), *slates)).collect(),
            ..OfSide::default()
        };
        let figures = Figures {
            sides: [side(&[("a", 5), ("b", 2), ("c", 1)]), side(&[("a", 5), ("b", 6)])],
            ..Figures::default()
        };
        assert_eq!(figures.movers(9), [("b", [2, 6]), ("c", [1, 0])]);
        assert_eq!(figures.movers(1).len(), 1);
    }
}
