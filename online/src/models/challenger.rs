//! A challenger beside the champion: scores a share of the rows, unseen, or answers them.
//!
//! The champion reads the rows for both. A shadow scores within the request: that costs some microseconds a row, less
//! than to hand the row to another thread.

use std::sync::Arc;

use prometheus::IntCounter;
use shared::engine::tabular::challenge::{Challenge, Mode};
use shared::engine::tabular::clients::places;
use shared::engine::tabular::column::Column;
use shared::engine::tabular::live::Live;

use super::rows::Rows;
use super::served::{Answer, By, Explain};
use super::version::Version;
use crate::metrics::Metrics;

/// A version beside the champion.
pub struct Challenger {
    /// The version.
    pub version: Arc<Version>,
    challenge: Challenge,
    /// Where its fields are among those of the champion.
    places: Vec<usize>,
    /// Rows that it scored unseen, for which it says what the champion does, and others.
    agreed: [IntCounter; 2],
}

impl Challenger {
    /// Puts a version beside a champion.
    ///
    /// # Errors
    /// Why it can't score the champion's rows.
    pub fn new(
        champion: &Version,
        version: Arc<Version>,
        challenge: Challenge,
        metrics: &Metrics,
    ) -> Result<Self, String> {
        let places = places(champion.manifest(), version.manifest())?;
        let agreed = metrics.models.shadow_rows(&version.manifest().name, version.version());
        Ok(Self { version, challenge, places, agreed })
    }

    /// What becomes of its answers, in a word.
    pub fn mode(&self) -> &'static str {
        self.challenge.mode.as_str()
    }

    /// The share of the rows that it scores.
    pub fn share(&self) -> f64 {
        self.challenge.share
    }

    /// Answers for rows.
    ///
    /// * `live`: what is known of their keys.
    pub fn answer(&self, champion: &Version, rows: &Rows, live: &Live, explain: Explain) -> Vec<Answer> {
        let (own, others): (Vec<usize>, Vec<usize>) =
            (0..rows.rows).partition(|&row| self.challenge.takes(rows.named(row)));
        if own.is_empty() {
            return champion.answer(&rows.columns, live, explain, By::Champion);
        }
        let own_columns: Vec<Column> = self.places.iter().map(|&place| rows.columns[place].rows(&own)).collect();
        match self.challenge.mode {
            Mode::Shadow => {
                let answers = champion.answer(&rows.columns, live, explain, By::Champion);
                let shadows = self.version.answer(&own_columns, live, Explain::No, By::Challenger);
                for (row, shadow) in own.iter().zip(shadows) {
                    self.agreed[usize::from(!same(&answers[*row], &shadow))].inc();
                }
                answers
            }
            Mode::Split => {
                let other_columns: Vec<Column> = rows.columns.iter().map(|column| column.rows(&others)).collect();
                let mut answers: Vec<(usize, Answer)> = own
                    .into_iter()
                    .zip(self.version.answer(&own_columns, live, explain, By::Challenger))
                    .chain(others.into_iter().zip(champion.answer(&other_columns, live, explain, By::Champion)))
                    .collect();
                answers.sort_unstable_by_key(|(row, _)| *row);
                answers.into_iter().map(|(_, answer)| answer).collect()
            }
        }
    }
}

/// Whether two answers say the same of every label.
fn same(one: &Answer, other: &Answer) -> bool {
    one.scored.iter().zip(&other.scored).all(|(one, other)| one.positive == other.positive)
}
