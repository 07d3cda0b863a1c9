//! Two versions of a model on the same rows: their metrics side by side, with the intervals of the differences in pairs.
//!
//! The rows are those that neither was trained on, where that can be told: of a version that was trained on these very
//! rows its test part, of one that was trained on others what a column of the split says. Else all rows are measured,
//! and that is said.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;
use shared::engine::tabular::manifest::ModelManifest;
use shared::engine::tabular::model::Model;

use super::config::{ModelConfig, SplitBy};
use super::contest::read_rows;
use super::measure::{Figure, Rated, Replicated};
use super::registry::load;
use super::report::ReportError;
use super::report::beside::meaningful;
use super::report::source::{Source, TrainedOn, of_table, read};
use super::several;
use super::table::Table;
use super::targets::Targets;
use super::train::labels_of;
use crate::measure::evaluate::bootstrap::Difference;
use crate::progress::Progress;

/// Why versions can't be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A version can't be loaded, or the rows can't be read.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// They predict other things.
    #[error("{first} and {second} predict other things: {what}")]
    OtherLabels {
        /// The first version.
        first: String,
        /// The second version.
        second: String,
        /// Where they differ.
        what: String,
    },
    /// They read the files differently.
    #[error(
        "{first} reads {rows} rows of these files and {second} {others}; their settings of reading must fit each other"
    )]
    OtherRows {
        /// The first version.
        first: String,
        /// Its rows.
        rows: usize,
        /// The second version.
        second: String,
        /// Its rows.
        others: usize,
    },
    /// Each was trained on what the other was not.
    #[error("every row of these was trained on by {0} or by {1}; add rows that neither has seen")]
    NothingLeft(String, String),
}

/// A metric of both.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Both {
    /// Of the first version.
    pub first: Figure,
    /// Of the second.
    pub second: Figure,
    /// How much higher it is of the second.
    pub difference: Difference,
}

/// Two versions on the same rows.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// The model.
    pub model: String,
    /// Both versions.
    pub versions: [String; 2],
    /// How many rows they are measured on.
    pub rows: usize,
    /// What the reader must know before the figures.
    pub notes: Vec<String>,
    /// The metrics: of the label, or of several together.
    pub metrics: BTreeMap<&'static str, Both>,
    /// Where there are several, those of each.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, BTreeMap<&'static str, Both>>,
}

/// Compares two versions.
///
/// # Errors
/// [`CompareError`] when there are no such versions, they predict other things, or the rows can't be measured.
pub fn compare(
    artifacts: &Path,
    name: &str,
    [first, second]: [&str; 2],
    paths: &[PathBuf],
    progress: &mut Progress,
) -> Result<Comparison, CompareError> {
    let of = |version: &str| load(artifacts, name, Some(version)).map_err(ReportError::from);
    let models = [of(first)?, of(second)?];
    let versions = [first.to_owned(), second.to_owned()];
    let [one, other] = models.each_ref().map(Model::manifest);
    let labels = |manifest: &ModelManifest| {
        manifest.outputs.iter().map(|output| output.label.clone()).collect::<Vec<_>>().join(", ")
    };
    let differ = |what: String| {
        let [first, second] = versions.clone();
        CompareError::OtherLabels { first, second, what }
    };
    if labels(one) != labels(other) {
        return Err(differ(format!("`{}` and `{}`", labels(one), labels(other))));
    }
    let (Source { config, table, targets, parts, told, .. }, mut notes) = (read(one, paths, progress)?, Vec::new());
    let known = unseen(&told.trained_on, &config, &parts.test, first, &mut notes);
    let its = ModelConfig::of_version(&other.config, second).map_err(ReportError::from)?;
    if config.positive != its.positive || config.panel.learn != its.panel.learn {
        return Err(differ("the settings `positive` or `panel.learn` differ".to_owned()));
    }
    let (kept, theirs) = if reads_the_same(&config, &its) {
        (None, progress.stage("columns", || of_table(other, its, table))?)
    } else {
        (Some(table), read(other, paths, progress)?)
    };
    let tables = [kept.as_ref().unwrap_or(&theirs.table), &theirs.table];
    if tables[0].rows != tables[1].rows {
        let [first, second] = versions;
        return Err(CompareError::OtherRows { first, rows: tables[0].rows, second, others: tables[1].rows });
    }
    let also = unseen(&theirs.told.trained_on, &theirs.config, &theirs.parts.test, second, &mut notes);
    let both_known = |row: &usize| targets.known[*row] && theirs.targets.known[*row];
    let within = |rows: &Option<BTreeSet<usize>>, row: &usize| rows.as_ref().is_none_or(|rows| rows.contains(row));
    let rows = 0..tables[0].rows;
    let rows: Vec<usize> = rows.filter(both_known).filter(|row| within(&known, row) && within(&also, row)).collect();
    if rows.is_empty() {
        return Err(CompareError::NothingLeft(versions[0].clone(), versions[1].clone()));
    }
    let score = |(model, table): (&Model, &Table)| {
        let version = &model.manifest().version;
        let columns = read_rows(model.manifest(), table, &rows)
            .map_err(|what| ReportError::OtherColumns { version: version.clone(), what })?;
        Ok::<_, ReportError>(model.score(&columns).into_iter().map(|scored| scored.probability).collect::<Vec<f64>>())
    };
    let said = progress
        .stage("score", || Ok::<_, ReportError>([score((&models[0], tables[0]))?, score((&models[1], tables[1]))?]))?;
    let (metrics, labels) = progress.stage("metrics", || both(&models, &targets, &rows, &said, &config));
    Ok(Comparison { model: name.to_owned(), versions, rows: rows.len(), notes, metrics, labels })
}

