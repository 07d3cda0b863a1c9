//! Exact Shapley values of the features of a row under oblivious trees.
//!
//! The value of a set S of features is the mean leaf, where a split on a feature of S goes as the row does and any other
//! goes both ways, by the shares of the rows that it is compared with (the path-dependent expectation): those of the
//! training, or all candidates of a question. A tree of depth d splits on at most d features, so that its 2^d sets are
//! computed one by one: from the leaves to the root, the row's way and the mean of both ways are kept side by side. The
//! values of the features are then a product with weights that are the same for every tree. Cost: about (d + 16) · 2^d
//! multiplications a tree, in vectors.
//!
//! Sources: Lundberg et al., "From local explanations to global understanding with explainable AI for trees", Nature
//! Machine Intelligence 2020; Shapley, "A value for n-person games", 1953.

use crate::engine::rank::matrix::Matrix;
use crate::engine::rank::trees::Trees;

/// What the features of a row add to the base.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    /// The value of the empty set: the mean of the rows that it is compared with.
    pub base: f64,
    /// What each feature of the matrix adds.
    pub features: Vec<f64>,
}

/// The Shapley values of a row; base and values add up to its score.
///
/// * `covers`: how many of the rows that the base is the mean of are in each leaf; empty: as if all had the same.
#[must_use]
pub fn contributions(trees: Trees<'_>, covers: &[f32], matrix: &Matrix, row: usize) -> Values {
    let depth = trees.depth;
    let mut values = Values { base: 0.0, features: vec![0.0; matrix.columns()] };
    let mut tree = Tree::new(depth);
    let splits = trees.features.chunks_exact(depth).zip(trees.borders.chunks_exact(depth));
    let mut covers = covers.chunks_exact(1 << depth);
    let mut goes = vec![false; depth];
    for ((features, borders), leaves) in splits.zip(trees.leaves.chunks_exact(1 << depth)) {
        for ((above, &feature), border) in goes.iter_mut().zip(features).zip(borders) {
            *above = matrix.column(feature as usize)[row] > *border;
        }
        tree.fill(leaves, covers.next(), &goes);
        tree.share(features, &mut values);
    }
    values
}

/// The most splits of a tree, and so the most features of one.
const LANES: usize = 16;

/// The values of all sets of splits of a tree, and room for what they are computed from; reused for each tree.
struct Tree {
    /// By the bits of the splits that are in the set.
    sets: Vec<f64>,
    /// The rows of each node that the row is compared with; those of a level begin at 2^level.
    covers: Vec<f64>,
    /// The share of those rows of a node that are above its border, for the nodes of a level.
    shares: Vec<f64>,
    /// For each number of features, and each set of them, what its value counts for in that of each feature.
    weights: Vec<Vec<[f64; LANES]>>,
}

impl Tree {
    fn new(depth: usize) -> Self {
        assert!(depth <= LANES, "a tree has at most {LANES} splits");
        Self {
            sets: vec![0.0; 1 << depth],
            covers: vec![1.0; 2 << depth],
            shares: vec![0.0; 1 << depth],
            weights: (0..=depth).map(weights).collect(),
        }
    }

    /// Computes the values of all sets.
    ///
    /// * `goes`: whether the row is above the border of each split.
    fn fill(&mut self, leaves: &[f32], covers: Option<&[f32]>, goes: &[bool]) {
        let depth = goes.len();
        // A node of level l is named by the answers to the first l splits, from the lowest bit, so that its children,
        // and what belongs to the nodes of a level, stand side by side.
        for (leaf, cover) in self.covers[1 << depth..].iter_mut().enumerate() {
            *cover = covers.map_or(1.0, |covers| f64::from(covers[leaf]));
        }
        self.sets.iter_mut().zip(leaves).for_each(|(value, leaf)| *value = f64::from(*leaf));
        // Values by node and, in the bits from the level on, by the set of the deeper splits. At the leaves there are
        // none; at the root there is one node, and the set is all.
        for (level, &above) in goes.iter().enumerate().rev() {
            let nodes = 1usize << level;
            let (own, children) = self.covers.split_at_mut(nodes << 1);
            let (no, yes) = children[..nodes << 1].split_at(nodes);
            let shares = &mut self.shares[..nodes];
            for (((cover, share), no), yes) in own[nodes..].iter_mut().zip(shares.iter_mut()).zip(no).zip(yes) {
                *cover = no + yes;
                *share = if *cover > 0.0 { yes / *cover } else { 0.5 };
            }
            for of_set in self.sets.chunks_exact_mut(nodes << 1) {
                let (without, with) = of_set.split_at_mut(nodes);
                for ((without, with), share) in without.iter_mut().zip(with).zip(&*shares) {
                    let (no, yes) = (*without, *with);
                    *without = no + share * (yes - no);
                    *with = if above { yes } else { no };
                }
            }
        }
    }

