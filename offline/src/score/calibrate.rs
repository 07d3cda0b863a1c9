//! Fits the calibration of a model on validation rows, and keeps it only if it helps on rows that it was not fitted on.
//!
//! Each of the ways is fitted on nine tenths of the rows and measured on the last, ten times; the one with the smallest
//! log-loss is fitted on all. A way that is no better than none is not taken.

use shared::engine::tabular::calibration::Calibration;

use super::config::CalibrateBy;

/// With fewer positives, or negatives, rows say nothing of probabilities.
const FEWEST: usize = 10;
/// Of fewer rows the steps of an isotonic regression are mostly chance.
const ISOTONIC: usize = 500;
/// How many parts the rows are cut into.
const PARTS: usize = 10;
/// Probabilities are at least this far from 0 and 1: a step without a positive is no certainty.
const LEAST: f64 = 1e-4;

/// Log-odds and labels.
pub type Pairs = [(f64, f64)];

/// A way to calibrate, fitted on rows.
pub type Way = fn(&Pairs) -> Calibration;

/// The ways to choose from for so many outputs, by so many rows.
#[must_use]
pub fn ways(by: CalibrateBy, outputs: usize, rows: usize) -> &'static [Way] {
    const ALL: &[Way] = &[none, platt, isotonic];
    match by {
        // Steps would make several labels of a row equal that are not.
        CalibrateBy::Validation => &ALL[..if outputs == 1 && rows >= ISOTONIC { 3 } else { 2 }],
        CalibrateBy::Platt => &ALL[1..2],
        CalibrateBy::Isotonic => &ALL[2..],
        CalibrateBy::None => &ALL[..1],
    }
}

/// The calibration of validation rows.
///
/// * `scores`: log-odds.
/// * `ways`: those to choose from.
/// * `times`: how many times as much as a negative a positive counted when the scores were learnt; where rows are too few to
///   calibrate, their log-odds are too large by its logarithm.
#[must_use]
pub fn calibrate(labels: &[f32], scores: &[f32], ways: &[Way], times: f32) -> Calibration {
    let positives = labels.iter().filter(|label| **label > 0.0).count();
    if positives.min(labels.len() - positives) < FEWEST {
        let intercept = -f64::from(times).ln();
        return if times == 1.0 { Calibration::None } else { Calibration::Platt { slope: 1.0, intercept } };
    }
    let rows: Vec<(f64, f64)> =
        scores.iter().zip(labels).map(|(&score, &label)| (score.into(), label.into())).collect();
    let loss = |way: &Way| -> f64 {
        let of_part = |part: usize| {
            let (own, others): (Vec<_>, Vec<_>) = rows.iter().enumerate().partition(|(row, _)| row % PARTS == part);
            let others: Vec<(f64, f64)> = others.into_iter().map(|(_, row)| *row).collect();
            let calibration = way(&others);
            own.into_iter().map(|(_, (x, label))| loss_of(calibration.probability(*x as f32), *label)).sum::<f64>()
        };
        (0..PARTS).map(of_part).sum()
    };
    let best = ways.iter().map(|way| (loss(way), way)).min_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or(Calibration::None, |(_, way)| way(&rows))
}

fn loss_of(probability: f64, label: f64) -> f64 {
    let probability = probability.clamp(LEAST, 1.0 - LEAST);
    -if label > 0.0 { probability.ln() } else { (1.0 - probability).ln() }
}

fn none(_: &Pairs) -> Calibration {
    Calibration::None
}

