//! Models side by side on the measured rows: the version, the baseline, the champion.

use std::collections::BTreeMap;

use serde::Serialize;

use super::curves::{Curves, curves};
use crate::measure::evaluate::bootstrap::Difference;
use crate::score::measure::{Figure, Rated, Replicated};
use crate::score::threshold::Goal;

/// Which of the models it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// The version that the report is about.
    Version,
    /// The logistic regression.
    Baseline,
    /// The version that answers.
    Champion,
}

/// What a model says of the measured rows.
pub struct Said {
    /// Which it is.
    pub who: Who,
    /// Its version, or what it is made of.
    pub name: String,
    /// From which probability a row counts as a positive.
    pub threshold: f64,
    /// Row by row.
    pub probabilities: Vec<f64>,
}

/// A model on the measured rows.
#[derive(Debug, Clone, Serialize)]
pub struct Beside {
    /// Which it is.
    pub who: Who,
    /// Its version, or what it is made of.
    pub name: String,
    /// From which probability a row counts as a positive.
    pub threshold: f64,
    /// Its metrics.
    pub metrics: BTreeMap<&'static str, Figure>,
    /// How much higher each metric of the version is, in pairs; none of the version itself.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub version_minus_this: BTreeMap<&'static str, Difference>,
    /// Its curves.
    pub curves: Curves,
}

/// Measures models; the first is the version.
#[must_use]
pub fn measured(labels: &[f32], said: &[Said], goal: Goal) -> Vec<Beside> {
    fn rated(own: &Said) -> Rated<'_> {
        Rated { probabilities: &own.probabilities, threshold: own.threshold }
    }
    let measured = Replicated::of(labels, &said.iter().map(rated).collect::<Vec<Rated<'_>>>(), goal);
    let of = |(at, own): (usize, &Said)| Beside {
        who: own.who,
        name: own.name.clone(),
        threshold: own.threshold,
        metrics: meaningful(measured.figures(at), labels),
        version_minus_this: if at == 0 { BTreeMap::new() } else { meaningful(measured.differences(at, 0), labels) },
        curves: curves(labels, &own.probabilities, own.threshold, goal),
    };
    said.iter().enumerate().map(of).collect()
}

/// The figures that mean something: where one class is missing, some do not.
#[must_use]
pub fn meaningful<T>(mut figures: BTreeMap<&'static str, T>, labels: &[f32]) -> BTreeMap<&'static str, T> {
    let both = labels.iter().any(|label| *label > 0.0) && labels.iter().any(|label| *label <= 0.0);
    figures.retain(|name, _| both || !matches!(*name, "roc_auc" | "average_precision" | "precision" | "recall" | "f1"));
    figures
}
