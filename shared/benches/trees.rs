//! The candidates of a question through the ranker's trees.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use shared::engine::rank::matrix::Matrix;
use shared::engine::rank::trees::Trees;

const CANDIDATES: usize = 100;
const FEATURES: usize = 80;
const TREES: usize = 100;
const DEPTH: usize = 5;

/// Values between 0 and 1, the same in every run.
fn values(count: usize) -> Vec<f32> {
    let mut state = 7u64;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 24) as f32
        })
        .collect()
}

fn score(criterion: &mut Criterion) {
    let mut matrix = Matrix::default();
    matrix.reset(CANDIDATES, FEATURES);
    for (feature, column) in values(CANDIDATES * FEATURES).chunks_exact(CANDIDATES).enumerate() {
        matrix.column_mut(feature).copy_from_slice(column);
    }
    let features: Vec<u32> = values(TREES * DEPTH).iter().map(|value| (value * FEATURES as f32) as u32).collect();
    let (borders, leaves) = (values(TREES * DEPTH), values(TREES << DEPTH));
    let trees = Trees { depth: DEPTH, features: &features, borders: &borders, leaves: &leaves };
    let mut scores = Vec::new();
    criterion.bench_function("trees/100_candidates_100_trees", |bench| {
        bench.iter(|| trees.score(black_box(&matrix), black_box(&mut scores)));
    });
}

criterion_group!(benches, score);
criterion_main!(benches);
