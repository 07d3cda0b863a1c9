//! An artifact loaded for serving: verified, mapped, immutable. Shared by all requests behind an `Arc`.

use std::path::Path;

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

use crate::ann::graph::GraphIndex;
use crate::ann::scan::Scan;
use crate::artifact::strings::Strings;
use crate::artifact::tables::{Column, Table};
use crate::artifact::{ArtifactError, Manifest};
use crate::id::ItemIdx;
use crate::params::EngineParams;

/// The file of the item table.
pub const ITEMS: &str = "items.safetensors";
/// The file of popularity.
pub const POPULARITY: &str = "popularity.safetensors";
/// The file of neighbours in session windows.
pub const ITEM_KNN_SESSION: &str = "item_knn_session.safetensors";
/// The file of neighbours in user windows.
pub const ITEM_KNN_USER: &str = "item_knn_user.safetensors";
/// The file of item factors.
pub const ALS: &str = "als.safetensors";
/// The file of user records.
pub const USERS: &str = "users.safetensors";

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
    rows: HashTable<ItemIdx>,
    hasher: DefaultHashBuilder,
}

impl Items {
    fn open(folder: &Path) -> Result<Self, ArtifactError> {
        let table = Table::open(folder, ITEMS)?;
        let (ids, names) = (Strings::open(&table, "id")?, Strings::open(&table, "name")?);
        let category_of = table.column_of("category", ids.len())?;
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
        Ok(Self { ids, names, categories, category_of, rows, hasher })
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

    /// The category of an item.
    #[must_use]
    pub fn category_of(&self, item: ItemIdx) -> Option<CategoryIdx> {
        Some(self.category_of[item.at()]).filter(|&row| row != NO_CATEGORY).map(CategoryIdx)
    }
}

/// Time-decayed popularity: every item, overall and within its category.
pub struct Popularity {
    scores: Column<f32>,
    order: Column<ItemIdx>,
    category_starts: Column<u64>,
    category_order: Column<ItemIdx>,
}

impl Popularity {
    fn open(folder: &Path, items: &Items) -> Result<Self, ArtifactError> {
        let table = Table::open(folder, POPULARITY)?;
        let scores = table.column_of("scores", items.len())?;
        let order = rows_within(&table, "order", items.len())?;
        let category_starts: Column<u64> = table.column_of("category.starts", items.categories.len() + 1)?;
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

/// The nearest neighbours of every item, best first.
pub struct Neighbours {
    starts: Column<u64>,
    items: Column<ItemIdx>,
    scores: Column<f32>,
}

impl Neighbours {
    fn open(folder: &Path, name: &str, item_count: usize) -> Result<Self, ArtifactError> {
        let table = Table::open(folder, name)?;
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

/// Item factors, and what folding a user in needs.
pub struct Als {
    /// Factors of an item.
    pub factors: usize,
    /// Items × factors, row-major; an item without interactions has a zero row.
    pub item_factors: Column<f32>,
    /// YᵀY + λI, factors × factors.
    pub gram: Column<f32>,
    /// Finds the nearest items.
    pub index: Index,
}

/// What finds the nearest items.
pub enum Index {
    /// The items in 7 bits: made when the version is loaded.
    Scan(Scan),
    /// The dumped graph of a large catalogue.
    Graph(GraphIndex),
}

impl Als {
    fn open(folder: &Path, manifest: &Manifest, item_count: usize) -> Result<Self, ArtifactError> {
        let table = Table::open(folder, ALS)?;
        let gram: Column<f32> = table.column("gram")?;
        let factors = gram.len().isqrt();
        if factors == 0 || factors * factors != gram.len() {
            return Err(table.wrong("`gram` is not square"));
        }
        let item_factors: Column<f32> = table.column_of("item_factors", item_count * factors)?;
        let has_graph = manifest.files.keys().any(|name| name.ends_with(".hnsw.graph"));
        let index = match has_graph {
            true => Index::Graph(GraphIndex::load(folder)?),
            false => Index::Scan(Scan::new(&item_factors, factors)),
        };
        Ok(Self { factors, item_factors, gram, index })
    }

    /// The factors of an item.
    #[must_use]
    pub fn item(&self, item: ItemIdx) -> &[f32] {
        &self.item_factors[item.at() * self.factors..][..self.factors]
    }
}

/// The packed records of the users, by id.
pub struct Users {
    ids: Strings,
    starts: Column<u64>,
    records: Column<u8>,
}

impl Users {
    fn open(folder: &Path) -> Result<Self, ArtifactError> {
        let table = Table::open(folder, USERS)?;
        let ids = Strings::open(&table, "id")?;
        let starts = table.column_of("record.starts", ids.len() + 1)?;
        let records: Column<u8> = table.column("record.bytes")?;
        check_starts(&table, "record.starts", &starts, records.len())?;
        Ok(Self { ids, starts, records })
    }

    /// How many users there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The packed record of a user, see [`crate::keys::unpack_user`].
    #[must_use]
    pub fn record(&self, user: &str) -> Option<&[u8]> {
        self.ids.position(user).map(|row| self.row(row))
    }

    /// All users with their packed records, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        (0..self.len()).map(|row| (self.ids.get(row), self.row(row)))
    }

    fn row(&self, row: usize) -> &[u8] {
        &self.records[self.starts[row] as usize..self.starts[row + 1] as usize]
    }
}

/// A verified artifact.
pub struct Snapshot {
    manifest: Manifest,
    items: Items,
    popularity: Popularity,
    item_knn_session: Neighbours,
    item_knn_user: Neighbours,
    als: Als,
    users: Users,
}

impl Snapshot {
    /// Loads and verifies the version in `folder`.
    ///
    /// # Errors
    /// [`ArtifactError`] when a file is missing, torn, foreign or does not fit the others.
    pub fn load(folder: &Path) -> Result<Self, ArtifactError> {
        let manifest = Manifest::read(folder)?;
        manifest.verify(folder)?;
        let items = Items::open(folder)?;
        Ok(Self {
            popularity: Popularity::open(folder, &items)?,
            item_knn_session: Neighbours::open(folder, ITEM_KNN_SESSION, items.len())?,
            item_knn_user: Neighbours::open(folder, ITEM_KNN_USER, items.len())?,
            als: Als::open(folder, &manifest, items.len())?,
            users: Users::open(folder)?,
            items,
            manifest,
        })
    }

    /// What the version was made from and with.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What the engine follows.
    #[must_use]
    pub fn params(&self) -> &EngineParams {
        &self.manifest.engine
    }

    /// The same snapshot under other engine parameters, for fitting and measuring them.
    pub fn params_mut(&mut self) -> &mut EngineParams {
        &mut self.manifest.engine
    }

    /// The item table.
    #[must_use]
    pub fn items(&self) -> &Items {
        &self.items
    }

    /// Popularity.
    #[must_use]
    pub fn popularity(&self) -> &Popularity {
        &self.popularity
    }

    /// Neighbours in session windows.
    #[must_use]
    pub fn item_knn_session(&self) -> &Neighbours {
        &self.item_knn_session
    }

    /// Neighbours in user windows.
    #[must_use]
    pub fn item_knn_user(&self) -> &Neighbours {
        &self.item_knn_user
    }

    /// Item factors.
    #[must_use]
    pub fn als(&self) -> &Als {
        &self.als
    }

    /// User records.
    #[must_use]
    pub fn users(&self) -> &Users {
        &self.users
    }
}

/// A column of item rows, each within the table.
fn rows_within(table: &Table, name: &str, item_count: usize) -> Result<Column<ItemIdx>, ArtifactError> {
    let rows: Column<ItemIdx> = table.column(name)?;
    match rows.iter().all(|item| item.at() < item_count) {
        true => Ok(rows),
        false => Err(table.wrong(format!("`{name}` names items beyond the {item_count} of the item table"))),
    }
}

/// Checks that starts ascend from 0 to the length of what they cut.
fn check_starts(table: &Table, name: &str, starts: &[u64], length: usize) -> Result<(), ArtifactError> {
    let ascending = starts.first() == Some(&0)
        && starts.last() == Some(&(length as u64))
        && starts.windows(2).all(|pair| pair[0] <= pair[1]);
    if ascending { Ok(()) } else { Err(table.wrong(format!("`{name}` does not cut {length} values"))) }
}
