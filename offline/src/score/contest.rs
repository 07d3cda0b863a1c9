//! The contest of a new version with the champion: the log-loss of both on the same held-out rows, in pairs.
//!
//! The rows are those that the new version was not trained on; a champion that was trained on some of them is favoured.

use std::path::Path;

use serde::Serialize;
use shared::contract::artifact::ArtifactError;
use shared::contract::artifact::manifest::read_champion;
use shared::engine::tabular::clients::other_clients;
use shared::engine::tabular::column::Column;
use shared::engine::tabular::manifest::ModelManifest;
use shared::engine::tabular::model::Model;
use shared::engine::tabular::schema::Field;

use super::measure::{loss_of, paired};
use super::table::Table;
use crate::measure::evaluate::bootstrap::Difference;
use crate::measure::gate::Verdict;

/// How a new version compares with the champion.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// There is no champion yet.
    First,
    /// The champion can't score these rows; the new version is promoted.
    Unreadable {
        /// The champion.
        against: String,
        /// Why not.
        reason: String,
    },
    /// The new version expects other fields than the champion, so that its clients would be refused.
    OtherSchema {
        /// The champion.
        against: String,
        /// Where they differ.
        difference: String,
    },
    /// Both were measured.
    Contested {
        /// The champion.
        against: String,
        /// How the contest ended.
        verdict: Verdict,
        /// How many rows.
        cases: usize,
        /// The champion's log-loss.
        champion: f64,
        /// That of the new version.
        new: f64,
        /// The new one's log-loss minus the champion's, with its interval.
        difference: Difference,
    },
}

impl Outcome {
    /// The champion that it was compared with; `None` if there was none.
    #[must_use]
    pub fn against(&self) -> Option<&str> {
        match self {
            Self::First => None,
            Self::Unreadable { against, .. } | Self::OtherSchema { against, .. } | Self::Contested { against, .. } => {
                Some(against)
            }
        }
    }

    /// Whether the new version becomes the champion.
    #[must_use]
    pub fn promotes(&self) -> bool {
        match self {
            Self::First | Self::Unreadable { .. } => true,
            Self::OtherSchema { .. } => false,
            Self::Contested { verdict, .. } => *verdict == Verdict::Promoted,
        }
    }
}

/// Held-out rows with what the new version says of them.
pub struct HeldOut<'a> {
    /// All rows.
    pub table: &'a Table,
    /// Which of them are held out.
    pub rows: &'a [usize],
    /// Their labels, label by label.
    pub labels: &'a [Vec<f32>],
    /// The new version's probabilities, row by row.
    pub probabilities: &'a [f64],
}

/// Holds the contest. The new version stays a challenger if it is significantly worse: if the whole 95% interval of the
/// difference lies above 0.
///
/// * `folder`: that of the model's versions.
///
/// # Errors
/// [`ArtifactError`] when the champion pointer can't be read.
pub fn contest(folder: &Path, new: &ModelManifest, held_out: &HeldOut<'_>) -> Result<Outcome, ArtifactError> {
    let against = match read_champion(folder) {
        Ok(version) => version,
        Err(ArtifactError::NoChampion { .. }) => return Ok(Outcome::First),
        Err(error) => return Err(error),
    };
    let champion = match Model::load(&folder.join(&against)) {
        Ok(champion) => champion,
        Err(error) => return Ok(Outcome::Unreadable { against, reason: error.to_string() }),
    };
    if let Some(difference) = other_clients(champion.manifest(), new) {
        return Ok(Outcome::OtherSchema { against, difference });
    }
    let theirs = match probabilities(&champion, held_out) {
        Ok(probabilities) => probabilities,
        Err(reason) => return Ok(Outcome::Unreadable { against, reason }),
    };
    let losses = |probabilities: &[f64]| -> Vec<f64> {
        let outputs = held_out.labels.len();
        let of_row = |(row, probabilities): (usize, &[f64])| {
            let labels = held_out.labels.iter().map(|labels| labels[row]);
            labels.zip(probabilities).map(|(label, &own)| loss_of(label, own)).sum::<f64>() / outputs as f64
        };
        probabilities.chunks_exact(outputs).enumerate().map(of_row).collect()
    };
    let (old, new) = (losses(&theirs), losses(held_out.probabilities));
    let (cases, mean) = (old.len(), |losses: &[f64]| losses.iter().sum::<f64>() / losses.len().max(1) as f64);
    let difference = paired(&old, &new);
    let verdict = if difference.interval.low > 0.0 { Verdict::Challenger } else { Verdict::Promoted };
    Ok(Outcome::Contested { against, verdict, cases, champion: mean(&old), new: mean(&new), difference })
}

/// What another version says of held-out rows, read by its own schema.
fn probabilities(model: &Model, held_out: &HeldOut<'_>) -> Result<Vec<f64>, String> {
    let columns = read_rows(model.manifest(), held_out.table, held_out.rows)?;
    Ok(model.score(&columns).into_iter().map(|scored| scored.probability).collect())
}

/// The values of some rows of a table for each field of a version. Those that it would refuse are missing ones to it.
///
/// # Errors
/// The field that the table does not have, in words.
pub fn read_rows(manifest: &ModelManifest, table: &Table, rows: &[usize]) -> Result<Vec<Column>, String> {
    let read = |field: &Field| {
        let Some(texts) = table.column(&field.name) else {
            return Err(format!("no column `{}`; there are: {}", field.name, table.names.join(", ")));
        };
        let mut distinct = field.column(texts.values.len());
        texts.values.iter().for_each(|text| drop(field.read(Some(text), &mut distinct)));
        let mut missing = field.column(1);
        let _ = field.read(None, &mut missing);
        Ok(texts.spread(&distinct, &missing).rows(rows))
    };
    manifest.schema.iter().map(read).collect()
}
