//! The fitted ranker.

use std::path::Path;

use super::RANKER;
use crate::artifact::tables::{Column, Table};
use crate::artifact::{ArtifactError, Manifest};
use crate::linear::Linear;
use crate::matrix::Matrix;
use crate::params::RankerModel;
use crate::schema::{self, Wanted};
use crate::trees::Trees;

/// A model over the features of [`schema`].
pub struct Ranker {
    model: Model,
    wanted: Wanted,
}

enum Model {
    Trees { depth: usize, features: Column<u32>, borders: Column<f32>, leaves: Column<f32> },
    Linear { features: Column<u32>, slopes: Column<f32>, missing: Column<f32> },
}

impl Ranker {
    pub(super) fn open(folder: &Path, manifest: &Manifest) -> Result<Option<Self>, ArtifactError> {
        let Some(params) = &manifest.engine.ranker else { return Ok(None) };
        let table = Table::open(folder, RANKER)?;
        if params.features != schema::names() {
            return Err(table.wrong("the ranker was fitted on other features than this build has; run `offline run`"));
        }
        let features: Column<u32> = table.column("features")?;
        if features.iter().any(|&feature| feature as usize >= params.features.len()) {
            return Err(table.wrong("`features` names columns beyond the schema"));
        }
        let wanted = Wanted::of(features.iter().map(|&feature| feature as usize));
        let model = match params.model {
            RankerModel::Trees { depth } => {
                if depth == 0 || depth > 16 || !features.len().is_multiple_of(depth) {
                    return Err(table.wrong("the trees are not of one depth from 1 to 16"));
                }
                let borders = table.column_of("borders", features.len())?;
                let leaves = table.column_of("leaves", (features.len() / depth) << depth)?;
                Model::Trees { depth, features, borders, leaves }
            }
            RankerModel::Linear => {
                let slopes = table.column_of("slopes", features.len())?;
                let missing = table.column_of("missing", features.len())?;
                Model::Linear { features, slopes, missing }
            }
        };
        Ok(Some(Self { model, wanted }))
    }

    /// The features that it looks at.
    #[must_use]
    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Scores every row.
    pub fn score(&self, matrix: &Matrix, scores: &mut Vec<f32>) {
        match &self.model {
            Model::Trees { depth, features, borders, leaves } => {
                Trees { depth: *depth, features, borders, leaves }.score(matrix, scores);
            }
            Model::Linear { features, slopes, missing } => {
                Linear { features, slopes, missing }.score(matrix, scores);
            }
        }
    }
}
