//! `profile`: the items that people like this one took.
//!
//! An item's score is its share of all that was taken, times e to the power of the weighted sum of its lifts in the cells
//! of the profile (naive Bayes, tempered by the weights). Proposed are items that a cell of the profile lists. Cost: a
//! pass over these lists.

use crate::contract::id::ItemIdx;
use crate::engine::dense::Marks;
use crate::engine::topk::{Scored, top_k};
use crate::tables::{Profile, ProfileTable, bounded_exp};

/// Buffers of one thread, to be reused between requests.
#[derive(Debug, Default)]
pub struct Sums {
    places: Marks,
    sums: Vec<(ItemIdx, f32)>,
}

/// The `limit` best admitted items for a profile.
///
/// * `items`: the size of the catalogue.
pub fn best(
    table: &ProfileTable,
    profile: &Profile,
    items: usize,
    limit: usize,
    admit: impl Fn(ItemIdx) -> bool,
    Sums { places, sums }: &mut Sums,
) -> Vec<Scored> {
    places.reset(items);
    sums.clear();
    let mut base = 0.0;
    for (column, &weight) in table.weights.iter().enumerate() {
        let (listed, lifts, other) = table.listed(profile, column);
        base += weight * other;
        for (&item, lift) in listed.iter().zip(lifts) {
            places.insert(item, sums.len());
            let place = places.position(item).unwrap_or(sums.len());
            if place == sums.len() {
                sums.push((item, 0.0));
            }
            sums[place].1 += weight * (lift - other);
        }
    }
    let admitted = sums.iter().filter(|(item, _)| admit(*item));
    let scored = admitted.map(|&(item, sum)| Scored { item, score: table.shares[item.at()] * bounded_exp(base + sum) });
    top_k(limit, scored.filter(|scored| scored.score > 0.0))
}
