//! Bounds how many items of a slate have the same value of a property: at most so many of a brand, or of a category.
//!
//! Greedy: each place goes to the first item in the order that no cap holds back, and when none is left to those that
//! were held back, so that the slate is full. Of categories the first of an item counts, without the levels above it;
//! an item without a value is not bound. Cost: a look-up for each cap and item that is looked at.

use hashbrown::HashMap;

use crate::contract::id::ItemIdx;
use crate::engine::rules::Cap;
use crate::engine::slate::Pick;
use crate::engine::snapshot::Snapshot;
use crate::engine::values::{Value, Values};

/// How many items are passed over for the caps before these give way, so that caps that nothing fits don't cost a look
/// at the whole catalogue.
const PASSED_OVER: usize = 4096;

/// Whether caps on a property bound anything in a version.
#[must_use]
pub fn knows(property: &str, snapshot: &Snapshot) -> bool {
    Values::new(property, snapshot).is_some()
}

/// The caps of a slate that is being made, each with how many of its items have each value.
pub struct Caps<'a>(Vec<(Values<'a>, usize, HashMap<Value, usize>)>);

impl<'a> Caps<'a> {
    /// The caps of an empty slate.
    pub fn new(caps: &[Cap], snapshot: &'a Snapshot) -> Self {
        let of = |cap: &Cap| Some((Values::new(&cap.property, snapshot)?, cap.most, HashMap::new()));
        Self(caps.iter().filter_map(of).collect())
    }

    /// Whether one more item may be in the slate.
    fn admit(&self, item: ItemIdx) -> bool {
        self.0.iter().all(|(values, most, counts)| {
            let mut is_full = false;
            values.of(item, |value| is_full |= counts.get(&value).is_some_and(|count| count >= most));
            !is_full
        })
    }

    /// Counts an item that is in the slate.
    pub fn count(&mut self, item: ItemIdx) {
        for (values, _, counts) in &mut self.0 {
            values.of(item, |value| *counts.entry(value).or_default() += 1);
        }
    }
}

/// Appends items to a slate until it has `k`: those that the caps admit, then those that they held back.
///
/// * `picks`: best first, what only fills the slate at the end.
pub fn fill(slate: &mut Vec<Pick>, k: usize, caps: &mut Caps<'_>, mut picks: impl Iterator<Item = Pick>) {
    let mut held_back: Vec<Pick> = Vec::new();
    while slate.len() < k && held_back.len() < PASSED_OVER {
        let Some(pick) = picks.next() else { break };
        if caps.admit(pick.item) {
            caps.count(pick.item);
            slate.push(pick);
        } else {
            held_back.push(pick);
        }
    }
    let missing = k - slate.len();
    slate.extend(held_back.into_iter().chain(picks).take(missing));
}
