//! The user side: the trait of a store, with two implementations, [`embedded`] in memory and [`redis`] shared by
//! replicas. [`rows`] is the same for the rows that models of rows remember.
//!
//! ```text
//! read    (request)  user, version ─▶ live history, the batch's record            one round trip
//! served  (request)  the same, and the slates that are remembered of the user    one round trip
//! remember (request) a slate       ─▶ the last of the user's                      one round trip
//! apply   (applier)  events        ─▶ histories, idempotent by event_key
//! erase   (applier)  erasures      ─▶ histories without what was before; in any order with events
//! merge   (applier)  merges, undos ─▶ histories between which events have moved; in any order with events
//! say     (applier)  what was said of users ─▶ histories; of each field the latest
//! named   (api)      the users of whom something was said, by id
//! let_go  (applier)  what was said of users and every version has
//! rebuild (applier)  histories     ─▶ replace those that can't be read
//! advance (applier)  position up to which the event log is applied, by compare-and-set
//! keep    (applier)  what was said of items, for other replicas; of each field the latest
//! kept    (replicas) the same, as far as it is new
//! ```
//!
//! Histories are derived from the event log, so a store may lose everything: it is refilled. A history that exists but
//! can't be read counts as empty for `read`, and `apply` does not change it, until one rebuilt from the log replaces it
//! in one write.

mod by_user;
pub mod embedded;
pub mod position;
pub mod redis;
pub mod rows;
pub mod served;

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Bound;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use shared::contract::event::{Event, event_key};
use shared::contract::event_log::{Coverage, Place};
use shared::contract::id::{ItemId, UserId};
use shared::contract::item_change::{ItemChange, Latest, Stamp};
use shared::contract::merge::Merging;
use shared::contract::user_change::UserChange;
pub use shared::engine::retention::{Bounds, Retention};
use shared::engine::served::ServedSlate;
use shared::engine::state::{Applied, LiveErasure, LiveEvent, LiveHistory, LiveMerge, LiveSaid};

pub use embedded::Embedded;
pub use position::{Mark, Position};
pub use redis::Redis;
pub use rows::RowStore;
pub use rows::embedded::EmbeddedRows;
pub use served::Keep;

