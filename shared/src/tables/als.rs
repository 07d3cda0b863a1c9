//! The item factors of ALS, and the index that searches them.

use std::path::Path;

use super::{Misfit, check_length, table};
use crate::contract::artifact::columns::Column;
use crate::contract::artifact::{ArtifactError, Manifest};
use crate::contract::id::ItemIdx;
use crate::engine::ann::codes::Codes;
use crate::engine::ann::graph::GraphIndex;
use crate::engine::ann::scan::Scan;
use crate::engine::factors::dot;

table! {
    /// The item factors of ALS as they are stored.
    pub struct AlsTable {
        /// Items × factors, row-major; an item without interactions has a zero row.
        item_factors: Column<f32> = "item_factors",
        /// w₀·YᵀY, factors × factors.
        gram: Column<f32> = "gram",
    }
}

impl AlsTable {
    /// Factors per item.
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

/// Item factors with their index, and the Gram matrix that a fold-in needs.
pub struct Als {
    /// Factors per item.
    pub factors: usize,
    /// Items × factors, row-major; an item without interactions has a zero row.
    pub item_factors: Column<f32>,
    /// w₀·YᵀY, factors × factors.
    pub gram: Column<f32>,
    /// Finds the nearest items.
    pub index: Index,
    /// The factors in 8 bits.
    pub codes: Codes,
    /// The norm of each item's factors.
    norms: Vec<f32>,
    /// How many items have factors.
    known: usize,
}

/// The index over the item factors.
pub enum Index {
    /// A scan of factors in 7 bits, made when the version is loaded.
    Scan(Scan),
    /// The dumped graph of a large catalogue.
    Graph(GraphIndex),
}

impl Index {
    /// The graph of a version's folder, if it has one.
    pub(crate) fn graph(folder: &Path, manifest: &Manifest) -> Result<Option<Self>, ArtifactError> {
        let has_graph = manifest.files.keys().any(|name| name.ends_with(".hnsw.graph"));
        has_graph.then(|| GraphIndex::load(folder).map(Self::Graph)).transpose()
    }
}

impl Als {
    /// Makes the table searchable: by the given index, or by a scan.
    #[must_use]
    pub fn new(table: AlsTable, index: Option<Index>) -> Self {
        let factors = table.factors();
        let AlsTable { item_factors, gram } = table;
        let index = index.unwrap_or_else(|| Index::Scan(Scan::new(&item_factors, factors)));
        let codes = Codes::new(&item_factors, factors);
        let norm = |row: &[f32]| dot(row, row).sqrt().max(1e-12);
        let norms: Vec<f32> = item_factors.chunks_exact(factors).map(norm).collect();
        let known = norms.iter().filter(|&&norm| norm > 1e-12).count();
        Self { factors, item_factors, gram, index, codes, norms, known }
    }

    /// How many items have factors: those that had an event.
    #[must_use]
    pub fn known(&self) -> usize {
        self.known
    }

    /// The norm of an item's factors; at least 1e-12, so that it may be a divisor.
    #[must_use]
    pub fn norm(&self, item: ItemIdx) -> f32 {
        self.norms.get(item.at()).copied().unwrap_or(1e-12)
    }

    /// Whether the table has a row for an item: not so for one that came after the version.
    #[must_use]
    pub fn has(&self, item: ItemIdx) -> bool {
        item.at() < self.norms.len()
    }

    /// The factors of an item; none for one that came after the version, whose products with others are 0.
    #[must_use]
    pub fn item(&self, item: ItemIdx) -> &[f32] {
        self.item_factors.get(item.at() * self.factors..(item.at() + 1) * self.factors).unwrap_or_default()
    }
}
