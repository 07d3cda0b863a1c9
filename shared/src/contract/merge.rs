//! The lines of the event log that say that a user's past became another's, and that it did not after all; and what
//! follows from all of them.
//!
//! ```text
//! {"merge":"session:S","into":"u1","received":5}                  what session:S did up to 5 is u1's
//! {"unmerge":"session:S","into":"u1","merged":5,"received":9}     that merge never was
//! ```
//!
//! Merges go by times, not by places, as erasures do: they hold for the logs of all replicas, and the order of reading is
//! the same to them. An undo names its merge by users and time, and takes it back whenever it is read. To releases that do
//! not know these lines they are no events: they are counted, reported and passed over.
//!
//! [`Merges::stays`] is the rule: an event stays with its user until the first merge of that user that stands and was
//! accepted with it or after it. Then it is the other's, as if it had come at the time of the merge, and stays there until
//! that user's first later merge. Times only grow on this way, so that it ends, whatever merges there are.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::contract::id::UserId;

/// How the line of a merge begins.
const MERGE: &[u8] = br#"{"merge":"#;
/// How the line of an undo begins.
const UNDO: &[u8] = br#"{"unmerge":"#;

/// A merge: what a user did up to its time is another's. The three fields identify it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Merge {
    /// Whose past it was.
    #[serde(rename = "merge")]
    pub from: UserId,
    /// Whose it is.
    pub into: UserId,
    /// When the service accepted it, milliseconds since the epoch.
    #[serde(rename = "received")]
    pub received_ms: i64,
}

/// The undo of a merge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// Whose past it was, and is again.
    #[serde(rename = "unmerge")]
    pub from: UserId,
    /// Whose it was meanwhile.
    pub into: UserId,
    /// When the merge was accepted, milliseconds since the epoch.
    #[serde(rename = "merged")]
    pub merged_ms: i64,
    /// When the undo was accepted, milliseconds since the epoch.
    #[serde(rename = "received")]
    pub received_ms: i64,
}

/// A merge or an undo, as a line of the event log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Merging {
    /// A merge.
    Merge(Merge),
    /// An undo.
    Undo(Undo),
}

impl Merging {
    /// Reads a line of the log; `None` if it is neither.
    #[must_use]
    pub fn read(line: &[u8]) -> Option<Self> {
        if line.starts_with(MERGE) {
            serde_json::from_slice(line).ok().map(Self::Merge)
        } else if line.starts_with(UNDO) {
            serde_json::from_slice(line).ok().map(Self::Undo)
        } else {
            None
        }
    }

    /// The merge that it is about.
    #[must_use]
    pub fn merge(&self) -> Merge {
        match self {
            Self::Merge(merge) => merge.clone(),
            Self::Undo(Undo { from, into, merged_ms, .. }) => {
                Merge { from: from.clone(), into: into.clone(), received_ms: *merged_ms }
            }
        }
    }

    /// When it was accepted, milliseconds since the epoch.
    #[must_use]
    pub fn received_ms(&self) -> i64 {
        match self {
            Self::Merge(merge) => merge.received_ms,
            Self::Undo(undo) => undo.received_ms,
        }
    }
}

/// The time that an event spent with a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stay<'a> {
    /// The user.
    pub user: &'a str,
    /// When it was accepted, or merged, milliseconds since the epoch.
    pub since_ms: i64,
    /// When it was merged into another user; `None` if it is still here.
    pub until_ms: Option<i64>,
}

/// All merges and undos of some logs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merges {
    /// The merges of each user by time.
    merges: BTreeMap<Box<str>, BTreeSet<(i64, UserId)>>,
    undone: BTreeSet<Merge>,
}

