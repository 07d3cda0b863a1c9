//! Scores the rows of files: streaming, a batch of rows at a time, in the order of the files.
//!
//! Every row of the files is a row of the output. One with a value that the schema refuses has no probability, and says
//! why. Formats by the ending of the name: `.csv`, `.jsonl` or `.parquet`.

mod output;

use std::sync::Arc;

use shared::engine::tabular::column::Column;
use shared::engine::tabular::derive::Derivation;
use shared::engine::tabular::manifest::ModelManifest;
use shared::engine::tabular::model::Model;
use shared::engine::tabular::schema::FieldKind;

use super::DataError;
use super::input::{check, reason};
use crate::log::ingest::IngestError;
use crate::log::ingest::read::{Form, Needed, Wanted, for_each_row};
pub use output::{Named, Output, OutputError};

/// How many rows are scored at once.
const ROWS: usize = 1 << 13;

/// What becomes of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its file.
    pub file: Arc<str>,
    /// Its number in its file, from 1.
    pub row: u64,
    /// The values of the columns that tell it from others: the ids, and the key and the time of what is remembered of rows.
    pub ids: Vec<Option<String>>,
    /// What the model says of it, or why that is nothing.
    pub scored: Result<Said, String>,
}

/// What a model says of a row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Said {
    /// Of each label, the probability that it is a positive, and whether it counts as one.
    pub labels: Vec<(f64, bool)>,
    /// The categories with a value that no training row had.
    pub unseen: Vec<String>,
}

/// How many rows were scored, and how many could not be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows with a probability.
    pub scored: u64,
    /// Rows without.
    pub refused: u64,
}

/// Why files can't be scored.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// The files can't be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The output can't be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl From<IngestError> for PredictError {
    fn from(error: IngestError) -> Self {
        Self::Data(error.into())
    }
}

/// The columns that tell a row from others: those that name it, and the key and the time of what is remembered of rows, since
/// rows of a panel have no name of their own. Places among the fields and, behind them, the ids.
fn naming(manifest: &ModelManifest) -> Vec<usize> {
    let fields = manifest.schema.len();
    let mut places: Vec<usize> = (fields..fields + manifest.ids.len()).collect();
    for derived in &manifest.parameters.derived {
        let (Derivation::Previous { columns, .. }
        | Derivation::Since { columns, .. }
        | Derivation::Changes { columns, .. }
        | Derivation::Count { columns, .. }) = &derived.by
        else {
            continue;
        };
        // Rows may also be counted by a category, which tells them apart no better than any other does.
        if matches!(manifest.schema[columns[0]].kind, FieldKind::Key { .. }) {
            places.extend(columns.iter().filter(|place| !places.contains(place)).copied().collect::<Vec<_>>());
        }
    }
    places
}

/// Scores the rows of files.
///
/// # Errors
/// [`PredictError`] when a file can't be read or lacks a column, or the output can't be written.
pub fn predict(
    model: &Model,
    forms: &[Form],
    output: &mut Output,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Counts, PredictError> {
    let manifest = model.manifest();
    let mut counts = Counts::default();
    for form in forms {
        // A default is for a field that is not there; a cell that is empty is a missing value.
        let there: Vec<bool> = manifest.schema.iter().map(|field| form.has(&field.name)).collect();
        let needed = manifest.schema.iter().filter(|field| field.default.is_none());
        check(form, needed.map(|field| field.name.as_str()))?;
        for (field, _) in manifest.schema.iter().zip(&there).filter(|(_, there)| !**there) {
            eprintln!("{} has no column `{}`: its default is taken", form.path.display(), field.name);
        }
        let fields = manifest.schema.iter().map(|field| Wanted::column(&field.name, Needed::No));
        let wanted: Vec<Wanted> = fields.chain(manifest.ids.iter().map(|id| Wanted::column(id, Needed::No))).collect();
        let mut batch = Batch::new(model, form.path.to_string_lossy().into(), there);
        let mut failed = None;
        for_each_row(form, &wanted, "columns", &mut |at, row| {
            match row {
                Ok(row) => batch.push(at.number, row.values),
                Err(row) => batch.refuse(at.number, format!("unreadable: {}", reason(&row.reason))),
            }
            if batch.lines.len() == ROWS && failed.is_none() {
                failed = batch.flush(output, &mut counts).err();
                progress(counts.scored + counts.refused);
            }
            Ok(())
        })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        batch.flush(output, &mut counts)?;
    }
    if counts == Counts::default() {
        let paths = forms.iter().map(|form| form.path.clone()).collect();
        return Err(DataError::Empty(paths).into());
    }
    Ok(counts)
}

/// Rows that wait to be scored.
struct Batch<'a> {
    model: &'a Model,
    file: Arc<str>,
    /// Whether the file has the column of each field.
    there: Vec<bool>,
    /// See [`naming`].
    naming: Vec<usize>,
    columns: Vec<Column>,
    lines: Vec<Line>,
}

impl<'a> Batch<'a> {
    fn new(model: &'a Model, file: Arc<str>, there: Vec<bool>) -> Self {
        let (naming, columns) = (naming(model.manifest()), model.columns(ROWS));
        Self { model, file, there, naming, columns, lines: Vec::with_capacity(ROWS) }
    }

    /// Adds a row: the values of the fields, and behind them those that name it.
    fn push(&mut self, row: u64, values: &[Option<&str>]) {
        let schema = &self.model.manifest().schema;
        let mut bad = Vec::new();
        for (((field, column), text), there) in schema.iter().zip(&mut self.columns).zip(values).zip(&self.there) {
            let read = if *there { field.read(*text, column) } else { field.read_json(None, column) };
            if let Err(refused) = read {
                bad.push(format!("{}: {refused}", field.name));
            }
        }
        let scored = if bad.is_empty() { Ok(Said::default()) } else { Err(bad.join("; ")) };
        self.lines.push(Line {
            file: self.file.clone(),
            row,
            ids: self.naming.iter().map(|place| values[*place].map(str::to_owned)).collect(),
            scored,
        });
    }

    /// Adds a row that can't be read.
    fn refuse(&mut self, row: u64, reason: String) {
        let manifest = self.model.manifest();
        for (field, column) in manifest.schema.iter().zip(&mut self.columns) {
            // Missing values keep the columns as long as the lines.
            let _ = field.read(None, column);
        }
        self.lines.push(Line { file: self.file.clone(), row, ids: vec![None; self.naming.len()], scored: Err(reason) });
    }

    /// Scores the rows, and writes them.
    fn flush(&mut self, output: &mut Output, counts: &mut Counts) -> Result<(), OutputError> {
        let (model, schema) = (self.model, &self.model.manifest().schema);
        let scored = model.score(&self.columns);
        let rows = self.lines.iter_mut().zip(scored.chunks_exact(model.manifest().outputs.len()));
        for (row, (line, scored)) in rows.enumerate() {
            match &mut line.scored {
                Ok(own) => {
                    let unseen = model.unseen(&self.columns, row).map(|field| schema[field].name.clone()).collect();
                    let labels = scored.iter().map(|scored| (scored.probability, scored.positive)).collect();
                    *own = Said { labels, unseen };
                    counts.scored += 1;
                }
                Err(_) => counts.refused += 1,
            }
        }
        output.write(&self.lines)?;
        self.lines.clear();
        self.columns = self.model.columns(ROWS);
        Ok(())
    }
}
