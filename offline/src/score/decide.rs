//! What the validation rows decide, once the trees are grown: how log-odds become probabilities, and from which of them a row
//! counts as a positive.

use shared::engine::rank::matrix::Matrix;
use shared::engine::tabular::model::Model;

use super::calibrate::{calibrate, ways};
use super::config::ModelConfig;
use super::threshold::{Among, Goal, Missed, choose, missed};

/// Decides by the features of validation rows and their labels. Returns the labels of which no threshold reaches what the
/// config asks for.
///
/// * `times`: how many times as much as a negative a positive of each label counted.
pub fn decide(
    model: &mut Model,
    matrix: &Matrix,
    labels: &[Vec<f32>],
    times: &[f32],
    config: &ModelConfig,
) -> Vec<(String, Missed)> {
    let log_odds: Vec<f32> = model.score_matrix(matrix).into_iter().map(|own| own.log_odds).collect();
    let ways = ways(config.calibration, labels.len(), matrix.rows());
    for (at, own) in labels.iter().enumerate() {
        let calibration = calibrate(own, &of_output(&log_odds, at, labels.len()), ways, times[at]);
        model.manifest_mut().outputs[at].calibration = calibration;
    }
    let probabilities: Vec<f64> = model.score_matrix(matrix).into_iter().map(|own| own.probability).collect();
    let thresholds = thresholds(labels, &probabilities, config.threshold);
    let mut all_missed = Vec::new();
    for (at, (output, threshold)) in model.manifest_mut().outputs.iter_mut().zip(thresholds).enumerate() {
        output.threshold = threshold;
        let own = of_output(&probabilities, at, labels.len());
        let missed = missed(&labels[at], &own, threshold, config.threshold);
        all_missed.extend(missed.map(|missed| (output.label.clone(), missed)));
    }
    all_missed
}

/// The threshold of each label.
fn thresholds(labels: &[Vec<f32>], probabilities: &[f64], goal: Goal) -> Vec<f64> {
    let outputs = labels.len();
    if let Goal::MicroF1 { among } = goal {
        let asked = |row: &usize| among == Among::All || labels.iter().any(|labels| labels[*row] > 0.0);
        let rows: Vec<usize> = (0..labels[0].len()).filter(asked).collect();
        let all: Vec<f32> = rows.iter().flat_map(|&row| labels.iter().map(move |labels| labels[row])).collect();
        let own: Vec<f64> =
            rows.iter().flat_map(|row| &probabilities[row * outputs..(row + 1) * outputs]).copied().collect();
        return vec![choose(&all, &own, Goal::F1); outputs];
    }
    let own = |(at, own): (usize, &Vec<f32>)| choose(own, &of_output(probabilities, at, outputs), goal);
    labels.iter().enumerate().map(own).collect()
}

/// The values of one of several outputs.
#[must_use]
pub fn of_output<T: Copy>(values: &[T], output: usize, outputs: usize) -> Vec<T> {
    values.iter().skip(output).step_by(outputs).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_for_those_who_take_something_is_chosen_among_them() {
        // The second row has no positive, and a probability as large as the positive of the third.
        let labels = [vec![1.0, 0.0, 0.0], vec![0.0, 0.0, 1.0]];
        let probabilities = [0.9, 0.1, 0.6, 0.5, 0.2, 0.4];
        let chosen = |among| thresholds(&labels, &probabilities, Goal::MicroF1 { among });
        // Of all: 0.9 alone has an F1 of 2/3, with the other positive 4/6 at best, which is no more.
        assert_eq!((chosen(Among::Positives), chosen(Among::All)), (vec![f64::midpoint(0.4, 0.2); 2], vec![0.75; 2]));
        assert_eq!(thresholds(&labels, &probabilities, Goal::F1), [0.75, f64::midpoint(0.4, 0.1)]);
    }
}
