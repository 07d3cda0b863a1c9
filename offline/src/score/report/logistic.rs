//! Logistic regression with an L2 penalty, by L-BFGS, over rows of a few numbers and of places of levels.
//!
//! ```text
//! loss(w, b) = mean over rows of ln(1 + e^(-y · (w·x + b))) + l2/2 · |w|²        y: 1 or -1
//! ```
//!
//! Rows keep the numbers as they are and of each category the place of its level, so that an iteration costs rows ×
//! columns, however many levels there are. Sums run in chunks of fixed rows, so that the result has the same bits
//! whatever the number of threads.
//!
//! Source: Nocedal, "Updating Quasi-Newton Matrices with Limited Storage", 1980; Nocedal, Wright, "Numerical
//! Optimization", 2nd edition, 2006, algorithm 7.4 and the condition of Armijo.

use std::collections::VecDeque;

use rayon::prelude::*;

/// How many steps are remembered.
const MEMORY: usize = 10;
/// The most iterations.
const ITERATIONS: usize = 200;
/// It has ended when no part of the gradient is larger.
const TOLERANCE: f64 = 1e-6;
/// The rows whose sums one thread makes.
const CHUNK: usize = 4096;

/// Rows of numbers and levels.
#[derive(Debug, Clone, Default)]
pub struct Design {
    /// How many rows there are.
    pub rows: usize,
    /// The numbers, column by column.
    pub numbers: Vec<Vec<f32>>,
    /// The weight of each row's level, column by column: a place behind those of the numbers.
    pub places: Vec<Vec<u32>>,
    /// How many weights there are: one for each number and each level.
    pub weights: usize,
}

/// The log-odds of rows; the intercept stands behind the weights.
#[must_use]
pub fn log_odds(design: &Design, parameters: &[f64]) -> Vec<f64> {
    (0..design.rows).into_par_iter().map(|row| of_row(design, parameters, row)).collect()
}

fn of_row(design: &Design, parameters: &[f64], row: usize) -> f64 {
    let numbers = design.numbers.iter().zip(parameters).map(|(column, weight)| f64::from(column[row]) * weight);
    let levels = design.places.iter().map(|column| parameters[column[row] as usize]);
    numbers.sum::<f64>() + levels.sum::<f64>() + parameters[design.weights]
}

/// Fits weights and, behind them, the intercept.
#[must_use]
pub fn fit(design: &Design, labels: &[f32], l2: f64) -> Vec<f64> {
    let mut at = vec![0.0; design.weights + 1];
    let (mut loss, mut gradient) = value(design, labels, l2, &at);
    let mut steps: VecDeque<(Vec<f64>, Vec<f64>)> = VecDeque::new();
    for _ in 0..ITERATIONS {
        if gradient.iter().all(|part| part.abs() < TOLERANCE) {
            break;
        }
        let direction = direction(&gradient, &steps);
        let slope = dot(&direction, &gradient);
        let mut step = if steps.is_empty() { 1.0 / dot(&gradient, &gradient).sqrt().max(1.0) } else { 1.0 };
        let found = loop {
            let next: Vec<f64> = at.iter().zip(&direction).map(|(at, by)| at + step * by).collect();
            let (new_loss, new_gradient) = value(design, labels, l2, &next);
            if new_loss <= loss + 1e-4 * step * slope {
                break Some((next, new_loss, new_gradient));
            }
            step /= 2.0;
            if step < 1e-10 {
                break None;
            }
        };
        // Nothing better in this direction: rounding is all that is left.
        let Some((next, new_loss, new_gradient)) = found else { break };
        let less = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>();
        let (moved, bent) = (less(&next, &at), less(&new_gradient, &gradient));
        if dot(&moved, &bent) > 0.0 {
            steps.push_back((moved, bent));
            if steps.len() > MEMORY {
                steps.pop_front();
            }
        }
        (at, loss, gradient) = (next, new_loss, new_gradient);
    }
    at
}

