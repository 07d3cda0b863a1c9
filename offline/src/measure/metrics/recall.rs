//! Recall: the share of the targets that are in the slate.

use shared::contract::id::ItemIdx;

/// The number of targets among the first `k` items divided by the number of all targets, `total`.
#[must_use]
pub fn recall_at(k: usize, slate: &[ItemIdx], targets: &[ItemIdx], total: usize) -> f64 {
    super::hits(k, slate, targets) as f64 / total.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_the_model_cannot_know_count_as_missed() {
        assert!((recall_at(2, &[ItemIdx(1), ItemIdx(2)], &[ItemIdx(1)], 2) - 0.5).abs() < 1e-12);
    }
}
