//! Makes a model of a table: columns, labels, split, trees, calibration, threshold, metrics.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::contract::artifact::columns::Column as Stored;
use shared::engine::tabular::column::Column;
use shared::engine::tabular::drift::{Bins, Reference};
use shared::engine::tabular::feature::Encoded;
use shared::engine::tabular::manifest::{Importance, MODEL_FORMAT, ModelManifest, Output, Parameters};
use shared::engine::tabular::model::{Model, ModelTables};
use shared::engine::tabular::schema::{Field, FieldKind};
use shared::tables::TreeTable;

use super::DataError;
use super::columns::{Columns, Mixed, columns};
use super::config::{ModelConfig, Selection};
use super::decide::{decide, of_output};
use super::labels::check_both;
use super::leaks::{Leak, leaks};
use super::measure::{Figure, Rated, Replicated};
use super::select::select;
use super::several;
use super::split::{Parts, split};
use super::table::Table;
use super::targets::{Targets, names};
use super::threshold::Missed;
use super::train::{Fitted, fit, labels_of, rows_of};
use super::unused::Unused;
use crate::progress::Progress;
use crate::trees::{Ensemble, table_of};

/// A model, and what it is measured on.
pub struct Built {
    /// The model; its version has no name yet.
    pub model: Model,
    /// The rows of each part.
    pub parts: Parts,
    /// The columns that name a row.
    pub ids: Vec<String>,
    /// The columns that are not looked at, and why.
    pub ignored: Vec<(String, Unused)>,
    /// The columns of numbers with a few other texts.
    pub mixed: Vec<Mixed>,
    /// The columns that say a label by themselves.
    pub leaks: Vec<Leak>,
    /// The labels of which no threshold reaches what the config asks for.
    pub missed: Vec<(String, Missed)>,
    /// The labels of the test rows, label by label.
    pub labels: Vec<Vec<f32>>,
    /// Their probabilities, row by row.
    pub probabilities: Vec<f64>,
    /// The metrics on the test rows: of the label, or of several together.
    pub metrics: BTreeMap<&'static str, Figure>,
    /// The same on each replicate of these rows.
    pub replicates: BTreeMap<&'static str, Vec<f64>>,
    /// Where there are several, those of each by itself.
    pub of_labels: BTreeMap<String, BTreeMap<&'static str, Figure>>,
}

/// The columns of a table, what is learnt of its rows, and how they are split.
///
/// # Errors
/// [`DataError`] when the rows can't be learnt from.
pub fn inputs_of(table: &Table, config: &ModelConfig) -> Result<(Columns, Targets, Parts), DataError> {
    let names = names(table, config)?;
    let targets = Targets::read(table, &names, config)?;
    if let ([name], [labels]) = (&names[..], &targets.labels[..]) {
        check_both(name, labels)?;
    }
    let columns = columns(table, &names, config)?;
    let targets = targets.learnt(&columns, config.panel.learn);
    let parts = split(table, &targets, config)?;
    Ok((columns, targets, parts))
}

/// Makes a model of a table.
///
/// # Errors
/// [`DataError`] when the rows can't be learnt from.
pub fn build(table: &Table, config: &ModelConfig, progress: &mut Progress) -> Result<Built, DataError> {
    let (columns, targets, parts) = progress.stage("columns", || inputs_of(table, config))?;
    let columns = match config.features.select {
        Selection::None => columns,
        Selection::Validation => {
            progress.stage("select", || Ok::<_, DataError>(select(columns, &targets, &parts, config)))?
        }
    };
    let total = (config.members * config.trees.trees) as u64;
    let fitted = progress.counted("trees", total, |done| fit(&columns, &targets, &parts, config, done));
    progress.stage("measure", || Ok(measured(table, config, targets, parts, columns, fitted)))
}

