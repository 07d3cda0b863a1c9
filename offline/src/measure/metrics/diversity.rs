//! Intra-list diversity: how dissimilar the items of a slate are. Source: Ziegler et al., WWW 2005.

use shared::engine::factors::dot;

/// The mean of `1 - cosine` over all pairs of the rows; 0 for fewer than two. A row of zeros is unlike all others.
#[must_use]
pub fn diversity(rows: &[&[f32]]) -> f64 {
    let norms: Vec<f32> = rows.iter().map(|row| dot(row, row).sqrt().max(f32::MIN_POSITIVE)).collect();
    let (mut sum, mut pairs) = (0.0, 0);
    for (first, row) in rows.iter().enumerate() {
        for (second, other) in rows.iter().enumerate().skip(first + 1) {
            sum += 1.0 - f64::from(dot(row, other) / norms[first] / norms[second]);
            pairs += 1;
        }
    }
    sum / f64::from(pairs.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_alike_and_one_across_are_two_thirds() {
        let rows: [&[f32]; 3] = [&[1.0, 0.0], &[2.0, 0.0], &[0.0, 1.0]];
        assert!((diversity(&rows) - 2.0 / 3.0).abs() < 1e-6);
    }
}
