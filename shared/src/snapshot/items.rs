//! The item table: ids, names, categories, prices.

use std::hash::BuildHasher;
use std::path::Path;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::ITEMS;
use crate::artifact::ArtifactError;
use crate::artifact::strings::Strings;
use crate::artifact::tables::{Column, Table};
use crate::id::ItemIdx;

/// A category's row; rows are in the order of the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CategoryIdx(pub u32);

/// Stands for "no category" in the item table.
pub const NO_CATEGORY: u32 = u32::MAX;

/// The item table.
pub struct Items {
    ids: Strings,
    names: Strings,
    categories: Strings,
    category_of: Column<u32>,
    prices: Column<f32>,
    rows: HashTable<ItemIdx>,
    hasher: DefaultHashBuilder,
}

impl Items {
    pub(super) fn open(folder: &Path) -> Result<Self, ArtifactError> {
        let table = Table::open(folder, ITEMS)?;
        let (ids, names) = (Strings::open(&table, "id")?, Strings::open(&table, "name")?);
        let category_of = table.column_of("category", ids.len())?;
        let prices = table.column_of("price", ids.len())?;
        if names.len() != ids.len() {
            return Err(table.wrong("there are not as many names as ids"));
        }
        let hasher = DefaultHashBuilder::default();
        let mut rows = HashTable::with_capacity(ids.len());
        for row in 0..ids.len() {
            rows.insert_unique(hasher.hash_one(ids.get(row)), ItemIdx(row as u32), |item| {
                hasher.hash_one(ids.get(item.at()))
            });
        }
        let categories = Strings::open(&table, "category_name")?;
        Ok(Self { ids, names, categories, category_of, prices, rows, hasher })
    }

    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row of an external id.
    #[must_use]
    pub fn index(&self, id: &str) -> Option<ItemIdx> {
        self.rows.find(self.hasher.hash_one(id), |item| self.ids.get(item.at()) == id).copied()
    }

    /// The external id of a row.
    #[must_use]
    pub fn id(&self, item: ItemIdx) -> &str {
        self.ids.get(item.at())
    }

    /// The name of an item, where the log or the item table gave one.
    #[must_use]
    pub fn name(&self, item: ItemIdx) -> Option<&str> {
        Some(self.names.get(item.at())).filter(|name| !name.is_empty())
    }

    /// The row of a category's name.
    #[must_use]
    pub fn category(&self, name: &str) -> Option<CategoryIdx> {
        self.categories.position(name).map(|row| CategoryIdx(row as u32))
    }

    /// The names of all categories, in their order.
    pub fn categories(&self) -> impl Iterator<Item = &str> {
        (0..self.categories.len()).map(|row| self.categories.get(row))
    }

    /// How many categories there are.
    #[must_use]
    pub fn category_count(&self) -> usize {
        self.categories.len()
    }

    /// The category of an item.
    #[must_use]
    pub fn category_of(&self, item: ItemIdx) -> Option<CategoryIdx> {
        Some(self.category_of[item.at()]).filter(|&row| row != NO_CATEGORY).map(CategoryIdx)
    }

    /// The price of an item; NaN where the item table gave none.
    #[must_use]
    pub fn price(&self, item: ItemIdx) -> f32 {
        self.prices[item.at()]
    }
}
