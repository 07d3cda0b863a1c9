//! A loaded version: answers for rows, and counts what it was asked and what it said.

use prometheus::Histogram;
use shared::engine::rank::matrix::Matrix;
use shared::engine::tabular::column::Column;
use shared::engine::tabular::drift::{Bins, Reference};
use shared::engine::tabular::live::{Followed, Live};
use shared::engine::tabular::manifest::ModelManifest;
use shared::engine::tabular::model::{Model, Scored};

use super::served::{Answer, By, Explain, Explained};
use super::window::Window;
use crate::metrics::Metrics;

/// A loaded version.
pub struct Version {
    model: Model,
    /// The probabilities of each output.
    probabilities: Vec<Histogram>,
    drift: Option<Drift>,
}

/// The latest rows, by the bins of the training rows.
struct Drift {
    /// The fields that are compared, as positions in the schema.
    fields: Vec<usize>,
    inputs: Window,
    scores: Window,
}

/// How far the latest rows are from the training rows.
pub struct Drifted<'a> {
    /// Of each field that is compared, as its position in the schema.
    pub inputs: Vec<(usize, Compared<'a>)>,
    /// Of each output.
    pub scores: Vec<Compared<'a>>,
}

/// The latest rows beside those that they are compared with.
pub struct Compared<'a> {
    /// The bins, with the rows that it is compared with.
    pub bins: &'a Bins,
    /// The latest rows in each.
    pub rows: Vec<u64>,
}

impl Drifted<'_> {
    /// The largest index of a field.
    pub fn largest(&self) -> Option<f64> {
        self.inputs.iter().filter_map(|(_, compared)| compared.psi()).max_by(f64::total_cmp)
    }
}

impl Compared<'_> {
    /// The population stability index; `None` of too few rows.
    pub fn psi(&self) -> Option<f64> {
        self.bins.psi(&self.rows)
    }
}

impl Drift {
    fn new(reference: &Reference, half: u64) -> Self {
        let inputs = || reference.inputs.iter().enumerate().filter_map(|(at, bins)| Some((at, bins.as_ref()?)));
        Self {
            fields: inputs().map(|(at, _)| at).collect(),
            inputs: Window::new(inputs().map(|(_, bins)| bins), half),
            scores: Window::new(reference.scores.iter(), half),
        }
    }
}

impl Version {
    /// Prepares a model.
    ///
    /// * `half`: how many rows half of the window has that is compared with the training rows.
    pub fn new(model: Model, metrics: &Metrics, half: u64) -> Self {
        let manifest = model.manifest();
        let histogram =
            |label: &str| metrics.models.probabilities(&manifest.name, &manifest.version, label, &manifest.buckets);
        let probabilities = manifest.outputs.iter().map(|output| histogram(&output.label)).collect();
        let drift = manifest.drift.as_ref().map(|reference| Drift::new(reference, half));
        Self { probabilities, drift, model }
    }

    /// Its name.
    pub fn version(&self) -> &str {
        &self.model.manifest().version
    }

    /// Its manifest.
    pub fn manifest(&self) -> &ModelManifest {
        self.model.manifest()
    }

    /// Empty columns for the fields of the schema.
    pub fn columns(&self, rows: usize) -> Vec<Column> {
        self.model.columns(rows)
    }

    /// The histories that the service goes on with.
    pub fn followed(&self) -> &[Followed] {
        self.model.followed()
    }

    /// Counts rows that were accepted, beside the training rows.
    pub fn count_inputs(&self, columns: &[Column]) {
        let (Some(drift), Some(reference)) = (&self.drift, &self.manifest().drift) else { return };
        drift.inputs.add(columns.first().map_or(0, Column::len), |counts| {
            for (place, &field) in drift.fields.iter().enumerate() {
                if let Some(bins) = &reference.inputs[field] {
                    bins.count(&columns[field], counts.of(place));
                }
            }
        });
    }

