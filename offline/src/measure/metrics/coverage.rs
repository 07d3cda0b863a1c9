//! Catalogue coverage: the share of the catalogue's items that are in any slate.

use std::collections::HashSet;

use shared::contract::id::ItemIdx;

/// The number of distinct `shown` items divided by the number of items of the `catalogue`.
#[must_use]
pub fn coverage(shown: &HashSet<ItemIdx>, catalogue: usize) -> f64 {
    shown.len() as f64 / catalogue.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_four_items_is_a_quarter() {
        assert!((coverage(&HashSet::from([ItemIdx(3)]), 4) - 0.25).abs() < 1e-12);
    }
}
