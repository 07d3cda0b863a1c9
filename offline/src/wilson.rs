//! The interval of a share: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.

/// The 95% interval of a share, from its lower to its upper end; of nothing from 0 to 1.
#[must_use]
pub fn wilson(part: u64, all: u64) -> [f64; 2] {
    const Z: f64 = 1.96;
    if all == 0 {
        return [0.0, 1.0];
    }
    let (rows, share) = (all as f64, part as f64 / all as f64);
    let scale = 1.0 + Z * Z / rows;
    let middle = (share + Z * Z / (2.0 * rows)) / scale;
    let half = Z * (share * (1.0 - share) / rows + Z * Z / (4.0 * rows * rows)).sqrt() / scale;
    [(middle - half).max(0.0), (middle + half).min(1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_that_of_the_textbook() {
        let [low, high] = wilson(50, 100);
        assert!((low - 0.4038).abs() < 1e-3 && (high - 0.5962).abs() < 1e-3);
        assert!(wilson(0, 10)[0] < 1e-12 && wilson(10, 10)[1] > 1.0 - 1e-12);
        assert_eq!(wilson(0, 0), [0.0, 1.0]);
    }
}
