//! Exact Shapley values of the features of a row under oblivious trees.
//!
//! The value of a set S of features is the mean leaf, where a split on a feature of S goes as the row does and any other
//! goes both ways, by the shares of the training rows (the path-dependent expectation). A tree of depth d splits on at
//! most d features, so that its 2^d sets are computed one by one: from the leaves to the root, the row's way and the
//! mean of both ways are kept side by side. Cost: about (d + 1) · 2^d steps a tree.
//!
//! Sources: Lundberg et al., "From local explanations to global understanding with explainable AI for trees", Nature
//! Machine Intelligence 2020; Shapley, "A value for n-person games", 1953.

use crate::engine::rank::matrix::Matrix;
use crate::engine::rank::trees::Trees;

/// What the features of a row add to the base.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    /// The value of the empty set: the mean of the training rows.
    pub base: f64,
    /// What each feature of the matrix adds.
    pub features: Vec<f64>,
}

/// The Shapley values of a row; base and values add up to its score.
///
/// * `covers`: how many training rows are in each leaf; empty: as if all had the same.
#[must_use]
pub fn contributions(trees: Trees<'_>, covers: &[f32], matrix: &Matrix, row: usize) -> Values {
    let depth = trees.depth;
    let mut values = Values { base: 0.0, features: vec![0.0; matrix.columns()] };
    let mut tree = Tree { sets: vec![0.0; 1 << depth], covers: vec![1.0; 2 << depth] };
    let splits = trees.features.chunks_exact(depth).zip(trees.borders.chunks_exact(depth));
    let mut covers = covers.chunks_exact(1 << depth);
    for ((features, borders), leaves) in splits.zip(trees.leaves.chunks_exact(1 << depth)) {
        let goes =
            features.iter().zip(borders).map(|(&feature, &border)| matrix.column(feature as usize)[row] > border);
        tree.fill(leaves, covers.next(), &goes.collect::<Vec<bool>>());
        tree.share(features, &mut values);
    }
    values
}

/// The values of all sets of splits of a tree.
struct Tree {
    /// By the bits of the splits that are in the set.
    sets: Vec<f64>,
    /// The training rows of each node; those of a level begin at 2^level.
    covers: Vec<f64>,
}

impl Tree {
    /// Computes the values of all sets.
    ///
    /// * `goes`: whether the row is above the border of each split.
    fn fill(&mut self, leaves: &[f32], covers: Option<&[f32]>, goes: &[bool]) {
        let depth = goes.len();
        // A node of level l is named by the answers to the first l splits, from the lowest bit.
        for (leaf, cover) in self.covers[1 << depth..].iter_mut().enumerate() {
            *cover = covers.map_or(1.0, |covers| f64::from(covers[leaf]));
        }
        for level in (0..depth).rev() {
            for node in 0..1usize << level {
                let children = [node, node | 1 << level].map(|child| self.covers[(1 << (level + 1)) + child]);
                self.covers[(1 << level) + node] = children[0] + children[1];
            }
        }
        // Values by node and, in the bits from the level on, by the set of the deeper splits. At the leaves there are
        // none; at the root there is one node, and the set is all.
        self.sets.iter_mut().zip(leaves).for_each(|(value, leaf)| *value = f64::from(*leaf));
        for (level, &above) in goes.iter().enumerate().rev() {
            let deeper = 1usize << (depth - level - 1);
            for node in 0..1usize << level {
                let [no, yes] = [node, node | 1 << level].map(|child| self.covers[(1 << (level + 1)) + child]);
                let share = if no + yes > 0.0 { yes / (no + yes) } else { 0.5 };
                for set in 0..deeper {
                    let high = set << (level + 1);
                    let [no, yes] = [self.sets[high | node], self.sets[high | 1 << level | node]];
                    self.sets[high | node] = no + share * (yes - no);
                    self.sets[high | 1 << level | node] = if above { yes } else { no };
                }
            }
        }
    }

    /// Adds the Shapley values of the features of the splits; splits on one feature are in a set together.
    fn share(&self, features: &[u32], values: &mut Values) {
        let mut players: Vec<(u32, usize)> = Vec::with_capacity(features.len());
        for (split, &feature) in features.iter().enumerate() {
            match players.iter_mut().find(|(player, _)| *player == feature) {
                Some((_, mask)) => *mask |= 1 << split,
                None => players.push((feature, 1 << split)),
            }
        }
        let count = players.len();
        let mask = |set: usize| -> usize {
            players.iter().enumerate().filter(|(player, _)| set >> player & 1 == 1).map(|(_, (_, mask))| mask).sum()
        };
        let worth: Vec<f64> = (0..1usize << count).map(|set| self.sets[mask(set)]).collect();
        // |S|! (n - |S| - 1)! / n!, by |S|.
        let mut weights = vec![1.0 / count as f64; count];
        (1..count).for_each(|size| weights[size] = weights[size - 1] * size as f64 / (count - size) as f64);
        values.base += worth[0];
        for (player, (feature, _)) in players.iter().enumerate() {
            let without = (0..worth.len()).filter(|set| set >> player & 1 == 0);
            let added = without.map(|set| weights[set.count_ones() as usize] * (worth[set | 1 << player] - worth[set]));
            values.features[*feature as usize] += added.sum::<f64>();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::TreeTable;

    /// The mean leaf of a tree where the features of a set go as the row does: by its definition, from the root.
    fn expectation(trees: &TreeTable, depth: usize, row: &[f32], set: &[u32], (level, node): (usize, usize)) -> f64 {
        if level == depth {
            return f64::from(trees.leaves[node]);
        }
        let child = |bit: usize| expectation(trees, depth, row, set, (level + 1, node | bit << level));
        let (feature, border) = (trees.features[level], trees.borders[level]);
        if set.contains(&feature) {
            return child(usize::from(row[feature as usize] > border));
        }
        let rows_below = |bit: usize| -> f64 {
            let below = |leaf: &usize| leaf & ((2 << level) - 1) == node | bit << level;
            (0..1 << depth).filter(below).map(|leaf| f64::from(trees.covers[leaf])).sum()
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
            let trees = TreeTable {
                // Two splits are on one feature; the last feature is looked at by none.
                features: vec![seed % 3, 1, 2, 1].into(),
                borders: (0..4).map(random).collect(),
                leaves: (0..16).map(|at| random(100 + at)).collect(),
                covers: (0..16).map(|at| (random(200 + at) * 9.0).ceil()).collect(),
            };
            let row: Vec<f32> = (0..width).map(|at| random(300 + at)).collect();
            let mut matrix = Matrix::default();
            matrix.reset(1, width as usize);
            row.iter().enumerate().for_each(|(at, value)| matrix.column_mut(at)[0] = *value);
            let found = contributions(trees.trees(depth, 0..1), &trees.covers, &matrix, 0);
            let worth = |set: &[u32]| expectation(&trees, depth, &row, set, (0, 0));
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
            trees.score(depth, &matrix, &mut scores);
            let sum = found.base + found.features.iter().sum::<f64>();
            assert!((sum - f64::from(scores[0])).abs() < 1e-6, "{seed}");
        }
    }
}