/// Where to go: minus the gradient, times what the last steps tell of the inverse of the curvature.
fn direction(gradient: &[f64], steps: &VecDeque<(Vec<f64>, Vec<f64>)>) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|part| -part).collect();
    let mut shares = Vec::new();
    for (moved, bent) in steps.iter().rev() {
        let share = dot(moved, &direction) / dot(moved, bent);
        direction.iter_mut().zip(bent).for_each(|(part, bent)| *part -= share * bent);
        shares.push(share);
    }
    if let Some((moved, bent)) = steps.back() {
        let scale = dot(moved, bent) / dot(bent, bent);
        direction.iter_mut().for_each(|part| *part *= scale);
    }
    for ((moved, bent), share) in steps.iter().zip(shares.iter().rev()) {
        let other = dot(bent, &direction) / dot(moved, bent);
        direction.iter_mut().zip(moved).for_each(|(part, moved)| *part += (share - other) * moved);
    }
    direction
}

/// The loss and its gradient.
fn value(design: &Design, labels: &[f32], l2: f64, parameters: &[f64]) -> (f64, Vec<f64>) {
    let chunk = |begin: usize| {
        let (mut loss, mut gradient) = (0.0, vec![0.0; parameters.len()]);
        for row in begin..(begin + CHUNK).min(design.rows) {
            let sign = if labels[row] > 0.0 { 1.0 } else { -1.0 };
            let margin = sign * of_row(design, parameters, row);
            loss += (-margin).max(0.0) + (-margin.abs()).exp().ln_1p();
            let pull = -sign / (1.0 + margin.exp());
            for (part, column) in gradient.iter_mut().zip(&design.numbers) {
                *part += pull * f64::from(column[row]);
            }
            for column in &design.places {
                gradient[column[row] as usize] += pull;
            }
            gradient[design.weights] += pull;
        }
        (loss, gradient)
    };
    let begins: Vec<usize> = (0..design.rows).step_by(CHUNK).collect();
    let chunks: Vec<(f64, Vec<f64>)> = begins.into_par_iter().map(chunk).collect();
    let rows = design.rows.max(1) as f64;
    let (mut loss, mut gradient) = (0.0, vec![0.0; parameters.len()]);
    for (own, parts) in chunks {
        loss += own / rows;
        gradient.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part / rows);
    }
    for (part, weight) in gradient.iter_mut().zip(&parameters[..design.weights]) {
        loss += l2 / 2.0 * weight * weight;
        *part += l2 * weight;
    }
    (loss, gradient)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_columns_the_intercept_is_the_log_odds_of_the_label() {
        let design = Design { rows: 4, ..Design::default() };
        let found = fit(&design, &[1.0, 0.0, 0.0, 0.0], 0.0);
        assert!((found[0] - (1.0f64 / 3.0).ln()).abs() < 1e-4, "{found:?}");
    }

    #[test]
    fn levels_have_the_log_odds_of_their_rows_and_a_penalty_shrinks_them() {
        // Level 0: 3 of 4 are positives; level 1: 1 of 4.
        let design = Design { rows: 8, numbers: vec![], places: vec![vec![0, 0, 0, 0, 1, 1, 1, 1]], weights: 2 };
        let labels = [1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0];
        let free = fit(&design, &labels, 1e-9);
        assert!((free[0] + free[2] - 3f64.ln()).abs() < 1e-3, "{free:?}");
        let shrunk = fit(&design, &labels, 1.0);
        assert!(shrunk[0] > 0.0 && shrunk[0] < free[0] / 2.0, "{shrunk:?}");
    }

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let design = Design {
            rows: 5,
            numbers: vec![vec![0.5, -1.0, 2.0, 0.0, 1.0]],
            places: vec![vec![1, 2, 1, 2, 2]],
            weights: 3,
        };
        let labels = [1.0, 0.0, 1.0, 0.0, 1.0];
        let at = [0.3, -0.2, 0.7, 0.1];
        let (_, gradient) = value(&design, &labels, 0.5, &at);
        for part in 0..4 {
            let shifted = |by: f64| {
                let mut at = at;
                at[part] += by;
                value(&design, &labels, 0.5, &at).0
            };
            let slope = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
            assert!((gradient[part] - slope).abs() < 1e-8, "{part}: {} {slope}", gradient[part]);
        }
    }
}