impl Merges {
    /// Adds a merge or an undo, in whatever order.
    pub fn add(&mut self, merging: &Merging) {
        let Merge { from, into, received_ms } = merging.merge();
        match merging {
            Merging::Undo(_) => {
                self.undone.insert(Merge { from, into, received_ms });
            }
            Merging::Merge(_) => {
                self.merges.entry(from.as_str().into()).or_default().insert((received_ms, into));
            }
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.merges.is_empty()
    }

    /// Whose pasts were merged into one of some users, at once or by others, whether it was undone or not.
    #[must_use]
    pub fn into_any_of(&self, users: &BTreeSet<UserId>) -> BTreeSet<UserId> {
        let mut all = users.clone();
        loop {
            let froms = self.merges.iter().filter(|(_, into)| into.iter().any(|(_, into)| all.contains(into)));
            let new: Vec<UserId> = froms.filter_map(|(from, _)| UserId::new(&**from).ok()).collect();
            let before = all.len();
            all.extend(new);
            if all.len() == before {
                return &all - users;
            }
        }
    }

    /// Where an event of a user was, one after the other; the last is whose it is.
    ///
    /// * `received_ms`: when it was accepted, or else when it happened, milliseconds since the epoch.
    #[must_use]
    pub fn stays<'a>(&'a self, user: &'a str, received_ms: i64) -> Vec<Stay<'a>> {
        let mut stays = Vec::new();
        let (mut user, mut since_ms, mut earliest_ms) = (user, received_ms, received_ms);
        while let Some((until_ms, into)) = self.first(user, earliest_ms) {
            stays.push(Stay { user, since_ms, until_ms: Some(until_ms) });
            // What was merged at a time is not merged on at the same time.
            (user, since_ms, earliest_ms) = (into, until_ms, until_ms.saturating_add(1));
        }
        stays.push(Stay { user, since_ms, until_ms: None });
        stays
    }

    /// The first merge of a user that stands, from a time on.
    fn first(&self, user: &str, earliest_ms: i64) -> Option<(i64, &str)> {
        let merges = self.merges.get(user)?.iter().filter(|(at_ms, _)| *at_ms >= earliest_ms);
        let stands = |(received_ms, into): &&(i64, UserId)| {
            self.undone.is_empty()
                || UserId::new(user).is_ok_and(|from| {
                    !self.undone.contains(&Merge { from, into: into.clone(), received_ms: *received_ms })
                })
        };
        merges.into_iter().find(stands).map(|(at_ms, into)| (*at_ms, into.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> UserId {
        UserId::new(text).expect("an id")
    }

    fn merge(from: &str, into: &str, received_ms: i64) -> Merging {
        Merging::Merge(Merge { from: id(from), into: id(into), received_ms })
    }

    fn undo(from: &str, into: &str, merged_ms: i64) -> Merging {
        Merging::Undo(Undo { from: id(from), into: id(into), merged_ms, received_ms: merged_ms + 1 })
    }

    fn owner(mergings: &[Merging], user: &str, received_ms: i64) -> String {
        let mut merges = Merges::default();
        mergings.iter().for_each(|merging| merges.add(merging));
        merges.stays(user, received_ms).last().expect("a stay").user.to_owned()
    }

    #[test]
    fn a_merge_and_an_undo_read_back_and_are_no_events() {
        for (merging, line) in [
            (merge("session:S", "u1", 5), r#"{"merge":"session:S","into":"u1","received":5}"#),
            (undo("session:S", "u1", 5), r#"{"unmerge":"session:S","into":"u1","merged":5,"received":6}"#),
        ] {
            assert_eq!(serde_json::to_string(&merging).expect("serialises"), line);
            assert_eq!(Merging::read(line.as_bytes()), Some(merging));
            assert!(serde_json::from_str::<crate::contract::event::Event>(line).is_err());
        }
        assert_eq!(Merging::read(br#"{"merge":"u1"}"#), None);
    }

    #[test]
    fn what_was_accepted_up_to_a_merge_is_the_others_and_what_comes_later_is_not() {
        let merges = [merge("a", "b", 5), merge("a", "c", 9)];
        let owners = [4, 5, 6, 9, 10].map(|received_ms| owner(&merges, "a", received_ms));
        assert_eq!(owners, ["b", "b", "c", "c", "a"]);
        assert_eq!(owner(&merges, "b", 4), "b");
    }

    #[test]
    fn chains_are_followed_by_time_and_a_cycle_ends() {
        let chain = [merge("b", "c", 7), merge("a", "b", 5), merge("b", "a", 3)];
        assert_eq!(
            (owner(&chain, "a", 1), owner(&chain, "b", 2), owner(&chain, "b", 4)),
            ("c".into(), "c".into(), "c".into())
        );
        let cycle = [merge("a", "b", 5), merge("b", "a", 6)];
        assert_eq!(
            (owner(&cycle, "a", 1), owner(&cycle, "b", 6), owner(&cycle, "a", 6)),
            ("a".into(), "a".into(), "a".into())
        );
        let at_once = [merge("a", "b", 5), merge("b", "a", 5)];
        assert_eq!((owner(&at_once, "a", 1), owner(&at_once, "b", 1)), ("b".into(), "a".into()));
    }

    #[test]
    fn an_undone_merge_never_was_whichever_is_read_first() {
        let merged = [merge("a", "b", 5), merge("a", "c", 9)];
        for at in 0..3 {
            let mut mergings = merged.to_vec();
            mergings.insert(at, undo("a", "b", 5));
            assert_eq!((owner(&mergings, "a", 4), owner(&mergings, "a", 10)), ("c".into(), "a".into()));
        }
    }
}