    fn count_scores(&self, scored: &[Scored]) {
        let outputs = self.probabilities.len();
        let of = |output: usize| scored.iter().skip(output).step_by(outputs).map(|scored| scored.probability);
        for (output, histogram) in self.probabilities.iter().enumerate() {
            let histogram = histogram.local();
            of(output).for_each(|probability| histogram.observe(probability));
            histogram.flush();
        }
        let (Some(drift), Some(reference)) = (&self.drift, &self.manifest().drift) else { return };
        drift.scores.add(scored.len() / outputs, |counts| {
            for (output, bins) in reference.scores.iter().enumerate() {
                bins.count_numbers(of(output), counts.of(output));
            }
        });
    }

    /// How far the latest rows are from the training rows; `None` of a version that does not know what those were like.
    pub fn drifted(&self) -> Option<Drifted<'_>> {
        let (drift, reference) = (self.drift.as_ref()?, self.manifest().drift.as_ref()?);
        let (inputs, scores) = (drift.inputs.counts(), drift.scores.counts());
        let input = |(rows, &field): (&[u64], &usize)| {
            Some((field, Compared { bins: reference.inputs[field].as_ref()?, rows: rows.to_vec() }))
        };
        let inputs = inputs.columns().zip(&drift.fields).filter_map(input).collect();
        let score = |(rows, bins)| Compared { bins, rows: <[u64]>::to_vec(rows) };
        let scores = scores.columns().zip(&reference.scores).map(score).collect();
        Some(Drifted { inputs, scores })
    }

    /// Answers for rows.
    ///
    /// * `live`: what is known of their keys.
    pub fn answer(&self, columns: &[Column], live: &Live, explain: Explain, by: By) -> Vec<Answer> {
        let matrix = self.model.matrix_beside(columns, live);
        let scores = self.model.score_matrix(&matrix);
        self.count_scores(&scores);
        self.told(columns, &matrix, &scores, explain, by)
    }

    /// What would be answered for rows: it counts nowhere.
    ///
    /// * `live`: what is known of their keys.
    pub fn try_out(&self, columns: &[Column], live: &Live, explain: Explain) -> Vec<Answer> {
        let matrix = self.model.matrix_beside(columns, live);
        let scores = self.model.score_matrix(&matrix);
        self.told(columns, &matrix, &scores, explain, By::Champion)
    }

    fn told(&self, columns: &[Column], matrix: &Matrix, scores: &[Scored], explain: Explain, by: By) -> Vec<Answer> {
        let answer = |(row, scored): (usize, &[Scored])| {
            let explained = match explain {
                Explain::Yes => explained(scored).map(|output| self.explain(matrix, row, output)).collect(),
                Explain::No => Vec::new(),
            };
            Answer { scored: scored.to_vec(), unseen: self.model.unseen(columns, row).collect(), explained, by }
        };
        scores.chunks_exact(self.manifest().outputs.len()).enumerate().map(answer).collect()
    }

    fn explain(&self, matrix: &Matrix, row: usize, output: usize) -> Explained {
        let contributions = self.model.contributions(matrix, row, output);
        let named = contributions.fields.iter().map(|(columns, value)| (self.manifest().name_of(columns), *value));
        let mut fields: Vec<(String, f64)> = named.collect();
        fields.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then_with(|| a.0.cmp(&b.0)));
        Explained { output, base: contributions.base, fields }
    }

    /// Takes its series out of the metrics; it is not served any more.
    pub fn forget(&self, metrics: &Metrics) {
        let manifest = self.manifest();
        let labels = manifest.outputs.iter().map(|output| output.label.as_str());
        metrics.models.forget_version(&manifest.name, &manifest.version, labels);
    }
}

/// The outputs that are positive, or the most probable one.
fn explained(scored: &[Scored]) -> impl Iterator<Item = usize> {
    let best = (0..scored.len()).max_by(|&a, &b| scored[a].probability.total_cmp(&scored[b].probability));
    let none = !scored.iter().any(|own| own.positive);
    let positive = scored.iter().enumerate().filter_map(|(output, own)| own.positive.then_some(output));
    positive.chain(best.filter(|_| none))
}