/// Logistic regression of the labels on the log-odds, by Newton steps.
fn platt(rows: &Pairs) -> Calibration {
    const STEPS: usize = 50;
    let (mut slope, mut intercept) = (1.0f64, 0.0f64);
    for _ in 0..STEPS {
        let (mut gradient, mut curvature) = ([0.0; 2], [1e-9, 0.0, 1e-9]);
        for &(x, label) in rows {
            let p = 1.0 / (1.0 + (-(slope * x + intercept)).exp());
            let (error, weight) = (p - label, p * (1.0 - p));
            gradient = [gradient[0] + error * x, gradient[1] + error];
            curvature = [curvature[0] + weight * x * x, curvature[1] + weight * x, curvature[2] + weight];
        }
        let determinant = curvature[0] * curvature[2] - curvature[1] * curvature[1];
        let step = [
            (curvature[2] * gradient[0] - curvature[1] * gradient[1]) / determinant,
            (curvature[0] * gradient[1] - curvature[1] * gradient[0]) / determinant,
        ];
        (slope, intercept) = (slope - step[0], intercept - step[1]);
        if step.iter().all(|step| step.abs() < 1e-9) {
            break;
        }
    }
    // The order of rows must stay.
    if slope > 0.0 && slope.is_finite() && intercept.is_finite() {
        Calibration::Platt { slope, intercept }
    } else {
        Calibration::None
    }
}

/// The rising steps nearest to the labels: neighbouring blocks are pooled while one is above the next.
///
/// Source: Ayer et al., "An Empirical Distribution Function for Sampling with Incomplete Information", 1955.
fn isotonic(rows: &Pairs) -> Calibration {
    let mut rows = rows.to_vec();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Each block: the sum of its log-odds, the sum of its labels, how many rows.
    let mut blocks: Vec<[f64; 3]> = Vec::new();
    for (x, label) in rows {
        blocks.push([x, label, 1.0]);
        while let [.., [x, label, count], last] = blocks[..]
            && label / count >= last[1] / last[2]
        {
            blocks.truncate(blocks.len() - 2);
            blocks.push([x + last[0], label + last[1], count + last[2]]);
        }
    }
    Calibration::Isotonic {
        at: blocks.iter().map(|[x, _, count]| x / count).collect(),
        probability: blocks.iter().map(|[_, label, count]| (label / count).clamp(LEAST, 1.0 - LEAST)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_rise() {
        let rows = [(-2.0, 0.0), (-1.0, 1.0), (0.0, 0.0), (1.0, 1.0)];
        let Calibration::Isotonic { at, probability } = isotonic(&rows) else { panic!("steps") };
        assert_eq!((at, probability), (vec![-2.0, -0.5, 1.0], vec![LEAST, 0.5, 1.0 - LEAST]));
    }

    #[test]
    fn rows_of_one_label_calibrate_nothing() {
        let scores: Vec<f32> = (0..100).map(|row| row as f32 / 10.0 - 5.0).collect();
        let few: Vec<f32> = (0..100).map(|row| f32::from(u8::from(row > 95))).collect();
        for labels in [vec![0.0; 100], vec![1.0; 100], few] {
            assert_eq!(calibrate(&labels, &scores, ways(CalibrateBy::Platt, 1, 100), 1.0), Calibration::None);
        }
    }

    #[test]
    fn what_positives_counted_is_taken_back_without_rows_to_calibrate_on() {
        let found = calibrate(&[0.0; 50], &[0.5; 50], ways(CalibrateBy::Validation, 1, 50), 3.0);
        // Odds of 3 to 1 are even odds.
        assert!((found.probability(3f32.ln()) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn scores_that_are_twice_too_sure_are_straightened() {
        // Log-odds of 2·x where x is true.
        let rows: Vec<(f64, f64)> = (-20..=20)
            .flat_map(|x| {
                let x = f64::from(x) / 10.0;
                let positives = (100.0 / (1.0 + (-x).exp())).round() as usize;
                (0..100).map(move |row| (2.0 * x, if row < positives { 1.0 } else { 0.0 }))
            })
            .collect();
        let Calibration::Platt { slope, intercept } = platt(&rows) else { panic!("a slope") };
        assert!((slope - 0.5).abs() < 0.01 && intercept.abs() < 0.01, "{slope} {intercept}");
    }
}
