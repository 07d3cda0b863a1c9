//! `embedding`: neighbours in a spectral embedding of session co-occurrence. It relates items that co-occur with the
//! same other items, even if they never co-occur with each other.
//!
//! In: symmetric co-occurrence counts `s_ij` in session windows, as lists. The normalised matrix A is
//! `a_ij = s_ij / sqrt((d_i + c)(d_j + c))`, where `d_i` is the sum of row i and c the shrinkage. Power iteration from
//! random columns finds a basis Q of A's leading subspace, and an item's embedding is its row of A·Q, so that inner
//! products of embeddings are the entries of A² within the subspace. Neighbours are the nearest items by cosine. Of a
//! large catalogue only the most frequent items are embedded. Deterministic: a row is summed by one thread, Gram
//! matrices in fixed chunks. Cost: O(rounds · (pairs · f + items · f²) + items² · f / 16), where items are
//! those with events. Memory: 12 bytes per factor and item with events, 8 for each of its up to `WIDEST` pairs; 8 bytes
//! per listed item.
//!
//! Sources: Halko, Martinsson, Tropp, "Finding Structure with Randomness", SIAM Review 2011, algorithm 4.4; Levy,
//! Goldberg, "Neural Word Embedding as Implicit Matrix Factorization", NIPS 2014.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use shared::contract::id::ItemIdx;
use shared::contract::source::Source;
use shared::engine::ann::scan::Scan;
use shared::engine::factors::{add_gram, dot};
use shared::tables::Neighbours;

use super::item_knn_session::{ItemKnnSessionConfig, steps};
use super::{SourceStudy, SourcesConfig, Trainer};
use crate::cholesky;
use crate::config::knobs::{Range, knob};
use crate::config::ranges::{OutOfRange, range};
use crate::log::interactions::Sessions;

/// How items are embedded. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct EmbeddingConfig {
    pub window: usize,
    pub distance_power: f64,
    pub shrinkage: f32,
    pub factors: usize,
    pub items: usize,
    pub neighbours: usize,
    pub seed: u64,
}

/// The trainer of `embedding`.
pub const TRAINER: Trainer = Trainer {
    sources: &[Source::Embedding],
    fit: |inputs, tables, _| {
        if let Some(table) = tables.neighbours_mut(Source::Embedding) {
            let config = &inputs.settings.sources.embedding;
            *table = inputs.items.spread(fit(inputs.sessions, inputs.items.len(), config));
        }
    },
    steps: |_| 0,
    check,
    studies: &[SourceStudy {
        source: Source::Embedding,
        share: 0.1,
        knobs: &[
            knob("embedding.window", Range::Whole(2.0, 30.0)),
            knob("embedding.distance_power", Range::Linear(0.0, 2.0)),
            knob("embedding.shrinkage", Range::Log(0.1, 100.0)),
        ],
    }],
};

fn check(config: &SourcesConfig) -> Result<(), OutOfRange> {
    let config = &config.embedding;
    range((1..=512).contains(&config.factors), "embedding.factors", config.factors, "1 to 512")?;
    range(config.shrinkage >= 0.0, "embedding.shrinkage", config.shrinkage, "at least 0")
}

/// The number of multiplications with the matrix; the leading subspace converges well before the last.
const ROUNDS: usize = 5;
/// The maximum number of neighbours of an item in the matrix.
const WIDEST: usize = 1000;
/// The number of rows whose Gram matrix is summed by one thread.
const CHUNK: usize = 1024;

