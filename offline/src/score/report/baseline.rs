//! A logistic regression on the same training rows: what a model of rows must beat to be worth its trees.
//!
//! Numbers are standardised, missing ones have the mean and a flag; of categories the frequent levels have a weight each,
//! all others one. Times and keys are left out. The threshold is chosen on the same validation rows as that of the model.

use hashbrown::HashMap;
use serde::Serialize;
use shared::engine::tabular::column::{Column, Level};
use shared::engine::tabular::schema::FieldKind;

use super::logistic::{Design, fit, log_odds};
use super::source::Source;
use crate::score::split::sample;
use crate::score::threshold::choose;
use crate::score::train::labels_of;

/// A level has a weight of its own from so many rows on, at most [`LEVELS`] of a category.
const LEAST_ROWS: usize = 10;
const LEVELS: usize = 100;
/// At most so many values are fitted on, so that the rows fit into memory beside those of the table.
const VALUES: usize = 100_000_000;
/// The penalty, over the number of rows: the usual one of libraries.
const L2: f64 = 1.0;

/// A fitted baseline on the measured rows.
#[derive(Debug, Clone, Serialize)]
pub struct Baseline {
    /// How many rows it was fitted on.
    pub rows: usize,
    /// How many weights it has.
    pub weights: usize,
    /// From which probability a row counts as a positive.
    pub threshold: f64,
    /// The probabilities of the measured rows.
    #[serde(skip)]
    pub probabilities: Vec<f64>,
}

/// How a column becomes numbers.
enum Coded<'a> {
    Number { numbers: &'a [f64], mean: f64, deviation: f64, flagged: bool },
    Levels { levels: &'a [Level], places: HashMap<Level, u32>, first: u32 },
}

/// Fits a baseline; none where there are no training rows.
///
/// * `labels`: of all rows.
#[must_use]
pub fn baseline(source: &Source, labels: &[f32]) -> Option<Baseline> {
    let columns = &source.columns;
    let looked_at = |at: &usize| {
        let kind = columns.fields.get(*at).map(|field| &field.kind);
        !matches!(kind, Some(FieldKind::Time { .. } | FieldKind::Key { .. }))
    };
    let places: Vec<usize> = (0..columns.values.len()).filter(looked_at).collect();
    let train = sample(&source.parts.train, VALUES / places.len().max(1));
    if train.is_empty() || places.is_empty() {
        return None;
    }
    let mut coded: Vec<Coded> = places.iter().map(|&at| code(&columns.values[at], &train)).collect();
    let mut weights =
        coded.iter().map(|own| if let Coded::Number { flagged, .. } = own { 1 + u32::from(*flagged) } else { 0 }).sum();
    for own in &mut coded {
        if let Coded::Levels { places, first, .. } = own {
            *first = weights;
            // The first place is that of all other levels.
            weights += 1 + places.len() as u32;
        }
    }
    let own = labels_of(labels, &train);
    let parameters = fit(&design(&coded, weights, &train), &own, L2 / train.len() as f64);
    let said = |rows: &[usize]| -> Vec<f64> {
        let scores = log_odds(&design(&coded, weights, rows), &parameters);
        scores.into_iter().map(|score| 1.0 / (1.0 + (-score).exp())).collect()
    };
    let valid = &source.parts.valid;
    let threshold = choose(&labels_of(labels, valid), &said(valid), source.config.threshold);
    Some(Baseline { rows: train.len(), weights: weights as usize, threshold, probabilities: said(&source.parts.test) })
}

fn code<'a>(column: &'a Column, train: &[usize]) -> Coded<'a> {
    match column {
        Column::Numbers(numbers) => {
            let present = || train.iter().map(|&row| numbers[row]).filter(|number| number.is_finite());
            let count = present().count().max(1) as f64;
            let mean = present().sum::<f64>() / count;
            let variance = present().map(|number| (number - mean).powi(2)).sum::<f64>() / count;
            let deviation = if variance > 0.0 { variance.sqrt() } else { 1.0 };
            Coded::Number { numbers, mean, deviation, flagged: (count as usize) < train.len() }
        }
        Column::Levels(levels) => {
            let mut counts: HashMap<Level, usize> = HashMap::new();
            train.iter().for_each(|&row| *counts.entry(levels[row]).or_default() += 1);
            let mut frequent: Vec<(Level, usize)> =
                counts.into_iter().filter(|(_, count)| *count >= LEAST_ROWS).collect();
            frequent.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
            let places = frequent.iter().take(LEVELS).zip(1..).map(|((level, _), place)| (*level, place)).collect();
            Coded::Levels { levels, places, first: 0 }
        }
    }
}

fn design(coded: &[Coded], weights: u32, rows: &[usize]) -> Design {
    let mut design = Design { rows: rows.len(), weights: weights as usize, ..Design::default() };
    for own in coded {
        match own {
            Coded::Number { numbers, mean, deviation, flagged } => {
                let standard = |&row: &usize| {
                    let number = numbers[row];
                    if number.is_finite() { ((number - mean) / deviation) as f32 } else { 0.0 }
                };
                design.numbers.push(rows.iter().map(standard).collect());
                if *flagged {
                    let flag = |&row: &usize| f32::from(u8::from(!numbers[row].is_finite()));
                    design.numbers.push(rows.iter().map(flag).collect());
                }
            }
            Coded::Levels { levels, places, first } => {
                let place = |&row: &usize| first + places.get(&levels[row]).copied().unwrap_or(0);
                design.places.push(rows.iter().map(place).collect());
            }
        }
    }
    design
}
