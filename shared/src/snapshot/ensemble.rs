//! Boosted trees of a file.

use crate::artifact::ArtifactError;
use crate::artifact::tables::{Column, Table};
use crate::matrix::Matrix;
use crate::trees::Trees;

/// The column `features` of a table, each below `columns`.
pub fn features(table: &Table, columns: usize) -> Result<Column<u32>, ArtifactError> {
    let features: Column<u32> = table.column("features")?;
    match features.iter().all(|&feature| (feature as usize) < columns) {
        true => Ok(features),
        false => Err(table.wrong("`features` names columns beyond the schema")),
    }
}

/// The columns that hold an ensemble, see [`Trees`].
pub struct Ensemble {
    depth: usize,
    features: Column<u32>,
    borders: Column<f32>,
    leaves: Column<f32>,
}

impl Ensemble {
    /// Opens the trees of a table that look at `columns` columns.
    pub fn open(table: &Table, depth: usize, columns: usize) -> Result<Self, ArtifactError> {
        let features = features(table, columns)?;
        if depth == 0 || depth > 16 || !features.len().is_multiple_of(depth) {
            return Err(table.wrong("the trees are not of one depth from 1 to 16"));
        }
        let borders = table.column_of("borders", features.len())?;
        let leaves = table.column_of("leaves", (features.len() / depth) << depth)?;
        Ok(Self { depth, features, borders, leaves })
    }

    /// The columns that the trees look at, one for each of their questions.
    pub fn features(&self) -> &[u32] {
        &self.features
    }

    /// Whether there are no trees.
    pub fn is_empty(&self) -> bool {
        self.features.is_empty()
    }

    /// Scores every row.
    pub fn score(&self, matrix: &Matrix, scores: &mut Vec<f32>) {
        let Self { depth, features, borders, leaves } = self;
        Trees { depth: *depth, features, borders, leaves }.score(matrix, scores);
    }
}
