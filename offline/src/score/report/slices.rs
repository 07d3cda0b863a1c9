//! How good a model is on parts of the rows: the levels of small categories, and the quarters of important numbers.
//!
//! The interval of the area under the ROC curve is DeLong's, that of the log-loss the normal one: both are exact enough
//! for parts of some hundred rows, and need one sort.
//!
//! Sources: DeLong et al., "Comparing the Areas under Two or More Correlated Receiver Operating Characteristic Curves",
//! Biometrics 1988; Sun, Xu, "Fast Implementation of DeLong's Algorithm", 2014.

use serde::Serialize;
use shared::engine::tabular::column::{Column, Level};
use shared::engine::tabular::schema::{Field, FieldKind};

use super::curves::wilson;
use crate::measure::evaluate::bootstrap::Interval;
use crate::page::number::short;
use crate::score::measure::{Figure, loss_of};

/// Categories of at most so many levels are cut into them.
const LEVELS: usize = 12;
/// At most so many fields of each kind are cut.
const FIELDS: usize = 6;

/// A part of the rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slice {
    /// The field that it is cut by.
    pub field: String,
    /// The values of its rows.
    pub values: String,
    /// How many rows.
    pub rows: usize,
    /// The share of positives.
    pub rate: Figure,
    /// The mean probability.
    pub probability: f64,
    /// The area under the ROC curve; none where one class is missing.
    pub roc_auc: Option<Figure>,
    /// The log-loss.
    pub log_loss: Figure,
}

/// Rows that were measured.
#[derive(Clone, Copy)]
pub struct Measured<'a> {
    /// Their labels.
    pub labels: &'a [f32],
    /// Their probabilities.
    pub probabilities: &'a [f64],
}

/// The parts of rows.
///
/// * `fields`: in the order of their importance, with their values.
#[must_use]
pub fn slices(fields: &[(&Field, &Column)], measured: Measured<'_>) -> Vec<Slice> {
    let mut slices = Vec::new();
    let [mut categories, mut numbers] = [0; 2];
    for (field, column) in fields {
        let (cut, taken) = match (&field.kind, column) {
            (FieldKind::Category { levels, .. }, Column::Levels(column)) => {
                (of_levels(column, levels), &mut categories)
            }
            (FieldKind::Ordinal { levels }, Column::Numbers(places)) => (of_places(places, levels), &mut categories),
            (FieldKind::Number { .. }, Column::Numbers(column)) => (quarters(column), &mut numbers),
            _ => continue,
        };
        if cut.len() < 2 || cut.len() > LEVELS + 1 || *taken == FIELDS {
            continue;
        }
        *taken += 1;
        slices.extend(cut.into_iter().map(|(values, rows)| slice(&field.name, values, &rows, measured)));
    }
    slices
}

/// Some rows, and what they have.
type Cut = Vec<(String, Vec<usize>)>;

fn of_levels(column: &[Level], names: &[String]) -> Cut {
    let mut rows: Vec<(Level, Vec<usize>)> = Vec::new();
    for (row, level) in column.iter().enumerate() {
        match rows.iter().position(|(known, _)| known == level) {
            Some(at) => rows[at].1.push(row),
            None if rows.len() > LEVELS => return Vec::new(),
            None => rows.push((*level, vec![row])),
        }
    }
    let name = |level: Level| names.iter().position(|name| Level::of(name) == level);
    rows.sort_by_key(|(level, _)| (*level == Level::MISSING, name(*level).unwrap_or(usize::MAX), *level));
    let named = |(level, rows): (Level, Vec<usize>)| {
        let known = name(level).map(|at| names[at].clone());
        let other = if level == Level::MISSING { "missing" } else { "a level that is not listed" };
        (known.unwrap_or_else(|| other.to_owned()), rows)
    };
    rows.into_iter().map(named).collect()
}

fn of_places(places: &[f64], levels: &[String]) -> Cut {
    let of = |(at, name): (usize, &String)| (name.clone(), rows_where(places, |place| place == at as f64));
    with_missing(levels.iter().enumerate().map(of).collect(), places)
}

fn quarters(numbers: &[f64]) -> Cut {
    let mut present: Vec<f64> = numbers.iter().copied().filter(|number| !number.is_nan()).collect();
    present.sort_by(f64::total_cmp);
    let at = |share: usize| present.get(share * present.len().saturating_sub(1) / 4).copied();
    let mut borders: Vec<f64> = (1..4).filter_map(at).collect();
    borders.dedup();
    // A border that is the largest value has nothing above it.
    borders.retain(|border| present.last().is_some_and(|last| border < last));
    let named = |place: usize| match (place.checked_sub(1).and_then(|at| borders.get(at)), borders.get(place)) {
        (None, Some(high)) => format!("up to {}", short(*high)),
        (Some(low), Some(high)) => format!("above {}, up to {}", short(*low), short(*high)),
        (Some(low), None) => format!("above {}", short(*low)),
        (None, None) => "any".to_owned(),
    };
    let of = |place: usize| {
        let within = |number: f64| borders.partition_point(|border| *border < number) == place;
        (named(place), rows_where(numbers, |number| !number.is_nan() && within(number)))
    };
    with_missing((0..=borders.len()).map(of).collect(), numbers)
}

