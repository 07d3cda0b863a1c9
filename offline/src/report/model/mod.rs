//! What a version is, and how good it is: its blend and ranker, its figures on events that it has not seen, and what it shows
//! to users of different kinds.

pub mod calibration;
pub mod evaluation;
pub mod examples;
pub mod measured;
pub mod ranker;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::contract::artifact::Manifest;
use shared::contract::source::Source;
use shared::engine::snapshot::Snapshot;

use crate::log::ingest::Log;
use crate::rank::PairedTest;
use examples::Example;
use measured::Measured;
use ranker::Ranker;

/// A version.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Model {
    /// The weights of the blend, the largest first.
    pub weights: Vec<Weight>,
    /// The ranker; none if it has none.
    pub ranker: Option<Ranker>,
    /// What its fit said of blend and ranker, on the windows at the end of its log.
    pub fit: Fit,
    /// Its figures on events that it has not seen; none where none were measured.
    pub measured: Option<Measured>,
    /// What it shows to some users.
    pub examples: Vec<Example>,
}

/// The weight of a source in the blend.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Weight {
    /// The source.
    pub source: &'static str,
    /// Its weight.
    pub weight: f32,
}

/// The figures of a fit, as a manifest keeps them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fit {
    /// The blend beside its best source.
    pub blend: Option<PairedTest>,
    /// The ranker beside the blend.
    pub ranker: Option<PairedTest>,
    /// The share of the gain of each feature of the ranker.
    pub importance: BTreeMap<String, f64>,
}

impl Fit {
    /// What a manifest says of its fit; nothing where it says nothing, or what this build does not know.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        manifest.metrics.get("fit").and_then(|fit| Self::deserialize(fit).ok()).unwrap_or_default()
    }
}

/// Looks at a version.
#[must_use]
pub fn model(log: &Log, version: &Snapshot, measured: Option<Measured>) -> Model {
    let fit = Fit::of(version.manifest());
    let weights = &version.params().weights;
    let weight = |source: Source| Weight { source: source.as_str(), weight: weights.get(source) };
    let mut weights: Vec<Weight> = Source::ALL.into_iter().map(weight).filter(|own| own.weight != 0.0).collect();
    weights.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    Model {
        weights,
        ranker: ranker::ranker(version, &fit.importance),
        fit,
        measured,
        examples: examples::examples(log, version),
    }
}