    /// Adds the Shapley values of the features of the splits; splits on one feature are in a set together.
    fn share(&self, features: &[u32], values: &mut Values) {
        let (mut players, mut masks, mut count) = ([0u32; LANES], [0usize; LANES], 0);
        for (split, &feature) in features.iter().enumerate() {
            let player = players[..count].iter().position(|player| *player == feature).unwrap_or(count);
            (players[player], masks[player]) = (feature, masks[player] | 1 << split);
            count = count.max(player + 1);
        }
        let mut gains = [0.0; LANES];
        let mut add = |worth: f64, weights: &[f64; LANES]| {
            gains.iter_mut().zip(weights).for_each(|(gain, weight)| *gain += worth * weight);
        };
        let weights = &self.weights[count];
        if count == features.len() {
            self.sets.iter().zip(weights).for_each(|(worth, weights)| add(*worth, weights));
        } else {
            for (set, weights) in weights.iter().enumerate() {
                let splits = masks[..count].iter().enumerate().filter(|(player, _)| set >> player & 1 == 1);
                add(self.sets[splits.map(|(_, mask)| mask).sum::<usize>()], weights);
            }
        }
        values.base += self.sets[0];
        players[..count].iter().zip(gains).for_each(|(feature, gain)| values.features[*feature as usize] += gain);
    }
}

/// What the value of each set of `count` features counts for in that of each feature: the value of a feature is the sum
/// of `|S|! (n - |S| - 1)! / n! · (v(S + feature) - v(S))` over the sets S without it.
fn weights(count: usize) -> Vec<[f64; LANES]> {
    let mut by_size = vec![1.0 / count as f64; count];
    (1..count).for_each(|size| by_size[size] = by_size[size - 1] * size as f64 / (count - size) as f64);
    let of = |set: usize, player: usize| match (player < count, set >> player & 1 == 1) {
        (false, _) => 0.0,
        (true, true) => by_size[set.count_ones() as usize - 1],
        (true, false) => -by_size[set.count_ones() as usize],
    };
    (0..1usize << count).map(|set| std::array::from_fn(|player| of(set, player))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean leaf of a tree where the features of a set go as the row does: by its definition, from the root.
    fn expectation(trees: Trees<'_>, covers: &[f32], row: &[f32], set: &[u32], (level, node): (usize, usize)) -> f64 {
        if level == trees.depth {
            return f64::from(trees.leaves[node]);
        }
        let child = |bit: usize| expectation(trees, covers, row, set, (level + 1, node | bit << level));
        let (feature, border) = (trees.features[level], trees.borders[level]);
        if set.contains(&feature) {
            return child(usize::from(row[feature as usize] > border));
        }
        let rows_below = |bit: usize| -> f64 {
            let below = |leaf: &usize| leaf & ((2 << level) - 1) == node | bit << level;
            (0..1 << trees.depth).filter(below).map(|leaf| f64::from(covers[leaf])).sum()
        };
        let (no, yes) = (rows_below(0), rows_below(1));
        (no * child(0) + yes * child(1)) / (no + yes)
    }

    /// All orders of some features.
    fn orders(features: &[u32]) -> Vec<Vec<u32>> {
        if features.is_empty() {
            return vec![Vec::new()];
        }
        let begun_with = |&first: &u32| {
            let rest: Vec<u32> = features.iter().copied().filter(|&other| other != first).collect();
            orders(&rest).into_iter().map(move |order| [vec![first], order].concat())
        };
        features.iter().flat_map(begun_with).collect()
    }

    #[test]
    fn they_are_the_mean_gains_over_all_orders_of_the_features() {
        let (depth, width) = (4, 4);
        for seed in 0..20u32 {
            let random =
                |at: u32| (at.wrapping_add(seed * 97).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32;
            // Two splits are on one feature; the last feature is looked at by none.
            let features = [seed % 3, 1, 2, 1];
            let borders: Vec<f32> = (0..4).map(random).collect();
            let leaves: Vec<f32> = (0..16).map(|at| random(100 + at)).collect();
            let covers: Vec<f32> = (0..16).map(|at| (random(200 + at) * 9.0).ceil()).collect();
            let trees = Trees { depth, features: &features, borders: &borders, leaves: &leaves };
            let row: Vec<f32> = (0..width).map(|at| random(300 + at)).collect();
            let mut matrix = Matrix::default();
            matrix.reset(1, width as usize);
            row.iter().enumerate().for_each(|(at, value)| matrix.column_mut(at)[0] = *value);
            let found = contributions(trees, &covers, &matrix, 0);
            let worth = |set: &[u32]| expectation(trees, &covers, &row, set, (0, 0));
            let all = orders(&(0..width).collect::<Vec<_>>());
            for feature in 0..width {
                let gain = |order: &Vec<u32>| {
                    let at = order.iter().position(|other| *other == feature).expect("is in every order");
                    worth(&order[..=at]) - worth(&order[..at])
                };
                let mean = all.iter().map(gain).sum::<f64>() / all.len() as f64;
                assert!((found.features[feature as usize] - mean).abs() < 1e-9, "{seed} {feature}");
            }
            let mut scores = Vec::new();
            trees.score(&matrix, &mut scores);
            let sum = found.base + found.features.iter().sum::<f64>();
            assert!((sum - f64::from(scores[0])).abs() < 1e-6, "{seed}");
        }
    }
}
