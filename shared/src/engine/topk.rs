//! Bounded best-k selection: keeps the k highest scores of a stream, ties broken by the smaller item.
//!
//! Up to 2k candidates are buffered before the best k are selected: a push costs amortised O(1), sorting the best O(k ·
//! log k).

use std::cmp::Ordering;

use crate::contract::id::ItemIdx;

/// An item with its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// The item.
    pub item: ItemIdx,
    /// Its score, finite; higher is better.
    pub score: f32,
}

impl Eq for Scored {}

impl Ord for Scored {
    /// The better of two is the greater one: the one with the higher score, then the one with the smaller item.
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.item.cmp(&self.item))
    }
}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The `k` best of what was pushed: the greatest in their order.
#[derive(Debug)]
pub struct Best<T = Scored> {
    k: usize,
    /// The best so far among up to `2 · k`, in no order.
    kept: Vec<T>,
    /// The worst of the best k at the last selection.
    floor: Option<T>,
}

impl Best {
    /// A score below which nothing is kept.
    #[must_use]
    pub fn floor(&self) -> f32 {
        self.floor.map_or(f32::NEG_INFINITY, |floor| floor.score)
    }
}

impl<T: Ord + Copy> Best<T> {
    /// An empty selection with room for `k`.
    #[must_use]
    pub fn new(k: usize) -> Self {
        Self { k, kept: Vec::with_capacity(2 * k.min(1 << 16)), floor: None }
    }

    /// Keeps `scored` if it is among the best so far.
    pub fn push(&mut self, scored: T) {
        if self.k == 0 || self.floor.is_some_and(|floor| scored < floor) {
            return;
        }
        self.kept.push(scored);
        if self.kept.len() == self.k.saturating_mul(2) {
            self.tell_apart();
        }
    }

    fn tell_apart(&mut self) {
        let (_, worst, _) = self.kept.select_nth_unstable_by(self.k - 1, |a, b| b.cmp(a));
        self.floor = Some(*worst);
        self.kept.truncate(self.k);
    }

    /// The best, in no order.
    #[must_use]
    pub fn into_unsorted(mut self) -> Vec<T> {
        if self.kept.len() > self.k {
            self.tell_apart();
        }
        self.kept
    }
}

/// Returns the `k` best of `scored`, best first.
#[must_use]
pub fn top_k<T: Ord + Copy>(k: usize, scored: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut best = Best::new(k);
    scored.into_iter().for_each(|scored| best.push(scored));
    let mut best = best.into_unsorted();
    best.sort_unstable_by(|a, b| b.cmp(a));
    best
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_best_agree_with_sort_and_truncate(scores in prop::collection::vec(0u8..20, 0..200), k in 0usize..30) {
            let scored: Vec<Scored> = (0..).zip(&scores)
                .map(|(item, &score)| Scored { item: ItemIdx(item), score: f32::from(score) })
                .collect();
            let mut sorted = scored.clone();
            sorted.sort_by(|a, b| b.cmp(a));
            sorted.truncate(k);
            prop_assert_eq!(top_k(k, scored), sorted);
        }
    }

    #[test]
    fn equal_scores_come_in_the_order_of_their_items() {
        let scored = [3, 1, 2].map(|item| Scored { item: ItemIdx(item), score: 1.0 });
        let items: Vec<u32> = top_k(2, scored).iter().map(|s| s.item.0).collect();
        assert_eq!(items, [1, 2]);
    }
}
