//! Scores of the neighbour sources: the neighbour lists of the history's items, added up with the items' weights.
//!
//! Cost: one addition per neighbour of each history item.

use crate::contract::source::Order;
use crate::engine::dense::Accumulator;
use crate::engine::history::Recent;
use crate::tables::Neighbours;

/// Adds `weight · score` for every neighbour of every item of the history; `recent` is newest first.
pub fn accumulate(neighbours: &Neighbours, recent: &[Recent], order: Order, sums: &mut Accumulator) {
    for (from, own) in (0..).zip(recent) {
        let weight = match order {
            Order::Matters => own.session_weight,
            Order::Ignored => 1.0,
        };
        for (neighbour, score) in neighbours.of(own.item) {
            sums.add(neighbour, weight * score, from);
        }
    }
}
