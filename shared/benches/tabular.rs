//! A row and a thousand rows through a model: `TANDEM_MODEL=artifacts/models/<name>/<version> cargo bench -p shared --bench
//! tabular`. The row is the example of its schema. Contributions need no model: they are of made-up trees.

use std::hint::black_box;
use std::path::PathBuf;

use criterion::{Criterion, criterion_group, criterion_main};
use shared::engine::rank::contributions::contributions;
use shared::engine::rank::matrix::Matrix;
use shared::engine::tabular::column::Column;
use shared::engine::tabular::model::Model;
use shared::tables::TreeTable;

/// The trees whose contributions are timed: as many as a model of eight members has on a table of clicks.
const TREES: usize = 4400;
const DEPTH: usize = 6;
const FEATURES: usize = 40;

fn columns(model: &Model, rows: usize) -> Vec<Column> {
    let mut columns = model.columns(rows);
    for (field, column) in model.manifest().schema.iter().zip(&mut columns) {
        for _ in 0..rows {
            field.read_json(Some(&field.example), column).expect("an example is accepted");
        }
    }
    columns
}

fn score(criterion: &mut Criterion) {
    let Some(folder) = std::env::var_os("TANDEM_MODEL").map(PathBuf::from) else {
        eprintln!("skipped: set TANDEM_MODEL to the folder of a model's version");
        return;
    };
    let model = Model::load(&folder).expect("a model");
    for rows in [1, 1000] {
        let columns = columns(&model, rows);
        criterion.bench_function(&format!("tabular/{rows}_rows"), |bench| {
            bench.iter(|| model.score(black_box(&columns)));
        });
        let matrix = model.matrix(&columns);
        criterion.bench_function(&format!("tabular/{rows}_rows_trees_alone"), |bench| {
            bench.iter(|| model.score_matrix(black_box(&matrix)));
        });
    }
}

fn explain(criterion: &mut Criterion) {
    let random = |at: usize| (at as u32).wrapping_mul(2_654_435_761) as f32 / u32::MAX as f32;
    let trees = TreeTable {
        features: (0..TREES * DEPTH).map(|at| (random(at) * FEATURES as f32) as u32 % FEATURES as u32).collect(),
        borders: (0..TREES * DEPTH).map(|at| random(at + 7777)).collect(),
        leaves: (0..TREES << DEPTH).map(|at| random(at + 99) - 0.5).collect(),
        covers: (0..TREES << DEPTH).map(|at| (random(at + 5) * 99.0).ceil()).collect(),
    };
    let mut matrix = Matrix::default();
    matrix.reset(1, FEATURES);
    (0..FEATURES).for_each(|at| matrix.column_mut(at)[0] = random(at + 300));
    criterion.bench_function(&format!("tabular/contributions_{TREES}_trees"), |bench| {
        bench.iter(|| contributions(trees.trees(DEPTH, 0..TREES), &trees.covers, black_box(&matrix), 0));
    });
}

criterion_group!(benches, score, explain);
criterion_main!(benches);
