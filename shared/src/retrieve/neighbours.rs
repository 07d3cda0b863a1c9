//! What the neighbours of the history's items add up to.
//!
//! Cost: one addition per neighbour of each history item.

use crate::dense::Accumulator;
use crate::history::Recent;
use crate::source::Order;
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
