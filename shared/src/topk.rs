//! Bounded best-k selection: keeps the k highest scores of a stream, ties broken by the smaller item.
//!
//! A push costs O(1) for a score below the current k-th, else O(log k).

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::id::ItemIdx;

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
    /// The better of two is the greater: the higher score, then the smaller item.
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.item.cmp(&self.item))
    }
}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Returns the `k` best of `scored`, best first.
#[must_use]
pub fn top_k(k: usize, scored: impl IntoIterator<Item = Scored>) -> Vec<Scored> {
    let mut best: BinaryHeap<Reverse<Scored>> = BinaryHeap::with_capacity(k.min(1 << 16) + 1);
    for candidate in scored {
        if best.len() < k {
            best.push(Reverse(candidate));
        } else if let Some(mut worst) = best.peek_mut()
            && candidate > worst.0
        {
            worst.0 = candidate;
        }
    }
    // `into_sorted_vec` of reversed values is already best first.
    best.into_sorted_vec().into_iter().map(|Reverse(scored)| scored).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_heap_agrees_with_sort_and_truncate(scores in prop::collection::vec(0u8..20, 0..200), k in 0usize..30) {
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
