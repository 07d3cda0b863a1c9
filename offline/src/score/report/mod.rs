//! A report on a version of a model: what its rows are like, and how good it is on those that are held out, beside a
//! logistic regression and the champion.
//!
//! In: a version, and the files that it was trained on. Out: a [`Report`], which is what `--format json` writes, and
//! what [`html`] makes a page of.
//!
//! ```text
//! files ─▶ source (table, parts) ─┬─▶ data (distribution, periods, correlation)
//!                                 ├─▶ baseline (logistic)
//!                                 └─▶ measured rows ─▶ curves, slices, importance, drift
//! ```

pub mod baseline;
pub mod beside;
pub mod correlation;
pub mod curves;
pub mod data;
pub mod distribution;
pub mod drift;
pub mod html;
pub mod importance;
pub mod logistic;
pub mod periods;
pub mod slices;
pub mod source;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;
use shared::contract::artifact::manifest::read_champion;
use shared::engine::tabular::column::Column;
use shared::engine::tabular::model::Model;
use shared::engine::tabular::schema::Field;

use super::DataError;
use super::config::ModelConfigError;
use super::contest::read_rows;
use super::measure::{Figure, metrics};
use super::registry::{RegistryError, folder, load};
use super::several;
use super::split::sample;
use super::threshold::Goal;
use super::train::{labels_of, rows_of};
use crate::progress::Progress;
use baseline::baseline;
use beside::{Beside, Said, Who, measured};
use data::{Data, data};
use drift::{Moved, moved};
use importance::{Explained, Permuted, Share, contributed, explained, explained_rows, permuted, permuted_rows};
use slices::{Measured, Slice, slices};
use source::{Rows, Source, TrainedOn, read};

/// Why there can't be a report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The rows can't be read, or lack a column.
    #[error(transparent)]
    Data(#[from] DataError),
    /// There is no such model or version.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The version was trained by a config that this build does not know.
    #[error(transparent)]
    Config(#[from] ModelConfigError),
    /// The rows lack what a version looks at.
    #[error("the rows do not fit {version}: {what}")]
    OtherColumns {
        /// The version.
        version: String,
        /// What they lack.
        what: String,
    },
    /// No row is held out.
    #[error("no row is left to measure: all are trained on, or have no label; add rows that are held out")]
    NothingToMeasure,
    /// The model does not predict such a label.
    #[error("--label {label}: the model predicts: {}", known.join(", "))]
    NoLabel {
        /// The label.
        label: String,
        /// Those that it predicts.
        known: Vec<String>,
    },
}

/// What is known of a version on its rows.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The model.
    pub model: String,
    /// The version.
    pub version: String,
    /// When it was built, milliseconds since the epoch.
    pub built_ms: i64,
    /// The version that answers.
    pub champion: Option<String>,
    /// The label that the curves are of.
    pub label: String,
    /// By what the threshold was chosen.
    pub goal: Goal,
    /// What the reader must know before the figures.
    pub notes: Vec<String>,
    /// Which rows these are.
    pub rows: Rows,
    /// How many rows are measured, and how many of them are positives of the label.
    pub measured: [usize; 2],
    /// The version, the baseline and the champion on the measured rows, the version first.
    pub models: Vec<Beside>,
    /// The metrics of several labels together; empty of one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub joint: BTreeMap<&'static str, Figure>,
    /// Each of several labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<OfLabel>,
    /// How good it is on parts of the measured rows.
    pub slices: Vec<Slice>,
    /// What it loses without each field.
    pub permutation: Permutation,
    /// What fields add to the log-odds.
    pub contributions: Mean,
    /// What they add for some rows.
    pub explained: Vec<Explained>,
    /// How far the measured rows are from the training rows.
    pub drift: Option<Vec<Moved>>,
    /// What the rows are like.
    pub data: Data,
    /// Every setting that the version was trained by.
    pub config: Value,
}

/// One of several labels.
#[derive(Debug, Clone, Serialize)]
pub struct OfLabel {
    /// Its column.
    pub label: String,
    /// How many of the measured rows are positives.
    pub positives: usize,
    /// From which probability a row counts as one.
    pub threshold: f64,
    /// Its metrics.
    pub metrics: BTreeMap<&'static str, Figure>,
}

/// What the model loses without each field.
#[derive(Debug, Clone, Serialize)]
pub struct Permutation {
    /// On how many rows.
    pub rows: usize,
    /// The fields, those that matter most first.
    pub fields: Vec<Permuted>,
}

/// What fields add to the log-odds: the mean of absolute values.
#[derive(Debug, Clone, Serialize)]
pub struct Mean {
    /// Over how many rows.
    pub rows: usize,
    /// The fields, or two together, those that add most first.
    pub fields: Vec<Share>,
}

/// What is reported on.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The artifacts folder.
    pub artifacts: &'a Path,
    /// The model.
    pub model: &'a str,
    /// The version; the champion if none.
    pub version: Option<&'a str>,
    /// The label that the curves are of; the most frequent if none.
    pub label: Option<&'a str>,
}

