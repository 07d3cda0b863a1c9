//! A graph index (hnsw_rs) over item factors, for catalogues too large to be scanned.
//!
//! The graph needs a metric, so inner product becomes cosine by one more dimension: items get sqrt(M² - ‖x‖²), where M
//! is the largest norm, and queries get 0; all items then lie on a sphere. Source: Bachrach et al., RecSys 2014.
//!
//! Cost of a query: about ef · links inner products. The graph is not deterministic: it depends on the order in which
//! threads insert points, which is why the batch scans instead, or builds a [`SteadyGraph`].

use std::path::Path;

use hnsw_rs::api::AnnT;
use hnsw_rs::hnsw::Hnsw;
use hnsw_rs::hnswio::HnswIo;
use hnsw_rs::prelude::Distance;
use self_cell::self_cell;

use crate::contract::artifact::ArtifactError;
use crate::contract::id::ItemIdx;
use crate::engine::factors::dot;

/// The maximum number of links of a point on one layer of the graph.
const MAX_LINKS: usize = 16;
/// The number of candidates examined when a point is inserted.
const EF_CONSTRUCTION: usize = 100;
/// Layers of the graph, hnsw_rs' own limit.
const MAX_LAYERS: usize = 16;
/// The base name of the dumped graph's files.
pub const GRAPH_NAME: &str = "ann";

/// `1 - x·y` of unit vectors, never below 0 (rounding), as the graph asks.
#[derive(Debug, Clone, Copy, Default)]
pub struct InnerProduct;

impl Distance<f32> for InnerProduct {
    fn eval(&self, a: &[f32], b: &[f32]) -> f32 {
        (1.0 - dot(a, b)).max(0.0)
    }
}

type Loaded<'a> = Hnsw<'a, f32, InnerProduct>;

self_cell!(
    /// A loaded graph together with the reader it borrows from.
    struct Graph {
        owner: HnswIo,
        #[not_covariant]
        dependent: Loaded,
    }
);

/// A loaded graph index over item factors.
pub struct GraphIndex(Graph);

/// Why a graph can't be written or read.
fn graph_error(folder: &Path, error: &dyn std::fmt::Display) -> ArtifactError {
    ArtifactError::shape(folder.join(format!("{GRAPH_NAME}.hnsw.graph")), error.to_string())
}

/// Builds the graph over the rows of `item_factors` that are not zero, and dumps it into `folder`.
///
/// The graph depends on the order in which threads insert; its answers are approximate either way.
///
/// # Errors
/// [`ArtifactError`] when it can't be written.
pub fn build_graph(item_factors: &[f32], factors: usize, folder: &Path) -> Result<(), ArtifactError> {
    let norms: Vec<f32> = item_factors.chunks_exact(factors).map(|row| dot(row, row)).collect();
    let largest = norms.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let points: Vec<(Vec<f32>, usize)> = item_factors
        .chunks_exact(factors)
        .zip(&norms)
        .enumerate()
        .filter(|(_, (_, norm))| **norm > 0.0)
        .map(|(item, (row, norm))| {
            let scale = largest.sqrt().recip();
            let last = (1.0 - norm / largest).max(0.0).sqrt();
            (row.iter().map(|value| value * scale).chain([last]).collect(), item)
        })
        .collect();
    let graph: Loaded<'_> = Hnsw::new(MAX_LINKS, points.len().max(1), MAX_LAYERS, EF_CONSTRUCTION, InnerProduct);
    let borrowed: Vec<(&Vec<f32>, usize)> = points.iter().map(|(point, item)| (point, *item)).collect();
    graph.parallel_insert(&borrowed);
    graph.file_dump(folder, GRAPH_NAME).map_err(|error| graph_error(folder, &error))?;
    Ok(())
}

