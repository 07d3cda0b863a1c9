//! Hit rate: the share of slates with at least one target.

use shared::contract::id::ItemIdx;

/// 1 if any of the first `k` items is a target, else 0.
#[must_use]
pub fn hit_rate_at(k: usize, slate: &[ItemIdx], targets: &[ItemIdx]) -> f64 {
    if super::hits(k, slate, targets) > 0 { 1.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_beyond_k_is_none() {
        let slate = [ItemIdx(1), ItemIdx(2)];
        assert!(hit_rate_at(2, &slate, &[ItemIdx(2)]) > hit_rate_at(1, &slate, &[ItemIdx(2)]));
    }
}
