//! Gives a share of the places to new items, with the probability of what is shown.
//!
//! Each place that no pin holds shows, with the probability `share` and independently of the others, a new item in
//! place of its own: one drawn from the `n` new items that may be in the slate and are not in it anyway, none of them
//! twice. Where there are fewer new items than places, the first `n` places explore. So the *propensity* of what a
//! place shows, the probability that it shows this item there in an answer to the same question, is
//!
//! | place | shows | propensity |
//! |---|---|---|
//! | of a pin, or beyond the first `n` | its own item | 1 |
//! | any other | its own item | 1 − share |
//! | | an explored one | share / n |
//!
//! The `j`-th place takes the `j`-th item of one random order of the new items whether it shows it or not: each item is
//! at each place of that order equally often, which makes the last line exact. Nothing is random but the seed: the same
//! seed gives the same slate.
//!
//! Source: the propensities are those of Horvitz and Thompson, "A generalization of sampling without replacement from a
//! finite universe", JASA 1952, as used to judge a policy by another one's answers; the order is drawn by Fisher and
//! Yates.

use hashbrown::HashSet;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::contract::id::ItemIdx;
use crate::engine::rules::Explore;
use crate::engine::slate::{Pick, Placed};
use crate::engine::snapshot::Snapshot;
use crate::engine::topk::top_k;
use crate::tables::Habit;

/// The most new items of a version: a request that explores looks at all of them.
const MOST: usize = 1000;

/// The seed of an answer, by what identifies it and whom it is for.
#[must_use]
pub fn seed(answer: &str, user: &str) -> u64 {
    xxh3_64_with_seed(user.as_bytes(), xxh3_64_with_seed(answer.as_bytes(), 0))
}

/// The items of which a version has fewer events than `below`, or that came after it, in the order of their rows; none
/// if it does not count events. Of more than a thousand, a thousand are drawn by the version's name.
#[must_use]
pub fn new_items(snapshot: &Snapshot, below: u32) -> Vec<ItemIdx> {
    let of_version = xxh3_64_with_seed(snapshot.manifest().version.as_bytes(), 0);
    let statistics = snapshot.statistics();
    if statistics.of_all(Habit::Events).is_none() {
        return Vec::new();
    }
    // The statistic is ln(1 + events), and missing of what came later.
    let events = |item: u32| f64::from(statistics.habit(Habit::Events, ItemIdx(item))).exp_m1().round();
    let known = |item: &u32| events(*item) >= f64::from(below);
    let new = (0..snapshot.items().len() as u32).filter(|item| !known(item));
    let drawn = top_k(MOST, new.map(|item| (random(of_version, item as usize), item)));
    let mut items: Vec<ItemIdx> = drawn.into_iter().map(|(_, item)| ItemIdx(item)).collect();
    items.sort_unstable();
    items
}

/// The new items that a query admits.
pub fn admitted(explore: &Explore, admits: impl Fn(ItemIdx) -> bool) -> Vec<ItemIdx> {
    explore.items.iter().copied().filter(|&item| admits(item)).collect()
}

/// Gives places of a slate to new items, and tells the propensity of each.
///
/// * `new`: those that the query admits, some of them perhaps in the slate.
pub fn place(share: f64, mut new: Vec<ItemIdx>, seed: u64, slate: &mut [Pick]) {
    let own: HashSet<ItemIdx> = slate.iter().map(|pick| pick.item).collect();
    new.retain(|item| !own.contains(item));
    let count = new.len();
    slate.iter_mut().for_each(|pick| pick.propensity = Some(1.0));
    let free = slate.iter_mut().filter(|pick| pick.placed != Placed::Pinned);
    for (place, pick) in free.enumerate().take(count) {
        let drawn = place + below(count - place, random(seed, 2 * place));
        new.swap(place, drawn);
        let chance = (random(seed, 2 * place + 1) >> 11) as f64 / 2f64.powi(53);
        *pick = if chance < share {
            let propensity = Some((share / count as f64) as f32);
            Pick { placed: Placed::Explored, propensity, ..Pick::unexplained(new[place], pick.score) }
        } else {
            Pick { propensity: Some((1.0 - share) as f32), ..*pick }
        };
    }
}

/// A number below a bound, each equally likely for a random one of 64 bits but for a part in 2^50.
fn below(bound: usize, random: u64) -> usize {
    ((u128::from(random) * bound as u128) >> u64::BITS) as usize
}

/// A number that looks random, of all 64 bits.
fn random(seed: u64, at: usize) -> u64 {
    xxh3_64_with_seed(&(at as u64).to_le_bytes(), seed)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Five places, the second of which is pinned.
    fn slate() -> Vec<Pick> {
        let mut picks: Vec<Pick> = (0..5).map(|item| Pick::popular(ItemIdx(item), 1.0)).collect();
        picks[1].placed = Placed::Pinned;
        picks
    }

    /// How often each place shows each item, and with which propensity.
    fn simulated(share: f64, new: &[u32], answers: usize) -> HashMap<(usize, u32), (usize, f32)> {
        let mut shown: HashMap<(usize, u32), (usize, f32)> = HashMap::new();
        for answer in 0..answers {
            let mut slate = slate();
            let new = new.iter().copied().map(ItemIdx).collect();
            place(share, new, seed(&answer.to_string(), "u"), &mut slate);
            let items: HashSet<ItemIdx> = slate.iter().map(|pick| pick.item).collect();
            assert_eq!(items.len(), 5, "no item is there twice");
            for (place, pick) in slate.iter().enumerate() {
                let propensity = pick.propensity.expect("each has one");
                let (count, same) = shown.entry((place, pick.item.0)).or_insert((0, propensity));
                *count += 1;
                assert_eq!(*same, propensity, "a question has one propensity for an item at a place");
            }
        }
        shown
    }

    #[test]
    fn items_are_shown_as_often_as_their_propensities_say() {
        const ANSWERS: usize = 40_000;
        // Items of the slate are not explored; with six, four and two new ones for four free places.
        for new in [&[3, 10, 11, 12, 13, 14, 15][..], &[10, 11, 12, 13], &[10, 11, 0]] {
            for share in [0.3, 1.0] {
                let shown = simulated(share, new, ANSWERS);
                let mut sums = [0.0; 5];
                for (&(place, item), &(count, propensity)) in &shown {
                    let (p, n) = (f64::from(propensity), ANSWERS as f64);
                    // Five standard deviations of a binomial.
                    let room = 5.0 * (n * p * (1.0 - p)).sqrt() + 1e-6;
                    assert!((count as f64 - n * p).abs() <= room, "{item} at {place}: {count} of {n} by {p}");
                    sums[place] += p;
                }
                assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-5), "all that may be shown was: {sums:?}");
            }
        }
    }

    #[test]
    fn without_new_items_everything_is_certain() {
        let mut shown = slate();
        place(0.5, vec![ItemIdx(4)], 7, &mut shown);
        assert!(shown.iter().zip(slate()).all(|(one, other)| one.item == other.item && one.propensity == Some(1.0)));
    }

    #[test]
    fn the_same_answer_to_the_same_user_explores_alike() {
        let explored = |answer: &str, user: &str| {
            let mut slate = slate();
            place(0.5, (10..30).map(ItemIdx).collect(), seed(answer, user), &mut slate);
            slate
        };
        assert_eq!(explored("a", "u"), explored("a", "u"));
        assert_ne!(explored("a", "u"), explored("b", "u"));
        assert_ne!(explored("a", "u"), explored("a", "v"));
    }
}