impl GraphIndex {
    /// Loads a dumped graph, without building it again. Checksums must have been verified: hnsw_rs can panic on
    /// foreign files.
    ///
    /// # Errors
    /// [`ArtifactError`] when the files are not a graph of this release.
    pub fn load(folder: &Path) -> Result<Self, ArtifactError> {
        let reader = HnswIo::new(folder, GRAPH_NAME);
        Graph::try_new(reader, |reader| reader.load_hnsw_with_dist(InnerProduct))
            .map(Self)
            .map_err(|error| graph_error(folder, &error))
    }

    /// The items whose factors have about the largest inner products with `query`, best first: at most `k`.
    #[must_use]
    pub fn nearest(&self, query: &[f32], k: usize, ef_search: usize) -> Vec<ItemIdx> {
        let scale = dot(query, query).sqrt().max(f32::MIN_POSITIVE).recip();
        let query: Vec<f32> = query.iter().map(|value| value * scale).chain([0.0]).collect();
        let found = self.0.with_dependent(|_, graph| graph.search(&query, k, ef_search.max(k)));
        found.into_iter().map(|neighbour| ItemIdx(neighbour.d_id as u32)).collect()
    }
}

/// A graph in memory over unit vectors, inserted in their order by one thread: the same vectors give the same graph.
pub struct SteadyGraph(Hnsw<'static, f32, InnerProduct>);

impl SteadyGraph {
    /// Builds the graph over the rows of `vectors`, each of length 1.
    #[must_use]
    pub fn new(vectors: &[f32], width: usize) -> Self {
        let rows = vectors.len() / width;
        let graph = Hnsw::new(MAX_LINKS, rows.max(1), MAX_LAYERS, EF_CONSTRUCTION, InnerProduct);
        vectors.chunks_exact(width).enumerate().for_each(|(row, vector)| graph.insert_slice((vector, row)));
        Self(graph)
    }

    /// The rows whose vectors are about the nearest to `query`, a vector of length 1, best first: at most `k`.
    #[must_use]
    pub fn nearest(&self, query: &[f32], k: usize, ef_search: usize) -> Vec<ItemIdx> {
        let found = self.0.search(query, k, ef_search.max(k));
        found.into_iter().map(|neighbour| ItemIdx(neighbour.d_id as u32)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{clustered, nearest_exact};
    use super::*;

    #[test]
    fn the_graph_finds_what_the_scan_finds_and_survives_a_reload() {
        let (rows, factors, k) = (3000, 24, 20);
        let items = clustered(rows, factors);
        let folder = tempfile::tempdir().expect("temporary folder");
        build_graph(&items, factors, folder.path()).expect("builds");
        let graph = GraphIndex::load(folder.path()).expect("loads");
        let mut found = 0;
        for query in items.chunks_exact(factors).step_by(60) {
            let exact = nearest_exact(&items, query, k, |_| true);
            let near = graph.nearest(query, k, 100);
            found += exact.iter().filter(|scored| near.contains(&scored.item)).count();
        }
        let recall = found as f64 / (50 * k) as f64;
        assert!(recall > 0.95, "recall {recall}");
    }

    #[test]
    fn a_steady_graph_is_the_same_every_time() {
        let (rows, factors, k) = (2000, 16, 10);
        let mut items = clustered(rows, factors);
        for row in items.chunks_exact_mut(factors) {
            let norm = dot(row, row).sqrt();
            row.iter_mut().for_each(|value| *value /= norm);
        }
        let (graph, again) = (SteadyGraph::new(&items, factors), SteadyGraph::new(&items, factors));
        let mut found = 0;
        for query in items.chunks_exact(factors).step_by(40) {
            let near = graph.nearest(query, k, 100);
            assert_eq!(near, again.nearest(query, k, 100));
            let exact = nearest_exact(&items, query, k, |_| true);
            found += exact.iter().filter(|scored| near.contains(&scored.item)).count();
        }
        let recall = found as f64 / (50 * k) as f64;
        assert!(recall > 0.95, "recall {recall}");
    }
}
