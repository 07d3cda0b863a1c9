//! A version beside an earlier one: counts, users and items that came and went, settings, and what both fits said.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::Serialize;
use shared::engine::snapshot::Snapshot;

use super::Level;
use crate::config::changes::{Changes, changes};
use crate::report::model::Fit;

/// How many examples are given.
const EXAMPLES: usize = 5;

/// A version beside an earlier one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Beside {
    /// The earlier version.
    pub version: String,
    /// When it was built, milliseconds since the epoch.
    pub built_ms: i64,
    /// The counts of both manifests, the earlier first.
    pub counts: BTreeMap<String, [u64; 2]>,
    /// The users who came and went.
    pub users: Turnover,
    /// The items that came and went.
    pub items: Turnover,
    /// The settings that differ, with the value of each.
    pub settings: Changes,
    /// What both fits said, on the end of each one's log.
    pub figures: Vec<Pair>,
}

/// What came and what went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Turnover {
    /// How many both have.
    pub kept: usize,
    /// How many the earlier one lacks.
    pub gained: usize,
    /// How many the later one lacks.
    pub lost: usize,
    /// What that means.
    pub level: Level,
    /// Some that came; none of users.
    pub examples_gained: Vec<String>,
    /// Some that went; none of users.
    pub examples_lost: Vec<String>,
}

/// A figure of both fits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// What it is.
    pub name: String,
    /// Of the earlier version and of this one; none where it has none.
    pub values: [Option<f64>; 2],
}

/// Compares a version with an earlier one.
#[must_use]
pub fn beside(earlier: &Snapshot, version: &Snapshot) -> Beside {
    let [old, new] = [earlier, version].map(Snapshot::manifest);
    let names = old.counts.keys().chain(new.counts.keys());
    let count = |name: &String| [old, new].map(|manifest| manifest.counts.get(name).copied().unwrap_or(0));
    let users = |version: &'_ Snapshot| version.users().iter().map(|(id, _)| id.to_owned()).collect::<Vec<_>>();
    let items = |version: &Snapshot| -> Vec<String> {
        let table = version.items().table();
        (0..table.id.len()).map(|row| table.id.get(row).to_owned()).collect()
    };
    let without_examples =
        |turnover: Turnover| Turnover { examples_gained: Vec::new(), examples_lost: Vec::new(), ..turnover };
    Beside {
        version: old.version.clone(),
        built_ms: old.built_ms,
        counts: names.map(|name| (name.clone(), count(name))).collect(),
        users: without_examples(turnover(&users(earlier), &users(version))),
        items: turnover(&items(earlier), &items(version)),
        settings: changes(&old.config, &new.config),
        figures: figures([Fit::of(old), Fit::of(new)]),
    }
}

/// What came and went between two ascending lists of ids.
#[must_use]
pub fn turnover(earlier: &[String], later: &[String]) -> Turnover {
    let (mut a, mut b) = (earlier.iter().peekable(), later.iter().peekable());
    let (mut kept, mut gained, mut lost) = (0, Vec::new(), Vec::new());
    loop {
        match (a.peek(), b.peek()) {
            (None, None) => break,
            (Some(old), Some(new)) if old == new => {
                kept += 1;
                a.next();
                b.next();
            }
            (Some(old), new) if new.is_none_or(|new| old.cmp(new) == Ordering::Less) => lost.extend(a.next()),
            _ => gained.extend(b.next()),
        }
    }
    let share = |part: usize| part as f64 / earlier.len().max(1) as f64;
    let some = |ids: &[&String]| ids.iter().take(EXAMPLES).map(|id| (*id).clone()).collect();
    Turnover {
        kept,
        gained: gained.len(),
        lost: lost.len(),
        level: Level::of_lost(share(lost.len())).max(Level::of_gained(share(gained.len()))),
        examples_gained: some(&gained),
        examples_lost: some(&lost),
    }
}

fn figures(fits: [Fit; 2]) -> Vec<Pair> {
    let of = |fit: &Fit| -> BTreeMap<String, f64> {
        let tests = [&fit.blend, &fit.ranker].into_iter().flatten();
        tests.map(|test| (format!("{} {}", test.richer, test.figure), test.richer_mean)).collect()
    };
    let [old, new] = fits.each_ref().map(of);
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let pair = |name: &String| Pair { name: name.clone(), values: [&old, &new].map(|fit| fit.get(name).copied()) };
    names.into_iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn what_came_and_went_is_counted_and_a_loss_of_more_than_a_tenth_wants_a_look() {
        let found = turnover(&ids(&["a", "b", "d"]), &ids(&["b", "c", "d", "e"]));
        assert_eq!((found.kept, found.gained, found.lost, found.level), (2, 2, 1, Level::Look));
        assert_eq!((found.examples_gained, found.examples_lost), (ids(&["c", "e"]), ids(&["a"])));
        let same = turnover(&ids(&["a"]), &ids(&["a"]));
        assert_eq!((same.kept, same.gained, same.lost, same.level), (1, 0, 0, Level::Steady));
        assert_eq!(turnover(&[], &ids(&["a"])).gained, 1);
    }
}