fn rows_where(numbers: &[f64], holds: impl Fn(f64) -> bool) -> Vec<usize> {
    (0..numbers.len()).filter(|&row| holds(numbers[row])).collect()
}

fn with_missing(mut cut: Cut, numbers: &[f64]) -> Cut {
    cut.push(("missing".to_owned(), rows_where(numbers, f64::is_nan)));
    cut.retain(|(_, rows)| !rows.is_empty());
    cut
}

fn slice(field: &str, values: String, rows: &[usize], measured: Measured<'_>) -> Slice {
    let labels: Vec<f32> = rows.iter().map(|&row| measured.labels[row]).collect();
    let probabilities: Vec<f64> = rows.iter().map(|&row| measured.probabilities[row]).collect();
    let positives = labels.iter().filter(|label| **label > 0.0).count();
    let losses: Vec<f64> = labels.iter().zip(&probabilities).map(|(&label, &own)| loss_of(label, own)).collect();
    let count = rows.len().max(1) as f64;
    let mean = losses.iter().sum::<f64>() / count;
    let variance = losses.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / f64::max(count - 1.0, 1.0);
    Slice {
        field: field.to_owned(),
        values,
        rows: rows.len(),
        rate: Figure { value: positives as f64 / count, interval: wilson(positives, rows.len()) },
        probability: probabilities.iter().sum::<f64>() / count,
        roc_auc: area(&labels, &probabilities),
        log_loss: around(mean, (variance / count).sqrt(), [0.0, f64::INFINITY]),
    }
}

/// A figure with two standard errors to each side, within bounds.
fn around(value: f64, error: f64, [low, high]: [f64; 2]) -> Figure {
    let reach = 1.96 * error;
    Figure { value, interval: Interval { low: (value - reach).max(low), high: (value + reach).min(high) } }
}

/// The area under the ROC curve with DeLong's interval; none where one class is missing.
fn area(labels: &[f32], probabilities: &[f64]) -> Option<Figure> {
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
    let positives = labels.iter().filter(|label| **label > 0.0).count() as f64;
    let negatives = labels.len() as f64 - positives;
    if positives * negatives == 0.0 {
        return None;
    }
    // Of each row the share of the other class that it stands on the right side of; a tie counts one half.
    let (mut of_positives, mut of_negatives) = (Vec::new(), Vec::new());
    let (mut yes_below, mut no_below) = (0.0, 0.0);
    for equal in order.chunk_by(|&a, &b| probabilities[a] == probabilities[b]) {
        let yes = equal.iter().filter(|&&row| labels[row] > 0.0).count();
        let no = equal.len() - yes;
        of_positives.extend(std::iter::repeat_n((no_below + no as f64 / 2.0) / negatives, yes));
        of_negatives.extend(std::iter::repeat_n(1.0 - (yes_below + yes as f64 / 2.0) / positives, no));
        (yes_below, no_below) = (yes_below + yes as f64, no_below + no as f64);
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let area = mean(&of_positives);
    let variance = |values: &[f64]| {
        let squares: f64 = values.iter().map(|value| (value - area).powi(2)).sum();
        squares / f64::max(values.len() as f64 - 1.0, 1.0) / values.len() as f64
    };
    Some(around(area, (variance(&of_positives) + variance(&of_negatives)).sqrt(), [0.0, 1.0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_has_delongs_error() {
        let found = area(&[1.0, 0.0, 1.0, 0.0], &[0.9, 0.6, 0.5, 0.1]).expect("both classes");
        assert_eq!(found.value, 0.75);
        // Positives win 1 and 1/2 of the negatives, negatives lose 1/2 and win 1: variances of 1/8 over 2 each.
        let error = (0.125f64 / 2.0 + 0.125 / 2.0).sqrt();
        assert!((found.interval.low - (0.75 - 1.96 * error)).abs() < 1e-12, "{found:?}");
        assert_eq!(found.interval.high, 1.0);
        assert!(area(&[1.0, 1.0], &[0.1, 0.2]).is_none());
    }

    #[test]
    fn quarters_hold_all_rows_and_missing_ones_are_a_part_of_their_own() {
        let numbers: Vec<f64> = (0..40).map(f64::from).chain([f64::NAN]).collect();
        let cut = quarters(&numbers);
        let sizes: Vec<usize> = cut.iter().map(|(_, rows)| rows.len()).collect();
        assert_eq!((sizes.len(), sizes.iter().sum::<usize>()), (5, 41));
        assert_eq!(cut[4].0, "missing");
        let flags: Vec<f64> = (0..40).map(|at| f64::from(at % 2)).collect();
        assert_eq!(quarters(&flags).len(), 2);
    }
}
