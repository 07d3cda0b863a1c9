//! Scores rows by a linear model: each feature adds its slope times its value, or a constant if the value is missing.

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
}
