//! Novelty: the mean self-information of the shown items, in bits. Source: Zhou et al., PNAS 2010.

/// `-log2` of an item's share of the training events; an item without events is treated as if it had one.
#[must_use]
pub fn information(item_events: u64, all_events: u64) -> f64 {
    -(item_events.max(1) as f64 / all_events.max(1) as f64).log2()
}

/// The mean of `shown` items' information, given their sum.
#[must_use]
pub fn novelty(information_sum: f64, shown: u64) -> f64 {
    information_sum / shown.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_with_an_eighth_of_the_events_carries_three_bits() {
        assert!((information(2, 16) - 3.0).abs() < 1e-12);
        assert!((novelty(6.0, 2) - 3.0).abs() < 1e-12);
    }
}