/// Whether two versions read the same rows of files.
fn reads_the_same(one: &ModelConfig, other: &ModelConfig) -> bool {
    let ignored = |config: &ModelConfig| -> Vec<String> {
        config.columns.keys().filter(|column| config.ignores(column)).cloned().collect()
    };
    one.missing == other.missing && one.max_reject_share == other.max_reject_share && ignored(one) == ignored(other)
}

/// The rows that a version was not trained on; none where that can't be told.
fn unseen(
    trained_on: &TrainedOn,
    config: &ModelConfig,
    test: &[usize],
    version: &str,
    notes: &mut Vec<String>,
) -> Option<BTreeSet<usize>> {
    match trained_on {
        TrainedOn::Same => Some(test.iter().copied().collect()),
        TrainedOn::Other if config.split.by == SplitBy::Column => {
            notes.push(format!(
                "{version} was trained on other rows; those that `{}` calls test are taken as ones that it has not seen",
                config.split.column
            ));
            Some(test.iter().copied().collect())
        }
        _ => {
            notes.push(format!(
                "{version} was trained on other rows; which of these it has seen can't be told, and those favour it"
            ));
            None
        }
    }
}

/// Metrics of both by name.
type Metrics = BTreeMap<&'static str, Both>;

fn both(
    models: &[Model; 2],
    targets: &Targets,
    rows: &[usize],
    said: &[Vec<f64>; 2],
    config: &ModelConfig,
) -> (Metrics, BTreeMap<String, Metrics>) {
    let labels: Vec<Vec<f32>> = targets.labels.iter().map(|labels| labels_of(labels, rows)).collect();
    let thresholds = models
        .each_ref()
        .map(|model| model.manifest().outputs.iter().map(|output| output.threshold).collect::<Vec<f64>>());
    let of_label = |at: usize| {
        let own = said.each_ref().map(|said| said.iter().skip(at).step_by(labels.len()).copied().collect::<Vec<f64>>());
        let rated = [0, 1].map(|model| Rated { probabilities: &own[model], threshold: thresholds[model][at] });
        meaningful(joined(&Replicated::of(&labels[at], &rated, config.threshold)), &labels[at])
    };
    if labels.len() == 1 {
        return (of_label(0), BTreeMap::new());
    }
    let together = [0, 1].map(|model| (&said[model][..], &thresholds[model][..]));
    let each = targets.names.iter().enumerate().map(|(at, name)| (name.clone(), of_label(at)));
    (joined(&several::replicated(&labels, &together)), each.collect())
}

fn joined(measured: &Replicated) -> Metrics {
    let (second, differences) = (measured.figures(1), measured.differences(0, 1));
    let of =
        |(name, first)| Some((name, Both { first, second: *second.get(name)?, difference: *differences.get(name)? }));
    measured.figures(0).into_iter().filter_map(of).collect()
}
