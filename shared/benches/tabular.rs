//! A row and a thousand rows through a model: `TANDEM_MODEL=artifacts/models/<name>/<version> cargo bench -p shared --bench
//! tabular`. The row is the example of its schema.

use std::hint::black_box;
use std::path::PathBuf;

use criterion::{Criterion, criterion_group, criterion_main};
use shared::engine::tabular::column::Column;
use shared::engine::tabular::model::Model;

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

criterion_group!(benches, score);
criterion_main!(benches);
