//! The table of boosted oblivious trees, as stored in a file.

use std::ops::Range;

use super::{Misfit, check_length, table};
use crate::contract::artifact::columns::Column;
use crate::engine::rank::matrix::Matrix;
use crate::engine::rank::trees::Trees;

table! {
    /// Oblivious trees of one depth, see [`Trees`].
    pub struct TreeTable {
        /// The feature of each split, tree by tree.
        features: Column<u32> = "features",
        /// The border of each split, tree by tree.
        borders: Column<f32> = "borders",
        /// The values of the leaves, `1 << depth` per tree.
        leaves: Column<f32> = "leaves",
        /// How many training rows are in each leaf; empty where nobody asks for contributions.
        covers: Column<f32> = "covers" or empty,
    }
}

impl TreeTable {
    /// Checks that the trees are whole, of one depth, and look at so many features.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self, depth: usize, features: usize) -> Result<(), Misfit> {
        if depth == 0 || depth > 16 || !self.features.len().is_multiple_of(depth) {
            return Err("the trees are not of one depth from 1 to 16".to_owned());
        }
        check_features(&self.features, features)?;
        check_length("borders", &self.borders, self.features.len())?;
        check_length("leaves", &self.leaves, (self.features.len() / depth) << depth)?;
        if self.covers.is_empty() { Ok(()) } else { check_length("covers", &self.covers, self.leaves.len()) }
    }

    /// Scores every row of a matrix whose columns are the trees' features.
    pub fn score(&self, depth: usize, matrix: &Matrix, scores: &mut Vec<f32>) {
        self.all(depth).score(matrix, scores);
    }

    /// All trees.
    #[must_use]
    pub fn all(&self, depth: usize) -> Trees<'_> {
        self.trees(depth, 0..self.features.len() / depth)
    }

    /// Some of the trees.
    #[must_use]
    pub fn trees(&self, depth: usize, trees: Range<usize>) -> Trees<'_> {
        let splits = trees.start * depth..trees.end * depth;
        let leaves = &self.leaves[trees.start << depth..trees.end << depth];
        Trees { depth, features: &self.features[splits.clone()], borders: &self.borders[splits], leaves }
    }
}

/// Checks that features are numbers below `count`.
pub(super) fn check_features(features: &Column<u32>, count: usize) -> Result<(), Misfit> {
    match features.iter().all(|&feature| (feature as usize) < count) {
        true => Ok(()),
        false => Err(format!("`features` names features beyond the {count} that there are")),
    }
}
