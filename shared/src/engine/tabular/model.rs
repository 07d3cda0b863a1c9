//! A trained model: scores rows, and says what their fields contribute.
//!
//! ```text
//! artifacts/models/<name>/champion                      the version that answers
//! artifacts/models/<name>/<version>/manifest.json       schema, parameters, metrics, SHA-256 of every file
//! artifacts/models/<name>/<version>/trees.safetensors, encodings.safetensors, history_0.safetensors ...
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use super::column::Column;
use super::drift::Bins;
use super::encoding::Sums;
use super::feature::{Feature, Features};
use super::history::{Known, Past, pasts};
use super::live::{Followed, Live, followed};
use super::manifest::ModelManifest;
use crate::contract::artifact::ArtifactError;
use crate::contract::artifact::columns::{TableFile, TableWriter};
use crate::contract::artifact::manifest::verify;
use crate::engine::rank::contributions::contributions;
use crate::engine::rank::matrix::Matrix;
use crate::engine::rank::trees::Trees;
use crate::tables::{EncodingTable, HistoryTable, Table, TreeTable};

/// The folder of all models in an artifacts folder.
pub const MODELS: &str = "models";
const TREES: &str = "trees.safetensors";
const ENCODINGS: &str = "encodings.safetensors";

/// The file of a history.
fn history_file(at: usize) -> String {
    format!("history_{at}.safetensors")
}

/// A version of a model, ready to score.
#[derive(Debug, Clone)]
pub struct Model {
    manifest: ModelManifest,
    totals: Vec<Sums>,
    tables: ModelTables,
    /// The histories that the service goes on with.
    followed: Vec<Followed>,
}

/// The tables of a version.
#[derive(Debug, Clone, Default)]
pub struct ModelTables {
    /// The trees of all outputs.
    pub trees: TreeTable,
    /// What was learnt of the levels of categories.
    pub encodings: EncodingTable,
    /// What is remembered of the rows of keys.
    pub histories: Vec<HistoryTable>,
}

/// What an output says of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// The sum of the trees.
    pub log_odds: f32,
    /// The probability that the row is a positive.
    pub probability: f64,
    /// Whether it counts as one: the probability is at or above the threshold.
    pub positive: bool,
}

/// What the fields of a row add to its log-odds.
#[derive(Debug, Clone, PartialEq)]
pub struct Contributions {
    /// The mean over the training rows.
    pub base: f64,
    /// What each field, or two together, add to it: the columns and the log-odds.
    pub fields: Vec<(Vec<usize>, f64)>,
}

impl Model {
    /// Makes a model of tables that were built together.
    ///
    /// # Errors
    /// The reason when they don't fit each other.
    pub fn new(manifest: ModelManifest, tables: ModelTables) -> Result<Self, String> {
        let parameters = &manifest.parameters;
        let ModelTables { trees, encodings, histories } = &tables;
        trees.check(parameters.depth, parameters.features.len())?;
        let outputs = manifest.outputs.len();
        encodings.check(parameters.encoded.len(), outputs)?;
        let widths: Vec<usize> = parameters.histories.iter().map(|own| own.values.len()).collect();
        if histories.len() != widths.len() {
            return Err(format!("{} histories, not {}", histories.len(), widths.len()));
        }
        histories.iter().zip(&widths).try_for_each(|(history, width)| history.check(*width))?;
        let own = manifest.outputs.iter().try_fold(0, |own: usize, output| own.checked_add(output.trees));
        if outputs == 0 || own != Some(trees.features.len() / parameters.depth) {
            return Err(format!("the trees of the {outputs} outputs are not those that there are"));
        }
        if let Some(drift) = &manifest.drift {
            let whole = drift.inputs.iter().flatten().chain(&drift.scores).all(Bins::is_whole);
            if drift.inputs.len() != manifest.schema.len() || drift.scores.len() != outputs || !whole {
                return Err("the rows that scored ones are compared with have other fields".to_owned());
            }
        }
        let fits = |feature: &Feature| match feature {
            Feature::Number { column } | Feature::Is { column, .. } => *column < manifest.columns(),
            Feature::Mean { encoding, output } => *encoding < parameters.encoded.len() && *output < outputs,
            Feature::Count { encoding } => *encoding < parameters.encoded.len(),
        };
        let derived = parameters.derived.iter().enumerate();
        let remembered = parameters
            .derived
            .iter()
            .filter_map(|derived| derived.by.remembered())
            .all(|(history, value)| widths.get(history).is_some_and(|width| value < *width));
        let mut derived =
            derived.flat_map(|(at, derived)| derived.by.columns().iter().map(move |column| (at, *column)));
        let columns_fit = parameters.encoded.iter().flatten().all(|column| *column < manifest.columns())
            && derived.all(|(at, column)| column < manifest.schema.len() + at);
        match columns_fit && remembered && parameters.features.iter().all(fits) {
            true => {
                let followed = followed(&manifest, &tables.histories);
                Ok(Self { totals: manifest.totals(), manifest, tables, followed })
            }
            false => Err("the features look at fields that the schema does not have".to_owned()),
        }
    }

