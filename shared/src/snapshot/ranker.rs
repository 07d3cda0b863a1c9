//! The fitted ranker.

use std::path::Path;

use super::RANKER;
use crate::artifact::tables::{Column, Table};
use crate::artifact::{ArtifactError, Manifest};
use crate::schema;
use crate::trees::Trees;

/// An ensemble of oblivious trees over the features of [`schema`].
pub struct Ranker {
    depth: usize,
    features: Column<u32>,
    borders: Column<f32>,
    leaves: Column<f32>,
}

impl Ranker {
    pub(super) fn open(folder: &Path, manifest: &Manifest) -> Result<Option<Self>, ArtifactError> {
        let Some(params) = &manifest.engine.ranker else { return Ok(None) };
        let table = Table::open(folder, RANKER)?;
        if params.features != schema::names() {
            return Err(table.wrong("the ranker was fitted on other features than this build has; run `offline run`"));
        }
        let depth = params.depth;
        let features: Column<u32> = table.column("features")?;
        if depth == 0 || depth > 16 || !features.len().is_multiple_of(depth) {
            return Err(table.wrong("the trees are not of one depth from 1 to 16"));
        }
        let borders = table.column_of("borders", features.len())?;
        let leaves = table.column_of("leaves", (features.len() / depth) << depth)?;
        if features.iter().any(|&feature| feature as usize >= params.features.len()) {
            return Err(table.wrong("`features` names columns beyond the schema"));
        }
        Ok(Some(Self { depth, features, borders, leaves }))
    }

    /// The trees.
    #[must_use]
    pub fn trees(&self) -> Trees<'_> {
        Trees { depth: self.depth, features: &self.features, borders: &self.borders, leaves: &self.leaves }
    }
}
