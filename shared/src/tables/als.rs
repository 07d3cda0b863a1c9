//! Item factors and what searches them.

use std::path::Path;

use super::{Misfit, check_length, table};
use crate::ann::graph::GraphIndex;
use crate::ann::scan::Scan;
use crate::artifact::columns::Column;
use crate::artifact::{ArtifactError, Manifest};
use crate::factors::dot;
use crate::id::ItemIdx;

table! {
    /// What ALS learned of the items.
    pub struct AlsTable {
        /// Items × factors, row-major; an item without interactions has a zero row.
        item_factors: Column<f32> = "item_factors",
        /// w₀·YᵀY, factors × factors.
        gram: Column<f32> = "gram",
    }
}

impl AlsTable {
    /// Factors of an item.
    #[must_use]
    pub fn factors(&self) -> usize {
        self.gram.len().isqrt()
    }

    pub(super) fn check(&self, items: usize) -> Result<(), Misfit> {
        let factors = self.factors();
        if factors == 0 || factors * factors != self.gram.len() {
            return Err("`gram` is not square".to_owned());
        }
        check_length("item_factors", &self.item_factors, items * factors)
    }
}

/// Item factors, and what folding a user in needs.
pub struct Als {
    /// Factors of an item.
    pub factors: usize,
    /// Items × factors, row-major; an item without interactions has a zero row.
    pub item_factors: Column<f32>,
    /// w₀·YᵀY, factors × factors.
    pub gram: Column<f32>,
    /// Finds the nearest items.
    pub index: Index,
    /// How long each item's factors are.
    norms: Vec<f32>,
}

/// What finds the nearest items.
pub enum Index {
    /// The items in 7 bits: made when the version is loaded.
    Scan(Scan),
    /// The dumped graph of a large catalogue.
    Graph(GraphIndex),
}

impl Index {
    /// The graph of a version's folder, where it has one.
    pub(crate) fn graph(folder: &Path, manifest: &Manifest) -> Result<Option<Self>, ArtifactError> {
        let has_graph = manifest.files.keys().any(|name| name.ends_with(".hnsw.graph"));
        has_graph.then(|| GraphIndex::load(folder).map(Self::Graph)).transpose()
    }
}

impl Als {
    /// Makes the table searchable: by an index that there is, or by scanning it.
    #[must_use]
    pub fn new(table: AlsTable, index: Option<Index>) -> Self {
        let factors = table.factors();
        let AlsTable { item_factors, gram } = table;
        let index = index.unwrap_or_else(|| Index::Scan(Scan::new(&item_factors, factors)));
        let norm = |row: &[f32]| dot(row, row).sqrt().max(1e-12);
        let norms = item_factors.chunks_exact(factors).map(norm).collect();
        Self { factors, item_factors, gram, index, norms }
    }

    /// How long the factors of an item are, a little more than 0 at least.
    #[must_use]
    pub fn norm(&self, item: ItemIdx) -> f32 {
        self.norms[item.at()]
    }

    /// The factors of an item.
    #[must_use]
    pub fn item(&self, item: ItemIdx) -> &[f32] {
        &self.item_factors[item.at() * self.factors..][..self.factors]
    }
}
