//! Scores the rows of a slate by an ensemble of oblivious trees, from values that are binned first.
//!
//! All trees together ask for a few distinct borders of each feature. A value becomes the number of those below it, once;
//! what a split asks is then a comparison of bytes, 32 rows at a time, and the rows of a slate lie in the nearest cache.
//! Scores are those of [`super::trees::Trees`] to the bit.
//!
//! Source: Ke et al., "LightGBM", NIPS 2017, section 2 (bins); Lucchese et al., "QuickScorer", SIGIR 2015 (features first,
//! then trees).

use multiversion::multiversion;

use super::matrix::{LANES, Matrix};
use super::trees::Trees;

/// Rows that are compared at a time.
const ROWS: usize = 32;
/// The most borders that a byte tells apart.
const MOST_BORDERS: usize = u8::MAX as usize;

/// A split: which of the used columns, and the border's place among the column's.
#[derive(Debug, Clone, Copy)]
struct Split {
    column: u16,
    above: u8,
}

/// Trees whose borders are counted by column.
#[derive(Debug, Clone)]
pub struct BinnedTrees {
    depth: usize,
    /// The columns that the trees ask for, ascending, and where their borders begin.
    columns: Vec<(u32, usize)>,
    /// The borders of each column, ascending.
    borders: Vec<f32>,
    splits: Vec<Split>,
}

/// Buffers, to be reused.
#[derive(Debug, Default)]
pub struct Bins(Vec<[u8; ROWS]>);

impl BinnedTrees {
    /// Counts the borders of trees; `None` if a feature has more than a byte can tell apart.
    #[must_use]
    pub fn new(trees: Trees<'_>) -> Option<Self> {
        let mut asked: Vec<(u32, f32)> = trees.features.iter().copied().zip(trees.borders.iter().copied()).collect();
        asked.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        asked.dedup();
        let (mut columns, mut begin) = (Vec::new(), 0);
        for of_column in asked.chunk_by(|a, b| a.0 == b.0) {
            if of_column.len() > MOST_BORDERS {
                return None;
            }
            columns.push((of_column[0].0, begin));
            begin += of_column.len();
        }
        let borders: Vec<f32> = asked.iter().map(|&(_, border)| border).collect();
        let split = |(&feature, border): (&u32, &f32)| {
            let column = columns.binary_search_by_key(&feature, |&(column, _)| column).ok()?;
            let own = Self::own(&columns, &borders, column);
            let above = own.binary_search_by(|other| other.total_cmp(border)).ok()?;
            Some(Split { column: u16::try_from(column).ok()?, above: above as u8 })
        };
        let splits: Option<Vec<Split>> = trees.features.iter().zip(trees.borders).map(split).collect();
        Some(Self { depth: trees.depth, splits: splits?, columns, borders })
    }

    fn own<'a>(columns: &[(u32, usize)], borders: &'a [f32], column: usize) -> &'a [f32] {
        let end = columns.get(column + 1).map_or(borders.len(), |&(_, begin)| begin);
        &borders[columns[column].1..end]
    }

    /// The columns that the trees ask for, ascending.
    pub fn columns(&self) -> impl Iterator<Item = usize> {
        self.columns.iter().map(|&(feature, _)| feature as usize)
    }

    /// Adds each row's leaves to its score.
    ///
    /// * `leaves`: those of the trees that were counted.
    pub fn add_to(&self, scores: &mut [f32], leaves: &[f32], matrix: &Matrix, Bins(bins): &mut Bins) {
        let blocks = matrix.rows().div_ceil(ROWS);
        bins.clear();
        bins.resize(self.columns.len() * blocks, [0; ROWS]);
        for ((column, &(feature, _)), bins) in self.columns.iter().enumerate().zip(bins.chunks_exact_mut(blocks.max(1)))
        {
            bin(matrix.padded(feature as usize), Self::own(&self.columns, &self.borders, column), bins);
        }
        for (block, scores) in scores.chunks_mut(ROWS).enumerate() {
            let slate = Block { bins, blocks, block };
            match self.depth {
                depth @ 1..=8 => add_trees(slate, depth, &self.splits, leaves, scores),
                depth => add_deep(slate, depth, &self.splits, leaves, scores),
            }
        }
    }
}

/// Some of the rows of a slate.
#[derive(Clone, Copy)]
struct Block<'a> {
    /// Columns × blocks.
    bins: &'a [[u8; ROWS]],
    blocks: usize,
    block: usize,
}

impl Block<'_> {
    #[inline(always)]
    fn column(&self, column: u16) -> &[u8; ROWS] {
        &self.bins[usize::from(column) * self.blocks + self.block]
    }
}

