//! Ranks the rows of a slate in two steps: the first trees score all rows, the others only the best of them.
//!
//! In: the feature rows, and trees in the order in which they were boosted. Out: the best rows with their scores. The
//! first trees hold most of what an ensemble knows, so that what they leave behind is not among the first of the slate.
//! The scores of the rows that are kept are those of all trees to the bit.
//!
//! Source: Wang, Lin, Metzler, "A cascade ranking model for efficient ranked retrieval", SIGIR 2011.

use super::binned::{BinnedTrees, Bins};
use super::matrix::Matrix;
use super::trees::Trees;
use crate::contract::id::ItemIdx;
use crate::contract::params::Cascade;
use crate::engine::topk::Scored;

/// Trees in one step or two.
#[derive(Debug, Clone)]
pub struct CascadedTrees {
    first: BinnedTrees,
    others: Option<Others>,
}

#[derive(Debug, Clone)]
struct Others {
    trees: BinnedTrees,
    kept: usize,
    /// Where their leaves begin.
    leaves: usize,
}

/// Buffers, to be reused.
#[derive(Debug, Default)]
pub struct Buffers {
    bins: Bins,
    kept: Matrix,
    /// The score of each row.
    pub scores: Vec<f32>,
}

impl CascadedTrees {
    /// Cuts trees into the steps of a cascade; `None` if a feature has more borders than [`BinnedTrees`] tell apart.
    #[must_use]
    pub fn new(trees: Trees<'_>, cascade: Option<Cascade>) -> Option<Self> {
        let Some(Cascade { trees: first, kept }) = cascade.filter(|cascade| cascade.trees < trees.len()) else {
            return Some(Self { first: BinnedTrees::new(trees)?, others: None });
        };
        let (first, others) = trees.split_at(first);
        let leaves = first.leaves.len();
        let others = Others { trees: BinnedTrees::new(others)?, kept, leaves };
        Some(Self { first: BinnedTrees::new(first)?, others: Some(others) })
    }

    /// How many rows all trees score, and where the leaves of the first trees, which score the others, end; `None` if all
    /// trees score all.
    #[must_use]
    pub fn step(&self) -> Option<(usize, usize)> {
        self.others.as_ref().map(|others| (others.kept, others.leaves))
    }

    /// The `k` best rows, best first; of equal ones the first. A row that was not kept has no higher score than the last
    /// that was. Items stand for rows.
    ///
    /// * `leaves`: those of all trees.
    pub fn best(&self, k: usize, leaves: &[f32], matrix: &Matrix, buffers: &mut Buffers) -> Vec<Scored> {
        let Buffers { bins, kept: selected, scores } = buffers;
        scores.clear();
        scores.resize(matrix.rows(), 0.0);
        self.first.add_to(scores, leaves, matrix, bins);
        let mut rows: Vec<Scored> =
            (0..).zip(scores.iter()).map(|(row, &score)| Scored { item: ItemIdx(row), score }).collect();
        let kept = self.others.as_ref().map_or(rows.len(), |others| others.kept.min(rows.len()));
        if let Some(others) = &self.others {
            if kept < rows.len() {
                rows.select_nth_unstable_by(kept, |a, b| b.cmp(a));
            }
            let best = &mut rows[..kept];
            selected.select(matrix, others.trees.columns(), best.iter().map(|row| row.item.at()));
            scores.clear();
            scores.extend(best.iter().map(|row| row.score));
            others.trees.add_to(scores, &leaves[others.leaves..], selected, bins);
            best.iter_mut().zip(scores.iter()).for_each(|(row, &score)| row.score = score);
        }
        let (best, rest) = rows.split_at_mut(kept);
        best.sort_unstable_by(|a, b| b.cmp(a));
        if k > kept {
            rest.sort_unstable_by(|a, b| b.cmp(a));
            let last = best.last().map_or(f32::INFINITY, |last| last.score);
            rest.iter_mut().for_each(|row| row.score = row.score.min(last));
        }
        rows.truncate(k);
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(at: usize) -> f32 {
        (at as u32).wrapping_mul(2_654_435_761) as f32 / u32::MAX as f32
    }

    fn matrix(rows: usize, columns: usize) -> Matrix {
        let mut matrix = Matrix::default();
        matrix.reset(rows, columns);
        for column in 0..columns {
            let values = (0..rows).map(|row| number(row * columns + column));
            matrix.column_mut(column).iter_mut().zip(values).for_each(|(to, value)| *to = value);
        }
        matrix
    }

    #[test]
    fn what_is_kept_is_chosen_by_the_first_trees_and_ordered_by_all() {
        let (depth, count, rows) = (3, 40, 90);
        let features: Vec<u32> = (0..depth * count).map(|at| (number(at) * 4.99) as u32).collect();
        let borders: Vec<f32> = (0..depth * count).map(|at| number(at + 99)).collect();
        let leaves: Vec<f32> = (0..count << depth).map(|at| number(at + 77) - 0.5).collect();
        let all = Trees { depth, features: &features, borders: &borders, leaves: &leaves };
        let matrix = matrix(rows, 5);
        let score = |trees: Trees<'_>| {
            let mut scores = Vec::new();
            trees.score(&matrix, &mut scores);
            scores
        };
        let (by_first, by_all) = (score(all.split_at(7).0), score(all));
        let order = |scores: &[f32], mut rows: Vec<usize>| {
            rows.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
            rows
        };
        let first = order(&by_first, (0..rows).collect());
        let mut expected = order(&by_all, first[..33].to_vec());
        expected.extend(&first[33..]);
        let cascade = CascadedTrees::new(all, Some(Cascade { trees: 7, kept: 33 })).expect("few borders");
        for k in [0, 1, 20, 33, 34, 60, 90, 1000] {
            let best = cascade.best(k, &leaves, &matrix, &mut Buffers::default());
            let items: Vec<usize> = best.iter().map(|row| row.item.at()).collect();
            assert_eq!(items, expected[..k.min(rows)], "{k}");
            assert!(best.is_sorted_by(|a, b| a.score >= b.score), "{k}");
            assert!(best.iter().take(33).all(|row| row.score == by_all[row.item.at()]), "{k}");
        }
        let few = self::matrix(20, 5);
        let best = cascade.best(20, &leaves, &few, &mut Buffers::default());
        let mut by_all = Vec::new();
        all.score(&few, &mut by_all);
        assert!(best.iter().all(|row| row.score == by_all[row.item.at()]), "all trees score as many as are kept");
        let whole = CascadedTrees::new(all, None).expect("few borders");
        let best = whole.best(rows, &leaves, &matrix, &mut Buffers::default());
        let best: Vec<usize> = best.iter().map(|row| row.item.at()).collect();
        let mut by_all = Vec::new();
        all.score(&matrix, &mut by_all);
        assert_eq!(best, order(&by_all, (0..rows).collect()));
    }
}
