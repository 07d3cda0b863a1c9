//! Lists of neighbours of a few items: of those that came after a version, and of those that are like them.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use crate::contract::id::ItemIdx;
use crate::engine::topk::Scored;

/// The neighbours of a few items, best first.
#[derive(Debug, Clone, Default)]
pub struct Likeness(HashMap<ItemIdx, (Vec<ItemIdx>, Vec<f32>)>);

impl Likeness {
    /// The lists of items, each best first.
    #[must_use]
    pub fn new(lists: BTreeMap<ItemIdx, Vec<Scored>>) -> Self {
        let mut columns = HashMap::new();
        for (item, list) in lists {
            columns.insert(item, list.into_iter().map(|scored| (scored.item, scored.score)).unzip());
        }
        Self(columns)
    }

    /// The neighbours of an item, best first, and their scores, greater than 0.
    #[must_use]
    pub fn list(&self, item: ItemIdx) -> (&[ItemIdx], &[f32]) {
        match self.0.get(&item) {
            Some((items, scores)) => (items, scores),
            None => (&[], &[]),
        }
    }
}