/// Reports on a version.
///
/// # Errors
/// [`ReportError`] when there is no such version, or the rows can't be read or measured.
pub fn report(wanted: Wanted<'_>, paths: &[PathBuf], progress: &mut Progress) -> Result<Report, ReportError> {
    let model = load(wanted.artifacts, wanted.model, wanted.version)?;
    let manifest = model.manifest();
    let source = read(manifest, paths, progress)?;
    let output = output(&source, wanted.label)?;
    let labels = &source.targets.labels[output];
    let test = &source.parts.test;
    let own = labels_of(labels, test);
    let columns = columns_of(&model, &source, test)?;
    let scored = progress.stage("score", || model.score(&columns));
    let all: Vec<f64> = scored.iter().map(|scored| scored.probability).collect();
    let outputs = manifest.outputs.len();
    let probabilities: Vec<f64> = all.iter().skip(output).step_by(outputs).copied().collect();
    let positives = own.iter().filter(|label| **label > 0.0).count();
    let mut notes = notes(&source.told, manifest.outputs[output].label.as_str(), [own.len(), positives]);

    let mut said = vec![Said {
        who: Who::Version,
        name: manifest.version.clone(),
        threshold: manifest.outputs[output].threshold,
        probabilities: probabilities.clone(),
    }];
    match progress.stage("baseline", || baseline(&source, labels)) {
        Some(fitted) => said.push(Said {
            who: Who::Baseline,
            name: format!("{} weights, fitted on {} rows", fitted.weights, fitted.rows),
            threshold: fitted.threshold,
            probabilities: fitted.probabilities,
        }),
        None => notes.push("There are no training rows among these, so that no baseline could be fitted.".to_owned()),
    }
    let champion = read_champion(&folder(wanted.artifacts, wanted.model)).ok();
    if let Some(other) = champion.as_ref().filter(|other| **other != manifest.version) {
        match of_champion(wanted, other, &source, &manifest.outputs[output].label) {
            Ok((said_by_champion, note)) => {
                said.push(said_by_champion);
                notes.extend(note);
            }
            Err(reason) => notes.push(format!("The champion {other} can't be measured on these rows: {reason}.")),
        }
    }
    let goal = source.config.threshold;
    let models = progress.stage("metrics", || measured(&own, &said, goal));
    let (joint, of_labels) = progress.stage("labels", || of_labels(&model, &source, &all));

    let few = sample(&(0..test.len()).collect::<Vec<_>>(), permuted_rows(&model));
    let shuffled = (rows_of(&columns, &few), labels_of(&own, &few));
    let fields = progress
        .counted("importance", columns.len() as u64, |done| permuted(&model, &shuffled.0, &shuffled.1, output, done));
    let order = |field: &Field| fields.iter().position(|own| own.field == field.name);
    let mut important: Vec<(&Field, &Column)> = manifest.schema.iter().zip(&columns).collect();
    important.sort_by_key(|(field, _)| order(field));
    let slices = slices(&important, Measured { labels: &own, probabilities: &probabilities });
    let some = sample(&(0..test.len()).collect::<Vec<_>>(), explained_rows(&model, output));
    let mean = progress.stage("contributions", || contributed(&model, &rows_of(&columns, &some), output));
    Ok(Report {
        model: manifest.name.clone(),
        version: manifest.version.clone(),
        built_ms: manifest.built_ms,
        champion,
        label: manifest.outputs[output].label.clone(),
        goal,
        notes,
        measured: [own.len(), positives],
        models,
        joint,
        labels: of_labels,
        slices,
        permutation: Permutation { rows: few.len(), fields },
        contributions: Mean { rows: some.len(), fields: mean },
        explained: some_explained(&model, &source, &columns, &probabilities, &own, output),
        drift: moved(manifest, &columns),
        data: progress.stage("data", || data(&source, labels)),
        config: manifest.config.clone(),
        rows: source.told,
    })
}

/// The place of a label among the outputs: the one that is asked for, else the most frequent.
fn output(source: &Source, label: Option<&str>) -> Result<usize, ReportError> {
    let names = &source.targets.names;
    match label {
        Some(label) => names
            .iter()
            .position(|name| name == label)
            .ok_or_else(|| ReportError::NoLabel { label: label.to_owned(), known: names.clone() }),
        None => {
            let known = |labels: &[f32]| {
                labels.iter().zip(&source.targets.known).filter(|(label, known)| **known && **label > 0.0).count()
            };
            let most =
                source.targets.labels.iter().enumerate().max_by_key(|(at, labels)| (known(labels), usize::MAX - at));
            Ok(most.map_or(0, |(at, _)| at))
        }
    }
}

