//! Scores rows by an ensemble of oblivious trees: all nodes of one level share the same split.
//!
//! A tree of depth d has d splits `x[feature] > border`; their outcomes are the bits of the leaf's number. A missing
//! value is above no border. No branch depends on a value, and 16 rows are scored at a time.
//!
//! Source: Prokhorenkova et al., "CatBoost: unbiased boosting with categorical features", NeurIPS 2018, section 4.

use multiversion::multiversion;

use crate::engine::rank::matrix::{LANES, Matrix};

/// Trees of one depth, as slices of a fitted or a mapped ensemble.
#[derive(Debug, Clone, Copy)]
pub struct Trees<'a> {
    /// The number of splits of each tree.
    pub depth: usize,
    /// The column of each split, tree by tree.
    pub features: &'a [u32],
    /// The border of each split, tree by tree.
    pub borders: &'a [f32],
    /// The values of the leaves, `1 << depth` per tree.
    pub leaves: &'a [f32],
}

impl<'a> Trees<'a> {
    /// The first `count` trees, and the others.
    #[must_use]
    pub fn split_at(self, count: usize) -> (Self, Self) {
        let Self { depth, features, borders, leaves } = self;
        let (features, borders) = (features.split_at(count * depth), borders.split_at(count * depth));
        let leaves = leaves.split_at(count << depth);
        let of = |features: &'a [u32], borders, leaves| Self { depth, features, borders, leaves };
        (of(features.0, borders.0, leaves.0), of(features.1, borders.1, leaves.1))
    }

    /// How many trees there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.features.len().checked_div(self.depth).unwrap_or(0)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds up each row's leaves into `scores`.
    pub fn score(&self, matrix: &Matrix, scores: &mut Vec<f32>) {
        scores.clear();
        if matrix.rows() < FEW && matrix.columns() <= WIDE {
            scores.extend((0..matrix.rows()).map(|row| self.score_row(matrix, row)));
            return;
        }
        scores.resize(matrix.rows().next_multiple_of(LANES), 0.0);
        let questions = self.features.chunks_exact(self.depth).zip(self.borders.chunks_exact(self.depth));
        for ((features, borders), leaves) in questions.zip(self.leaves.chunks_exact(1 << self.depth)) {
            add_tree(matrix, features, borders, leaves, scores.as_chunks_mut().0);
        }
        scores.truncate(matrix.rows());
    }
}

/// Below so many rows each is scored by itself: a vector of rows would be mostly empty.
const FEW: usize = 4;
/// The most features of a row that is scored by itself; a power of 2.
const WIDE: usize = 1024;

impl Trees<'_> {
    /// The score of one row: its leaves, added in the order of the trees, as for many rows.
    fn score_row(&self, matrix: &Matrix, row: usize) -> f32 {
        let mut values = [f32::NAN; WIDE];
        for (column, value) in values.iter_mut().enumerate().take(matrix.columns()) {
            *value = matrix.column(column)[row];
        }
        // Depths that are common are compiled by themselves, without inner loops.
        match self.depth {
            4 => self.add_row::<4>(&values),
            5 => self.add_row::<5>(&values),
            6 => self.add_row::<6>(&values),
            8 => self.add_row::<8>(&values),
            _ => {
                let splits = self.features.chunks_exact(self.depth).zip(self.borders.chunks_exact(self.depth));
                let leaf = |(features, borders): (&[u32], &[f32])| leaf_of(&values, features, borders);
                let trees = splits.map(leaf).zip(self.leaves.chunks_exact(1 << self.depth));
                trees.fold(0.0, |score, (leaf, leaves)| score + leaves[leaf])
            }
        }
    }

    fn add_row<const DEPTH: usize>(&self, values: &[f32; WIDE]) -> f32 {
        let splits = self.features.as_chunks::<DEPTH>().0.iter().zip(self.borders.as_chunks::<DEPTH>().0);
        let leaf = |(features, borders): (&[u32; DEPTH], &[f32; DEPTH])| leaf_of(values, features, borders);
        let trees = splits.map(leaf).zip(self.leaves.chunks_exact(1 << DEPTH));
        trees.fold(0.0, |score, (leaf, leaves)| score + leaves[leaf])
    }
}