    /// Loads and verifies the version in `folder`.
    ///
    /// # Errors
    /// [`ArtifactError`] when a file is missing, torn, foreign or does not fit the others.
    pub fn load(folder: &Path) -> Result<Self, ArtifactError> {
        let manifest = ModelManifest::read(folder)?;
        verify(&manifest.files, folder)?;
        let trees = TreeTable::read(&TableFile::open(folder, TREES)?)?;
        let encodings = EncodingTable::read(&TableFile::open(folder, ENCODINGS)?)?;
        let history = |at| HistoryTable::read(&TableFile::open(folder, &history_file(at))?);
        let histories = (0..manifest.parameters.histories.len()).map(history).collect::<Result<_, _>>()?;
        Self::new(manifest, ModelTables { trees, encodings, histories })
            .map_err(|reason| ArtifactError::shape(folder, reason))
    }

    /// Writes the tables into a folder.
    ///
    /// # Errors
    /// [`ArtifactError`] when one can't be written.
    pub fn write(&self, folder: &Path) -> Result<(), ArtifactError> {
        let mut writer = TableWriter::default();
        self.tables.trees.add_to(&mut writer);
        writer.write(folder, TREES)?;
        let mut writer = TableWriter::default();
        self.tables.encodings.add_to(&mut writer);
        writer.write(folder, ENCODINGS)?;
        for (at, history) in self.tables.histories.iter().enumerate() {
            let mut writer = TableWriter::default();
            history.add_to(&mut writer);
            writer.write(folder, &history_file(at))?;
        }
        Ok(())
    }

    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &ModelManifest {
        &self.manifest
    }

    /// Mutable access to its manifest, until it is written.
    pub fn manifest_mut(&mut self) -> &mut ModelManifest {
        &mut self.manifest
    }

    /// Empty columns for the fields of the schema.
    #[must_use]
    pub fn columns(&self, rows: usize) -> Vec<Column> {
        self.manifest.schema.iter().map(|field| field.column(rows)).collect()
    }

    /// The histories that the service goes on with.
    #[must_use]
    pub fn followed(&self) -> &[Followed] {
        &self.followed
    }

    /// The features of rows.
    ///
    /// * `columns`: the values of each field of the schema.
    #[must_use]
    pub fn matrix(&self, columns: &[Column]) -> Matrix {
        self.matrix_beside(columns, &Live::new())
    }