/// The values of rows for each field of a model.
fn columns_of(model: &Model, source: &Source, rows: &[usize]) -> Result<Vec<Column>, ReportError> {
    let version = &model.manifest().version;
    read_rows(model.manifest(), &source.table, rows)
        .map_err(|what| ReportError::OtherColumns { version: version.clone(), what })
}

/// What the champion says of the measured rows, and what must be known of that.
fn of_champion(
    wanted: Wanted<'_>,
    version: &str,
    source: &Source,
    label: &str,
) -> Result<(Said, Option<String>), String> {
    let champion = load(wanted.artifacts, wanted.model, Some(version)).map_err(|error| error.to_string())?;
    let manifest = champion.manifest();
    let found = manifest.outputs.iter().position(|output| output.label == label);
    let output = found.ok_or_else(|| format!("it does not predict `{label}`"))?;
    let columns = read_rows(manifest, &source.table, &source.parts.test)?;
    let scored = champion.score(&columns);
    let own = scored.iter().skip(output).step_by(manifest.outputs.len()).map(|own| own.probability);
    let same = manifest.data_fingerprint == source.table.fingerprint()
        && manifest.config["split"] == serde_json::to_value(&source.config.split).unwrap_or_default();
    let note = (!same).then(|| {
        format!("The champion {version} was trained on other rows or another split: rows that it has seen favour it.")
    });
    let said = Said {
        who: Who::Champion,
        name: version.to_owned(),
        threshold: manifest.outputs[output].threshold,
        probabilities: own.collect(),
    };
    Ok((said, note))
}

/// The metrics of several labels together, and of each.
fn of_labels(model: &Model, source: &Source, all: &[f64]) -> (BTreeMap<&'static str, Figure>, Vec<OfLabel>) {
    let outputs = &model.manifest().outputs;
    if outputs.len() == 1 {
        return (BTreeMap::new(), Vec::new());
    }
    let labels: Vec<Vec<f32>> =
        source.targets.labels.iter().map(|labels| labels_of(labels, &source.parts.test)).collect();
    let thresholds: Vec<f64> = outputs.iter().map(|output| output.threshold).collect();
    let of = |at: usize| {
        let probabilities: Vec<f64> = all.iter().skip(at).step_by(outputs.len()).copied().collect();
        let found = metrics(&labels[at], &probabilities, thresholds[at], source.config.threshold);
        OfLabel {
            label: outputs[at].label.clone(),
            positives: labels[at].iter().filter(|label| **label > 0.0).count(),
            threshold: thresholds[at],
            metrics: beside::meaningful(found, &labels[at]),
        }
    };
    (several::metrics(&labels, all, &thresholds), (0..outputs.len()).map(of).collect())
}

/// The most probable row, the one in the middle, and the least probable one.
fn some_explained(
    model: &Model,
    source: &Source,
    columns: &[Column],
    probabilities: &[f64],
    labels: &[f32],
    output: usize,
) -> Vec<Explained> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    let last = order.len() - 1;
    let rows = [("most probable", order[0]), ("middle", order[last / 2]), ("least probable", order[last])];
    let mut found = explained(model, columns, &rows, output);
    for (own, (_, at)) in found.iter_mut().zip(rows) {
        let row = source.parts.test[at];
        (own.row, own.label) = (row + 1, labels[at]);
        let value = |field: &Field| {
            let text = source.table.column(&field.name).and_then(|texts| texts.get(row));
            (field.name.clone(), text.map(str::to_owned))
        };
        own.values = model.manifest().schema.iter().map(value).collect();
    }
    found
}

/// What the reader must know of the rows.
fn notes(told: &Rows, label: &str, [rows, positives]: [usize; 2]) -> Vec<String> {
    let mut notes = Vec::new();
    let parts = |parts: &BTreeMap<String, u64>| {
        ["train", "valid", "test"].map(|part| format!("{} {part}", parts.get(part).copied().unwrap_or(0))).join(", ")
    };
    let both = || {
        format!("here {} rows ({}), in the training {}", told.rows, parts(&told.parts), parts(&told.parts_in_training))
    };
    match &told.trained_on {
        TrainedOn::Same => {}
        TrainedOn::Other => notes.push(format!(
            "These are not the rows that the version was trained on: {}. They are split by the version's config; some of \
             the measured ones may have been trained on.",
            both()
        )),
        TrainedOn::Unsplit { reason } => notes.push(format!(
            "These are not the rows that the version was trained on: {}. They can't be split as its config says ({reason}), \
             so that all are measured.",
            both()
        )),
    }
    if told.unreadable > 0 {
        notes.push(format!("{} rows could not be read and are left out.", told.unreadable));
    }
    if told.without_label > 0 {
        notes.push(format!("{} rows have no label that is known, and are left out.", told.without_label));
    }
    if positives == 0 || positives == rows {
        let all = if positives == 0 { "negative" } else { "positive" };
        notes.push(format!(
            "Every measured row is a {all} of `{label}`: there is no ROC curve, and no figure that needs both."
        ));
    }
    notes
}
