//! Lowers the scores of items that the user was served lately, and orders them anew.
//!
//! A score is multiplied by what is left of it ([`crate::engine::served::left_of_score`]); one below 0, which a factor
//! would lift, is lowered by as great a part of its size. It comes after the boosts, so that what a boost adds is
//! lowered, too. Ties keep the order of the ranking.

use hashbrown::HashMap;

use crate::contract::id::ItemIdx;
use crate::engine::slate::{Decay, Pick};

/// Lowers the scores of picks, and orders these by the result. Of several decays of an item that counts which leaves
/// least: that of the latest slate.
pub fn apply(decays: &[Decay], mut picks: Vec<Pick>) -> Vec<Pick> {
    if decays.is_empty() {
        return picks;
    }
    let mut least: HashMap<ItemIdx, f32> = HashMap::with_capacity(decays.len());
    for Decay { item, left } in decays {
        least.entry(*item).and_modify(|least| *least = least.min(*left)).or_insert(*left);
    }
    for pick in &mut picks {
        if let Some(left) = least.get(&pick.item) {
            pick.score -= pick.score.abs() * (1.0 - left);
        }
    }
    picks.sort_by(|one, other| other.score.total_cmp(&one.score));
    picks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_lowered_by_what_is_not_left_of_them_and_the_least_of_an_item_counts() {
        let picks = (0..).zip([4.0, 3.0, 2.0, 1.0, -1.0]).map(|(item, score)| Pick::popular(ItemIdx(item), score));
        let decays = [(0, 0.25), (0, 1.0), (1, 0.0), (3, 1.0), (4, 0.5), (9, 0.0)];
        let decays = decays.map(|(item, left)| Decay { item: ItemIdx(item), left });
        let order = |decays: &[Decay]| {
            let picks = apply(decays, picks.clone().collect());
            picks.iter().map(|pick| (pick.item.0, pick.score)).collect::<Vec<_>>()
        };
        assert_eq!(order(&decays), [(2, 2.0), (0, 1.0), (3, 1.0), (1, 0.0), (4, -1.5)]);
        assert_eq!(order(&[]), [(0, 4.0), (1, 3.0), (2, 2.0), (3, 1.0), (4, -1.0)]);
    }
}
