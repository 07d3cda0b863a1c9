//! The popularity table: time-decayed popularity of items, overall and within categories, and trends.

use super::{CategoryIdx, Misfit, check_items, check_length, check_starts, table};
use crate::contract::artifact::columns::Column;
use crate::contract::id::ItemIdx;

table! {
    /// Popularity: every item, overall and within its category, and its trend.
    pub struct Popularity {
        /// The popularity of each item, at least 0.
        scores: Column<f32> = "scores",
        /// All items, most popular first.
        order: Column<ItemIdx> = "order",
        /// The offset where each category's items begin, and the end of the last: categories + 1.
        category_starts: Column<u64> = "category.starts",
        /// The items of each category, most popular first.
        category_order: Column<ItemIdx> = "category.order",
        /// The trend of each item: how much more popular it is lately than it was, at least 0.
        trends: Column<f32> = "trend.scores",
        /// All items, the strongest trend first.
        trending: Column<ItemIdx> = "trend.order",
    }
}

impl Popularity {
    pub(super) fn check(&self, items: usize, categories: usize) -> Result<(), Misfit> {
        check_length("scores", &self.scores, items)?;
        check_items("order", &self.order, items)?;
        check_items("category.order", &self.category_order, items)?;
        check_starts("category.starts", &self.category_starts, categories, self.category_order.len())?;
        check_length("trend.scores", &self.trends, items)?;
        check_items("trend.order", &self.trending, items)
    }

    /// The popularity of an item, at least 0; 0 for one that came after the version.
    #[must_use]
    pub fn score(&self, item: ItemIdx) -> f32 {
        self.scores.get(item.at()).copied().unwrap_or(0.0)
    }

    /// How much more popular an item is lately than it was, at least 0; 0 for one that came after the version.
    #[must_use]
    pub fn trend(&self, item: ItemIdx) -> f32 {
        self.trends.get(item.at()).copied().unwrap_or(0.0)
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