/// The leaf of a row in a tree.
#[inline(always)]
fn leaf_of(values: &[f32; WIDE], features: &[u32], borders: &[f32]) -> usize {
    let bits = features.iter().zip(borders).enumerate().map(|(level, (&feature, &border))| {
        // Features are below the number of columns; the mask spares the check of every one.
        usize::from(values[feature as usize % WIDE] > border) << level
    });
    bits.fold(0, |leaf, bit| leaf | bit)
}

/// Adds one tree's leaves.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2", "aarch64+neon"))]
fn add_tree(matrix: &Matrix, features: &[u32], borders: &[f32], leaves: &[f32], scores: &mut [[f32; LANES]]) {
    for (block, scores) in scores.iter_mut().enumerate() {
        let mut leaf = [0u32; LANES];
        for (level, (&feature, &border)) in features.iter().zip(borders).enumerate() {
            let values = &matrix.padded(feature as usize)[block];
            for lane in 0..LANES {
                leaf[lane] |= u32::from(values[lane] > border) << level;
            }
        }
        for lane in 0..LANES {
            scores[lane] += leaves[leaf[lane] as usize];
        }
    }
}

/// How many rows of a matrix are in each leaf of a tree.
#[must_use]
pub fn covers(matrix: &Matrix, features: &[u32], borders: &[f32]) -> Vec<f32> {
    let mut leaves = vec![0u16; matrix.rows()];
    for (level, (&feature, &border)) in features.iter().zip(borders).enumerate() {
        for (leaf, value) in leaves.iter_mut().zip(matrix.column(feature as usize)) {
            *leaf |= u16::from(*value > border) << level;
        }
    }
    let mut covers = vec![0.0f32; 1 << features.len()];
    leaves.into_iter().for_each(|leaf| covers[usize::from(leaf)] += 1.0);
    covers
}

/// The probability that log-odds stand for.
#[must_use]
pub fn probability(log_odds: f32) -> f32 {
    1.0 / (1.0 + (-log_odds).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_alone_has_the_bits_of_the_row_among_others() {
        let number = |at: usize| (at as u32).wrapping_mul(2_654_435_761) as f32 / u32::MAX as f32;
        let (depth, count, columns) = (5, 300, 7);
        let features: Vec<u32> = (0..depth * count).map(|at| (number(at) * 6.99) as u32).collect();
        let borders: Vec<f32> = (0..depth * count).map(|at| number(at + 9999)).collect();
        let leaves: Vec<f32> = (0..count << depth).map(|at| number(at + 77) - 0.5).collect();
        let trees = Trees { depth, features: &features, borders: &borders, leaves: &leaves };
        let fill = |rows: std::ops::Range<usize>| {
            let mut matrix = Matrix::default();
            matrix.reset(rows.len(), columns);
            for column in 0..columns {
                let values = rows.clone().map(|row| number(row * columns + column));
                matrix.column_mut(column).iter_mut().zip(values).for_each(|(to, value)| *to = value);
            }
            let mut scores = Vec::new();
            trees.score(&matrix, &mut scores);
            scores
        };
        let together: Vec<f32> = fill(0..20);
        let alone: Vec<f32> = (0..20).flat_map(|row| fill(row..row + 1)).collect();
        assert_eq!(together, alone);
    }

    #[test]
    fn the_answers_are_the_bits_of_the_leaf_and_missing_is_no() {
        let mut matrix = Matrix::default();
        matrix.reset(4, 2);
        matrix.column_mut(0).copy_from_slice(&[0.0, 1.0, 0.0, f32::NAN]);
        matrix.column_mut(1).copy_from_slice(&[0.0, 0.0, 3.0, 3.0]);
        let trees = Trees { depth: 2, features: &[0, 1], borders: &[0.5, 2.0], leaves: &[1.0, 10.0, 100.0, 1000.0] };
        let mut scores = Vec::new();
        trees.score(&matrix, &mut scores);
        assert_eq!(scores, [1.0, 10.0, 100.0, 100.0]);
    }
}
