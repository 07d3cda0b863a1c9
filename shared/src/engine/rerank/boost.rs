//! Changes the scores of items, and orders them anew.
//!
//! A score stands for what an item is worth to the user (that of a ranker is the probability that it is taken), a
//! factor for what taking it is worth to the shop: their product is what it is worth to both. Several boosts of an item
//! follow each other. Ties keep the order of the ranking.

use crate::engine::rules::Boost;
use crate::engine::slate::Pick;

/// Applies the boosts that hold at a time to the scores of picks, and orders these by the result.
pub fn apply(boosts: &[Boost], now_ms: i64, mut picks: Vec<Pick>) -> Vec<Pick> {
    let mut holding = boosts.iter().filter(|boost| boost.during.contains(&now_ms)).peekable();
    let changes = holding.peek().is_some();
    for Boost { items, factor, add, .. } in holding {
        for pick in picks.iter_mut().filter(|pick| items.contains(pick.item)) {
            // Scores of a blend may be negative, and a factor above 1 lifts them, too.
            let product = if pick.score >= 0.0 { pick.score * factor } else { pick.score / factor };
            pick.score = product + add;
        }
    }
    if changes {
        picks.sort_by(|one, other| other.score.total_cmp(&one.score));
    }
    picks
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::contract::id::ItemIdx;
    use crate::engine::item_set::ItemSet;

    #[test]
    fn scores_are_multiplied_and_added_to_while_a_boost_holds_and_ties_keep_their_order() {
        let boost = |items: &'static [u32], factor, add, during| {
            let items = Arc::new(ItemSet::new(5, |item| items.contains(&item.0)));
            Boost { items, factor, add, during }
        };
        let boosts = [boost(&[2], 3.0, 0.0, 10..20), boost(&[2, 4], 2.0, 0.0, 10..30), boost(&[3], 1.0, 4.0, 25..30)];
        let picks =
            || (0..).zip([4.0, 3.0, 1.0, 0.5, -1.0]).map(|(item, score)| Pick::popular(ItemIdx(item), score)).collect();
        let order = |now_ms| {
            let boosted = apply(&boosts, now_ms, picks());
            boosted.iter().map(|pick| (pick.item.0, pick.score)).collect::<Vec<_>>()
        };
        let plain = [(0, 4.0), (1, 3.0), (2, 1.0), (3, 0.5), (4, -1.0)];
        assert_eq!(order(9), plain);
        assert_eq!(order(30), plain);
        assert_eq!(order(10), [(2, 6.0), (0, 4.0), (1, 3.0), (3, 0.5), (4, -0.5)]);
        assert_eq!(order(25), [(3, 4.5), (0, 4.0), (1, 3.0), (2, 2.0), (4, -0.5)]);
    }
}