/// The future of a store call.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A store of the user side.
pub trait UserStore: Send + Sync {
    /// Reads the state of a user in one round trip: the live history, and the batch's record in `version` if the store
    /// holds it.
    fn read<'a>(&'a self, user: &'a UserId, version: &'a str, now_ms: i64) -> Answer<'a, Stored> {
        self.read_until(None, user, version, now_ms)
    }

    /// As [`Self::read`], for somebody who goes on without it.
    ///
    /// * `until`: when the read is given up, if not sooner. The store sees to it itself, so that it learns who is late.
    fn read_until<'a>(
        &'a self,
        until: Option<Instant>,
        user: &'a UserId,
        version: &'a str,
        now_ms: i64,
    ) -> Answer<'a, Stored>;

    /// As [`Self::read_until`], with the slates that are remembered of the user, in the same round trip.
    fn read_served<'a>(
        &'a self,
        until: Option<Instant>,
        user: &'a UserId,
        version: &'a str,
        now_ms: i64,
    ) -> Answer<'a, Stored> {
        self.read_until(until, user, version, now_ms)
    }

    /// Remembers a slate as the last of a user; read by every replica from then on. Erasing the user forgets it.
    ///
    /// * `until`: when the write is given up, if not sooner.
    fn remember<'a>(
        &'a self,
        _until: Instant,
        _user: &'a UserId,
        _slate: &'a ServedSlate,
        _keep: Keep,
    ) -> Answer<'a, ()> {
        Box::pin(async { Err(StoreError::Answer("this store remembers no slates".to_owned())) })
    }

    /// Adds events to the histories of their users, and returns the result of each. Applying an event twice changes
    /// nothing. After an error some of them may be applied.
    fn apply<'a>(&'a self, arrivals: &'a [Arrival], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>>;

    /// Erases users from the histories, and returns the result of each. Erasing twice changes nothing. After an error some of
    /// them may be erased.
    fn erase<'a>(&'a self, departures: &'a [Departure], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>>;

    /// Merges the pasts of users into others', or undoes that, and returns the result of each. Merging twice changes nothing.
    /// After an error some of it may be done; doing it again does the rest.
    fn merge<'a>(&'a self, moved: &'a [Moved], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>>;

    /// Adds what was said of users to their histories, and returns the result of each; the users are [`Self::named`] from
    /// then on. Adding it twice changes nothing. After an error some of it may be added.
    fn say<'a>(&'a self, told: &'a [Told], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>>;

    /// The users of whom something was said that not every version has, in the order of their ids, at most `most` of them.
    ///
    /// * `from`: the first id, or one that comes before it.
    fn named<'a>(&'a self, from: Bound<&'a str>, most: usize) -> Answer<'a, Vec<UserId>>;

    /// Forgets what was said of some users and every version has: of the first [`Self::named`] from a bound. Returns the
    /// last of these; `None` when there are no more.
    fn let_go<'a>(&'a self, from: Bound<&'a str>, covered: &'a Coverage) -> Answer<'a, Option<UserId>>;

    /// Up to `most` users whose histories were found to be unreadable and have not been rebuilt yet.
    fn damaged(&self, most: usize) -> Vec<UserId>;

    /// Whether events or erasures wait for histories that only a newer release can read. They stay in the log, which is applied to
    /// these histories once this replica runs that release.
    fn waits_for_upgrade(&self) -> bool;

    /// Replaces the histories of `damaged` users by ones rebuilt from the event log; merges with a history that another
    /// replica has made readable meanwhile.
    fn rebuild<'a>(&'a self, histories: &'a BTreeMap<UserId, LiveHistory>, bounds: Bounds<'a>) -> Answer<'a, ()>;

    /// The mark: the position up to which this replica's event log is applied; `None` in an empty store, or if the mark
    /// can't be read.
    fn applied(&self) -> Answer<'_, Option<Position>>;

    /// Moves the mark from `from` to `to`, unless it is elsewhere, which means that the store was reset to an earlier
    /// state or came back empty.
    fn advance(&self, from: Option<Position>, to: Position) -> Answer<'_, Mark>;

    /// Keeps what was said of items, for other replicas: of each field the latest. Keeping it twice changes nothing. A store
    /// of one process has nobody to keep it for.
    fn keep<'a>(&'a self, _said: &'a [Said]) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    /// What is kept with a number above `after`, or the first part of it.
    fn kept(&self, _after: u64) -> Answer<'_, Kept> {
        Box::pin(async { Ok(Kept::default()) })
    }

    /// Drops what is kept, unless something later was said since.
    fn drop_kept<'a>(&'a self, _said: &'a [Said]) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// What was said of a field of an item.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// The item.
    pub item: ItemId,
    /// The field.
    pub field: Box<str>,
    /// What, and when.
    pub latest: Latest,
}

impl Said {
    /// What a change says, field by field.
    pub fn of(change: ItemChange, place: Place) -> impl Iterator<Item = Self> {
        let ItemChange { item, set, timestamp_ms, received_ms } = change;
        let stamp = Stamp { timestamp_ms, received_ms, place };
        set.into_iter().map(move |(field, value)| Self { item: item.clone(), field, latest: Latest { stamp, value } })
    }
}

/// What is kept of what was said of items.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// The last number that there is; it falls only when the store comes back empty.
    pub last: u64,
    /// The number of the last that was looked at, whether it can be read or not; `None` if there was nothing.
    pub seen: Option<u64>,
    /// What was asked for and can be read, in the order of its numbers.
    pub said: Vec<Said>,
}

