//! One query against a catalogue: the exact scan, the scan in 7 bits, the graph.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use shared::engine::ann::graph::{GraphIndex, build_graph};
use shared::engine::ann::nearest_exact;
use shared::engine::ann::scan::Scan;

const ITEMS: usize = 37_000;
const FACTORS: usize = 64;
const WANTED: usize = 100;
const EF_SEARCH: usize = 300;

/// Values between -0.5 and 0.5, the same in every run.
fn values(count: usize) -> Vec<f32> {
    let mut state = 7u64;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
        })
        .collect()
}

fn nearest(criterion: &mut Criterion) {
    let (items, query) = (values(ITEMS * FACTORS), values(FACTORS));
    let scan = Scan::new(&items, FACTORS);
    let folder = tempfile::tempdir().expect("temporary folder");
    build_graph(&items, FACTORS, folder.path()).expect("builds");
    let graph = GraphIndex::load(folder.path()).expect("loads");
    let mut group = criterion.benchmark_group("ann_100_of_37k_items_64_factors");
    group.bench_function("exact", |bench| {
        bench.iter(|| nearest_exact(black_box(&items), black_box(&query), WANTED, |_| true));
    });
    group.bench_function("scan", |bench| {
        bench.iter(|| scan.nearest(black_box(&items), black_box(&query), WANTED, |_| true));
    });
    group.bench_function("graph", |bench| bench.iter(|| graph.nearest(black_box(&query), WANTED, EF_SEARCH)));
    group.finish();
}

criterion_group!(benches, nearest);
criterion_main!(benches);
