//! The fitted ranker: trees or a linear model over features.

use super::trees::check_features;
use super::{Misfit, Table, TreeTable, check_length, table};
use crate::artifact::ArtifactError;
use crate::artifact::columns::{Column, TableFile, TableWriter};
use crate::params::RankerModel;
use crate::rank::linear::Linear;
use crate::rank::matrix::Matrix;

table! {
    /// A weighted sum of features, see [`Linear`].
    pub struct LinearTable {
        /// The features it looks at.
        features: Column<u32> = "features",
        /// What a value of each is multiplied with.
        slopes: Column<f32> = "slopes",
        /// What each adds where it is missing.
        missing: Column<f32> = "missing",
    }
}

/// A fitted ranker. Its features are numbers into the names that the manifest lists.
#[derive(Debug, Clone)]
pub enum RankerTable {
    /// Boosted trees of one depth, which the manifest says.
    Trees(usize, TreeTable),
    /// A weighted sum.
    Linear(LinearTable),
}

impl RankerTable {
    pub(super) fn read(file: &TableFile, model: &RankerModel) -> Result<Self, ArtifactError> {
        match model {
            RankerModel::Trees { depth } => TreeTable::read(file).map(|trees| Self::Trees(*depth, trees)),
            RankerModel::Linear => LinearTable::read(file).map(Self::Linear),
        }
    }

    pub(super) fn add_to<'a>(&'a self, writer: &mut TableWriter<'a>) {
        match self {
            Self::Trees(_, trees) => trees.add_to(writer),
            Self::Linear(linear) => linear.add_to(writer),
        }
    }

    /// What the manifest says of it.
    #[must_use]
    pub fn model(&self) -> RankerModel {
        match self {
            Self::Trees(depth, _) => RankerModel::Trees { depth: *depth },
            Self::Linear(_) => RankerModel::Linear,
        }
    }

    /// The features it looks at, one for each of its questions or slopes.
    #[must_use]
    pub fn features(&self) -> &Column<u32> {
        match self {
            Self::Trees(_, trees) => &trees.features,
            Self::Linear(linear) => &linear.features,
        }
    }

    fn features_mut(&mut self) -> &mut Column<u32> {
        match self {
            Self::Trees(_, trees) => &mut trees.features,
            Self::Linear(linear) => &mut linear.features,
        }
    }
}

/// A ranker that scores rows as this build makes them.
#[derive(Debug, Clone)]
pub struct Ranker {
    table: RankerTable,
    wanted: Vec<bool>,
}

impl Ranker {
    /// Takes a ranker and where this build puts each of its features.
    ///
    /// * `columns`: the column of each feature that the manifest names.
    /// * `count`: how many columns there are.
    ///
    /// # Errors
    /// The reason when the table does not hold together.
    pub fn new(mut table: RankerTable, columns: &[usize], count: usize) -> Result<Self, Misfit> {
        match &table {
            RankerTable::Trees(depth, trees) => trees.check(*depth, columns.len())?,
            RankerTable::Linear(linear) => {
                check_features(&linear.features, columns.len())?;
                check_length("slopes", &linear.slopes, linear.features.len())?;
                check_length("missing", &linear.missing, linear.features.len())?;
            }
        }
        let moved: Column<u32> = table.features().iter().map(|&feature| columns[feature as usize] as u32).collect();
        let mut wanted = vec![false; count];
        moved.iter().for_each(|&column| wanted[column as usize] = true);
        *table.features_mut() = moved;
        Ok(Self { table, wanted })
    }

    /// The columns that it looks at; the others need not be built.
    #[must_use]
    pub fn wanted(&self) -> &[bool] {
        &self.wanted
    }

    /// Scores every row.
    pub fn score(&self, matrix: &Matrix, scores: &mut Vec<f32>) {
        match &self.table {
            RankerTable::Trees(depth, trees) => trees.score(*depth, matrix, scores),
            RankerTable::Linear(LinearTable { features, slopes, missing }) => {
                Linear { features, slopes, missing }.score(matrix, scores);
            }
        }
    }
}
