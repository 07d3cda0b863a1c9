//! The rows that a version is reported on: read by its own config, and split as its training rows were.
//!
//! The split is deterministic, so that the rows of a training are its parts again. Other rows are split by the same
//! config; where that can't be done, all of them are measured.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use shared::engine::tabular::manifest::ModelManifest;

use super::ReportError;
use crate::progress::Progress;
use crate::score::DataError;
use crate::score::columns::{Columns, columns};
use crate::score::config::ModelConfig;
use crate::score::split::{Parts, split};
use crate::score::table::Table;
use crate::score::targets::Targets;

/// The rows of a table, as a version knows them.
pub struct Source {
    /// What the version was trained by.
    pub config: ModelConfig,
    /// The rows.
    pub table: Table,
    /// What is learnt of them.
    pub targets: Targets,
    /// What each column is.
    pub columns: Columns,
    /// The rows of each part.
    pub parts: Parts,
    /// Whether they are those of the training.
    pub told: Rows,
}

/// The rows of a report, beside those that the version was trained on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rows {
    /// Whether they are the same.
    pub trained_on: TrainedOn,
    /// How many there are.
    pub rows: usize,
    /// How many are in each part.
    pub parts: BTreeMap<String, u64>,
    /// How many were in each part when the version was trained.
    pub parts_in_training: BTreeMap<String, u64>,
    /// Rows whose label is not known, which are left out.
    pub without_label: usize,
    /// Rows that could not be read.
    pub unreadable: usize,
}

/// Whether rows are those that a version was trained on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "rows", rename_all = "snake_case")]
pub enum TrainedOn {
    /// They are, so that its parts are known.
    Same,
    /// They are others, split by the version's config.
    Other,
    /// They are others, and can't be split: all are measured.
    Unsplit {
        /// Why not.
        reason: String,
    },
}

/// Reads the rows of files as a version does.
///
/// # Errors
/// [`ReportError`] when they can't be read, or lack what the version needs.
pub fn read(manifest: &ModelManifest, paths: &[PathBuf], progress: &mut Progress) -> Result<Source, ReportError> {
    let config = ModelConfig::of_version(&manifest.config, &manifest.version)?;
    let table = progress.stage("read", || Table::read(paths, &config))?;
    progress.stage("columns", || of_table(manifest, config, table))
}

/// The rows of a table that was read.
///
/// # Errors
/// [`ReportError`] when they lack what the version needs.
pub fn of_table(manifest: &ModelManifest, config: ModelConfig, table: Table) -> Result<Source, ReportError> {
    let mut config = config;
    if table.column(&config.weights.column).is_none() {
        // Metrics are of the rows as they are.
        config.weights.column.clear();
    }
    // In the order of the version's outputs, whatever that of the columns is.
    let labels: Vec<String> = manifest.outputs.iter().map(|output| output.label.clone()).collect();
    let targets = Targets::read(&table, &labels, &config)?;
    let columns = columns(&table, &labels, &config)?;
    let targets = targets.learnt(&columns, config.panel.learn);
    let same = table.fingerprint() == manifest.data_fingerprint;
    let (parts, trained_on) = match split(&table, &targets, &config) {
        Ok(parts) if same => (parts, TrainedOn::Same),
        Ok(parts) => (parts, TrainedOn::Other),
        Err(DataError::Split(reason)) if !same => {
            let test = (0..table.rows).filter(|&row| targets.known[row]).collect();
            (Parts { test, ..Parts::default() }, TrainedOn::Unsplit { reason })
        }
        Err(error) => return Err(error.into()),
    };
    if parts.test.is_empty() {
        return Err(ReportError::NothingToMeasure);
    }
    let told = Rows {
        trained_on,
        rows: table.rows,
        parts: parts.named().into_iter().map(|(name, rows)| (name.to_owned(), rows.len() as u64)).collect(),
        parts_in_training: manifest.rows.clone(),
        without_label: targets.known.iter().filter(|known| !**known).count(),
        unreadable: table.unreadable.as_ref().map_or(0, |(rows, _)| *rows),
    };
    Ok(Source { config, table, targets, columns, parts, told })
}
