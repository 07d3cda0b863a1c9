//! Bodies of rows to score, and what is answered to those that are read.

use std::sync::{Arc, LazyLock};

use online::metrics::Metrics;
use online::models::{Explain, Served, Version, rows};
use serde_json::{Map, Value};
use shared::engine::tabular::live::Live;
use shared::engine::tabular::model::Model;

use super::scratch::golden;

/// The most rows of a body.
const MOST: usize = 20;

static SERVED: LazyLock<Served> = LazyLock::new(|| {
    let model = Model::load(&golden("model_1")).expect("a model");
    Served::new(Arc::new(Version::new(model, &Metrics::default(), 500)), None, None)
});

pub fn run(bytes: &[u8]) {
    let Ok(rows) = rows::read(&SERVED, bytes, MOST) else { return };
    // A list that is one too long is refused after its last row.
    assert!(rows.rows <= MOST + 1 && rows.names.len() == rows.rows);
    if !rows.refused.is_empty() {
        return;
    }
    assert!(rows.columns.iter().all(|column| column.len() == rows.rows));
    let answers = SERVED.answer(&rows, &Live::new(), Explain::Yes);
    assert_eq!(answers.len(), rows.rows);
    for answer in answers {
        assert!(answer.scored.iter().all(|scored| (0.0..=1.0).contains(&scored.probability)));
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let fields = SERVED.manifest().schema.iter();
    let row: Map<String, Value> = fields.map(|field| (field.name.clone(), field.example.clone())).collect();
    let nulls = row.keys().map(|name| (name.clone(), Value::Null)).collect();
    let texts = row.iter().map(|(name, value)| (name.clone(), value.to_string().into())).collect();
    let rows = [row, nulls, texts].map(Value::Object);
    let list = Value::Array(rows.to_vec());
    rows.into_iter().chain([list]).map(|value| value.to_string().into_bytes()).collect()
}
