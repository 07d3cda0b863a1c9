//! Normalised discounted cumulative gain with binary relevance. Source: Järvelin and Kekäläinen, TOIS 2002.

use shared::contract::id::ItemIdx;

/// The gain of a target at `rank`, from 0: `1 / log2(rank + 2)`.
#[must_use]
pub fn discounted_gain(rank: usize) -> f64 {
    1.0 / ((rank + 2) as f64).log2()
}

/// The gain of the first `k` items divided by that of the best possible slate for `total` targets.
#[must_use]
pub fn ndcg_at(k: usize, slate: &[ItemIdx], targets: &[ItemIdx], total: usize) -> f64 {
    let gain: f64 = slate
        .iter()
        .take(k)
        .enumerate()
        .filter(|(_, item)| targets.contains(item))
        .map(|(rank, _)| discounted_gain(rank))
        .sum();
    let ideal: f64 = (0..total.min(k)).map(discounted_gain).sum();
    if ideal > 0.0 { gain / ideal } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ndcg_of_one_hit_at_rank_two_is_1_over_log2_3() {
        let ndcg = ndcg_at(2, &[ItemIdx(3), ItemIdx(7)], &[ItemIdx(7)], 1);
        assert!((ndcg - 1.0 / 3f64.log2()).abs() < 1e-12);
    }
}