    /// The features of rows, with what the service knows of their keys.
    ///
    /// * `columns`: the values of each field of the schema.
    #[must_use]
    pub fn matrix_beside(&self, columns: &[Column], live: &Live) -> Matrix {
        let parameters = &self.manifest.parameters;
        let version = |at: usize| self.tables.histories[at].get();
        let joined = |followed: &Followed| {
            Some((followed.history, followed.join(version(followed.history), live.get(&followed.id)?)))
        };
        let joined: BTreeMap<usize, HistoryTable> = self.followed.iter().filter_map(joined).collect();
        let known = |at: usize| Known { version: version(at), live: joined.get(&at).map(HistoryTable::get) };
        let told = |at: usize| {
            let by = parameters.derived.iter().map(|derived| &derived.by);
            let mut by = by.filter(|by| by.remembered().is_some_and(|(own, _)| own == at));
            // Keys and times are fields, which stand before what is derived.
            let &[key, time] = by.next()?.columns() else { return None };
            Some(pasts(known(at), [columns.get(key)?, columns.get(time)?]))
        };
        let pasts: Vec<Vec<Past<'_>>> =
            (0..self.tables.histories.len()).map(|at| told(at).unwrap_or_default()).collect();
        let mut all: Cow<'_, [Column]> = Cow::Borrowed(columns);
        for derived in &parameters.derived {
            let column = derived.by.column(&all, &pasts);
            all.to_mut().push(column);
        }
        let mut matrix = Matrix::default();
        let features = Features {
            features: &parameters.features,
            encoded: &parameters.encoded,
            encodings: &self.tables.encodings,
            totals: &self.totals,
            smoothing: parameters.smoothing,
        };
        features.fill(&all, &mut matrix);
        matrix
    }

    /// Scores rows: what each output says of the first row, then of the second, and so on.
    ///
    /// * `columns`: the values of each field of the schema.
    #[must_use]
    pub fn score(&self, columns: &[Column]) -> Vec<Scored> {
        self.score_matrix(&self.matrix(columns))
    }

    /// The same for features.
    #[must_use]
    pub fn score_matrix(&self, matrix: &Matrix) -> Vec<Scored> {
        let outputs = &self.manifest.outputs;
        let nothing = Scored { log_odds: 0.0, probability: 0.0, positive: false };
        let mut scored = vec![nothing; matrix.rows() * outputs.len()];
        let (mut scores, mut first) = (Vec::new(), 0);
        for (place, output) in outputs.iter().enumerate() {
            self.trees_of(first..first + output.trees).score(matrix, &mut scores);
            first += output.trees;
            for (row, &log_odds) in scores.iter().enumerate() {
                let probability = output.calibration.probability(log_odds);
                scored[row * outputs.len() + place] =
                    Scored { log_odds, probability, positive: probability >= output.threshold };
            }
        }
        scored
    }

    fn trees_of(&self, trees: Range<usize>) -> Trees<'_> {
        self.tables.trees.trees(self.manifest.parameters.depth, trees)
    }

    /// The categories of a row whose level no training row had, as positions in the schema.
    pub fn unseen(&self, columns: &[Column], row: usize) -> impl Iterator<Item = usize> {
        let encoded = self.manifest.parameters.encoded.iter().enumerate();
        encoded.filter_map(move |(place, encoded)| match (&encoded[..], columns) {
            // Derived columns, which stand behind those of the schema, are numbers.
            ([column], columns) => match columns.get(*column) {
                Some(Column::Levels(levels)) => {
                    (!self.tables.encodings.get(place, 0).knows(levels[row])).then_some(*column)
                }
                _ => None,
            },
            _ => None,
        })
    }

    /// What each field adds to the log-odds of an output for a row: exact Shapley values of the trees, see
    /// [`crate::engine::rank::contributions`].
    #[must_use]
    pub fn contributions(&self, matrix: &Matrix, row: usize, output: usize) -> Contributions {
        let (parameters, outputs) = (&self.manifest.parameters, &self.manifest.outputs);
        let first = outputs[..output].iter().map(|output| output.trees).sum();
        let trees = first..first + outputs[output].trees;
        let covers = self.tables.trees.covers.get(trees.start << parameters.depth..trees.end << parameters.depth);
        let values = contributions(self.trees_of(trees), covers.unwrap_or_default(), matrix, row);
        let mut fields: Vec<(Vec<usize>, f64)> = Vec::new();
        for (feature, value) in parameters.features.iter().zip(values.features) {
            let columns = feature.columns(&parameters.encoded);
            match fields.iter_mut().find(|(known, _)| known == columns) {
                Some((_, sum)) => *sum += value,
                None => fields.push((columns.to_vec(), value)),
            }
        }
        Contributions { base: values.base, fields }
    }
}
