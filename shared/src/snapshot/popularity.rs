//! Time-decayed popularity, overall and within categories, and trends.

use std::path::Path;

use super::items::{CategoryIdx, Items};
use super::{POPULARITY, check_starts, rows_within};
use crate::artifact::ArtifactError;
use crate::artifact::tables::{Column, Table};
use crate::id::ItemIdx;

/// Popularity: every item, overall and within its category, and its trend.
pub struct Popularity {
    scores: Column<f32>,
    order: Column<ItemIdx>,
    category_starts: Column<u64>,
    category_order: Column<ItemIdx>,
    trends: Column<f32>,
    trending: Column<ItemIdx>,
}

impl Popularity {
    pub(super) fn open(folder: &Path, items: &Items) -> Result<Self, ArtifactError> {
        let table = Table::open(folder, POPULARITY)?;
        let scores = table.column_of("scores", items.len())?;
        let order = rows_within(&table, "order", items.len())?;
        let category_starts: Column<u64> = table.column_of("category.starts", items.category_count() + 1)?;
        let category_order = rows_within(&table, "category.order", items.len())?;
        let trends = table.column_of("trend.scores", items.len())?;
        let trending = rows_within(&table, "trend.order", items.len())?;
        check_starts(&table, "category.starts", &category_starts, category_order.len())?;
        Ok(Self { scores, order, category_starts, category_order, trends, trending })
    }

    /// The score of an item, at least 0.
    #[must_use]
    pub fn score(&self, item: ItemIdx) -> f32 {
        self.scores[item.at()]
    }

    /// How much more popular an item is lately than it was, at least 0.
    #[must_use]
    pub fn trend(&self, item: ItemIdx) -> f32 {
        self.trends[item.at()]
    }

    /// All items by their trend, the strongest first.
    #[must_use]
    pub fn trending(&self) -> &[ItemIdx] {
        &self.trending
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
