//! Cholesky decomposition of small dense matrices: A = L·Lᵀ, and the solution of A·x = b with it.
//!
//! In: a symmetric matrix, row by row. It should be positive definite; a direction whose pivot is lost in rounding, or
//! that a truncated matrix lacks, gets the solution 0 instead of an error. Sums run in the order of the columns, so
//! that the result has the same bits on every machine. Cost: size³ / 3.
//!
//! Source: Golub, Van Loan, "Matrix Computations", 4th edition, 2013, section 4.2.

/// A pivot below this counts as lost in rounding.
const LEAST_PIVOT: f64 = 1e-9;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Writes L into the lower triangle of a matrix; the part above the diagonal is neither read nor changed.
pub fn decompose(matrix: &mut [f64], size: usize) {
    for row in 0..size {
        let (before, from_row) = matrix.split_at_mut(row * size);
        for column in 0..row {
            let known = dot(&from_row[..column], &before[column * size..][..column]);
            from_row[column] = (from_row[column] - known) / before[column * size + column];
        }
        let rest = from_row[row] - dot(&from_row[..row], &from_row[..row]);
        // A division by infinity gives 0.
        from_row[row] = if rest > LEAST_PIVOT { rest.sqrt() } else { f64::INFINITY };
    }
}

/// Solves a system in place: `matrix` becomes L, `right` the solution.
pub fn solve(matrix: &mut [f64], right: &mut [f64], size: usize) {
    decompose(matrix, size);
    for row in 0..size {
        let from_row = &matrix[row * size..][..=row];
        right[row] = (right[row] - dot(&from_row[..row], &right[..row])) / from_row[row];
    }
    for row in (0..size).rev() {
        right[row] /= matrix[row * size + row];
        for before in 0..row {
            right[before] -= matrix[row * size + before] * right[row];
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_system_is_solved_as_by_hand() {
        // 4x + 2y = 10, 2x + 3y = 9.
        let (mut matrix, mut right) = ([4.0, 2.0, 2.0, 3.0], [10.0, 9.0]);
        solve(&mut matrix, &mut right, 2);
        assert!((right[0] - 1.5).abs() < 1e-12 && (right[1] - 2.0).abs() < 1e-12, "{right:?}");
    }

    #[test]
    fn a_direction_that_the_matrix_lacks_gets_nothing() {
        // The second row is the first again.
        let (mut matrix, mut right) = ([1.0, 1.0, 1.0, 1.0], [3.0, 3.0]);
        solve(&mut matrix, &mut right, 2);
        assert_eq!(right, [3.0, 0.0]);
    }

    proptest! {
        #[test]
        fn the_solution_of_a_positive_definite_system_gives_its_right_side(
            factors in prop::collection::vec(-2.0f64..2.0, 25),
            right in prop::collection::vec(-3.0f64..3.0, 5),
        ) {
            // F·Fᵀ + I.
            let value = |row: usize, column: usize| {
                dot(&factors[row * 5..][..5], &factors[column * 5..][..5]) + f64::from(u8::from(row == column))
            };
            let mut matrix: Vec<f64> = (0..25).map(|at| value(at / 5, at % 5)).collect();
            let (system, mut found) = (matrix.clone(), right.clone());
            solve(&mut matrix, &mut found, 5);
            for row in 0..5 {
                prop_assert!((dot(&system[row * 5..][..5], &found) - right[row]).abs() < 1e-9);
            }
        }
    }
}