fn measured(
    table: &Table,
    config: &ModelConfig,
    targets: Targets,
    parts: Parts,
    columns: Columns,
    fitted: Fitted,
) -> Built {
    let fields = columns.fields.len();
    let inputs = inputs(&columns, &parts.train);
    let values = &columns.values[..fields];
    let output = |((label, labels), ensemble): ((&String, &Vec<f32>), &Ensemble)| {
        let positives = |rows: &[usize]| rows.iter().filter(|&&row| labels[row] > 0.0).count() as u64;
        Output {
            label: label.clone(),
            positives: parts.named().into_iter().map(|(name, rows)| (name.to_owned(), positives(rows))).collect(),
            trees: ensemble.trees().len(),
            ..Output::default()
        }
    };
    let manifest = ModelManifest {
        format_version: MODEL_FORMAT,
        name: config.name.clone(),
        version: String::new(),
        built_ms: 0,
        data_fingerprint: table.fingerprint(),
        rows: parts.named().into_iter().map(|(name, rows)| (name.to_owned(), rows.len() as u64)).collect(),
        ids: columns.ids.clone(),
        ignored: columns.ignored.iter().map(|(name, _)| name.clone()).collect(),
        schema: columns.fields,
        serve: config.serve.clone(),
        buckets: config.buckets.clone(),
        drift: None,
        parameters: Parameters {
            derived: columns.derived,
            histories: columns.remembered,
            remember: config.remember,
            features: fitted.plan.features,
            encoded: fitted.plan.encoded,
            rows: parts.train.len() as f64,
            smoothing: config.features.smoothing,
            depth: config.trees.depth,
        },
        outputs: targets.names.iter().zip(&targets.labels).zip(&fitted.ensembles).map(output).collect(),
        metrics: Value::Null,
        config: json!(config),
        files: BTreeMap::new(),
    };
    let trees = TreeTable { covers: Stored::from(fitted.covers), ..table_of(&fitted.ensembles) };
    let tables = ModelTables { trees, encodings: fitted.encodings, histories: columns.histories };
    let mut model = Model::new(manifest, tables).expect("features look at the columns that there are");
    let (valid, stops) = (model.matrix(&rows_of(values, &parts.valid)), of_part(&targets, &parts.valid));
    let missed = decide(&mut model, &valid, &stops, &fitted.times, config);
    let leaks = leaks(&model.manifest().parameters, fields, &valid, &stops);
    for (at, ensemble) in fitted.ensembles.iter().enumerate() {
        let importance = importance(model.manifest(), &ensemble.importance);
        model.manifest_mut().outputs[at].importance = importance;
    }
    let labels = of_part(&targets, &parts.test);
    let probabilities: Vec<f64> =
        model.score(&rows_of(values, &parts.test)).into_iter().map(|scored| scored.probability).collect();
    let thresholds: Vec<f64> = model.manifest().outputs.iter().map(|output| output.threshold).collect();
    let of_label = |at: usize| {
        let probabilities = of_output(&probabilities, at, labels.len());
        let rated = Rated { probabilities: &probabilities, threshold: thresholds[at] };
        Replicated::of(&labels[at], &[rated], config.threshold)
    };
    let (measured, of_labels) = if labels.len() == 1 {
        (of_label(0), BTreeMap::new())
    } else {
        let each = targets.names.iter().enumerate().map(|(at, name)| (name.clone(), of_label(at).figures(0))).collect();
        (several::replicated(&labels, &[(&probabilities, &thresholds)]), each)
    };
    let scores = (0..labels.len()).map(|at| Bins::of_numbers(&of_output(&probabilities, at, labels.len()))).collect();
    model.manifest_mut().drift = Some(Reference { inputs, scores });
    Built {
        model,
        parts,
        ids: columns.ids,
        ignored: columns.ignored,
        mixed: columns.mixed,
        leaks,
        missed,
        labels,
        probabilities,
        metrics: measured.figures(0),
        replicates: measured.each(0),
        of_labels,
    }
}

/// The labels of some rows.
fn of_part(targets: &Targets, rows: &[usize]) -> Vec<Vec<f32>> {
    targets.labels.iter().map(|labels| labels_of(labels, rows)).collect()
}

/// The training rows by the bins of each field, with which scored rows are compared.
fn inputs(columns: &Columns, train: &[usize]) -> Vec<Option<Bins>> {
    let fields = columns.fields.iter().zip(&columns.values).zip(&columns.levels);
    let bins = |((field, values), names): ((&Field, &Column), &Vec<String>)| match (&field.kind, values.rows(train)) {
        (FieldKind::Time { .. } | FieldKind::Key { .. }, _) => None,
        (_, Column::Numbers(numbers)) => Some(Bins::of_numbers(&numbers)),
        (_, Column::Levels(levels)) => Some(Bins::of_levels(&levels, names)),
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
