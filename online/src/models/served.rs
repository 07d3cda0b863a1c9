//! A loaded model: answers for rows.

use std::collections::HashMap;

use shared::engine::rank::matrix::Matrix;
use shared::engine::tabular::column::Column;
use shared::engine::tabular::manifest::ModelManifest;
use shared::engine::tabular::model::{Model, Scored};

/// A loaded model, and where each field of a row goes.
pub struct Served {
    model: Model,
    places: HashMap<String, Place>,
}

/// Where a name of a row leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// To a field of the schema.
    Field(usize),
    /// Nowhere: it names the row, or is not looked at.
    Nowhere,
}

/// What is answered of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What each output says.
    pub scored: Vec<Scored>,
    /// The categories whose level no training row had, as positions in the schema.
    pub unseen: Vec<usize>,
    /// What each field adds to the log-odds, if that was asked: of the one output; of several, of those that are
    /// predicted, or of the most probable one.
    pub explained: Vec<Explained>,
}

/// What each field adds to the log-odds of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// The output.
    pub output: usize,
    /// The mean over the training rows.
    pub base: f64,
    /// The fields, or two of them together, with what they add; the largest first.
    pub fields: Vec<(String, f64)>,
}

/// Whether contributions are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Explain {
    /// They are.
    Yes,
    /// They are not.
    No,
}

impl Served {
    /// Prepares a model.
    #[must_use]
    pub fn new(model: Model) -> Self {
        let manifest = model.manifest();
        let fields = manifest.schema.iter().enumerate().map(|(at, field)| (field.name.clone(), Place::Field(at)));
        let others = manifest.ids.iter().chain(&manifest.ignored).map(|name| (name.clone(), Place::Nowhere));
        let places = others.chain(fields).collect();
        Self { model, places }
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.model.manifest().version
    }

    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &ModelManifest {
        self.model.manifest()
    }

    /// Where a name of a row leads; `None` for an unknown one.
    #[must_use]
    pub fn place(&self, name: &str) -> Option<Place> {
        self.places.get(name).copied()
    }

    /// Empty columns for the fields of the schema.
    #[must_use]
    pub fn columns(&self, rows: usize) -> Vec<Column> {
        self.model.columns(rows)
    }

    /// Answers for rows.
    #[must_use]
    pub fn answer(&self, columns: &[Column], explain: Explain) -> Vec<Answer> {
        let matrix = self.model.matrix(columns);
        let scored = self.model.score_matrix(&matrix);
        let answer = |(row, scored): (usize, &[Scored])| {
            let explained = match explain {
                Explain::Yes => explained(scored).map(|output| self.explain(&matrix, row, output)).collect(),
                Explain::No => Vec::new(),
            };
            Answer { scored: scored.to_vec(), unseen: self.model.unseen(columns, row).collect(), explained }
        };
        scored.chunks_exact(self.manifest().outputs.len()).enumerate().map(answer).collect()
    }

    fn explain(&self, matrix: &Matrix, row: usize, output: usize) -> Explained {
        let contributions = self.model.contributions(matrix, row, output);
        let named = contributions.fields.iter().map(|(columns, value)| (self.manifest().name_of(columns), *value));
        let mut fields: Vec<(String, f64)> = named.collect();
        fields.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then_with(|| a.0.cmp(&b.0)));
        Explained { output, base: contributions.base, fields }
    }
}

/// The outputs that are positive, or the most probable one.
fn explained(scored: &[Scored]) -> impl Iterator<Item = usize> {
    let best = (0..scored.len()).max_by(|&a, &b| scored[a].probability.total_cmp(&scored[b].probability));
    let none = !scored.iter().any(|own| own.positive);
    let positive = scored.iter().enumerate().filter_map(|(output, own)| own.positive.then_some(output));
    positive.chain(best.filter(|_| none))
}
