//! Scores rows by a linear model: each feature adds its slope times its value, or a constant if the value is missing.

use crate::engine::rank::contributions::Values;
use crate::engine::rank::matrix::Matrix;

/// A model, as slices of a fitted or a mapped one.
#[derive(Debug, Clone, Copy)]
pub struct Linear<'a> {
    /// The columns that the model uses.
    pub features: &'a [u32],
    /// The slope of each column.
    pub slopes: &'a [f32],
    /// What each column adds to the score if its value is missing.
    pub missing: &'a [f32],
}

impl Linear<'_> {
    /// Scores every row of a matrix.
    pub fn score(&self, matrix: &Matrix, scores: &mut Vec<f32>) {
        self.score_columns(matrix.rows(), |feature| matrix.column(feature), scores);
    }

    /// Scores every row of columns that lie elsewhere, such as those that the batch fits on.
    pub fn score_columns<'c>(&self, rows: usize, column: impl Fn(usize) -> &'c [f32], scores: &mut Vec<f32>) {
        scores.clear();
        scores.resize(rows, 0.0);
        for ((&feature, &slope), &missing) in self.features.iter().zip(self.slopes).zip(self.missing) {
            for (score, &value) in scores.iter_mut().zip(column(feature as usize)) {
                *score += if value.is_nan() { missing } else { slope * value };
            }
        }
    }
}

impl Linear<'_> {
    /// What each column adds to the score of a row, beside what it adds to that of the mean row, which is the base.
    #[must_use]
    pub fn contributions(&self, matrix: &Matrix, row: usize) -> Values {
        let mut values = Values { base: 0.0, features: vec![0.0; matrix.columns()] };
        for ((&feature, &slope), &missing) in self.features.iter().zip(self.slopes).zip(self.missing) {
            let column = matrix.column(feature as usize);
            let term = |value: f32| f64::from(if value.is_nan() { missing } else { slope * value });
            let mean = column.iter().copied().map(term).sum::<f64>() / column.len() as f64;
            values.base += mean;
            values.features[feature as usize] += term(column[row]) - mean;
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_value_adds_what_it_adds() {
        let mut matrix = Matrix::default();
        matrix.reset(2, 2);
        matrix.column_mut(1).copy_from_slice(&[3.0, f32::NAN]);
        let mut scores = Vec::new();
        Linear { features: &[1], slopes: &[2.0], missing: &[-1.0] }.score(&matrix, &mut scores);
        assert_eq!(scores, [6.0, -1.0]);
    }

    #[test]
    fn contributions_are_what_a_row_has_beside_the_mean_row() {
        let mut matrix = Matrix::default();
        matrix.reset(2, 2);
        matrix.column_mut(0).copy_from_slice(&[1.0, 3.0]);
        matrix.column_mut(1).copy_from_slice(&[3.0, f32::NAN]);
        let linear = Linear { features: &[0, 1], slopes: &[0.5, 2.0], missing: &[0.0, -1.0] };
        let values = linear.contributions(&matrix, 0);
        // Terms of 0.5 and 1.5, and of 6 and -1.
        assert_eq!((values.base, values.features), (3.5, vec![-0.5, 3.5]));
    }
}
