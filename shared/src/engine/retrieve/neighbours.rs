//! Scores of the neighbour sources: the neighbour lists of the history's items, added up with the items' weights.
//!
//! Cost: one addition per neighbour of each history item.

use crate::contract::id::ItemIdx;
use crate::contract::source::Order;
use crate::engine::dense::{LINE, fetch};
use crate::engine::history::Recent;
use crate::engine::retrieve::candidates::{Pool, Sums};

/// Adds `weight · score` for every neighbour of every item of the history; `recent` is newest first.
///
/// * `list`: the neighbours of an item, with their scores.
pub fn accumulate<'a, F: Fn(ItemIdx) -> bool>(
    list: impl Fn(ItemIdx) -> (&'a [ItemIdx], &'a [f32]),
    recent: &[Recent],
    order: Order,
    pool: &mut Pool<'_, F>,
    sums: &mut Sums,
) {
    for (from, own) in (0..).zip(recent) {
        let weight = match order {
            Order::Matters => own.session_weight,
            Order::Ignored => 1.0,
        };
        let (items, scores) = list(own.item);
        fetch(items.iter().step_by(LINE).map(|item| item.0));
        fetch(scores.iter().step_by(LINE).copied());
        for (&neighbour, score) in items.iter().zip(scores) {
            pool.add(sums, neighbour, weight * score, from);
        }
    }
}