/// The number of borders that are below each value; none are below a missing one.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2", "aarch64+neon"))]
fn bin(values: &[[f32; LANES]], borders: &[f32], bins: &mut [[u8; ROWS]]) {
    let (targets, _) = bins.as_flattened_mut().as_chunks_mut::<LANES>();
    for (values, target) in values.iter().zip(targets) {
        let mut below = [0u32; LANES];
        for border in borders {
            // Opaque, or the compiler would compare many borders at a time with each value, and turn the results round.
            let border = *std::hint::black_box(border);
            for lane in 0..LANES {
                below[lane] += u32::from(values[lane] > border);
            }
        }
        for lane in 0..LANES {
            // Held down, or the compiler would count in bytes, and pack them for each border.
            target[lane] = below[lane].min(MOST_BORDERS as u32) as u8;
        }
    }
}

/// Adds the leaves of all trees, which have up to eight levels, to the scores of a block.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2", "aarch64+neon"))]
fn add_trees(slate: Block<'_>, depth: usize, splits: &[Split], leaves: &[f32], scores: &mut [f32]) {
    // Compiled for each depth: loops over levels are unrolled, and a leaf's number is known to be within the tree.
    match depth {
        1 => add::<1, 2>(slate, splits, leaves, scores),
        2 => add::<2, 4>(slate, splits, leaves, scores),
        3 => add::<3, 8>(slate, splits, leaves, scores),
        4 => add::<4, 16>(slate, splits, leaves, scores),
        5 => add::<5, 32>(slate, splits, leaves, scores),
        6 => add::<6, 64>(slate, splits, leaves, scores),
        7 => add::<7, 128>(slate, splits, leaves, scores),
        _ => add::<8, 256>(slate, splits, leaves, scores),
    }
}

#[inline(always)]
fn add<const DEPTH: usize, const LEAVES: usize>(
    slate: Block<'_>,
    splits: &[Split],
    leaves: &[f32],
    scores: &mut [f32],
) {
    for (splits, leaves) in splits.as_chunks::<DEPTH>().0.iter().zip(leaves.as_chunks::<LEAVES>().0) {
        let mut leaf = [0u8; ROWS];
        for (level, split) in splits.iter().enumerate() {
            let (values, bit) = (slate.column(split.column), 1u8 << level);
            for lane in 0..ROWS {
                leaf[lane] |= if values[lane] > split.above { bit } else { 0 };
            }
        }
        for (score, leaf) in scores.iter_mut().zip(leaf) {
            *score += leaves[usize::from(leaf) % LEAVES];
        }
    }
}

/// Adds the leaves of trees of more than eight levels.
fn add_deep(slate: Block<'_>, depth: usize, splits: &[Split], leaves: &[f32], scores: &mut [f32]) {
    for (splits, leaves) in splits.chunks_exact(depth).zip(leaves.chunks_exact(1 << depth)) {
        for (lane, score) in scores.iter_mut().enumerate() {
            let is_above = |split: &Split| slate.column(split.column)[lane] > split.above;
            let leaf = splits.iter().enumerate().map(|(level, split)| usize::from(is_above(split)) << level);
            *score += leaves[leaf.sum::<usize>()];
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn scores_are_those_of_the_trees_to_the_bit(
            depth in 1usize..11,
            values in prop::collection::vec(prop::option::weighted(0.9, -3i8..4), 3 * 70),
            splits in prop::collection::vec((0u32..3, -3i8..4), 1..60),
            rows in 1usize..70,
        ) {
            let count = splits.len() / depth;
            let (features, borders): (Vec<u32>, Vec<f32>) = splits[..count * depth].iter().map(|&(feature, border)| (feature, f32::from(border) + 0.5)).unzip();
            let leaves: Vec<f32> = (0..count << depth).map(|at| ((at * 7919) % 1013) as f32 / 7.0).collect();
            let mut matrix = Matrix::default();
            matrix.reset(rows, 3);
            for column in 0..3 {
                let own = values[column * 70..][..rows].iter().map(|value| value.map_or(f32::NAN, f32::from));
                matrix.column_mut(column).iter_mut().zip(own).for_each(|(cell, value)| *cell = value);
            }
            let trees = Trees { depth, features: &features, borders: &borders, leaves: &leaves };
            let (mut plain, mut scores) = (Vec::new(), vec![0.0; rows]);
            trees.score(&matrix, &mut plain);
            BinnedTrees::new(trees).expect("few borders").add_to(&mut scores, &leaves, &matrix, &mut Bins::default());
            prop_assert_eq!(scores, plain);
        }
    }

    #[test]
    fn more_borders_than_a_byte_has_values_are_left_to_the_trees() {
        let borders: Vec<f32> = (0..256).map(|border| border as f32).collect();
        let (features, leaves) = (vec![0; 256], vec![0.0; 512]);
        let trees = |count: usize| Trees {
            depth: 1,
            features: &features[..count],
            borders: &borders[..count],
            leaves: &leaves,
        };
        assert!(BinnedTrees::new(trees(255)).is_some());
        assert!(BinnedTrees::new(trees(256)).is_none());
    }
}
