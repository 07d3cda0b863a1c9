//! Item factors and what searches them.

use std::path::Path;

use super::ALS;
use crate::ann::graph::GraphIndex;
use crate::ann::scan::Scan;
use crate::artifact::tables::{Column, Table};
use crate::artifact::{ArtifactError, Manifest};
use crate::factors::dot;
use crate::id::ItemIdx;

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

impl Als {
    pub(super) fn open(folder: &Path, manifest: &Manifest, item_count: usize) -> Result<Self, ArtifactError> {
        let table = Table::open(folder, ALS)?;
        let gram: Column<f32> = table.column("gram")?;
        let factors = gram.len().isqrt();
        if factors == 0 || factors * factors != gram.len() {
            return Err(table.wrong("`gram` is not square"));
        }
        let item_factors: Column<f32> = table.column_of("item_factors", item_count * factors)?;
        let has_graph = manifest.files.keys().any(|name| name.ends_with(".hnsw.graph"));
        let index = match has_graph {
            true => Index::Graph(GraphIndex::load(folder)?),
            false => Index::Scan(Scan::new(&item_factors, factors)),
        };
        let norm = |row: &[f32]| dot(row, row).sqrt().max(1e-12);
        let norms = item_factors.chunks_exact(factors).map(norm).collect();
        Ok(Self { factors, item_factors, gram, index, norms })
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
