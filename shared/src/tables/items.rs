//! The item table: ids, names, categories, prices.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::{Misfit, check_length, table};
use crate::contract::artifact::columns::Column;
use crate::contract::artifact::strings::Strings;
use crate::contract::id::ItemIdx;

/// A category's row; rows are in the order of the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CategoryIdx(pub u32);

/// Stands for "no category" in the item table.
pub const NO_CATEGORY: u32 = u32::MAX;

table! {
    /// The ids, names, categories and prices of all items, in the order of the ids.
    pub struct ItemTable {
        /// The external ids, ascending.
        id: Strings = "id",
        /// The names, empty where none is known.
        name: Strings = "name",
        /// The names of the categories, ascending.
        category_name: Strings = "category_name",
        /// The row of each item's category, or [`NO_CATEGORY`].
        category: Column<u32> = "category",
        /// The price of each item in the shop's currency, NaN where none is known.
        price: Column<f32> = "price",
    }
}

impl ItemTable {
    pub(super) fn check(&self) -> Result<(), Misfit> {
        let items = self.id.len();
        if self.name.len() != items {
            return Err(format!("there are {} names for {items} ids", self.name.len()));
        }
        check_length("category", &self.category, items)?;
        check_length("price", &self.price, items)?;
        let within = |&row: &u32| row == NO_CATEGORY || (row as usize) < self.category_name.len();
        match self.category.iter().all(within) {
            true => Ok(()),
            false => Err("`category` names categories that are not there".to_owned()),
        }
    }
}

/// The item table with a hash index from external ids to rows.
pub struct Items {
    table: ItemTable,
    rows: HashTable<ItemIdx>,
    hasher: DefaultHashBuilder,
}

impl Items {
    /// Builds the hash index from ids to rows. Cost: one hash per item.
    #[must_use]
    pub fn new(table: ItemTable) -> Self {
        let (hasher, ids) = (DefaultHashBuilder::default(), &table.id);
        let mut rows = HashTable::with_capacity(ids.len());
        for row in 0..ids.len() {
            rows.insert_unique(hasher.hash_one(ids.get(row)), ItemIdx(row as u32), |item| {
                hasher.hash_one(ids.get(item.at()))
            });
        }
        Self { table, rows, hasher }
    }

    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.id.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row of an external id.
    #[must_use]
    pub fn index(&self, id: &str) -> Option<ItemIdx> {
        self.rows.find(self.hasher.hash_one(id), |item| self.id(*item) == id).copied()
    }

    /// The external id of a row.
    #[must_use]
    pub fn id(&self, item: ItemIdx) -> &str {
        self.table.id.get(item.at())
    }

    /// The name of an item, if the log or the item table gave one.
    #[must_use]
    pub fn name(&self, item: ItemIdx) -> Option<&str> {
        Some(self.table.name.get(item.at())).filter(|name| !name.is_empty())
    }

    /// The row of a category's name.
    #[must_use]
    pub fn category(&self, name: &str) -> Option<CategoryIdx> {
        self.table.category_name.position(name).map(|row| CategoryIdx(row as u32))
    }

    /// The names of the categories, ascending.
    pub fn categories(&self) -> impl Iterator<Item = &str> {
        (0..self.table.category_name.len()).map(|row| self.table.category_name.get(row))
    }

    /// The category of an item.
    #[must_use]
    pub fn category_of(&self, item: ItemIdx) -> Option<CategoryIdx> {
        Some(self.table.category[item.at()]).filter(|&row| row != NO_CATEGORY).map(CategoryIdx)
    }

    /// The price of an item; NaN if the item table gave none.
    #[must_use]
    pub fn price(&self, item: ItemIdx) -> f32 {
        self.table.price[item.at()]
    }
}
