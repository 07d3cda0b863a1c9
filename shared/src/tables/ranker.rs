//! The fitted ranker: trees or a linear model over features.

use std::sync::Arc;

use super::trees::check_features;
use super::{Misfit, Table, TreeTable, check_length, table};
use crate::contract::artifact::ArtifactError;
use crate::contract::artifact::columns::{Column, TableFile, TableWriter};
use crate::contract::id::ItemIdx;
use crate::contract::params::{Cascade, RankerModel};
use crate::engine::rank::cascade::{Buffers, CascadedTrees};
use crate::engine::rank::contributions::{Values, contributions};
use crate::engine::rank::linear::Linear;
use crate::engine::rank::matrix::Matrix;
use crate::engine::rank::trees::covers;
use crate::engine::topk::{Scored, top_k};

table! {
    /// A weighted sum of features, see [`Linear`].
    pub struct LinearTable {
        /// The features that the model uses.
        features: Column<u32> = "features",
        /// The slope of each feature.
        slopes: Column<f32> = "slopes",
        /// What each feature adds to the score if its value is missing.
        missing: Column<f32> = "missing",
    }
}

/// A fitted ranker. It refers to a feature by its position in the manifest's list of names.
#[derive(Debug, Clone)]
pub enum RankerTable {
    /// Boosted trees of one depth, which the manifest records.
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

    /// The kind of model, as the manifest records it.
    #[must_use]
    pub fn model(&self) -> RankerModel {
        match self {
            Self::Trees(depth, _) => RankerModel::Trees { depth: *depth },
            Self::Linear(_) => RankerModel::Linear,
        }
    }

    /// The feature of each of its splits or slopes.
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

/// Which step of a ranker gave a row its score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The whole ranker.
    All,
    /// The first trees, which left the row behind.
    First,
}

/// A ranker whose features are mapped to the columns of this build.
#[derive(Debug, Clone)]
pub struct Ranker {
    table: RankerTable,
    /// The trees with binned borders, in steps.
    cascaded: Option<Arc<CascadedTrees>>,
    wanted: Vec<bool>,
}

impl Ranker {
    /// Maps the features of a ranker to the columns of this build.
    ///
    /// * `cascade`: whether its first trees choose what the others rank.
    /// * `columns`: the column of each feature that the manifest names.
    /// * `count`: how many columns there are.
    ///
    /// # Errors
    /// The reason when the table is inconsistent.
    pub fn new(
        mut table: RankerTable,
        cascade: Option<Cascade>,
        columns: &[usize],
        count: usize,
    ) -> Result<Self, Misfit> {
        if cascade.is_some_and(|cascade| cascade.kept == 0) {
            return Err("the cascade of the ranker keeps nothing".to_owned());
        }
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
        let cascaded = match &table {
            RankerTable::Trees(depth, trees) => CascadedTrees::new(trees.all(*depth), cascade).map(Arc::new),
            RankerTable::Linear(_) => None,
        };
        Ok(Self { table, cascaded, wanted })
    }

    /// Which columns the ranker uses; the others need not be built.
    #[must_use]
    pub fn wanted(&self) -> &[bool] {
        &self.wanted
    }

    /// What the rows of a question are compared with in [`Ranker::contributions`]: how many are in each leaf of each tree.
    #[must_use]
    pub fn covers(&self, matrix: &Matrix) -> Vec<f32> {
        let RankerTable::Trees(depth, table) = &self.table else { return Vec::new() };
        let trees = table.features.chunks_exact(*depth).zip(table.borders.chunks_exact(*depth));
        trees.flat_map(|(features, borders)| covers(matrix, features, borders)).collect()
    }

    /// How many of the best rows all trees score; the first trees score the others. `None` if one step scores all.
    #[must_use]
    pub fn kept(&self) -> Option<usize> {
        self.cascaded.as_ref()?.step().map(|(kept, _)| kept)
    }

    /// What the columns add to the score of a row; base and values add up to the score that the step gives it. The base is
    /// the mean score of all rows.
    ///
    /// * `covers`: of [`Ranker::covers`] for these rows.
    #[must_use]
    pub fn contributions(&self, step: Step, covers: &[f32], matrix: &Matrix, row: usize) -> Values {
        match &self.table {
            RankerTable::Trees(depth, table) => {
                let trees = table.all(*depth);
                let first = self.cascaded.as_ref().and_then(|cascaded| cascaded.step()).map(|(_, leaves)| leaves);
                let trees = match (step, first) {
                    (Step::First, Some(leaves)) => trees.split_at(leaves >> depth).0,
                    _ => trees,
                };
                contributions(trees, covers, matrix, row)
            }
            RankerTable::Linear(LinearTable { features, slopes, missing }) => {
                Linear { features, slopes, missing }.contributions(matrix, row)
            }
        }
    }

    /// The `k` best rows with their scores, best first; of equal ones the first. Items stand for rows.
    pub fn best(&self, k: usize, matrix: &Matrix, buffers: &mut Buffers) -> Vec<Scored> {
        let scores = &mut buffers.scores;
        match &self.table {
            RankerTable::Trees(depth, trees) => match &self.cascaded {
                Some(cascaded) => return cascaded.best(k, &trees.leaves, matrix, buffers),
                None => trees.score(*depth, matrix, scores),
            },
            RankerTable::Linear(LinearTable { features, slopes, missing }) => {
                Linear { features, slopes, missing }.score(matrix, scores);
            }
        }
        top_k(k, (0..).zip(scores.iter()).map(|(row, &score)| Scored { item: ItemIdx(row), score }))
    }
}
