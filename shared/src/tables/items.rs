//! The item table: ids, names, categories, prices, and when items may be recommended.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};
use safetensors::tensor::Dtype;

use super::availability::Availability;
use super::{Misfit, check_length, check_starts, table};
use crate::contract::artifact::columns::{Column, Element};
use crate::contract::artifact::strings::Strings;
use crate::contract::id::ItemIdx;

/// A category's row; rows are in the order of the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(transparent)]
pub struct CategoryIdx(pub u32);

impl Element for CategoryIdx {
    const DTYPE: Dtype = Dtype::U32;
}

/// Stands for "no category" in the item table.
pub const NO_CATEGORY: u32 = u32::MAX;

table! {
    /// What is known of all items, in the order of the ids.
    ///
    /// A column that ends in "or empty" is empty where it would say nothing, as in versions of releases that did not have
    /// it.
    pub struct ItemTable {
        /// The external ids, ascending.
        id: Strings = "id",
        /// The names, empty where none is known.
        name: Strings = "name",
        /// The names of the categories, ascending.
        category_name: Strings = "category_name",
        /// The row of each item's first category, or [`NO_CATEGORY`].
        category: Column<u32> = "category",
        /// The offset where each item's categories begin, and the end of the last: items + 1. Empty if no item has more
        /// than its first one.
        categories_starts: Column<u64> = "categories.starts" or empty,
        /// The rows of each item's categories, ascending.
        categories: Column<CategoryIdx> = "categories.rows" or empty,
        /// The price of each item in the shop's currency, NaN where none is known.
        price: Column<f32> = "price",
        /// The time from which each item may be recommended, milliseconds since the epoch. Empty if all always may.
        available_from: Column<i64> = "available.from" or empty,
        /// The time from which each item may be recommended no more. Empty if all always may.
        available_until: Column<i64> = "available.until" or empty,
    }
}

impl ItemTable {
    /// The categories of an item, ascending.
    #[must_use]
    pub fn categories_of(&self, item: ItemIdx) -> &[CategoryIdx] {
        if let [start, end, ..] = self.categories_starts.get(item.at()..).unwrap_or_default() {
            return &self.categories[*start as usize..*end as usize];
        }
        let first = &self.category[item.at()..=item.at()];
        if first == [NO_CATEGORY] { &[] } else { bytemuck::cast_slice(first) }
    }

    pub(super) fn check(&self) -> Result<(), Misfit> {
        let items = self.id.len();
        if self.name.len() != items {
            return Err(format!("there are {} names for {items} ids", self.name.len()));
        }
        check_length("category", &self.category, items)?;
        check_length("price", &self.price, items)?;
        for (name, times) in [("available.from", &self.available_from), ("available.until", &self.available_until)] {
            if !times.is_empty() {
                check_length(name, times, items)?;
            }
        }
        let known = |row: u32| (row as usize) < self.category_name.len();
        if !self.category.iter().all(|&row| row == NO_CATEGORY || known(row)) {
            return Err("`category` names categories that are not there".to_owned());
        }
        if self.categories_starts.is_empty() {
            return match self.categories.is_empty() {
                true => Ok(()),
                false => Err("`categories.rows` is of no item".to_owned()),
            };
        }
        check_starts("categories.starts", &self.categories_starts, items, self.categories.len())?;
        match self.categories.iter().all(|row| known(row.0)) {
            true => Ok(()),
            false => Err("`categories.rows` names categories that are not there".to_owned()),
        }
    }
}

