//! Time-decayed popularity, overall and within categories.

use std::path::Path;

use super::items::{CategoryIdx, Items};
use super::{POPULARITY, check_starts, rows_within};
use crate::artifact::ArtifactError;
use crate::artifact::tables::{Column, Table};
use crate::id::ItemIdx;

/// Time-decayed popularity: every item, overall and within its category.
pub struct Popularity {
    scores: Column<f32>,
    order: Column<ItemIdx>,
    category_starts: Column<u64>,
    category_order: Column<ItemIdx>,
}

impl Popularity {
    pub(super) fn open(folder: &Path, items: &Items) -> Result<Self, ArtifactError> {
        let table = Table::open(folder, POPULARITY)?;
        let scores = table.column_of("scores", items.len())?;
        let order = rows_within(&table, "order", items.len())?;
        let category_starts: Column<u64> = table.column_of("category.starts", items.category_count() + 1)?;
        let category_order = rows_within(&table, "category.order", items.len())?;
        check_starts(&table, "category.starts", &category_starts, category_order.len())?;
        Ok(Self { scores, order, category_starts, category_order })
    }

    /// The score of an item, at least 0.
    #[must_use]
    pub fn score(&self, item: ItemIdx) -> f32 {
        self.scores[item.at()]
    }

    /// All items, or those of a category, most popular first.
    #[must_use]
    pub fn order(&self, category: Option<CategoryIdx>) -> &[ItemIdx] {
        match category {
            None => &self.order,
            Some(CategoryIdx(row)) => {
                let starts = &self.category_starts[row as usize..][..2];
                &self.category_order[starts[0] as usize..starts[1] as usize]
            }
        }
    }
}
