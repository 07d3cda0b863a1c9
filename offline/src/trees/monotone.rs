//! Leaves that rise, or fall, with a feature.
//!
//! The splits of a tree on one feature, by their borders, make a chain of leaves for each way that the other splits may
//! go. Along a chain neighbours that are out of order are pooled into their mean, weighted by their rows; where several
//! features are bound, one after the other until none is out of order. The largest so far along each chain ends what that
//! leaves, which keeps the order of the others.
//!
//! Source: Ayer et al., "An Empirical Distribution Function for Sampling with Incomplete Information", 1955 (pooling).

use serde::{Deserialize, Serialize};

/// How a prediction goes with a feature, all others being equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// It never falls where the feature rises.
    Increasing,
    /// It never rises.
    Decreasing,
}

/// The splits of a tree on a feature that is bound.
pub struct Bound {
    /// The places of the splits, by their borders, ascending.
    pub splits: Vec<usize>,
    /// How leaves go.
    pub direction: Direction,
}

/// Puts the leaves of a tree in order.
///
/// * `rows`: how many rows are in each leaf.
pub fn order(leaves: &mut [f32], rows: &[usize], bounds: &[Bound]) {
    const PASSES: usize = 20;
    for _ in 0..PASSES {
        bounds.iter().for_each(|bound| along(leaves, bound, |chain| pool(chain, rows)));
        let mut moved = false;
        for bound in bounds {
            along(leaves, bound, |chain| {
                moved |= chain.windows(2).any(|pair| pair[0].1 > pair[1].1);
            });
        }
        if !moved {
            return;
        }
    }
    bounds.iter().for_each(|bound| along(leaves, bound, largest));
}

/// A leaf and its value, turned so that values must not fall.
type Own = (usize, f32);

/// Goes through the chains of a feature.
fn along(leaves: &mut [f32], bound: &Bound, mut change: impl FnMut(&mut [Own])) {
    let sign = if bound.direction == Direction::Increasing { 1.0 } else { -1.0 };
    let mask: usize = bound.splits.iter().map(|split| 1 << split).sum();
    for first in (0..leaves.len()).filter(|leaf| leaf & mask == 0) {
        let mut leaf = first;
        let mut chain: Vec<Own> = vec![(leaf, sign * leaves[leaf])];
        for split in &bound.splits {
            // A row above a border is above all that are lower.
            leaf |= 1 << split;
            chain.push((leaf, sign * leaves[leaf]));
        }
        change(&mut chain);
        chain.into_iter().for_each(|(leaf, value)| leaves[leaf] = sign * value);
    }
}

fn pool(chain: &mut [Own], rows: &[usize]) {
    // Each block: the sum of its values by rows, its rows, how many leaves.
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    for &(leaf, value) in &*chain {
        // A leaf without rows has a say only among others like it.
        let weight = (rows[leaf] as f64).max(1e-6);
        blocks.push((weight * f64::from(value), weight, 1));
        while let [.., before, last] = blocks[..]
            && before.0 / before.1 > last.0 / last.1
        {
            blocks.truncate(blocks.len() - 2);
            blocks.push((before.0 + last.0, before.1 + last.1, before.2 + last.2));
        }
    }
    let values =
        blocks.into_iter().flat_map(|(sum, weight, leaves)| std::iter::repeat_n((sum / weight) as f32, leaves));
    chain.iter_mut().zip(values).for_each(|(own, value)| own.1 = value);
}

fn largest(chain: &mut [Own]) {
    let mut most = f32::NEG_INFINITY;
    for own in chain {
        most = most.max(own.1);
        own.1 = most;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_out_of_order_are_pooled_by_their_rows() {
        // Splits 0 and 1 are on one feature, 1 has the lower border: the chain is 00, 10, 11.
        let bound = Bound { splits: vec![1, 0], direction: Direction::Increasing };
        let mut leaves = [3.0, 9.0, 0.0, 5.0];
        order(&mut leaves, &[1, 0, 2, 4], &[bound]);
        assert_eq!(leaves, [1.0, 9.0, 1.0, 5.0], "leaf 1 has no row: above the higher border, not above the lower");
    }

    #[test]
    fn several_features_are_in_order_at_once() {
        let bounds = |direction| Bound { splits: vec![0], direction };
        for seed in 0..200u32 {
            let random = |at: u32| ((at + 8 * seed).wrapping_mul(2_654_435_761) >> 20) as f32;
            let mut leaves: Vec<f32> = (0..8).map(random).collect();
            let second = Bound { splits: vec![2], direction: Direction::Decreasing };
            order(&mut leaves, &[1, 2, 3, 4, 5, 6, 7, 8], &[bounds(Direction::Increasing), second]);
            for leaf in 0..8usize {
                assert!(leaf & 1 == 1 || leaves[leaf] <= leaves[leaf | 1], "{seed}: {leaves:?}");
                assert!(leaf & 4 == 4 || leaves[leaf] >= leaves[leaf | 4], "{seed}: {leaves:?}");
            }
        }
    }
}