/// The item table with a hash index from external ids to rows.
pub struct Items {
    table: ItemTable,
    rows: Arc<HashTable<ItemIdx>>,
    hasher: DefaultHashBuilder,
    availability: Availability,
    /// How many of them are in the version, in the order of their ids; those behind them came after it.
    learnt: usize,
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
        let availability = Availability::new(table.available_from.clone(), table.available_until.clone());
        let learnt = table.id.len();
        Self { table, rows: Arc::new(rows), hasher, availability, learnt }
    }

    /// The items of another table, which has those of this one in the same rows, and may have more behind them. The index
    /// is shared, or copied if there are more.
    #[must_use]
    pub fn over(&self, table: ItemTable) -> Self {
        let mut rows = self.rows.clone();
        let (hasher, ids) = (self.hasher.clone(), &table.id);
        for row in self.len()..ids.len() {
            Arc::make_mut(&mut rows).insert_unique(hasher.hash_one(ids.get(row)), ItemIdx(row as u32), |item| {
                hasher.hash_one(ids.get(item.at()))
            });
        }
        let availability = Availability::new(table.available_from.clone(), table.available_until.clone());
        Self { table, rows, hasher, availability, learnt: self.learnt }
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> &ItemTable {
        &self.table
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

    /// How many items the version was learnt with. They are in the first rows, in the order of their ids; those behind them
    /// came after the version.
    #[must_use]
    pub fn learnt(&self) -> usize {
        self.learnt
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

    /// The name of a category.
    #[must_use]
    pub fn category_name(&self, category: CategoryIdx) -> &str {
        self.table.category_name.get(category.0 as usize)
    }

    /// The categories of an item, ascending.
    #[must_use]
    pub fn categories_of(&self, item: ItemIdx) -> &[CategoryIdx] {
        self.table.categories_of(item)
    }

    /// An item's first category, without the levels above it.
    #[must_use]
    pub fn first_category(&self, item: ItemIdx) -> Option<CategoryIdx> {
        Some(self.table.category[item.at()]).filter(|&row| row != NO_CATEGORY).map(CategoryIdx)
    }

    /// Whether an item is of a category.
    #[must_use]
    pub fn is_of(&self, item: ItemIdx, category: CategoryIdx) -> bool {
        self.categories_of(item).contains(&category)
    }

    /// How alike the categories of two items are: the number of those that both have, divided by the number of those that
    /// one of them has; 0 if neither has any. Of items with one category each: whether it is the same one.
    #[must_use]
    pub fn kinship(&self, one: ItemIdx, other: ItemIdx) -> f32 {
        let (one, other) = (self.categories_of(one), self.categories_of(other));
        let common = one.iter().filter(|category| other.contains(category)).count();
        if common == 0 { 0.0 } else { common as f32 / (one.len() + other.len() - common) as f32 }
    }

    /// When items may be recommended.
    #[must_use]
    pub fn availability(&self) -> &Availability {
        &self.availability
    }

    /// The price of an item; NaN if neither the item table nor the log gave one.
    #[must_use]
    pub fn price(&self, item: ItemIdx) -> f32 {
        self.table.price[item.at()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three(table: ItemTable) -> ItemTable {
        ItemTable {
            id: ["a", "b", "c"].into_iter().collect(),
            name: [""; 3].into_iter().collect(),
            category_name: ["x", "y", "z"].into_iter().collect(),
            price: vec![f32::NAN; 3].into(),
            ..table
        }
    }

    /// `a` is of x and y, `b` of y, `c` of none.
    fn several() -> ItemTable {
        three(ItemTable {
            category: vec![1, 1, NO_CATEGORY].into(),
            categories_starts: vec![0, 2, 3, 3].into(),
            categories: vec![CategoryIdx(0), CategoryIdx(1), CategoryIdx(1)].into(),
            ..ItemTable::default()
        })
    }

    #[test]
    fn an_item_is_of_each_of_its_categories() {
        several().check().expect("consistent");
        let items = Items::new(several());
        let [a, b, c] = [0, 1, 2].map(ItemIdx);
        assert_eq!(items.categories_of(a), [CategoryIdx(0), CategoryIdx(1)]);
        assert!(items.is_of(a, CategoryIdx(0)) && items.is_of(b, CategoryIdx(1)) && !items.is_of(b, CategoryIdx(0)));
        assert!(items.categories_of(c).is_empty());
        assert_eq!([items.kinship(a, b), items.kinship(a, a), items.kinship(a, c)], [0.5, 1.0, 0.0]);
        assert_eq!(items.kinship(c, c), 0.0);
    }

    #[test]
    fn without_more_categories_the_first_is_the_only_one() {
        let items = Items::new(three(ItemTable { category: vec![2, NO_CATEGORY, 2].into(), ..ItemTable::default() }));
        assert_eq!(items.categories_of(ItemIdx(0)), [CategoryIdx(2)]);
        assert!(items.categories_of(ItemIdx(1)).is_empty());
        assert_eq!(items.kinship(ItemIdx(0), ItemIdx(2)), 1.0);
    }

    #[test]
    fn categories_and_times_must_fit_the_items() {
        let misfit = |table: ItemTable| table.check().expect_err("a misfit");
        let beyond = ItemTable { categories: vec![CategoryIdx(0), CategoryIdx(1), CategoryIdx(3)].into(), ..several() };
        assert!(misfit(beyond).contains("categories.rows"));
        let short = ItemTable { categories_starts: vec![0, 3].into(), ..several() };
        assert!(misfit(short).contains("categories.starts"));
        let nowhere = ItemTable { categories_starts: Column::default(), ..several() };
        assert!(misfit(nowhere).contains("categories.rows"));
        let few = ItemTable { available_until: vec![0].into(), ..several() };
        assert!(misfit(few).contains("available.until"));
    }
}
