//! How far the measured rows are from the training rows, field by field: their population stability index.

use serde::Serialize;
use shared::engine::tabular::column::Column;
use shared::engine::tabular::drift::Bins;
use shared::engine::tabular::manifest::ModelManifest;
use shared::engine::tabular::schema::Field;

/// The index of a field.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moved {
    /// The field.
    pub field: String,
    /// Its index.
    pub psi: f64,
    /// The bin that adds most to it, and its share of the training rows and of the measured ones.
    pub most: (String, [f64; 2]),
}

/// The indexes of the fields, the largest first; none of few rows, and none where the version has no counts of its training
/// rows, as those of earlier releases.
///
/// * `columns`: the values of each field of the schema.
#[must_use]
pub fn moved(manifest: &ModelManifest, columns: &[Column]) -> Option<Vec<Moved>> {
    let reference = manifest.drift.as_ref()?;
    let of = |((field, bins), column): ((&Field, &Option<Bins>), &Column)| {
        let bins = bins.as_ref()?;
        let mut rows = vec![0; bins.rows.len()];
        bins.count(column, &mut rows);
        let psi = bins.psi(&rows)?;
        let share = |rows: &[u64], bin: usize| rows[bin] as f64 / rows.iter().sum::<u64>().max(1) as f64;
        let shares = |bin: usize| [share(&bins.rows, bin), share(&rows, bin)];
        let distance = |bin: &usize| {
            let [before, now] = shares(*bin);
            (now - before).abs()
        };
        let most = (0..rows.len()).max_by(|a, b| distance(a).total_cmp(&distance(b)))?;
        Some(Moved { field: field.name.clone(), psi, most: (bins.names()[most].clone(), shares(most)) })
    };
    let mut moved: Vec<Moved> = manifest.schema.iter().zip(&reference.inputs).zip(columns).filter_map(of).collect();
    moved.sort_by(|a, b| b.psi.total_cmp(&a.psi));
    Some(moved)
}
