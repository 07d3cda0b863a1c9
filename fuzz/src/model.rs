//! A version of a model of rows: refused, or scored and explained with. Checksums are left out, as if whoever wrote the
//! file had written the manifest, too.

use std::path::Path;

use serde_json::Value;
use shared::contract::artifact::ArtifactError;
use shared::contract::artifact::columns::TableFile;
use shared::engine::tabular::column::Column;
use shared::engine::tabular::manifest::ModelManifest;
use shared::engine::tabular::model::{Model, ModelTables};
use shared::engine::tabular::schema::Field;
use shared::tables::{EncodingTable, Table, TreeTable};

use super::scratch::Scratch;

thread_local! {
    static VERSION: Scratch = Scratch::of_golden("model_1");
}

pub fn run(bytes: &[u8]) {
    VERSION.with(|scratch| {
        scratch.with(bytes, |folder| {
            let Ok((manifest, tables)) = read(folder) else { return };
            if let Ok(model) = Model::new(manifest, tables) {
                score(&model);
            }
        });
    });
}

fn read(folder: &Path) -> Result<(ModelManifest, ModelTables), ArtifactError> {
    let manifest = ModelManifest::read(folder)?;
    let trees = TreeTable::read(&TableFile::open(folder, "trees.safetensors")?)?;
    let encodings = EncodingTable::read(&TableFile::open(folder, "encodings.safetensors")?)?;
    Ok((manifest, ModelTables { trees, encodings, histories: Vec::new() }))
}

/// Scores a row of examples and one of missing values, where the fields take them.
fn score(model: &Model) {
    let mut columns = model.columns(2);
    let fields = &model.manifest().schema;
    let example = |(field, column): (&Field, &mut Column)| field.read_json(Some(&field.example), column).is_ok();
    if !fields.iter().zip(&mut columns).all(example) {
        return;
    }
    let mut missing = columns.clone();
    let null = |(field, column): (&Field, &mut Column)| field.read_json(Some(&Value::Null), column).is_ok();
    if fields.iter().zip(&mut missing).all(null) {
        columns = missing;
    }
    let matrix = model.matrix(&columns);
    let outputs = model.manifest().outputs.len();
    let scored = model.score_matrix(&matrix);
    assert_eq!(scored.len(), matrix.rows() * outputs);
    for row in 0..matrix.rows() {
        model.unseen(&columns, row).for_each(|field| assert!(field < fields.len()));
        for output in 0..outputs {
            let contributions = model.contributions(&matrix, row, output);
            contributions.fields.iter().for_each(|(columns, _)| drop(model.manifest().name_of(columns)));
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    VERSION.with(Scratch::seeds)
}
