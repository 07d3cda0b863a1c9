//! Precision: the share of the slate's items that are targets.

use shared::contract::id::ItemIdx;

/// The number of targets among the first `k` items divided by `k`, even if the slate is shorter.
#[must_use]
pub fn precision_at(k: usize, slate: &[ItemIdx], targets: &[ItemIdx]) -> f64 {
    super::hits(k, slate, targets) as f64 / k.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_slate_is_measured_against_k() {
        assert!((precision_at(4, &[ItemIdx(1)], &[ItemIdx(1)]) - 0.25).abs() < 1e-12);
    }
}
