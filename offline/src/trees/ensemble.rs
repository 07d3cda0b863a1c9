//! A fitted ensemble: its trees, several of them as one, and how many rows are in its leaves.

use rayon::prelude::*;
use shared::contract::artifact::columns::Column;
use shared::engine::rank::matrix::Matrix;
use shared::engine::rank::trees::{Trees, covers};
use shared::tables::TreeTable;

use super::bins::Bins;
use super::grow::Split;

/// A fitted ensemble, see [`shared::engine::rank::trees::Trees`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ensemble {
    /// The number of splits of each tree.
    pub depth: usize,
    /// The column of each split.
    pub features: Vec<u32>,
    /// The border of each split.
    pub borders: Vec<f32>,
    /// The values of the leaves.
    pub leaves: Vec<f32>,
    /// The gain of each split.
    gains: Vec<f64>,
    /// The gain of each feature's splits, as a share of the total gain.
    pub importance: Vec<f64>,
    /// The validation metric after the last tree that was kept.
    pub metric: f64,
}

impl Ensemble {
    /// The trees, to score with.
    #[must_use]
    pub fn trees(&self) -> Trees<'_> {
        let Self { depth, features, borders, leaves, .. } = self;
        Trees { depth: *depth, features, borders, leaves }
    }

    /// The table that the trees are served from.
    #[must_use]
    pub fn table(&self) -> TreeTable {
        table_of(std::slice::from_ref(self))
    }

    /// Adds a tree.
    pub(super) fn push(&mut self, splits: &[Split], leaves: &[f32], bins: &Bins) {
        for split in splits {
            self.features.push(split.feature as u32);
            self.borders.push(bins.border(split));
            self.gains.push(split.gain);
        }
        self.leaves.extend_from_slice(leaves);
    }

    /// No trees yet, over so many features.
    pub(super) fn empty(depth: usize, features: usize) -> Self {
        Self { depth, importance: vec![0.0; features], ..Self::default() }
    }

    /// Keeps the first trees, after which the metric was best.
    pub(super) fn end(&mut self, trees: usize, metric: f64) {
        self.features.truncate(trees * self.depth);
        self.borders.truncate(trees * self.depth);
        self.leaves.truncate(trees << self.depth);
        self.gains.truncate(trees * self.depth);
        for (feature, gain) in self.features.iter().zip(&self.gains) {
            self.importance[*feature as usize] += gain;
        }
        let total: f64 = self.importance.iter().sum();
        self.importance.iter_mut().for_each(|gain| *gain /= total.max(f64::MIN_POSITIVE));
        self.metric = metric;
    }

    /// Adds one of some members, whose scores are averaged: its trees, with leaves divided by the number of members.
    pub fn add(&mut self, member: Self, members: usize) {
        self.depth = member.depth;
        self.features.extend(member.features);
        self.borders.extend(member.borders);
        self.leaves.extend(member.leaves.iter().map(|leaf| leaf / members as f32));
        self.importance.resize(member.importance.len(), 0.0);
        self.importance.iter_mut().zip(member.importance).for_each(|(sum, own)| *sum += own / members as f64);
        self.metric += member.metric / members as f64;
    }

    /// How many rows are in each leaf.
    #[must_use]
    pub fn covers(&self, matrix: &Matrix) -> Vec<f32> {
        let depth = self.depth.max(1);
        let trees = self.features.par_chunks_exact(depth).zip(self.borders.par_chunks_exact(depth));
        trees.flat_map_iter(|(features, borders)| covers(matrix, features, borders)).collect()
    }
}

/// The table that ensembles of one depth are served from, one behind the other.
#[must_use]
pub fn table_of(ensembles: &[Ensemble]) -> TreeTable {
    TreeTable {
        features: ensembles.iter().flat_map(|own| &own.features).copied().collect(),
        borders: ensembles.iter().flat_map(|own| &own.borders).copied().collect(),
        leaves: ensembles.iter().flat_map(|own| &own.leaves).copied().collect(),
        covers: Column::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_averaged_and_rows_counted() {
        let member = |leaf: f32| Ensemble {
            depth: 1,
            features: vec![0],
            borders: vec![0.5],
            leaves: vec![0.0, leaf],
            ..Ensemble::default()
        };
        let mut all = Ensemble::default();
        all.add(member(1.0), 2);
        all.add(member(3.0), 2);
        let mut matrix = Matrix::default();
        matrix.reset(3, 1);
        matrix.column_mut(0).copy_from_slice(&[0.0, 1.0, 2.0]);
        assert_eq!(crate::trees::scores_of(&all, &matrix), [0.0, 2.0, 2.0]);
        assert_eq!(all.covers(&matrix), [1.0, 2.0, 1.0, 2.0]);
    }
}
