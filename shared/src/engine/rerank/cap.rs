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
pub struct Caps<'a>(Vec<Counted<'a>>);

/// A cap with what it counts.
struct Counted<'a> {
    /// Its place among the caps of the rules.
    place: usize,
    values: Values<'a>,
    most: usize,
    counts: HashMap<Value, usize>,
}

impl Counted<'_> {
    fn has_most(&self, value: Value) -> bool {
        self.counts.get(&value).is_some_and(|count| *count >= self.most)
    }
}

impl<'a> Caps<'a> {
    /// The caps of an empty slate.
    pub fn new(caps: &[Cap], snapshot: &'a Snapshot) -> Self {
        let of = |(place, cap): (usize, &Cap)| {
            Some(Counted {
                place,
                values: Values::new(&cap.property, snapshot)?,
                most: cap.most,
                counts: HashMap::new(),
            })
        };
        Self(caps.iter().enumerate().filter_map(of).collect())
    }

    /// Whether one more item may be in the slate.
    fn admit(&self, item: ItemIdx) -> bool {
        self.full(item).is_none()
    }

    /// The cap, by its place among those of the rules, and the value by which it holds an item back, if one does.
    #[must_use]
    pub fn full(&self, item: ItemIdx) -> Option<(usize, Value)> {
        self.0.iter().find_map(|cap| {
            let mut full = None;
            cap.values.of(item, |value| full = full.or_else(|| cap.has_most(value).then_some(value)));
            full.map(|value| (cap.place, value))
        })
    }

    /// Counts an item that is in the slate.
    pub fn count(&mut self, item: ItemIdx) {
        for Counted { values, counts, .. } in &mut self.0 {
            values.of(item, |value| *counts.entry(value).or_default() += 1);
        }
    }
}

/// Appends items to a slate until it has `k`: those that the caps admit, then those that they held back.
///
/// * `picks`: best first, what only fills the slate at the end.
/// * `watch`: is told of each item that is held back.
pub fn fill(
    slate: &mut Vec<Pick>,
    k: usize,
    caps: &mut Caps<'_>,
    mut picks: impl Iterator<Item = Pick>,
    watch: &mut impl FnMut(ItemIdx, &Caps<'_>),
) {
    let mut held_back: Vec<Pick> = Vec::new();
    while slate.len() < k && held_back.len() < PASSED_OVER {
        let Some(pick) = picks.next() else { break };
        if caps.admit(pick.item) {
            caps.count(pick.item);
            slate.push(pick);
        } else {
            watch(pick.item, caps);
            held_back.push(pick);
        }
    }
    let missing = k - slate.len();
    slate.extend(held_back.into_iter().chain(picks).take(missing));
}
