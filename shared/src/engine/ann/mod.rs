//! Search for the items whose factors have the largest inner products with a query vector.
//!
//! | | what | for |
//! |---|---|---|
//! | [`scan`] | all items in 7 bits, the best rescored exactly | catalogues of up to a million items |
//! | [`codes`] | given items in 8 bits | the candidates of other sources |
//! | [`graph`] | hnsw_rs | larger ones |
//! | [`nearest_exact`] | all items in full precision | tests of the other two |

pub mod codes;
pub mod graph;
pub mod scan;

use crate::contract::id::ItemIdx;
use crate::engine::factors::dot;
use crate::engine::topk::{Scored, top_k};

/// The `k` items with the largest inner products among those that `admit` lets through, exactly, best first.
/// Items without factors (zero rows) are left out.
#[must_use]
pub fn nearest_exact(item_factors: &[f32], query: &[f32], k: usize, admit: impl Fn(ItemIdx) -> bool) -> Vec<Scored> {
    let rows = (0..).zip(item_factors.chunks_exact(query.len()));
    let scored = rows.map(|(item, row)| Scored { item: ItemIdx(item), score: dot(row, query) });
    top_k(k, scored.filter(|scored| scored.score != 0.0 && admit(scored.item)))
}

/// Clustered vectors for tests, as factors are: a few directions and a deterministic jitter.
#[cfg(test)]
fn clustered(rows: usize, factors: usize) -> Vec<f32> {
    let mut state = 1u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    let centres: Vec<f32> = (0..20 * factors).map(|_| next()).collect();
    (0..rows * factors).map(|at| centres[(at / factors % 20) * factors + at % factors] + 0.5 * next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_scan_leaves_out_refused_and_empty_items() {
        let items = [1.0, 0.0, 0.0, 0.0, 3.0, 0.0, 2.0, 0.0];
        let best = nearest_exact(&items, &[1.0, 1.0], 5, |item| item.0 != 2);
        assert_eq!(best.iter().map(|scored| scored.item.0).collect::<Vec<_>>(), [3, 0]);
    }
}