/// Finds the neighbours of all `item_count` items.
#[must_use]
pub fn fit(sessions: &Sessions, item_count: usize, config: &EmbeddingConfig) -> Neighbours {
    let counting = ItemKnnSessionConfig {
        window: config.window,
        reverse: 1.0,
        distance_power: config.distance_power,
        half_life_days: 0.0,
        item_power: 0.0,
        neighbour_power: 0.0,
        neighbours: WIDEST,
    };
    let pairs = normalised(&steps(sessions, item_count, &counting, WIDEST), item_count, config);
    let embedded = embed(&pairs, item_count, config);
    let scan = Scan::new(&embedded, config.factors);
    let nearest = |item: usize| {
        let own = &embedded[item * config.factors..][..config.factors];
        match own.iter().all(|&value| value == 0.0) {
            true => Vec::new(),
            false => scan.nearest(&embedded, own, config.neighbours, |other| other.at() != item),
        }
    };
    let mut rows: Vec<_> = (0..item_count).into_par_iter().map(nearest).collect();
    rows.iter_mut().for_each(|row| row.retain(|neighbour| neighbour.score > 0.0));
    rows.into_iter().collect()
}

/// The rows of the normalised matrix; they are empty for all but the most frequent items.
fn normalised(counts: &Neighbours, items: usize, config: &EmbeddingConfig) -> Vec<Vec<(u32, f32)>> {
    let others = |item: usize| {
        let others = counts.of(ItemIdx(item as u32));
        others.filter(move |(other, _)| other.at() != item)
    };
    let degrees: Vec<f32> = (0..items).map(|item| others(item).map(|(_, count)| count).sum()).collect();
    let mut order: Vec<usize> = (0..items).filter(|&item| degrees[item] > 0.0).collect();
    order.sort_by(|&a, &b| degrees[b].total_cmp(&degrees[a]).then(a.cmp(&b)));
    let mut kept = vec![false; items];
    order.into_iter().take(config.items).for_each(|item| kept[item] = true);
    let root = |item: usize| (degrees[item] + config.shrinkage).sqrt();
    let row = |item: usize| match kept[item] {
        true => {
            let kept = others(item).filter(|(other, _)| kept[other.at()]);
            kept.map(|(other, count)| (other.0, count / (root(item) * root(other.at())))).collect()
        }
        false => Vec::new(),
    };
    (0..items).into_par_iter().map(row).collect()
}

/// Items × factors: the rows of A·Q, scaled to length 1, or 0.
fn embed(pairs: &[Vec<(u32, f32)>], items: usize, config: &EmbeddingConfig) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(config.seed);
    let mut basis: Vec<f32> = (0..items * config.factors).map(|_| StandardNormal.sample(&mut random)).collect();
    for round in 0..ROUNDS {
        basis = multiply(pairs, &basis, config.factors);
        if round + 1 < ROUNDS {
            orthonormalise(&mut basis, config.factors);
        }
    }
    basis.par_chunks_exact_mut(config.factors).for_each(|row| {
        let norm = dot(row, row).sqrt();
        // A shorter row holds only rounding errors.
        let scale = if norm > 1e-6 { 1.0 / norm } else { 0.0 };
        row.iter_mut().for_each(|value| *value *= scale);
    });
    basis
}

/// A times a dense matrix.
fn multiply(pairs: &[Vec<(u32, f32)>], right: &[f32], factors: usize) -> Vec<f32> {
    let mut product = vec![0.0; right.len()];
    product.par_chunks_exact_mut(factors).zip(pairs).for_each(|(row, pairs)| {
        for &(other, weight) in pairs {
            let other = &right[other as usize * factors..][..factors];
            row.iter_mut().zip(other).for_each(|(sum, value)| *sum += weight * value);
        }
    });
    product
}

