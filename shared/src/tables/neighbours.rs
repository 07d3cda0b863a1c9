//! Neighbour tables: for each item the list of its nearest items under one relation, such as `session` or `user`.

use super::{Misfit, check_items, check_length, check_starts, table};
use crate::contract::artifact::columns::Column;
use crate::contract::id::ItemIdx;
use crate::engine::topk::Scored;

table! {
    /// The nearest neighbours of every item, best first. In a table without rows no item has neighbours.
    pub struct Neighbours {
        /// The offset where each item's neighbours begin, and the end of the last: items + 1.
        starts: Column<u64> = "starts",
        /// The neighbours.
        items: Column<ItemIdx> = "items",
        /// Their scores, greater than 0.
        scores: Column<f32> = "scores",
    }
}

impl FromIterator<Vec<Scored>> for Neighbours {
    /// Concatenates the lists of all items, in the order of the items.
    fn from_iter<I: IntoIterator<Item = Vec<Scored>>>(lists: I) -> Self {
        let (mut starts, mut items, mut scores) = (vec![0], Vec::new(), Vec::new());
        for list in lists {
            items.extend(list.iter().map(|scored| scored.item));
            scores.extend(list.iter().map(|scored| scored.score));
            starts.push(items.len() as u64);
        }
        Self { starts: starts.into(), items: items.into(), scores: scores.into() }
    }
}

impl Neighbours {
    pub(super) fn check(&self, items: usize) -> Result<(), Misfit> {
        if self.starts.is_empty() {
            return check_length("items", &self.items, 0);
        }
        check_items("items", &self.items, items)?;
        check_length("scores", &self.scores, self.items.len())?;
        check_starts("starts", &self.starts, items, self.items.len())
    }

    /// Whether no item has neighbours.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The neighbours of an item, best first, and their scores.
    #[must_use]
    pub fn list(&self, item: ItemIdx) -> (&[ItemIdx], &[f32]) {
        let bounds = self.starts.get(item.at()..item.at() + 2).unwrap_or(&[0, 0]);
        let range = bounds[0] as usize..bounds[1] as usize;
        (&self.items[range.clone()], &self.scores[range])
    }

    /// The neighbours of an item with their scores, best first.
    pub fn of(&self, item: ItemIdx) -> impl Iterator<Item = (ItemIdx, f32)> {
        let (items, scores) = self.list(item);
        items.iter().copied().zip(scores.iter().copied())
    }
}
