//! Resolves a user's events in time order: what was taken back, what is blocked, and what is left.
//!
//! In: what the user did, oldest first. Out: the fate of each event. An event of a kind that undoes another takes back
//! the latest such event with the same item that still stands; a block holds until it is undone, whatever comes in
//! between, and repeating it changes nothing. Items do not affect each other. Cost: one pass, and a look-up for each
//! event of a kind that can be undone.
//!
//! The batch resolves whole logs by this function, the service the joined history of a user.

use hashbrown::HashMap;

use crate::contract::id::ItemIdx;
use crate::contract::kind::{KindIdx, Kinds};

/// What a user did with an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Act {
    /// The item.
    pub item: ItemIdx,
    /// The kind of event.
    pub kind: KindIdx,
    /// The kind that it takes back; nothing for an event whose effect is known already.
    pub undoes: Option<KindIdx>,
}

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It stays an interaction.
    Stands,
    /// It is no interaction by itself, see [`crate::contract::kind::Kind::only_acts`].
    Acts,
    /// The event at this position takes it back.
    TakenBack(usize),
    /// The item is blocked in the end, by the event at this position.
    Blocked(usize),
}

/// The events of a user, resolved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved {
    /// What becomes of each event.
    pub fates: Vec<Fate>,
    /// The positions of the blocks that stand in the end.
    pub blocks: Vec<usize>,
    /// The positions of events that would take back an event which is not among these.
    pub unmatched: Vec<usize>,
}

