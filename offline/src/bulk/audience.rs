//! Who would like an item: the users with the highest probability of the ranker for it.
//!
//! In: a version with a ranker, items, the users, what the logs say since, and one time. Out: of each item the best users.
//! What the ranker looks at is relative to the other candidates of a question (ranks, shares of the best), so that an item
//! alone would be the best of its list for everybody: it is ranked among what the engine would show the user, and its
//! probability there is comparable between users. Cost: a slate a user, and a list of that length for each dozen items;
//! memory: the best users of each item.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rayon::prelude::*;
use shared::contract::id::{ItemIdx, UserId};
use shared::engine::recommend::{Query, Scratch, rank, recommend};
use shared::engine::record;
use shared::engine::state::{LiveHistory, UserState};

use super::BulkError;
use super::slates::{SHARE, Service};
use super::users::Users;

/// How many users are asked at a time.
const PART: usize = 4096;
/// How many items are ranked at once among a user's own: few beside those, since they compete with one another.
const ITEMS: usize = 12;

/// A user and the probability for an item: the better is the greater one, of equal ones the smaller id.
#[derive(Debug, Clone, PartialEq)]
pub struct Liking {
    /// The probability, 0 to 1.
    pub score: f32,
    /// The user.
    pub user: UserId,
}

impl Eq for Liking {}

impl Ord for Liking {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.user.cmp(&self.user))
    }
}

impl PartialOrd for Liking {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// How many users an item has at most, and from which probability on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The most users of an item.
    pub most: usize,
    /// The least probability.
    pub least: f32,
}

/// The users of some items.
#[derive(Debug, Clone, PartialEq)]
pub struct Audience {
    /// Of each item its users, best first.
    pub of_items: Vec<Vec<Liking>>,
    /// How many users were asked.
    pub asked: u64,
    /// Those without any past that a ranker could go by.
    pub without_past: u64,
}

/// Finds the users of items.
///
/// * `query`: as many items as a slate of the engine ranks, and the seen policy: who bought an item is not among its users.
///
/// # Errors
/// [`BulkError`] when the users can't be read.
pub fn audience(
    service: Service<'_>,
    items: &[ItemIdx],
    users: &Users<'_>,
    bounds: Bounds,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Audience, BulkError> {
    let mut best: Vec<BinaryHeap<Reverse<Liking>>> = vec![BinaryHeap::new(); items.len()];
    let (mut part, mut asked, mut without_past) = (Vec::with_capacity(PART), 0, 0);
    let mut ask = |part: &mut Vec<UserId>| {
        let one = |scratch: &mut Scratch, user: &UserId| likings(service, items, user, scratch);
        let found: Vec<Option<Vec<(usize, f32)>>> =
            part.par_iter().with_min_len(SHARE).map_init(Scratch::default, one).collect();
        for (user, found) in part.drain(..).zip(found) {
            asked += 1;
            without_past += u64::from(found.is_none());
            for (at, score) in found.into_iter().flatten().filter(|(_, score)| *score >= bounds.least) {
                keep(&mut best[at], Liking { score, user: user.clone() }, bounds.most);
            }
        }
        progress(asked);
    };
    users.for_each(&mut |user| {
        part.push(user);
        if part.len() == PART {
            ask(&mut part);
        }
        Ok(())
    })?;
    ask(&mut part);
    let sorted =
        |heap: BinaryHeap<Reverse<Liking>>| heap.into_sorted_vec().into_iter().map(|Reverse(one)| one).collect();
    Ok(Audience { of_items: best.into_iter().map(sorted).collect(), asked, without_past })
}

/// Adds a liking to the best, of which there are `most`.
fn keep(best: &mut BinaryHeap<Reverse<Liking>>, liking: Liking, most: usize) {
    if best.len() == most {
        if best.peek().is_some_and(|Reverse(worst)| *worst >= liking) {
            return;
        }
        best.pop();
    }
    best.push(Reverse(liking));
}

/// The probabilities of those items that some source names for a user and that the seen policy leaves, by their places;
/// `None` of somebody without a past.
fn likings(service: Service<'_>, items: &[ItemIdx], user: &UserId, scratch: &mut Scratch) -> Option<Vec<(usize, f32)>> {
    let Service { snapshot, query, since, now_ms, .. } = service;
    let nothing = LiveHistory::default();
    let live = since.histories.get(user).unwrap_or(&nothing);
    let record = || record::of_version(snapshot, user.as_str()).unwrap_or_default();
    let state = UserState::of(snapshot, user.as_str(), live, record);
    if state.history.is_empty() && state.cached.is_empty() {
        return None;
    }
    let own: Vec<ItemIdx> =
        recommend(snapshot, &state, query, now_ms, scratch).picks.iter().map(|pick| pick.item).collect();
    let mut found = Vec::new();
    for (number, block) in items.chunks(ITEMS).enumerate() {
        let list: Vec<ItemIdx> = own.iter().chain(block).copied().collect();
        let query = Query { k: list.len(), ..query.clone() };
        let ranked = rank(snapshot, &state, &query, &list, now_ms, scratch);
        // What the user bought or blocked is not there.
        for (at, item) in block.iter().enumerate() {
            let pick = ranked.picks.iter().find(|pick| pick.item == *item && !pick.sources.is_empty());
            found.extend(pick.map(|pick| (number * ITEMS + at, pick.score)));
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_are_kept_and_of_equal_ones_the_smaller_id() {
        let liking = |score, user: &str| Liking { score, user: UserId::new(user).expect("valid") };
        let mut best = BinaryHeap::new();
        for (score, user) in [(0.5, "b"), (0.25, "a"), (0.5, "a"), (0.75, "c"), (0.5, "d")] {
            keep(&mut best, liking(score, user), 2);
        }
        let best: Vec<Liking> = best.into_sorted_vec().into_iter().map(|Reverse(one)| one).collect();
        assert_eq!(best, [liking(0.75, "c"), liking(0.5, "a")]);
    }
}
