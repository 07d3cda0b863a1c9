//! What is learnt of each row: one label, or several.

use shared::engine::tabular::column::Column;

use super::DataError;
use super::columns::Columns;
use super::config::{Learn, ModelConfig, matching};
use super::labels::labels;
use super::table::Table;
use super::weights;

/// The labels of all rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Targets {
    /// The columns that are learnt.
    pub names: Vec<String>,
    /// The labels of all rows, column by column: 1 for a positive, 0 for a negative.
    pub labels: Vec<Vec<f32>>,
    /// Whether the labels of each row are known.
    pub known: Vec<bool>,
    /// How much each row counts in what is learnt; empty: all alike.
    pub weights: Vec<f32>,
}

/// The columns that are learnt.
///
/// # Errors
/// [`DataError::NoColumn`] when one is not there.
pub fn names(table: &Table, config: &ModelConfig) -> Result<Vec<String>, DataError> {
    if config.labels.is_empty() {
        return Ok(vec![config.label.clone()]);
    }
    matching("labels", &config.labels, table)
}

impl Targets {
    /// Reads the labels.
    ///
    /// # Errors
    /// [`DataError`] when a column is not there, or a value is neither yes nor no.
    pub fn read(table: &Table, names: &[String], config: &ModelConfig) -> Result<Self, DataError> {
        let read = |name: &String| labels(table, name, &config.positive);
        let labels = names.iter().map(read).collect::<Result<_, _>>()?;
        let weights = weights::of_rows(table, config)?;
        Ok(Self { names: names.to_vec(), labels, known: vec![true; table.rows], weights })
    }

    /// What is to be learnt of them: where that is additions, a positive is one that the row before was not, and the
    /// labels of a row without one before it are not known; of choices nor are those of a row without an addition.
    #[must_use]
    pub fn learnt(mut self, columns: &Columns, learn: Learn) -> Self {
        if learn == Learn::Values {
            return self;
        }
        for (name, labels) in self.names.iter().zip(&mut self.labels) {
            let Some(Column::Numbers(before)) = columns.previous(name) else { continue };
            for ((label, before), known) in labels.iter_mut().zip(before).zip(&mut self.known) {
                *known &= !before.is_nan();
                *label = if *before == 0.0 { *label } else { 0.0 };
            }
        }
        if learn == Learn::Choices {
            let any = self.any();
            self.known.iter_mut().zip(any).for_each(|(known, any)| *known &= any > 0.0);
        }
        self
    }

    /// How much some rows count; empty: all alike.
    #[must_use]
    pub fn weights_of(&self, rows: &[usize]) -> Vec<f32> {
        rows.iter().filter_map(|&row| self.weights.get(row).copied()).collect()
    }

    /// Whether each row is a positive of any label.
    #[must_use]
    pub fn any(&self) -> Vec<f32> {
        let rows = 0..self.known.len();
        rows.map(|row| self.labels.iter().map(|labels| labels[row]).fold(0.0, f32::max)).collect()
    }
}
