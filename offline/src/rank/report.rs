//! The report on a fit: the figures of blend and ranker on the windows at the end of the log, for the log output and
//! the manifest.

use std::collections::BTreeMap;

use serde::Serialize;

use super::blend::FEWEST_CASES;
use super::paired::PairedTest;
use crate::config::WindowsOf;

/// The figures of blend and ranker. The manifest has them under `metrics.fit`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// What the windows were cut from; none if the log is too short for a window.
    pub windows: Option<WindowsOf>,
    /// The number of questions that the served weights were fitted on.
    pub questions: usize,
    /// The long-term blend compared with its best source.
    pub long_term: Option<PairedTest>,
    /// The served blend compared with its best source.
    pub blend: Option<PairedTest>,
    /// The ranker compared with the blend without it.
    pub ranker: Option<PairedTest>,
    /// The importance of the features that the ranker looks at: of trees the share of the gain that a feature's splits have, of
    /// a weighted sum the size of its weight. Empty without a ranker.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub importance: BTreeMap<String, f64>,
}

impl Report {
    /// Logs the report, with a warning if a model fell back to the simpler one.
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
