//! An artifact loaded for serving: verified, mapped, immutable. Shared by all requests behind an `Arc`.

use std::path::Path;

pub mod als;
mod ensemble;
pub mod items;
pub mod neighbours;
pub mod popularity;
pub mod ranker;
pub mod repeat;
pub mod session_index;
pub mod statistics;
pub mod users;

pub use als::{Als, Index};
pub use items::{CategoryIdx, Items, NO_CATEGORY};
pub use neighbours::Neighbours;
pub use popularity::Popularity;
pub use ranker::Ranker;
pub use repeat::Repeat;
pub use session_index::SessionIndex;
pub use statistics::Statistics;
pub use users::Users;

use crate::artifact::tables::{Column, Table};
use crate::artifact::{ArtifactError, Manifest};
use crate::id::ItemIdx;
use crate::params::{EngineParams, Relation};

/// The file of the item table.
pub const ITEMS: &str = "items.safetensors";
/// The file of popularity.
pub const POPULARITY: &str = "popularity.safetensors";
/// The file of past sessions.
pub const SESSION_KNN: &str = "session_knn.safetensors";
/// The file of item counters.
pub const STATISTICS: &str = "statistics.safetensors";
/// The file of the chances that users come back to their own items.
pub const REPEAT: &str = "repeat.safetensors";
/// The file of item factors.
pub const ALS: &str = "als.safetensors";
/// The file of the ranker.
pub const RANKER: &str = "ranker.safetensors";
/// The file of user records.
pub const USERS: &str = "users.safetensors";

/// A verified artifact.
pub struct Snapshot {
    manifest: Manifest,
    items: Items,
    popularity: Popularity,
    /// By relation.
    neighbours: Vec<Neighbours>,
    session_knn: SessionIndex,
    statistics: Statistics,
    repeat: Option<Repeat>,
    als: Als,
    ranker: Option<Ranker>,
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
        let open = |relation| Neighbours::open(folder, relation, items.len());
        let neighbours: Vec<Neighbours> = Relation::ALL.into_iter().map(open).collect::<Result<_, _>>()?;
        Ok(Self {
            popularity: Popularity::open(folder, &items)?,
            neighbours,
            session_knn: SessionIndex::open(folder, items.len())?,
            statistics: Statistics::open(folder, items.len())?,
            repeat: Repeat::open(folder)?,
            als: Als::open(folder, &manifest, items.len())?,
            ranker: Ranker::open(folder, &manifest)?,
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

    /// The neighbours of all items under a relation.
    #[must_use]
    pub fn neighbours(&self, relation: Relation) -> &Neighbours {
        &self.neighbours[relation as usize]
    }

    /// Past sessions.
    #[must_use]
    pub fn session_knn(&self) -> &SessionIndex {
        &self.session_knn
    }

    /// Item counters.
    #[must_use]
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// The model of the user's own items, where one was fitted.
    #[must_use]
    pub fn repeat(&self) -> Option<&Repeat> {
        self.repeat.as_ref()
    }

    /// Item factors.
    #[must_use]
    pub fn als(&self) -> &Als {
        &self.als
    }

    /// The ranker, where one was fitted.
    #[must_use]
    pub fn ranker(&self) -> Option<&Ranker> {
        self.ranker.as_ref()
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
