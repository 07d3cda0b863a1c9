//! What the windows at the end of the log said of blend and ranker: for people, and for the manifest.

use serde::Serialize;

use super::blend::FEWEST_CASES;
use super::paired::PairedTest;
use crate::config::WindowsOf;

/// How blend and ranker did. It stands in the manifest under `metrics.fit`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// What the windows were parts of; none where the log is too short for a window.
    pub windows: Option<WindowsOf>,
    /// How many questions the served weights were fitted on.
    pub questions: usize,
    /// The long-term blend beside its best source.
    pub long_term: Option<PairedTest>,
    /// The served blend beside its best source.
    pub blend: Option<PairedTest>,
    /// The ranker beside the blend without it.
    pub ranker: Option<PairedTest>,
}

impl Report {
    /// Tells people, louder where a model steps back.
    pub(super) fn tell(&self) {
        if self.blend.is_none() {
            let questions = self.questions;
            tracing::warn!(
                "the end of the log holds {questions} questions, fewer than {FEWEST_CASES}: the weights are those of the config"
            );
        }
        for (of, test) in [("long-term ", &self.long_term), ("", &self.blend), ("", &self.ranker)] {
            match test {
                Some(test) if test.stepped_back => tracing::warn!("{of}{test}"),
                Some(test) => tracing::info!("{of}{test}"),
                None => {}
            }
        }
    }
}