/// The state of a user in a store.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// The real-time history; empty if it can't be read.
    pub history: Arc<LiveHistory>,
    /// Whether the history could be read.
    pub state: State,
    /// The packed record of the batch, if the store holds those and has one.
    pub record: Option<Vec<u8>>,
    /// The slates that are remembered, as they came, where they were asked for; some of them may have expired.
    pub served: Vec<Arc<ServedSlate>>,
}

/// Whether a history could be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum State {
    /// It could be read, or there is none.
    #[default]
    Whole,
    /// It could not be read: it is being rebuilt from the event log, or a newer release wrote it.
    Unreadable,
}

/// An event on its way into a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The user.
    pub user: UserId,
    /// The event as the history stores it.
    pub event: LiveEvent,
}

/// An erasure on its way into a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure {
    /// The user.
    pub user: UserId,
    /// The erasure as the history stores it.
    pub erasure: LiveErasure,
}

/// A merge of a user into another, or its undo, on its way into the user's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Whose past it was.
    pub user: UserId,
    /// The merge as the history stores it.
    pub merge: LiveMerge,
}

impl Moved {
    /// The merge or undo of a line at a place.
    #[must_use]
    pub fn new(merging: &Merging, place: Place) -> Self {
        let (user, merge) = LiveMerge::of(merging, place);
        Self { user, merge }
    }
}

impl From<Event> for Arrival {
    /// Converts an event of the log, with its position there.
    fn from(event: Event) -> Self {
        let Event { timestamp_ms, user, kind, item, event_id, received_ms, .. } = event;
        let event_key = event_key(&event_id);
        Self { user, event: LiveEvent { received_ms, event_key, timestamp_ms, kind, item, place: None } }
    }
}

/// What was said of a user on its way into their history.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The user.
    pub user: UserId,
    /// What was said, as the history stores it.
    pub said: LiveSaid,
}

impl Told {
    /// What a line of the log says.
    #[must_use]
    pub fn of(change: UserChange, place: Place) -> Self {
        let stamp = change.stamp(place);
        let UserChange { set, user, .. } = change;
        Self { user, said: LiveSaid { set, stamp } }
    }
}

/// The result of applying an event, an erasure, a merge, or what was said of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// The history has it now.
    New,
    /// The history had it already, or the event has expired.
    Known,
    /// The history can't be read; it has the event once it is rebuilt, or once this replica runs the newer release that
    /// wrote it.
    Waits,
}

impl From<Applied> for Added {
    fn from(applied: Applied) -> Self {
        match applied {
            Applied::New => Self::New,
            Applied::Duplicate => Self::Known,
        }
    }
}

/// Why a store can't answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no connection; another is being tried.
    #[error("store is away: {0}")]
    Away(String),
    /// No answer in time.
    #[error("store did not answer within {0} ms")]
    Late(u128),
    /// The server answered with an error, or with an unexpected value.
    #[error("store answered: {0}")]
    Answer(String),
    /// A history exists but can't be read.
    #[error("a history can't be read: it is being rebuilt from the event log, or a newer release wrote it")]
    Unreadable,
    /// Other writers changed the history between every read and write.
    #[error("a history was written by others {0} times in a row")]
    Contended(usize),
}

impl StoreError {
    /// The reason as a metric label.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Away(_) => "away",
            Self::Late(_) => "timeout",
            Self::Answer(_) | Self::Unreadable => "answer",
            Self::Contended(_) => "contended",
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use shared::contract::id::ItemId;
    use shared::contract::kind::KindName;

    use super::*;

    /// An event of a user that arrived at a time.
    pub(crate) fn arrival(user: &str, key: u64, received_ms: i64) -> Arrival {
        let (item, kind) = (ItemId::new(format!("i{key}")).expect("valid id"), KindName::VIEW);
        let event = LiveEvent { received_ms, event_key: key, timestamp_ms: received_ms, kind, item, place: None };
        Arrival { user: UserId::new(user).expect("valid id"), event }
    }
}
