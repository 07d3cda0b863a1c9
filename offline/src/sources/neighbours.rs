//! Sums neighbour lists item by item: the loop that all co-occurrence sources share.
//!
//! The sums are exact and the memory is bounded: the list of an item is summed in one dense array per thread and cut to
//! its best neighbours before the next item begins, so that no table of all pairs ever exists. A list is summed by one
//! thread in a fixed order, so that the result does not depend on the number of threads. Memory: 8 bytes per row and
//! thread, where rows are items with events (for `content`, all items), and the lists.

use rayon::prelude::*;
use shared::contract::id::ItemIdx;
use shared::engine::topk::{Scored, top_k};
use shared::tables::Neighbours;

/// The sums of one row.
pub struct RowSums {
    sums: Vec<f64>,
    touched: Vec<u32>,
}

impl RowSums {
    fn new(items: usize) -> Self {
        Self { sums: vec![0.0; items], touched: Vec::new() }
    }

    /// Adds to the sum of a neighbour; 0 makes no neighbour.
    pub fn add(&mut self, item: u32, value: f64) {
        if value == 0.0 {
            return;
        }
        let sum = &mut self.sums[item as usize];
        if *sum == 0.0 {
            self.touched.push(item);
        }
        *sum += value;
    }

    /// Removes a neighbour.
    pub fn forget(&mut self, item: u32) {
        self.sums[item as usize] = 0.0;
        self.touched.retain(|&other| other != item);
    }

    /// The best neighbours by `damp(item, sum)`, those whose score is too small for a number left out; empties the sums.
    pub fn take_best(&mut self, neighbours: usize, damp: impl Fn(u32, f64) -> f64) -> Vec<Scored> {
        let Self { sums, touched } = self;
        let best = top_k(
            neighbours,
            touched
                .iter()
                .map(|&item| Scored { item: ItemIdx(item), score: damp(item, sums[item as usize]) as f32 })
                .filter(|scored| scored.score > 0.0),
        );
        for item in touched.drain(..) {
            sums[item as usize] = 0.0;
        }
        best
    }
}

/// Computes the lists of all items on all threads.
pub fn lists(items: usize, list: impl Fn(u32, &mut RowSums) -> Vec<Scored> + Sync) -> Neighbours {
    let lists: Vec<Vec<Scored>> = (0..items as u32)
        .into_par_iter()
        .with_min_len(64)
        .map_init(|| RowSums::new(items), |sums, item| list(item, sums))
        .collect();
    lists.into_iter().collect()
}

/// Divides by powers of item frequencies: `sum / (n_i^a · n_j^b)`.
pub fn damped(sum: f64, own_power: f64, neighbour_power: f64) -> f64 {
    sum / (own_power * neighbour_power)
}

/// Whether items without events are compared with each other by what the item table says: where they are at most ten
/// times as many as those with events, so that the work follows the events. They are compared with the others anyway.
///
/// * `counts`: the number of events of each item.
#[must_use]
pub fn compares_listed(counts: &[u32]) -> bool {
    const LISTED_PER_ITEM: usize = 10;
    let with_events = counts.iter().filter(|count| **count > 0).count();
    counts.len() - with_events <= LISTED_PER_ITEM * with_events
}
