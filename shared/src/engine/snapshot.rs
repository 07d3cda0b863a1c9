//! A version loaded for serving: its tables and the indexes over them. Immutable; all requests share it.
//!
//! A snapshot is made from a folder or from tables in memory, see `load.rs`.

use std::sync::Arc;

use crate::contract::artifact::Manifest;
use crate::contract::event_log::Coverage;
use crate::contract::params::EngineParams;
use crate::contract::source::Source;
use crate::engine::profiles::Profiles;
use crate::tables::{
    Als, Days, ItemRows, Items, Likeness, Neighbours, Popularity, Profile, PropertyTable, Ranker, Repeat, Sessions,
    Statistics, Tables, Users,
};

/// A verified version. Clones share its tables.
#[derive(Clone)]
pub struct Snapshot {
    pub(crate) manifest: Manifest,
    pub(crate) covered: Coverage,
    pub(crate) tables: Tables,
    pub(crate) items: Arc<Items>,
    pub(crate) item_rows: Arc<ItemRows>,
    pub(crate) als: Arc<Als>,
    pub(crate) repeat: Option<Repeat>,
    pub(crate) ranker: Option<Ranker>,
    pub(crate) profiles: Option<Arc<Profiles>>,
    pub(crate) likeness: Option<Arc<Likeness>>,
}

impl Snapshot {
    /// The version's manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// How much of the service's event log is in the version.
    #[must_use]
    pub fn covered(&self) -> &Coverage {
        &self.covered
    }

    /// The parameters of the engine.
    #[must_use]
    pub fn params(&self) -> &EngineParams {
        &self.manifest.engine
    }

    /// The same snapshot under other engine parameters, for fitting and measuring them.
    pub fn params_mut(&mut self) -> &mut EngineParams {
        &mut self.manifest.engine
    }

    /// The same snapshot with records of users, once there are any.
    #[must_use]
    pub fn with_users(mut self, users: Users) -> Self {
        self.tables.users = users;
        self
    }

    /// The tables as they were made or mapped.
    #[must_use]
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// The item table.
    #[must_use]
    pub fn items(&self) -> &Items {
        &self.items
    }

    /// Further properties of items.
    #[must_use]
    pub fn properties(&self) -> &PropertyTable {
        &self.tables.properties
    }

    /// Popularity.
    #[must_use]
    pub fn popularity(&self) -> &Popularity {
        &self.tables.popularity
    }

    /// The neighbour table of a source; `None` for a source of another kind.
    #[must_use]
    pub fn neighbours(&self, source: Source) -> Option<&Neighbours> {
        self.tables.neighbours(source)
    }

    /// What the source `content` goes on with for items that came after the version, if there are any.
    #[must_use]
    pub fn likeness(&self, source: Source) -> Option<&Likeness> {
        self.likeness.as_deref().filter(|_| source == Source::Content)
    }

    /// The events of each item by day; empty if nothing is known of them.
    #[must_use]
    pub fn days(&self) -> &Days {
        &self.tables.days
    }

    /// What each item is bought with; empty if nothing is known of that.
    #[must_use]
    pub fn together(&self) -> &Neighbours {
        &self.tables.together
    }

    /// Past sessions.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.tables.sessions
    }

    /// Counters and rates of items.
    #[must_use]
    pub fn statistics(&self) -> &Statistics {
        &self.tables.statistics
    }

    /// The same, a row for each item.
    #[must_use]
    pub fn item_rows(&self) -> &ItemRows {
        &self.item_rows
    }

    /// The model of the source `repeat`, if one was fitted.
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

    /// Users' profiles, where the version has some.
    #[must_use]
    pub fn profiles(&self) -> Option<&Profiles> {
        self.profiles.as_deref()
    }

    /// The stored profile of a user.
    #[must_use]
    pub fn profile_of(&self, user: &str) -> Option<Profile> {
        self.profiles()?.table().of_user(user)
    }

    /// Records of users.
    #[must_use]
    pub fn users(&self) -> &Users {
        &self.tables.users
    }
}
