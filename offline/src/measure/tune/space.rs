//! The studies of a search: the settings that each of them searches, and the ranges that values are drawn from.

use shared::contract::source::Source;

use crate::config::knobs::{Knob, Range, knob};
use crate::sources::{SourceStudy, TRAINERS};

/// The model that a study measures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Subject {
    /// One source alone.
    Alone(Source),
    /// The trees over all sources.
    Trees,
    /// The linear ranker over all sources.
    Linear,
}

/// Settings that are searched together.
#[derive(Debug)]
pub struct Study {
    /// The model that is measured.
    pub subject: Subject,
    /// The study's share of the time budget, relative to the shares of the others.
    pub share: f64,
    /// The settings that are searched.
    pub knobs: &'static [Knob],
}

/// The studies of the rankers.
const RANKERS: [Study; 2] = [
    Study {
        subject: Subject::Trees,
        share: 0.15,
        knobs: &[
            knob("trees.learning_rate", Range::Log(0.03, 0.2)),
            knob("trees.depth", Range::Whole(4.0, 8.0)),
            knob("trees.l2", Range::Log(0.1, 1000.0)),
            knob("trees.row_share", Range::Linear(0.3, 1.0)),
            knob("trees.feature_share", Range::Linear(0.2, 1.0)),
        ],
    },
    Study {
        subject: Subject::Linear,
        share: 0.15,
        knobs: &[
            knob("linear.features", Range::Whole(10.0, 80.0)),
            knob("linear.epochs", Range::Whole(1.0, 12.0)),
            knob("linear.learning_rate", Range::Log(0.002, 0.2)),
        ],
    },
];

/// All studies, in their order: later ones build on what earlier ones found.
pub fn studies() -> impl Iterator<Item = Study> {
    let of_source =
        |study: &SourceStudy| Study { subject: Subject::Alone(study.source), share: study.share, knobs: study.knobs };
    TRAINERS.iter().flat_map(|trainer| trainer.studies).map(of_source).chain(RANKERS)
}

impl Study {
    /// The name in trials.
    pub fn name(&self) -> &'static str {
        match self.subject {
            Subject::Alone(source) => source.as_str(),
            Subject::Trees => "trees",
            Subject::Linear => "linear",
        }
    }
}