/// Makes the columns orthonormal: Y·L⁻ᵀ with L·Lᵀ = YᵀY (Cholesky QR).
fn orthonormalise(columns: &mut [f32], factors: usize) {
    let parts: Vec<Vec<f32>> = (columns.par_chunks(CHUNK * factors))
        .map(|rows| {
            let mut gram = vec![0.0; factors * factors];
            add_gram(rows, &mut gram, factors);
            gram
        })
        .collect();
    let mut lower = vec![0.0f64; factors * factors];
    for part in &parts {
        lower.iter_mut().zip(part).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    cholesky::decompose(&mut lower, factors);
    columns.par_chunks_exact_mut(factors).for_each(|row| {
        for at in 0..factors {
            let known: f64 = (0..at).map(|before| f64::from(row[before]) * lower[at * factors + before]).sum();
            row[at] = ((f64::from(row[at]) - known) / lower[at * factors + at]) as f32;
        }
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::log::interactions::Csr;

    #[test]
    fn columns_become_orthonormal() {
        let mut columns = vec![1.0, 2.0, 2.0, 1.0, 0.0, 3.0];
        orthonormalise(&mut columns, 2);
        let product = |a: usize, b: usize| (0..3).map(|row| columns[row * 2 + a] * columns[row * 2 + b]).sum::<f32>();
        assert!((product(0, 0) - 1.0).abs() < 1e-5 && (product(1, 1) - 1.0).abs() < 1e-5);
        assert!(product(0, 1).abs() < 1e-5);
    }

    #[test]
    fn items_that_never_meet_are_neighbours_where_the_same_items_stand_beside_them() {
        // 0 and 1 each co-occur with 2 and 3; 4, 5 and 6 are separate from them.
        let sessions = [[0, 2], [0, 3], [1, 2], [1, 3], [4, 5], [5, 6]];
        let starts = (0..=sessions.len() as u32).map(|session| session * 2).collect();
        let values: Vec<u32> = sessions.concat();
        let columns = (0..sessions.len()).flat_map(|_| [0, 1]).collect();
        let last_ms = vec![0; sessions.len()];
        let sessions = Sessions { items: Csr::new((sessions.len(), 2), starts, columns, values), last_ms, now_ms: 0 };
        let config = EmbeddingConfig {
            window: 1,
            distance_power: 1.0,
            shrinkage: 0.0,
            factors: 4,
            items: 10,
            neighbours: 1,
            seed: 1,
        };
        let table = fit(&sessions, 7, &config);
        let nearest = |item| table.of(ItemIdx(item)).next().map(|(other, _)| other.0);
        assert_eq!((nearest(0), nearest(1), nearest(2)), (Some(1), Some(0), Some(3)));
        assert_eq!((nearest(4), nearest(6)), (Some(6), Some(4)));
    }

    proptest! {
        #[test]
        fn with_as_many_factors_as_items_scores_are_cosines_of_the_matrix_rows(
            rows in prop::collection::vec(prop::collection::vec(0u32..6, 2..6), 3..12),
        ) {
            let (mut starts, mut columns) = (vec![0u32], Vec::new());
            for row in &rows {
                columns.extend(0..row.len() as u32);
                starts.push(columns.len() as u32);
            }
            let items = Csr::new((rows.len(), 6), starts, columns, rows.concat());
            let sessions = Sessions { items, last_ms: vec![0; rows.len()], now_ms: 0 };
            let config = EmbeddingConfig {
                window: 1,
                distance_power: 1.0,
                shrinkage: 1.0,
                factors: 6,
                items: 6,
                neighbours: 6,
                seed: 1,
            };
            let table = fit(&sessions, 6, &config);
            let mut counts = [[0.0f64; 6]; 6];
            for pair in rows.iter().flat_map(|row| row.windows(2)).filter(|pair| pair[0] != pair[1]) {
                counts[pair[0] as usize][pair[1] as usize] += 1.0;
                counts[pair[1] as usize][pair[0] as usize] += 1.0;
            }
            let root = |i: usize| (counts[i].iter().sum::<f64>() + 1.0).sqrt();
            let value = |i: usize, j: usize| counts[i][j] / (root(i) * root(j));
            let product = |i: usize, j: usize| (0..6).map(|k| value(i, k) * value(j, k)).sum::<f64>();
            for i in 0..6 {
                for j in 0..6 {
                    let cosine = product(i, j) / (product(i, i) * product(j, j)).sqrt().max(1e-9);
                    let expected = if i == j { 0.0 } else { cosine };
                    let found = table.of(ItemIdx(i as u32)).find(|(item, _)| item.at() == j);
                    let score = found.map_or(0.0, |(_, score)| f64::from(score));
                    prop_assert!((score - expected).abs() < 1e-2, "{score} for {expected}");
                }
            }
        }
    }
}
