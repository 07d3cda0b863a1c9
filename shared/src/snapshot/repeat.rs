//! The fitted model of `repeat`.

use std::path::Path;

use super::REPEAT;
use super::ensemble::Ensemble;
use crate::artifact::ArtifactError;
use crate::artifact::tables::Table;
use crate::matrix::Matrix;
use crate::schema;
use crate::trees::probability;

/// Trees whose sum is the log-odds that the next event is with an item of the history.
pub struct Repeat(Ensemble);

impl Repeat {
    /// Opens the model; a file without trees stands for none.
    pub(super) fn open(folder: &Path) -> Result<Option<Self>, ArtifactError> {
        let table = Table::open(folder, REPEAT)?;
        let depth = table.column_of::<u32>("depth", 1)?[0] as usize;
        let ensemble = Ensemble::open(&table, depth, schema::of_repeat().len())?;
        Ok((!ensemble.is_empty()).then_some(Self(ensemble)))
    }

    /// The chance of each row.
    pub fn chances(&self, matrix: &Matrix, chances: &mut Vec<f32>) {
        self.0.score(matrix, chances);
        chances.iter_mut().for_each(|score| *score = probability(*score));
    }
}
