//! Neighbour lists: each item with the items nearest to it.

use std::path::Path;

use super::{check_starts, rows_within};
use crate::artifact::ArtifactError;
use crate::artifact::tables::{Column, Table};
use crate::id::ItemIdx;
use crate::params::Relation;

/// The nearest neighbours of every item, best first.
pub struct Neighbours {
    starts: Column<u64>,
    items: Column<ItemIdx>,
    scores: Column<f32>,
}

impl Neighbours {
    pub(super) fn open(folder: &Path, relation: Relation, item_count: usize) -> Result<Self, ArtifactError> {
        let table = Table::open(folder, &relation.file())?;
        let starts: Column<u64> = table.column_of("starts", item_count + 1)?;
        let items = rows_within(&table, "items", item_count)?;
        let scores = table.column_of("scores", items.len())?;
        check_starts(&table, "starts", &starts, items.len())?;
        Ok(Self { starts, items, scores })
    }

    /// The neighbours of an item with their scores, best first.
    pub fn of(&self, item: ItemIdx) -> impl Iterator<Item = (ItemIdx, f32)> {
        let range = self.starts[item.at()] as usize..self.starts[item.at() + 1] as usize;
        self.items[range.clone()].iter().copied().zip(self.scores[range].iter().copied())
    }
}