/// Resolves what a user did, oldest first.
#[must_use]
pub fn resolve(acts: &[Act], kinds: &Kinds) -> Resolved {
    let mut resolved = Resolved { fates: vec![Fate::Stands; acts.len()], ..Resolved::default() };
    let Resolved { fates, blocks, unmatched } = &mut resolved;
    // The positions of the events that can still be taken back, or block.
    let mut standing: HashMap<(ItemIdx, KindIdx), Vec<usize>> = HashMap::new();
    for (at, &Act { item, kind, undoes }) in acts.iter().enumerate() {
        if let Some(undone) = undoes {
            match standing.get_mut(&(item, undone)).and_then(Vec::pop) {
                Some(before) => fates[before] = Fate::TakenBack(at),
                None => unmatched.push(at),
            }
        }
        let row = kinds.get(kind);
        if row.only_acts() {
            fates[at] = Fate::Acts;
        }
        if row.blocks() {
            let stands = standing.entry((item, kind)).or_default();
            if stands.is_empty() {
                stands.push(at);
            }
        } else if kinds.is_undone(kind) {
            standing.entry((item, kind)).or_default().push(at);
        }
    }
    let mut blocked: HashMap<ItemIdx, usize> = HashMap::new();
    for ((item, kind), stands) in standing {
        if let (true, Some(&since)) = (kinds.blocks(kind), stands.first()) {
            blocks.push(since);
            let first = blocked.entry(item).or_insert(since);
            *first = since.min(*first);
        }
    }
    blocks.sort_unstable();
    for (fate, act) in fates.iter_mut().zip(acts) {
        if let (Fate::Stands, Some(&by)) = (*fate, blocked.get(&act.item)) {
            *fate = Fate::Blocked(by);
        }
    }
    resolved
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Events by the names of their kinds, all with one item.
    fn fates(names: &[&str]) -> (Vec<Fate>, Vec<usize>) {
        let kinds = Kinds::default();
        let act = |name: &&str| {
            let kind = kinds.index(name).expect("built in");
            Act { item: ItemIdx(0), kind, undoes: kinds.get(kind).undoes }
        };
        let resolved = resolve(&names.iter().map(act).collect::<Vec<_>>(), &kinds);
        (resolved.fates, resolved.blocks)
    }

    #[test]
    fn a_refund_takes_back_one_purchase_the_latest_and_a_removal_one_from_the_cart() {
        use Fate::{Acts, Stands, TakenBack};
        assert_eq!(fates(&["view", "transaction", "refund"]).0, [Stands, TakenBack(2), Acts]);
        assert_eq!(fates(&["transaction", "transaction", "refund"]).0, [Stands, TakenBack(2), Acts]);
        assert_eq!(fates(&["refund", "transaction"]).0, [Acts, Stands]);
        assert_eq!(fates(&["transaction", "refund", "refund", "transaction"]).0, [TakenBack(1), Acts, Acts, Stands]);
        assert_eq!(fates(&["addtocart", "transaction", "remove_from_cart"]).0, [TakenBack(2), Stands, Acts]);
    }

    #[test]
    fn likes_and_dislikes_take_each_other_back() {
        use Fate::{Acts, Blocked, Stands, TakenBack};
        assert_eq!(fates(&["view", "dislike"]), (vec![Blocked(1), Acts], vec![1]));
        assert_eq!(fates(&["view", "dislike", "like"]), (vec![Stands, TakenBack(2), Stands], vec![]));
        assert_eq!(fates(&["like", "dislike"]), (vec![TakenBack(1), Acts], vec![1]));
        assert!(fates(&["dislike", "dislike", "like", "view"]).1.is_empty());
        assert_eq!(fates(&["like", "dislike", "like", "dislike"]).1, [3]);
    }

    #[test]
    fn what_is_hidden_stays_so_until_it_is_unhidden_whatever_comes_in_between() {
        use Fate::{Acts, Blocked};
        assert_eq!(fates(&["hide", "view", "transaction"]).0, [Acts, Blocked(0), Blocked(0)]);
        assert!(fates(&["hide", "hide", "unhide"]).1.is_empty());
        assert_eq!(fates(&["unhide", "hide"]).1, [1]);
        // A like lifts a dislike, not what was hidden.
        assert_eq!(fates(&["dislike", "hide", "like"]).1, [1]);
    }

    proptest! {
        #[test]
        fn items_do_not_affect_each_other_and_each_event_is_taken_back_once(
            acts in prop::collection::vec((0u32..3, 0u8..11), 0..40),
        ) {
            let kinds = Kinds::default();
            let act = |&(item, kind): &(u32, u8)| {
                let (item, kind) = (ItemIdx(item), KindIdx(kind));
                Act { item, kind, undoes: kinds.get(kind).undoes }
            };
            let acts: Vec<Act> = acts.iter().map(act).collect();
            let all = resolve(&acts, &kinds);
            for item in (0..3).map(ItemIdx) {
                let own: Vec<usize> = (0..acts.len()).filter(|&at| acts[at].item == item).collect();
                let alone = resolve(&own.iter().map(|&at| acts[at]).collect::<Vec<_>>(), &kinds);
                let moved = |fate: Fate| match fate {
                    Fate::TakenBack(by) => Fate::TakenBack(own[by]),
                    Fate::Blocked(by) => Fate::Blocked(own[by]),
                    other => other,
                };
                let fates: Vec<Fate> = alone.fates.into_iter().map(moved).collect();
                prop_assert_eq!(fates, own.iter().map(|&at| all.fates[at]).collect::<Vec<_>>());
            }
            let mut by: Vec<usize> = Vec::new();
            for (at, fate) in all.fates.iter().enumerate() {
                if let Fate::TakenBack(later) = *fate {
                    prop_assert!(later > at && acts[later].undoes == Some(acts[at].kind));
                    by.push(later);
                }
            }
            by.extend(&all.unmatched);
            by.sort_unstable();
            let undoing: Vec<usize> = (0..acts.len()).filter(|&at| acts[at].undoes.is_some()).collect();
            prop_assert_eq!(by, undoing, "each takes back one event, or none");
            for &at in &all.blocks {
                prop_assert!(!all.fates.iter().zip(&acts).any(|(fate, act)| act.item == acts[at].item && *fate == Fate::Stands));
            }
        }

        #[test]
        fn a_second_pass_over_what_is_left_changes_nothing(acts in prop::collection::vec((0u32..3, 0u8..11), 0..40)) {
            let kinds = Kinds::default();
            let act = |&(item, kind): &(u32, u8)| {
                let (item, kind) = (ItemIdx(item), KindIdx(kind));
                Act { item, kind, undoes: kinds.get(kind).undoes }
            };
            let acts: Vec<Act> = acts.iter().map(act).collect();
            let fates = resolve(&acts, &kinds).fates;
            let left = acts.iter().zip(fates).filter(|(_, fate)| *fate == Fate::Stands);
            let left: Vec<Act> = left.map(|(act, _)| Act { undoes: None, ..*act }).collect();
            let again = resolve(&left, &kinds);
            prop_assert!(again.fates.iter().all(|fate| *fate == Fate::Stands) && again.blocks.is_empty());
        }
    }
}
