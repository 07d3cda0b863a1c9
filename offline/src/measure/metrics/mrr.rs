//! Mean reciprocal rank: one over the rank of the first target.

use shared::contract::id::ItemIdx;

/// 1 / rank of the first target among the first `k` items, with ranks from 1; 0 if there is none.
#[must_use]
pub fn mrr_at(k: usize, slate: &[ItemIdx], targets: &[ItemIdx]) -> f64 {
    let first = slate.iter().take(k).position(|item| targets.contains(item));
    first.map_or(0.0, |rank| 1.0 / (rank + 1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_target_at_rank_two_gives_a_half() {
        let slate = [1, 2, 3].map(ItemIdx);
        assert!((mrr_at(3, &slate, &[ItemIdx(3), ItemIdx(2)]) - 0.5).abs() < 1e-12);
    }
}
