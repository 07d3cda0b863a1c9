//! Small dense systems, solved by Cholesky decomposition.

/// Solves a symmetric positive definite system in place; a direction lost in rounding gets nothing.
pub fn solve_cholesky(matrix: &mut [f64], right: &mut [f64], size: usize) {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for row in 0..size {
        let (before, from_row) = matrix.split_at_mut(row * size);
        for column in 0..row {
            let known = dot(&from_row[..column], &before[column * size..][..column]);
            from_row[column] = (from_row[column] - known) / before[column * size + column];
        }
        let rest = from_row[row] - dot(&from_row[..row], &from_row[..row]);
        from_row[row] = if rest > 1e-9 { rest.sqrt() } else { f64::INFINITY };
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
    use super::*;

    #[test]
    fn a_system_is_solved_as_by_hand() {
        // 4x + 2y = 10, 2x + 3y = 9.
        let (mut matrix, mut right) = ([4.0, 2.0, 2.0, 3.0], [10.0, 9.0]);
        solve_cholesky(&mut matrix, &mut right, 2);
        assert!((right[0] - 1.5).abs() < 1e-12 && (right[1] - 2.0).abs() < 1e-12, "{right:?}");
    }
}
