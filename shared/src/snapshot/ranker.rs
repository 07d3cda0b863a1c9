//! The fitted ranker.

use std::path::Path;

use super::RANKER;
use super::ensemble::{self, Ensemble};
use crate::artifact::tables::{Column, Table};
use crate::artifact::{ArtifactError, Manifest};
use crate::linear::Linear;
use crate::matrix::Matrix;
use crate::params::RankerModel;
use crate::schema::{self, Wanted};

/// A model over the features of [`schema`].
pub struct Ranker {
    model: Model,
    wanted: Wanted,
}

enum Model {
    Trees(Ensemble),
    Linear { features: Column<u32>, slopes: Column<f32>, missing: Column<f32> },
}

impl Ranker {
    pub(super) fn open(folder: &Path, manifest: &Manifest) -> Result<Option<Self>, ArtifactError> {
        let Some(params) = &manifest.engine.ranker else { return Ok(None) };
        let table = Table::open(folder, RANKER)?;
        if params.features != schema::names() {
            return Err(table.wrong("the ranker was fitted on other features than this build has; run `offline run`"));
        }
        let columns = params.features.len();
        let wanted = |features: &[u32]| Wanted::of(features.iter().map(|&feature| feature as usize));
        let (wanted, model) = match params.model {
            RankerModel::Trees { depth } => {
                let trees = Ensemble::open(&table, depth, columns)?;
                (wanted(trees.features()), Model::Trees(trees))
            }
            RankerModel::Linear => {
                let features = ensemble::features(&table, columns)?;
                let slopes = table.column_of("slopes", features.len())?;
                let missing = table.column_of("missing", features.len())?;
                (wanted(&features), Model::Linear { features, slopes, missing })
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
            Model::Trees(trees) => trees.score(matrix, scores),
            Model::Linear { features, slopes, missing } => {
                Linear { features, slopes, missing }.score(matrix, scores);
            }
        }
    }
}
