//! `item_knn`: what history items' neighbours add up to.
//!
//! Cost: one addition per neighbour of each history item.

use super::accumulator::Accumulator;
use crate::id::ItemIdx;
use crate::snapshot::Neighbours;

/// Adds `weight · score` for every neighbour of every history item, newest first.
pub fn accumulate(neighbours: &Neighbours, history: impl Iterator<Item = (ItemIdx, f32)>, sums: &mut Accumulator) {
    for (from, (item, weight)) in (0..).zip(history) {
        for (neighbour, score) in neighbours.of(item) {
            sums.add(neighbour, weight * score, from);
        }
    }
}
