//! What a user did, as far as it is remembered: the events of the version's record and the live ones, without those that were
//! taken back.

use std::collections::HashSet;

use shared::contract::kind::{KindName, Kinds};
use shared::engine::record;
use shared::engine::snapshot::Snapshot;
use shared::engine::state::LiveHistory;

/// What a user did with an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Did {
    /// The item.
    pub item: String,
    /// What it was.
    pub kind: KindName,
    /// When, milliseconds since the epoch.
    pub timestamp_ms: i64,
}

/// What a user did, oldest first. Of the past beyond the bounds of histories nothing is told. Cost: for each event that takes
/// back another, a pass over those before it.
#[must_use]
pub fn past(snapshot: &Snapshot, user: &str, live: &LiveHistory) -> Vec<Did> {
    let kinds = &snapshot.params().kinds;
    let own = || record::of_version(snapshot, user).unwrap_or_default();
    let of_version = record::whole(snapshot, live, own).history;
    let known: HashSet<u64> = of_version.iter().map(|event| event.event_key).collect();
    let mut all: Vec<Did> = of_version
        .iter()
        .map(|event| Did {
            item: snapshot.items().id(event.item).to_owned(),
            kind: kinds.get(event.kind).name.clone(),
            timestamp_ms: event.timestamp_ms,
        })
        .collect();
    all.extend(live.recent.iter().filter(|event| !known.contains(&event.event_key)).map(|event| Did {
        item: event.item.as_str().to_owned(),
        kind: event.kind.clone(),
        timestamp_ms: event.timestamp_ms,
    }));
    all.sort_by_key(|did| did.timestamp_ms);
    standing(all, kinds)
}

/// What is left of events, oldest first, when each that takes back another has done so.
fn standing(all: Vec<Did>, kinds: &Kinds) -> Vec<Did> {
    let mut left: Vec<Did> = Vec::with_capacity(all.len());
    for did in all {
        if let Some(undone) = undoes(&did.kind, kinds) {
            let before = left.iter().rposition(|other| other.item == did.item && other.kind == undone);
            before.map(|at| left.remove(at));
        }
        if !only_takes_back(&did.kind, kinds) {
            left.push(did);
        }
    }
    left
}

/// The kind of event that takes back one of a kind and does nothing else; `None` if there is none, as of a view.
#[must_use]
pub fn taken_back_by(kind: &KindName, kinds: &Kinds) -> Option<KindName> {
    let of = |kinds: &Kinds| {
        let row = kinds.index(kind.as_str())?;
        let undoing = |of: &KindName| kinds.index(of.as_str()).is_some_and(|at| kinds.get(at).undoes == Some(row));
        let mut names = kinds.iter().map(|(_, kind)| &kind.name);
        names.find(|name| undoing(name) && only_takes_back(name, kinds)).cloned()
    };
    of(kinds).or_else(|| of(&Kinds::default()))
}

/// The kind that events of a kind take back.
fn undoes(kind: &KindName, kinds: &Kinds) -> Option<KindName> {
    let of = |kinds: &Kinds| Some(kinds.get(kinds.get(kinds.index(kind.as_str())?).undoes?).name.clone());
    of(kinds).or_else(|| of(&Kinds::default()))
}

fn only_takes_back(kind: &KindName, kinds: &Kinds) -> bool {
    let of = |kinds: &Kinds| kinds.index(kind.as_str()).map(|row| kinds.get(row).clone());
    let kind = of(kinds).or_else(|| of(&Kinds::default()));
    kind.is_some_and(|kind| kind.undoes.is_some() && kind.weight == 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> KindName {
        KindName::new(name).expect("a name")
    }

    #[test]
    fn what_was_taken_back_is_no_past() {
        let kinds = Kinds::default();
        let did = |item: &str, kind: &str, timestamp_ms| Did { item: item.to_owned(), kind: name(kind), timestamp_ms };
        let all = vec![
            did("a", "addtocart", 1),
            did("b", "addtocart", 2),
            did("a", "addtocart", 3),
            did("a", "remove_from_cart", 4),
            did("a", "like", 5),
            did("a", "dislike", 6),
            did("c", "refund", 7),
        ];
        let left: Vec<i64> = standing(all, &kinds).iter().map(|did| did.timestamp_ms).collect();
        assert_eq!(left, [1, 2, 6]);
    }

    #[test]
    fn a_kind_is_taken_back_by_one_that_does_nothing_else() {
        let by = |kind: &str| taken_back_by(&name(kind), &Kinds::default()).map(|name| name.to_string());
        assert_eq!(by("addtocart").as_deref(), Some("remove_from_cart"));
        assert_eq!(by("transaction").as_deref(), Some("refund"));
        assert_eq!(by("hide").as_deref(), Some("unhide"));
        // A dislike takes back a like, and blocks the item.
        assert_eq!([by("like"), by("view"), by("refund")], [None, None, None]);
    }
}
