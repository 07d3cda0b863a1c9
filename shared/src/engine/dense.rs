//! Dense per-item arrays that are cleared in time proportional to the entries touched, not to the catalogue.

use crate::contract::id::ItemIdx;

/// How many values that lie anywhere in memory are fetched at a time.
pub const FETCHED: usize = 16;

/// How many numbers of 4 bytes a cache line has.
pub const LINE: usize = 16;

/// Reads values that lie anywhere in memory, for those beside them to be in the cache: independent reads wait for memory
/// all at once, those between computations one after another.
#[inline(always)]
pub fn fetch<T: Copy>(values: impl Iterator<Item = T>) {
    values.for_each(|value| _ = std::hint::black_box(value));
}

/// A set of items, each with a position.
#[derive(Debug, Default)]
pub struct Marks {
    positions: Vec<u32>,
    marked: Vec<ItemIdx>,
}

impl Marks {
    /// Empties the set and makes room for a catalogue of `items`.
    pub fn reset(&mut self, items: usize) {
        for item in self.marked.drain(..) {
            self.positions[item.at()] = 0;
        }
        self.positions.resize(items, 0);
    }

    /// The items, in the order in which they were added.
    #[must_use]
    pub fn items(&self) -> &[ItemIdx] {
        &self.marked
    }

    /// How many items are in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.marked.len()
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.marked.is_empty()
    }

    /// Adds an item at a position; an item that is there keeps the position it has.
    pub fn insert(&mut self, item: ItemIdx, position: usize) {
        let slot = &mut self.positions[item.at()];
        if *slot == 0 {
            *slot = position as u32 + 1;
            self.marked.push(item);
        }
    }

    /// Whether an item is in the set.
    #[must_use]
    pub fn contains(&self, item: ItemIdx) -> bool {
        self.positions[item.at()] != 0
    }

    /// The position of an item.
    #[must_use]
    pub fn position(&self, item: ItemIdx) -> Option<usize> {
        self.positions[item.at()].checked_sub(1).map(|position| position as usize)
    }
}
