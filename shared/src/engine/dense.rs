//! Dense per-item arrays that are cleared in time proportional to the entries touched, not to the catalogue.

use crate::contract::id::ItemIdx;
use crate::engine::topk::{Scored, top_k};

/// The summed contributions of history items to one item.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cell {
    /// The sum of the contributions.
    pub score: f32,
    /// The largest contribution.
    pub strongest: f32,
    /// Which history item made it.
    pub from: u32,
    /// How many contributions there were.
    pub count: u32,
}

/// Sums contributions per item.
#[derive(Debug, Default)]
pub struct Accumulator {
    cells: Vec<Cell>,
    touched: Vec<ItemIdx>,
}

impl Accumulator {
    /// Empties the accumulator and makes room for a catalogue of `items`.
    pub fn reset(&mut self, items: usize) {
        for item in self.touched.drain(..) {
            self.cells[item.at()] = Cell::default();
        }
        self.cells.resize(items, Cell::default());
    }

    /// Adds a contribution, greater than 0, of the history item `from`.
    pub fn add(&mut self, item: ItemIdx, contribution: f32, from: u32) {
        let cell = &mut self.cells[item.at()];
        if cell.score == 0.0 {
            self.touched.push(item);
        }
        cell.score += contribution;
        cell.count += 1;
        if contribution > cell.strongest {
            (cell.strongest, cell.from) = (contribution, from);
        }
    }

    /// The sums of an item.
    #[must_use]
    pub fn cell(&self, item: ItemIdx) -> Cell {
        self.cells[item.at()]
    }

    /// The `k` best items that `admit` lets through, best first.
    pub fn best(&self, k: usize, admit: impl Fn(ItemIdx) -> bool) -> Vec<Scored> {
        let admitted = self.touched.iter().copied().filter(|&item| admit(item));
        top_k(k, admitted.map(|item| Scored { item, score: self.cells[item.at()].score }))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_forgets_everything_and_follows_the_catalogue() {
        let mut sums = Accumulator::default();
        sums.reset(3);
        sums.add(ItemIdx(2), 1.0, 0);
        sums.add(ItemIdx(2), 2.0, 1);
        assert_eq!(sums.cell(ItemIdx(2)), Cell { score: 3.0, strongest: 2.0, from: 1, count: 2 });
        sums.reset(2);
        assert!(sums.best(5, |_| true).is_empty());
    }
}
