//! Several ensembles as one, and how many rows are in its leaves.

use rayon::prelude::*;
use shared::engine::rank::matrix::Matrix;

use super::Ensemble;

impl Ensemble {
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
        let of_tree = |(features, borders): (&[u32], &[f32])| {
            let mut leaf = vec![0u16; matrix.rows()];
            for (level, (&feature, &border)) in features.iter().zip(borders).enumerate() {
                for (leaf, value) in leaf.iter_mut().zip(matrix.column(feature as usize)) {
                    *leaf |= u16::from(*value > border) << level;
                }
            }
            let mut covers = vec![0.0f32; 1 << self.depth];
            leaf.into_iter().for_each(|leaf| covers[usize::from(leaf)] += 1.0);
            covers
        };
        let depth = self.depth.max(1);
        let trees = self.features.par_chunks_exact(depth).zip(self.borders.par_chunks_exact(depth));
        trees.flat_map_iter(of_tree).collect()
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
