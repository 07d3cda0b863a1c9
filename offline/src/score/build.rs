//! Makes a model of a table: columns, labels, split, trees, calibration, threshold, metrics.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::contract::artifact::columns::Column as Stored;
use shared::engine::tabular::column::Column as Values;
use shared::engine::tabular::drift::{Bins, Reference};
use shared::engine::tabular::feature::Encoded;
use shared::engine::tabular::manifest::{Importance, MODEL_FORMAT, ModelManifest, Output, Parameters};
use shared::engine::tabular::model::{Model, Scored};
use shared::engine::tabular::schema::{Field, FieldKind};
use shared::tables::TreeTable;

use super::DataError;
use super::calibrate::calibrate;
use super::columns::{Columns, Mixed, columns};
use super::config::ModelConfig;
use super::labels::labels;
use super::leaks::{Leak, leaks};
use super::measure::{Figure, metrics};
use super::split::{Parts, split};
use super::table::Table;
use super::threshold::choose;
use super::train::{Fitted, fit, labels_of, rows_of};
use crate::progress::Progress;

/// A model, and what it is measured on.
pub struct Built {
    /// The model; its version has no name yet.
    pub model: Model,
    /// The rows of each part.
    pub parts: Parts,
    /// The columns that name a row.
    pub ids: Vec<String>,
    /// The columns that are not looked at, and why.
    pub ignored: Vec<(String, &'static str)>,
    /// The columns of numbers with a few other texts.
    pub mixed: Vec<Mixed>,
    /// The columns that say the label by themselves.
    pub leaks: Vec<Leak>,
    /// The labels of the test rows.
    pub labels: Vec<f32>,
    /// Their probabilities.
    pub probabilities: Vec<f64>,
    /// The metrics on the test rows.
    pub metrics: BTreeMap<&'static str, Figure>,
}

/// Makes a model of a table.
///
/// # Errors
/// [`DataError`] when the rows can't be learnt from.
pub fn build(table: &Table, config: &ModelConfig, progress: &mut Progress) -> Result<Built, DataError> {
    let labels = labels(table, &config.label, &config.positive)?;
    let parts = split(table, &labels, config)?;
    let columns = progress.stage("columns", || columns(table, config))?;
    let total = (config.members * config.trees.trees) as u64;
    let fitted = progress.counted("trees", total, |done| fit(&columns, &labels, &parts, config, done));
    progress.stage("measure", || Ok(measured(table, config, &labels, parts, columns, fitted)))
}

fn measured(
    table: &Table,
    config: &ModelConfig,
    labels: &[f32],
    parts: Parts,
    columns: Columns,
    fitted: Fitted,
) -> Built {
    let schema = columns.fields.len();
    let inputs = inputs(&columns, &parts.train);
    let positives = |rows: &[usize]| rows.iter().filter(|&&row| labels[row] > 0.0).count() as u64;
    let output = Output {
        label: config.label.clone(),
        positives: parts.named().into_iter().map(|(name, rows)| (name.to_owned(), positives(rows))).collect(),
        trees: fitted.ensemble.trees().len(),
        ..Output::default()
    };
    let manifest = ModelManifest {
        format_version: MODEL_FORMAT,
        name: config.name.clone(),
        version: String::new(),
        built_ms: 0,
        data_fingerprint: table.fingerprint(),
        rows: parts.named().into_iter().map(|(name, rows)| (name.to_owned(), rows.len() as u64)).collect(),
        ids: columns.ids.clone(),
        schema: columns.fields,
        serve: config.serve.clone(),
        buckets: config.buckets.clone(),
        drift: None,
        parameters: Parameters {
            derived: columns.derived,
            features: fitted.plan.features,
            encoded: fitted.plan.encoded,
            rows: parts.train.len() as f64,
            smoothing: config.features.smoothing,
            depth: fitted.ensemble.depth,
        },
        outputs: vec![output],
        metrics: Value::Null,
        config: json!(config),
        files: BTreeMap::new(),
    };
    let trees = TreeTable { covers: Stored::from(fitted.covers), ..fitted.ensemble.table() };
    let mut model = Model::new(manifest, trees, fitted.encodings).expect("features look at the columns that there are");
    let values = &columns.values[..schema];
    let (valid, valid_labels) = (rows_of(values, &parts.valid), labels_of(labels, &parts.valid));
    let leaks = {
        let parameters = &model.manifest().parameters;
        leaks(&parameters.features, &parameters.encoded, &model.matrix(&valid), &valid_labels)
    };
    let log_odds: Vec<f32> = model.score(&valid).iter().map(|scored| scored.log_odds).collect();
    let importance = importance(model.manifest(), &fitted.ensemble.importance);
    let output = &mut model.manifest_mut().outputs[0];
    (output.calibration, output.importance) = (calibrate(&valid_labels, &log_odds), importance);
    let probabilities = |scored: Vec<Scored>| scored.iter().map(|scored| scored.probability).collect::<Vec<f64>>();
    let threshold = choose(&valid_labels, &probabilities(model.score(&valid)), config.threshold);
    model.manifest_mut().outputs[0].threshold = threshold;
    let (test, test_labels) = (rows_of(values, &parts.test), labels_of(labels, &parts.test));
    let probabilities = probabilities(model.score(&test));
    let metrics = metrics(&test_labels, &probabilities, threshold, config.threshold);
    model.manifest_mut().drift = Some(Reference { inputs, scores: vec![Bins::of_numbers(&probabilities)] });
    Built {
        model,
        parts,
        ids: columns.ids,
        ignored: columns.ignored,
        mixed: columns.mixed,
        leaks,
        labels: test_labels,
        probabilities,
        metrics,
    }
}

/// The training rows by the bins of each field, with which scored rows are compared.
fn inputs(columns: &Columns, train: &[usize]) -> Vec<Option<Bins>> {
    let fields = columns.fields.iter().zip(&columns.values).zip(&columns.levels);
    let bins = |((field, values), names): ((&Field, &Values), &Vec<String>)| match (&field.kind, values.rows(train)) {
        (FieldKind::Time { .. }, _) => None,
        (_, Values::Numbers(numbers)) => Some(Bins::of_numbers(&numbers)),
        (_, Values::Levels(levels)) => Some(Bins::of_levels(&levels, names)),
    };
    fields.map(bins).collect()
}

/// The shares of fields, and of combinations, in all gains; the largest first.
fn importance(manifest: &ModelManifest, gains: &[f64]) -> Vec<Importance> {
    let mut shares: BTreeMap<Encoded, f64> = BTreeMap::new();
    for (feature, gain) in manifest.parameters.features.iter().zip(gains) {
        *shares.entry(feature.columns(&manifest.parameters.encoded).to_vec()).or_default() += gain;
    }
    let named = |(columns, share): (Encoded, f64)| Importance { field: manifest.name_of(&columns), share };
    let mut shares: Vec<Importance> = shares.into_iter().map(named).collect();
    shares.sort_by(|a, b| b.share.total_cmp(&a.share));
    shares
}
