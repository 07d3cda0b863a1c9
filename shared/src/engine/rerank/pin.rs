//! Gives items places of their own in the slate.
//!
//! A pinned item is at its place or nowhere: it is taken out of the ranking, and a slate that is shorter than its place
//! does not have it. Where the catalogue has nothing for the places before it, it comes last. Its score is that of the
//! item before it; at the first place, that of the best.

use hashbrown::HashSet;

use crate::contract::id::ItemIdx;
use crate::engine::rules::Pin;
use crate::engine::slate::{Pick, Placed};

/// The pins that hold at a time and whose items are admitted, by their places; of several of one item or place the
/// first counts.
pub fn admitted(pins: &[Pin], now_ms: i64, admits: impl Fn(ItemIdx) -> bool) -> Vec<&Pin> {
    let (mut items, mut places) = (HashSet::new(), HashSet::new());
    let mut is_first = |pin: &Pin| {
        let is_free = !items.contains(&pin.item) && !places.contains(&pin.position);
        is_free && items.insert(pin.item) && places.insert(pin.position)
    };
    let holding = pins.iter().filter(|pin| pin.during.contains(&now_ms) && admits(pin.item));
    let mut pins: Vec<&Pin> = holding.filter(|pin| is_first(pin)).collect();
    pins.sort_unstable_by_key(|pin| pin.position);
    pins
}

/// The first `k` items, pins at their places among the others.
pub fn place(pins: &[&Pin], others: Vec<Pick>, k: usize) -> Vec<Pick> {
    let mut score = others.first().map_or(0.0, |best| best.score);
    let mut slate: Vec<Pick> = Vec::with_capacity(k);
    let (mut pins, mut others) = (pins.iter().peekable(), others.into_iter());
    while slate.len() < k {
        let is_due = pins.peek().is_some_and(|pin| pin.position <= slate.len() + 1);
        let other = if is_due { None } else { others.next() };
        let next = other.or_else(|| {
            let item = pins.next()?.item;
            Some(Pick { placed: Placed::Pinned, ..Pick::unexplained(item, score) })
        });
        let Some(pick) = next else { break };
        score = pick.score;
        slate.push(pick);
    }
    slate
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slate(pins: &[(u32, usize)], others: u32, k: usize) -> Vec<u32> {
        let pins: Vec<Pin> =
            pins.iter().map(|&(item, position)| Pin { item: ItemIdx(item), position, during: 10..20 }).collect();
        let others = (0..others).map(|item| Pick::popular(ItemIdx(item), 1.0)).collect();
        let admitted = admitted(&pins, 10, |item| item != ItemIdx(99));
        place(&admitted, others, k).iter().map(|pick| pick.item.0).collect()
    }

    #[test]
    fn pins_are_at_their_places_and_the_others_around_them() {
        assert_eq!(slate(&[(50, 3), (51, 1)], 9, 5), [51, 0, 50, 1, 2]);
        assert_eq!(slate(&[(50, 6)], 9, 5), [0, 1, 2, 3, 4], "a place beyond the slate");
        assert_eq!(slate(&[(50, 9), (51, 4)], 2, 5), [0, 1, 51, 50], "nothing for the places before");
        assert_eq!(
            slate(&[(50, 2), (51, 2), (50, 4), (52, 3)], 9, 4),
            [0, 50, 52, 1],
            "the first of a place and of an item"
        );
        assert_eq!(slate(&[(99, 2), (51, 2)], 9, 3), [0, 51, 1], "the first that may be there");
        assert!(admitted(&[Pin { item: ItemIdx(1), position: 1, during: 10..20 }], 20, |_| true).is_empty());
    }
}
